/**
 * Shifts of vector elements: by a register, element by element, and by an immediate (DDI 0487, C7.2 "SSHL", "SQRSHL",
 * …, and C4.1 "Advanced SIMD shift by immediate").
 */
import { type DefinedFunction, defineFunction } from "../../engine/ir/module.js";
import type { I32, V128 } from "../../engine/ir/value.js";
import { type LaneOp, narrowSigned, narrowSignedToUnsigned, narrowUnsigned } from "./simd-integer.js";
import { Lanes } from "./simd-lanes.js";

type Direction = "shl" | "shrS" | "shrU";

/** (v, amounts): each element shifted by its own amount, modulo the element size, in one step per bit of the amount. */
function variableShift(direction: Direction, size: number): DefinedFunction<"vv", "v"> {
  return defineFunction(`simd_${direction}_${8 << size}`, "vv", "v", (fb, v, amounts) => {
    const l = new Lanes(fb, size);
    const bits = 3 + size;
    // The amount's highest bit goes to the sign, where a compare with 0 makes it a mask, then the next one.
    let selector = l.shl(amounts, l.esize - bits);
    let result = v;
    for (let k = bits - 1; k >= 0; k--) {
      result = l.ltS(selector, l.zero).bitselect(l[direction](result, 1 << k), result);
      selector = l.add(selector, selector);
    }
    fb.return(result);
  });
}

const perSize = (direction: Direction): readonly DefinedFunction<"vv", "v">[] =>
  [0, 1, 2, 3].map((size) => variableShift(direction, size));
const VARIABLE_SHIFTS = { shl: perSize("shl"), shrS: perSize("shrS"), shrU: perSize("shrU") };

function shiftEach(l: Lanes, direction: Direction, v: V128, amounts: V128): V128 {
  return l.fb.call(VARIABLE_SHIFTS[direction][l.size] as DefinedFunction<"vv", "v">, v, amounts);
}

export interface RegisterShift {
  readonly signed: boolean;
  readonly rounding: boolean;
  readonly saturating: boolean;
}

/** SSHL and its kin: left by the signed low byte of m's element, right where that is negative. */
export const registerShift =
  ({ signed, rounding, saturating }: RegisterShift): LaneOp =>
  (l, n, m) => {
    const top = l.esize - 8;
    const amount = top === 0 ? m : l.shrS(l.shl(m, top), top);
    const right = l.sign(amount);
    const distance = l.abs(amount);
    // 128 as a byte looks negative, hence the unsigned compare.
    const far = l.geU(distance, l.all(BigInt(l.esize)));
    const shr = signed ? "shrS" : "shrU";

    const leftWithin = shiftEach(l, "shl", n, distance);
    let left = leftWithin.andnot(far);
    if (saturating) {
      const lost = l
        .ne(shiftEach(l, shr, leftWithin, distance), n)
        .or(far.andnot(l.eq(n, l.zero)))
        .andnot(right);
      l.saturate(lost);
      left = lost.bitselect(signed ? l.sign(n).xor(l.maximum) : l.all(-1n), left);
    }
    const toRight = rounding ? roundedRight : plainRight;
    return right.bitselect(toRight(l, signed, n, distance, far), left);
  };

function plainRight(l: Lanes, signed: boolean, n: V128, distance: V128, far: V128): V128 {
  const within = shiftEach(l, signed ? "shrS" : "shrU", n, distance);
  return signed ? far.bitselect(l.sign(n), within) : within.andnot(far);
}

/** Shifts one short, then halves and adds the bit that fell out. */
function roundedRight(l: Lanes, signed: boolean, n: V128, distance: V128, far: V128): V128 {
  const almost = shiftEach(l, signed ? "shrS" : "shrU", n, l.sub(distance, l.all(1n)));
  const rounded = roundHalf(l, signed, almost);
  // At the element size itself the first step is still in range; a signed result is then 0 like all farther ones.
  if (signed) return rounded.andnot(far);
  return rounded.andnot(l.geU(distance, l.all(BigInt(l.esize + 1))));
}

function roundHalf(l: Lanes, signed: boolean, v: V128): V128 {
  return l.add(l.shr(signed, v, 1), v.and(l.all(1n)));
}

/** A shift by an immediate; `field` holds immh:immb without immh's leading 1, of log2(esize) bits. */
export type ImmediateShift = (l: Lanes, n: V128, field: I32, d: V128) => V128;

/** Right by esize - field, which may be esize: one short, and one more. */
const oneShort = (l: Lanes, signed: boolean, n: V128, field: I32): V128 => l.shr(signed, n, field.xor(l.esize - 1));

export const shiftRight =
  (signed: boolean): ImmediateShift =>
  (l, n, field) =>
    l.shr(signed, oneShort(l, signed, n, field), 1);
export const roundingShiftRight =
  (signed: boolean): ImmediateShift =>
  (l, n, field) =>
    roundHalf(l, signed, oneShort(l, signed, n, field));
export const accumulate =
  (shift: ImmediateShift): ImmediateShift =>
  (l, n, field, d) =>
    l.add(d, shift(l, n, field, d));

export const shiftLeft: ImmediateShift = (l, n, field) => l.shl(n, field);
export const sli: ImmediateShift = (l, n, field, d) => l.shl(n, field).or(d.andnot(l.shl(l.all(-1n), field)));
export const sri: ImmediateShift = (l, n, field, d) => {
  const kept = l.shrU(oneShort(l, false, l.all(-1n), field), 1);
  return l.shrU(oneShort(l, false, n, field), 1).or(d.andnot(kept));
};

export const saturatingShiftLeft =
  (signed: boolean): ImmediateShift =>
  (l, n, field) => {
    const shifted = l.shl(n, field);
    const lost = l.ne(l.shr(signed, shifted, field), n);
    if (signed) return l.overflowed(lost, n, shifted);
    l.saturate(lost);
    return shifted.or(lost);
  };
export const sqshlu: ImmediateShift = (l, n, field) => {
  const shifted = l.shl(n, field);
  const negative = l.sign(n);
  const lost = l.ne(l.shrU(shifted, field), n).or(negative);
  l.saturate(lost);
  return shifted.or(lost).andnot(negative);
};

/** What a narrowing form makes of the shifted wide elements; the result is in their low halves. */
export type Narrowing = "truncate" | "signed" | "unsigned" | "signedToUnsigned";

function narrow(l: Lanes, kind: Narrowing, a: V128): V128 {
  const w = l.wide;
  if (kind === "truncate") return l.evens(a, a);
  const make = { signed: narrowSigned, unsigned: narrowUnsigned, signedToUnsigned: narrowSignedToUnsigned }[kind];
  const { value, changed } = make(w, a);
  w.saturate(changed);
  return l.evens(value, value);
}

/** Narrowing shifts right; `l` are the narrow elements, `n` wide ones, the result is in the low half. */
export const shiftRightNarrow =
  (kind: Narrowing, rounding: boolean): ImmediateShift =>
  (l, n, field) => {
    const w = l.wide;
    const signed = kind === "signed" || kind === "signedToUnsigned";
    const almost = w.shr(signed, n, field.xor(l.esize - 1));
    return narrow(l, kind, rounding ? roundHalf(w, signed, almost) : w.shr(signed, almost, 1));
  };

/** XTN and its saturating kin. */
export const extractNarrow =
  (kind: Narrowing) =>
  (l: Lanes, n: V128): V128 =>
    narrow(l, kind, n);
