/**
 * Element-wise integer operations of two vectors (DDI 0487, C4.1 "Advanced SIMD three same" and "three different",
 * and their scalar and by-element relatives). `n` and `m` are Vn and Vm, `d` the old Vd.
 */
import type { V128 } from "../../engine/ir/value.js";
import type { Lanes } from "./simd-lanes.js";

export type LaneOp = (l: Lanes, n: V128, m: V128, d: V128) => V128;

export const add: LaneOp = (l, n, m) => l.add(n, m);
export const sub: LaneOp = (l, n, m) => l.sub(n, m);
export const mul: LaneOp = (l, n, m) => l.mul(n, m);
export const mla: LaneOp = (l, n, m, d) => l.add(d, l.mul(n, m));
export const mls: LaneOp = (l, n, m, d) => l.sub(d, l.mul(n, m));

export const and: LaneOp = (_, n, m) => n.and(m);
export const bic: LaneOp = (_, n, m) => n.andnot(m);
export const orr: LaneOp = (_, n, m) => n.or(m);
export const orn: LaneOp = (_, n, m) => n.or(m.not());
export const eor: LaneOp = (_, n, m) => n.xor(m);
export const bsl: LaneOp = (_, n, m, d) => d.bitselect(n, m);
export const bit: LaneOp = (_, n, m, d) => m.bitselect(n, d);
export const bif: LaneOp = (_, n, m, d) => m.bitselect(d, n);

export const cmeq: LaneOp = (l, n, m) => l.eq(n, m);
export const cmgt: LaneOp = (l, n, m) => l.gtS(n, m);
export const cmge: LaneOp = (l, n, m) => l.geS(n, m);
export const cmhi: LaneOp = (l, n, m) => l.gtU(n, m);
export const cmhs: LaneOp = (l, n, m) => l.geU(n, m);
export const cmtst: LaneOp = (l, n, m) => l.ne(n.and(m), l.zero);

/** Halving forms add what differs, halved, to what agrees: no bit beyond the element is needed. */
export const hadd =
  (signed: boolean): LaneOp =>
  (l, n, m) =>
    l.add(n.and(m), l.shr(signed, n.xor(m), 1));
export const rhadd =
  (signed: boolean): LaneOp =>
  (l, n, m) =>
    l.sub(n.or(m), l.shr(signed, n.xor(m), 1));
export const hsub =
  (signed: boolean): LaneOp =>
  (l, n, m) =>
    l.sub(l.shr(signed, n.xor(m), 1), m.andnot(n));

export const qadd =
  (signed: boolean): LaneOp =>
  (l, n, m) =>
    l.addSat(signed, n, m);
export const qsub =
  (signed: boolean): LaneOp =>
  (l, n, m) =>
    l.subSat(signed, n, m);

export const max =
  (signed: boolean): LaneOp =>
  (l, n, m) =>
    l.max(signed, n, m);
export const min =
  (signed: boolean): LaneOp =>
  (l, n, m) =>
    l.min(signed, n, m);
export const abd =
  (signed: boolean): LaneOp =>
  (l, n, m) =>
    l.sub(l.max(signed, n, m), l.min(signed, n, m));
export const aba =
  (signed: boolean): LaneOp =>
  (l, n, m, d) =>
    l.add(d, abd(signed)(l, n, m, d));

/** Carry-less product of equal lanes, low half, from the `bits` low bits of m. */
function carrylessProduct(l: Lanes, n: V128, m: V128, bits: number): V128 {
  let product = l.zero;
  for (let i = 0; i < bits; i++) {
    const bitSet = l.ne(m.and(l.all(1n << BigInt(i))), l.zero);
    product = product.xor(l.shl(n, i).and(bitSet));
  }
  return product;
}
export const pmul: LaneOp = (l, n, m) => carrylessProduct(l, n, m, 8);

/** All ones where both elements are the minimum: the one product that overflows when doubled. */
const bothMinimum = (l: Lanes, n: V128, m: V128): V128 => l.eq(n, l.minimum).and(l.eq(m, l.minimum));

/** (2nm + rounding) >> esize, from full products. */
export const qdmulh =
  (rounding: boolean): LaneOp =>
  (l, n, m) => {
    const overflow = bothMinimum(l, n, m);
    l.saturate(overflow);
    const w = l.wide;
    const half = (high: boolean): V128 => {
      const product = l.extmul(true, high, n, m);
      return w.shrS(rounding ? w.add(product, w.all(1n << BigInt(l.esize - 2))) : product, l.esize - 1);
    };
    return l.evens(half(false), half(true)).xor(overflow);
  };

