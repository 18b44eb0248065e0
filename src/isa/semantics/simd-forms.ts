/**
 * Bodies by operand shape: what reads the registers, applies an element operation, and writes result and FPSR.QC. A
 * form without a Q field is scalar: only the lowest element counts.
 */
import type { Builder } from "../../engine/builder.js";
import type { I32, V128 } from "../../engine/ir/value.js";
import type { Operand } from "../pattern.js";
import type { LaneOp, LongOp, NarrowOp } from "./simd-integer.js";
import { elementShuffle, Lanes } from "./simd-lanes.js";
import { noteSaturation, putVector } from "./simd-registers.js";
import type { ImmediateShift } from "./simd-shift.js";
import type { AcrossOp, UnaryOp } from "./simd-unary.js";

interface Unary {
  readonly Q?: number;
  readonly size: number;
  readonly Rn: Operand;
  readonly Rd: Operand;
}
interface Binary extends Unary {
  readonly Rm: Operand;
}

/** Bits of the result: a vector's by Q, else the element's. */
const resultBits = (Q: number | undefined, l: Lanes): number => (Q === undefined ? l.esize : 64 << Q);

function finish(b: Builder, l: Lanes, Rd: Operand, result: V128, bits: number): void {
  noteSaturation(b, l, bits);
  putVector(b, Rd, result, bits);
}

export const threeSame =
  (op: LaneOp) =>
  (b: Builder, f: Binary): void => {
    const l = new Lanes(b, f.size);
    finish(b, l, f.Rd, op(l, b.V(f.Rn), b.V(f.Rm), b.V(f.Rd)), resultBits(f.Q, l));
  };

/** Op of neighbouring elements of m:n. */
export const pairwise =
  (op: LaneOp) =>
  (b: Builder, f: Binary & { readonly Q: number }): void => {
    const l = new Lanes(b, f.size);
    const n = b.V(f.Rn);
    const m = b.V(f.Rm);
    const inSource = (16 >> f.size) >> (1 - f.Q);
    const take = (odd: number): V128 =>
      n.shuffle(
        m,
        elementShuffle(f.size, (e) => {
          const at = 2 * (e % inSource) + odd;
          return at < inSource ? at : at - inSource + (16 >> f.size);
        }),
      );
    const even = take(0);
    finish(b, l, f.Rd, op(l, even, take(1), even), 64 << f.Q);
  };

/** Wide results of one half of the sources; scalar: of the lowest elements. */
export const threeDifferent =
  (op: LongOp) =>
  (b: Builder, f: Binary): void => {
    const l = new Lanes(b, f.size);
    const bits = f.Q === undefined ? l.wide.esize : 128;
    finish(b, l.wide, f.Rd, op(l, f.Q === 1, b.V(f.Rn), b.V(f.Rm), b.V(f.Rd)), bits);
  };

/** Puts 64 bits of narrow elements into the low half, zeroing the high one, or ("2" forms) into the high half. */
function putNarrow(b: Builder, Rd: Operand, Q: number, narrow: V128): void {
  if (Q === 0) b.setD(Rd, narrow.i64(0));
  else
    b.setV(
      Rd,
      b.V(Rd).shuffle(
        narrow,
        elementShuffle(3, (e) => 2 * e),
      ),
    );
}

export const narrowing =
  (op: NarrowOp) =>
  (b: Builder, f: Binary & { readonly Q: number }): void =>
    putNarrow(b, f.Rd, f.Q, op(new Lanes(b, f.size), b.V(f.Rn), b.V(f.Rm)));

/** Narrowing of one source, which may saturate. */
export const narrowingUnary =
  (op: (l: Lanes, n: V128) => V128) =>
  (b: Builder, f: Unary): void => {
    const l = new Lanes(b, f.size);
    const result = op(l, b.V(f.Rn));
    if (f.Q === undefined) {
      noteSaturation(b, l.wide, l.wide.esize);
      putVector(b, f.Rd, result, l.esize);
    } else {
      noteSaturation(b, l.wide, 128);
      putNarrow(b, f.Rd, f.Q, result);
    }
  };

