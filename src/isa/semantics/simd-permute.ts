/**
 * Moving elements about without arithmetic (DDI 0487, C4.1 "Advanced SIMD permute", "extract", "table lookup", "copy"
 * and "modified immediate").
 */
import type { Builder } from "../../engine/builder.js";
import type { I32, I64, V128 } from "../../engine/ir/value.js";
import type { Operand } from "../pattern.js";
import { elementShuffle, Lanes, splatBytes } from "./simd-lanes.js";
import { putVector } from "./simd-registers.js";

interface Permute {
  readonly Q: number;
  readonly size: number;
  readonly Rm: Operand;
  readonly Rn: Operand;
  readonly Rd: Operand;
}

/** Where element `e` of `count` comes from: which source (0 = n, 1 = m) and which of its elements. */
type Arrangement = (e: number, count: number) => readonly [source: number, element: number];

export const uzp =
  (part: number): Arrangement =>
  (e, count) => {
    const at = 2 * e + part;
    return at < count ? [0, at] : [1, at - count];
  };
export const trn =
  (part: number): Arrangement =>
  (e) => [e & 1, (e & ~1) + part];
export const zip =
  (part: number): Arrangement =>
  (e, count) => [e & 1, (e >> 1) + (part * count) / 2];

export const permute =
  (arrange: Arrangement) =>
  (b: Builder, f: Permute): void => {
    const count = (8 << f.Q) >> f.size;
    const lanes = elementShuffle(f.size, (e) => {
      const [source, element] = arrange(e % count, count);
      return element + source * (16 >> f.size);
    });
    putVector(b, f.Rd, b.V(f.Rn).shuffle(b.V(f.Rm), lanes), 64 << f.Q);
  };

const byteNumbers = Array.from({ length: 16 }, (_, i) => i);

/** Indices 16 and above, and so also those below 0, give zero bytes: the two registers' parts are disjoint. */
export function ext128(b: Builder, f: { Rm: Operand; imm4: Operand; Rn: Operand; Rd: Operand }): void {
  const from = b.v128(byteNumbers).op("i8x16.add", b.op("i8x16.splat", b.operand(f.imm4)) as V128);
  const low = b.V(f.Rn).op("i8x16.swizzle", from);
  const high = b.V(f.Rm).op("i8x16.swizzle", from.op("i8x16.sub", b.v128(splatBytes(0, 16n))));
  b.setV(f.Rd, low.or(high));
}

export function ext64(b: Builder, f: { Rm: Operand; imm3: Operand; Rn: Operand; Rd: Operand }): void {
  const shift = b.operand(f.imm3).shl(3).toI64U();
  const m = b.D(f.Rm);
  // Two steps, because a shift by 64 would be one by 0.
  b.setD(
    f.Rd,
    b
      .D(f.Rn)
      .shrU(shift)
      .or(m.shl(1).shl(shift.xor(63))),
  );
}

interface Table {
  readonly Q: number;
  readonly len: number;
  readonly op: number;
  readonly Rm: Operand;
  readonly Rn: Operand;
  readonly Rd: Operand;
}

/** TBL and TBX (op = 1): each register of the table answers the indices that, less its start, are below 16. */
export function tableLookup(b: Builder, f: Table): void {
  const indices = b.V(f.Rm);
  let result: V128 | undefined;
  for (let n = 0; n <= f.len; n++) {
    const own = n === 0 ? indices : indices.op("i8x16.sub", b.v128(splatBytes(0, BigInt(16 * n))));
    const found = b.V(f.Rn, n).op("i8x16.swizzle", own);
    result = result ? result.or(found) : found;
  }
  let value = result as V128;
  if (f.op === 1) {
    const inside = b.v128(splatBytes(0, BigInt(16 * (f.len + 1)))).op("i8x16.gt_u", indices);
    value = inside.bitselect(value, b.V(f.Rd));
  }
  putVector(b, f.Rd, value, 64 << f.Q);
}

// --- copy ---------------------------------------------------------------------------------------------------------

interface Indexed {
  readonly index: Operand;
  readonly Rn: Operand;
  readonly Rd: Operand;
}

/** The element as a zero- or sign-extended 64-bit value. */
export function readElement(b: Builder, size: number, v: V128, index: I32, signed = false): I64 {
  return new Lanes(b, size).broadcast(v, index).element(8 << size, 0, signed);
}