/** SQRDMLAH, SQRDMLSH: (d << esize ± 2nm + rounding) >> esize, all of it halved so that it fits. */
export const qrdmlah =
  (subtract: boolean): LaneOp =>
  (l, n, m, d) => {
    const w = l.wide;
    const half = (high: boolean): V128 => {
      const product = l.extmul(true, high, n, m);
      const scaled = w.add(w.shl(l.extend(true, high, d), l.esize - 1), w.all(1n << BigInt(l.esize - 2)));
      return w.shrS(subtract ? w.sub(scaled, product) : w.add(scaled, product), l.esize - 1);
    };
    const low = narrowSigned(w, half(false));
    const high = narrowSigned(w, half(true));
    // Notes of the two halves go where their elements end up, so that a short result does not look at the high half.
    l.saturate(l.evens(low.changed, high.changed));
    return l.evens(low.value, high.value);
  };

interface Narrowed {
  /** Wide elements whose low half is the result. */
  readonly value: V128;
  /** All ones in wide elements that were out of range. */
  readonly changed: V128;
}

/** Signed wide elements held to the signed range of half their size. */
export function narrowSigned(w: Lanes, a: V128): Narrowed {
  const half = w.esize / 2;
  const changed = w.ne(w.shrS(w.shl(a, half), half), a);
  const extreme = w.sign(a).xor(w.all((1n << BigInt(half - 1)) - 1n));
  return { value: changed.bitselect(extreme, a), changed };
}

/** Unsigned wide elements held to the unsigned range of half their size. */
export function narrowUnsigned(w: Lanes, a: V128): Narrowed {
  const changed = w.ne(w.shrU(a, w.esize / 2), w.zero);
  return { value: a.or(changed), changed };
}

/** Signed wide elements held to the unsigned range of half their size. */
export function narrowSignedToUnsigned(w: Lanes, a: V128): Narrowed {
  const { value, changed } = narrowUnsigned(w, a);
  return { value: value.andnot(w.sign(a)), changed };
}

/** An operation that makes wide elements of half `high` of the sources; `d` is the wide accumulator. */
export type LongOp = (l: Lanes, high: boolean, n: V128, m: V128, d: V128) => V128;

export const addl =
  (signed: boolean): LongOp =>
  (l, high, n, m) =>
    l.wide.add(l.extend(signed, high, n), l.extend(signed, high, m));
export const subl =
  (signed: boolean): LongOp =>
  (l, high, n, m) =>
    l.wide.sub(l.extend(signed, high, n), l.extend(signed, high, m));
export const addw =
  (signed: boolean): LongOp =>
  (l, high, n, m) =>
    l.wide.add(n, l.extend(signed, high, m));
export const subw =
  (signed: boolean): LongOp =>
  (l, high, n, m) =>
    l.wide.sub(n, l.extend(signed, high, m));
export const abdl =
  (signed: boolean): LongOp =>
  (l, high, n, m, d) =>
    l.extend(false, high, abd(signed)(l, n, m, d));
export const abal =
  (signed: boolean): LongOp =>
  (l, high, n, m, d) =>
    l.wide.add(d, abdl(signed)(l, high, n, m, d));
export const mull =
  (signed: boolean): LongOp =>
  (l, high, n, m) =>
    l.extmul(signed, high, n, m);
export const mlal =
  (signed: boolean): LongOp =>
  (l, high, n, m, d) =>
    l.wide.add(d, l.extmul(signed, high, n, m));
export const mlsl =
  (signed: boolean): LongOp =>
  (l, high, n, m, d) =>
    l.wide.sub(d, l.extmul(signed, high, n, m));
export const pmull8: LongOp = (l, high, n, m) =>
  carrylessProduct(l.wide, l.extend(false, high, n), l.extend(false, high, m), 8);

/** The doubling forms saturate twice: in the doubling and in the sum. */
const doubled: LongOp = (l, high, n, m) => {
  const product = l.extmul(true, high, n, m);
  return l.wide.addSat(true, product, product);
};
export const qdmull: LongOp = doubled;
export const qdmlal: LongOp = (l, high, n, m, d) => l.wide.addSat(true, d, doubled(l, high, n, m, d));
export const qdmlsl: LongOp = (l, high, n, m, d) => l.wide.subSat(true, d, doubled(l, high, n, m, d));

/** Narrowing sums: the high half of each wide element, in the low half of the vector. */
export type NarrowOp = (l: Lanes, n: V128, m: V128) => V128;
export const hn =
  (subtract: boolean, rounding: boolean): NarrowOp =>
  (l, n, m) => {
    const w = l.wide;
    const result = subtract ? w.sub(n, m) : w.add(n, m);
    const rounded = rounding ? w.add(result, w.all(1n << BigInt(l.esize - 1))) : result;
    return l.odds(rounded, rounded);
  };