export const twoRegister =
  (op: UnaryOp) =>
  (b: Builder, f: Unary): void => {
    const l = new Lanes(b, f.size);
    finish(b, l, f.Rd, op(l, b.V(f.Rn), b.V(f.Rd)), resultBits(f.Q, l));
  };

/** The result has wide elements; the operation says so itself. */
export const twoRegisterLong =
  (op: UnaryOp) =>
  (b: Builder, f: Unary & { readonly Q: number }): void =>
    putVector(b, f.Rd, op(new Lanes(b, f.size), b.V(f.Rn), b.V(f.Rd)), 64 << f.Q);

/** SHLL: widened and shifted by the element size. */
export function shll(b: Builder, f: Unary): void {
  const l = new Lanes(b, f.size);
  b.setV(f.Rd, l.wide.shl(l.extend(false, f.Q === 1, b.V(f.Rn)), l.esize));
}

/** `widen`: the result is an element of twice the size. */
export const acrossLanes =
  (op: AcrossOp, widen = false) =>
  (b: Builder, f: Unary & { readonly Q: number }): void => {
    const l = new Lanes(b, f.size);
    const elements = (8 << f.Q) >> f.size;
    putVector(b, f.Rd, op(l, elements, b.V(f.Rn)), widen ? 2 * l.esize : l.esize);
  };

export function addpScalar(b: Builder, f: Pick<Unary, "Rn" | "Rd">): void {
  const n = b.V(f.Rn);
  b.setD(f.Rd, n.i64(0).add(n.i64(1)));
}

/** The element a by-element form multiplies by: its number is H:L:M for halfwords, where Vm is V0–V15, else H:L. */
export interface ByElement {
  readonly Q?: number;
  readonly size: number;
  readonly Rn: Operand;
  readonly Rd: Operand;
  readonly Rm: Operand;
  readonly H: Operand;
  readonly L: Operand;
  readonly M?: Operand;
}

/** That element in all places. */
export function indexedElement(b: Builder, f: ByElement): V128 {
  const words = b.operand(f.H).shl(1).or(b.operand(f.L));
  const index: I32 = f.M ? words.shl(1).or(b.operand(f.M)) : words;
  return new Lanes(b, f.size).broadcast(b.V(f.Rm), index);
}

export const byElement =
  (op: LaneOp) =>
  (b: Builder, f: ByElement): void => {
    const l = new Lanes(b, f.size);
    finish(b, l, f.Rd, op(l, b.V(f.Rn), indexedElement(b, f), b.V(f.Rd)), resultBits(f.Q, l));
  };

export const longByElement =
  (op: LongOp) =>
  (b: Builder, f: ByElement): void => {
    const l = new Lanes(b, f.size);
    const bits = f.Q === undefined ? l.wide.esize : 128;
    finish(b, l.wide, f.Rd, op(l, f.Q === 1, b.V(f.Rn), indexedElement(b, f), b.V(f.Rd)), bits);
  };

/** Shift forms: `shift` is immh:immb without its leading 1. */
interface Shift {
  readonly Q?: number;
  readonly shift: Operand;
  readonly Rn: Operand;
  readonly Rd: Operand;
}

export const shiftImmediate =
  (op: ImmediateShift, size: number) =>
  (b: Builder, f: Shift): void => {
    const l = new Lanes(b, size);
    finish(b, l, f.Rd, op(l, b.V(f.Rn), b.operand(f.shift), b.V(f.Rd)), resultBits(f.Q, l));
  };

/** `size` is that of the narrow result. */
export const shiftNarrow =
  (op: ImmediateShift, size: number) =>
  (b: Builder, f: Shift): void => {
    const apply = (l: Lanes, n: V128): V128 => op(l, n, b.operand(f.shift), n);
    narrowingUnary(apply)(b, { ...f, size });
  };

/** SSHLL, USHLL; `size` is that of the source. */
export const shiftLong =
  (signed: boolean, size: number) =>
  (b: Builder, f: Shift): void => {
    const l = new Lanes(b, size);
    b.setV(f.Rd, l.wide.shl(l.extend(signed, f.Q === 1, b.V(f.Rn)), b.operand(f.shift)));
  };