/** A copy of `v` with one element replaced. */
export function withElementAt(b: Builder, size: number, v: V128, index: I32, value: V128): V128 {
  return new Lanes(b, size).elementMask(index).bitselect(value, v);
}

export const dupElement =
  (size: number) =>
  (b: Builder, f: Indexed & { readonly Q?: number }): void => {
    const v = new Lanes(b, size).broadcast(b.V(f.Rn), b.operand(f.index));
    putVector(b, f.Rd, v, f.Q === undefined ? 8 << size : 64 << f.Q);
  };

export const dupGeneral =
  (size: number) =>
  (b: Builder, f: { Q: number; Rn: Operand; Rd: Operand }): void =>
    putVector(b, f.Rd, new Lanes(b, size).splat(b.X(f.Rn)), 64 << f.Q);

export const insGeneral =
  (size: number) =>
  (b: Builder, f: Indexed): void =>
    b.setV(f.Rd, withElementAt(b, size, b.V(f.Rd), b.operand(f.index), new Lanes(b, size).splat(b.X(f.Rn))));

export const insElement =
  (size: number) =>
  (b: Builder, f: Indexed & { readonly from: Operand }): void => {
    const value = new Lanes(b, size).broadcast(b.V(f.Rn), b.operand(f.from));
    b.setV(f.Rd, withElementAt(b, size, b.V(f.Rd), b.operand(f.index), value));
  };

export const umov =
  (size: number) =>
  (b: Builder, f: Indexed): void =>
    b.setX(f.Rd, readElement(b, size, b.V(f.Rn), b.operand(f.index)));

/** Q = 0 writes W, sign-extended no farther. */
export const smov =
  (size: number) =>
  (b: Builder, f: Indexed & { readonly Q: number }): void => {
    const value = readElement(b, size, b.V(f.Rn), b.operand(f.index), true);
    if (f.Q === 1) b.setX(f.Rd, value);
    else b.setW(f.Rd, value.wrap());
  };

// --- modified immediate ---------------------------------------------------------------------------------------------

interface Byte {
  readonly Q: number;
  readonly abc: Operand;
  readonly defgh: Operand;
  readonly Rd: Operand;
}
interface ShiftedByte extends Byte {
  readonly cmode: number;
}

const imm8 = (b: Builder, f: Byte): I32 => b.operand(f.abc).shl(5).or(b.operand(f.defgh));

/** AdvSIMDExpandImm of the forms that shift a byte in words (zeros or, from cmode 12, ones below it) or halfwords. */
function expand(b: Builder, f: ShiftedByte): V128 {
  const splat = (size: number, value: I32): V128 => new Lanes(b, size).splat(value.toI64U());
  const byte = imm8(b, f);
  if (f.cmode < 8) return splat(2, byte.shl(8 * (f.cmode >> 1)));
  if (f.cmode < 12) return splat(1, byte.shl(8 * ((f.cmode >> 1) & 1)));
  return splat(2, f.cmode === 12 ? byte.shl(8).or(0xff) : byte.shl(16).or(0xffff));
}

export const movi = (b: Builder, f: ShiftedByte): void => putVector(b, f.Rd, expand(b, f), 64 << f.Q);
export const mvni = (b: Builder, f: ShiftedByte): void => putVector(b, f.Rd, expand(b, f).not(), 64 << f.Q);
export const orrImmediate = (b: Builder, f: ShiftedByte): void =>
  putVector(b, f.Rd, b.V(f.Rd).or(expand(b, f)), 64 << f.Q);
export const bicImmediate = (b: Builder, f: ShiftedByte): void =>
  putVector(b, f.Rd, b.V(f.Rd).andnot(expand(b, f)), 64 << f.Q);

const splatByte = (b: Builder, f: Byte): V128 => b.op("i8x16.splat", imm8(b, f)) as V128;
export const moviBytes = (b: Builder, f: Byte): void => putVector(b, f.Rd, splatByte(b, f), 64 << f.Q);
/** Each bit of the immediate becomes a byte of the doubleword. */
export function moviMask(b: Builder, f: Byte): void {
  const bitOfByte = b.v128(byteNumbers.map((i) => 1 << (i & 7)));
  putVector(b, f.Rd, splatByte(b, f).and(bitOfByte).op("i8x16.eq", bitOfByte), 64 << f.Q);
}
