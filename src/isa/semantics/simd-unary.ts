/**
 * Integer operations of one vector (DDI 0487, C4.1 "Advanced SIMD two-register miscellaneous", "across lanes" and
 * "scalar pairwise"). `n` is Vn, `d` the old Vd.
 */
import type { V128 } from "../../engine/ir/value.js";
import { elementShuffle, Lanes } from "./simd-lanes.js";

export type UnaryOp = (l: Lanes, n: V128, d: V128) => V128;

/** Reverses elements within groups of `1 << group` bytes. */
export const rev =
  (group: number): UnaryOp =>
  (l, n) => {
    const flip = (1 << (group - l.size)) - 1;
    return n.shuffle(
      n,
      elementShuffle(l.size, (e) => e ^ flip),
    );
  };

/** Sums neighbouring elements into wide ones. */
export const addlp =
  (signed: boolean): UnaryOp =>
  (l, n) => {
    const s = signed ? "s" : "u";
    if (l.size === 0) return n.op(`i16x8.extadd_pairwise_i8x16_${s}`);
    if (l.size === 1) return n.op(`i32x4.extadd_pairwise_i16x8_${s}`);
    const w = l.wide;
    return w.add(w.shr(signed, n, 32), w.shr(signed, w.shl(n, 32), 32));
  };
export const adalp =
  (signed: boolean): UnaryOp =>
  (l, n, d) =>
    l.wide.add(addlp(signed)(l, n, d), d);

/** Ones in each byte, summed up to elements. */
function ones(l: Lanes, n: V128): V128 {
  let count = n.op("i8x16.popcnt");
  for (let size = 0; size < l.size; size++) count = addlp(false)(new Lanes(l.fb, size), count, count);
  return count;
}
export const cnt: UnaryOp = (_, n) => n.op("i8x16.popcnt");

/** Everything below the highest 1 is filled with ones, so that the zeros left are the leading ones. */
export const clz: UnaryOp = (l, n) => {
  let filled = n;
  for (let distance = 1; distance < l.esize; distance *= 2) filled = filled.or(l.shrU(filled, distance));
  return ones(l, filled.not());
};
export const cls: UnaryOp = (l, n, d) => l.sub(clz(l, n.xor(l.sign(n)), d), l.all(1n));

const reversedNibbles = Array.from(
  { length: 16 },
  (_, i) => ((i & 1) << 3) | ((i & 2) << 1) | ((i & 4) >> 1) | (i >> 3),
);
export const rbit: UnaryOp = (l, n) => {
  const low = l.fb.v128(reversedNibbles.map((r) => r << 4)).op("i8x16.swizzle", n.and(l.all(15n)));
  return low.or(l.fb.v128(reversedNibbles).op("i8x16.swizzle", l.shrU(n, 4)));
};

export const not: UnaryOp = (_, n) => n.not();
export const abs: UnaryOp = (l, n) => l.abs(n);
export const neg: UnaryOp = (l, n) => l.neg(n);

/** Only the minimum has no absolute value and no negative: its result wraps to itself. */
const minimumToMaximum = (l: Lanes, n: V128, result: V128): V128 => {
  const overflow = l.eq(n, l.minimum);
  l.saturate(overflow);
  return result.xor(overflow);
};
export const qabs: UnaryOp = (l, n) => minimumToMaximum(l, n, l.abs(n));
export const qneg: UnaryOp = (l, n) => minimumToMaximum(l, n, l.neg(n));

/** Sums of unlike signedness: moved by half the range, the accumulator has the addend's signedness. */
export const suqadd: UnaryOp = (l, n, d) => l.addSat(false, d.xor(l.minimum), n).xor(l.minimum);
export const usqadd: UnaryOp = (l, n, d) => l.addSat(true, d.xor(l.minimum), n).xor(l.minimum);

export const cmgt0: UnaryOp = (l, n) => l.gtS(n, l.zero);
export const cmge0: UnaryOp = (l, n) => l.geS(n, l.zero);
export const cmeq0: UnaryOp = (l, n) => l.eq(n, l.zero);
export const cmle0: UnaryOp = (l, n) => l.leS(n, l.zero);
export const cmlt0: UnaryOp = (l, n) => l.ltS(n, l.zero);

/** An operation over all `elements` lowest elements; the result is in the lowest element. */
export type AcrossOp = (l: Lanes, elements: number, n: V128) => V128;

/** Folds the upper half onto the lower one until one element is left. */
const across =
  (combine: (l: Lanes, a: V128, b: V128) => V128): AcrossOp =>
  (l, elements, n) => {
    let result = n;
    for (let half = elements / 2; half >= 1; half /= 2) {
      const upper = result.shuffle(
        result,
        elementShuffle(l.size, (e) => (e + half) % (16 >> l.size)),
      );
      result = combine(l, result, upper);
    }
    return result;
  };
export const addv: AcrossOp = across((l, a, b) => l.add(a, b));
export const maxv = (signed: boolean): AcrossOp => across((l, a, b) => l.max(signed, a, b));
export const minv = (signed: boolean): AcrossOp => across((l, a, b) => l.min(signed, a, b));
/** The sum is a wide element. */
export const addlv =
  (signed: boolean): AcrossOp =>
  (l, elements, n) =>
    addv(l.wide, elements / 2, addlp(signed)(l, n, n));
