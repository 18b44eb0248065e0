/**
 * Bodies of Advanced SIMD floating point by operand shape (DDI 0487, C4.1): they read registers, apply an operation of
 * fp-lanes.ts, and write the result. A form without a Q field is scalar, one without an sz field half precision.
 */
import type { Builder } from "../../engine/builder.js";
import type { Width } from "../../engine/fp/codec.js";
import { narrowOddElement } from "../../engine/fp/convert.js";
import { fusedLongVector } from "../../engine/fp/vector.js";
import { narrowVector, widenVector } from "../../engine/fp/vector-convert.js";
import type { I32, I64, V128 } from "../../engine/ir/value.js";
import type { Operand } from "../pattern.js";
import { type FixedPointOp, type FpLaneOp, multiplyAccumulate, signs, simple } from "./fp-lanes.js";
import { expandImmediate, readScalar } from "./fp-scalar.js";
import { elementShuffle, Lanes } from "./simd-lanes.js";

interface Sized {
  readonly Q?: number;
  readonly sz?: number;
}
interface Two extends Sized {
  readonly Rn: Operand;
  readonly Rd: Operand;
}
interface Three extends Two {
  readonly Rm: Operand;
}

const widthOf = (f: Sized): Width => (f.sz === undefined ? 16 : f.sz === 1 ? 64 : 32);
const log2Bytes = (width: Width): number => ({ 16: 1, 32: 2, 64: 3 })[width];

export const threeSame =
  (op: FpLaneOp) =>
  (b: Builder, f: Three): void => {
    const width = widthOf(f);
    if (f.Q === undefined) {
      const [n, m, d] = [f.Rn, f.Rm, f.Rd].map((r) => readScalar(b, r, width)) as [I64, I64, I64];
      b.setD(f.Rd, op.element(b, width, n, m, d));
    } else {
      b.setV(f.Rd, op.lanes(b, width, f.Q === 1, b.V(f.Rn), b.V(f.Rm), b.V(f.Rd)));
    }
  };

export const twoRegister =
  (op: FpLaneOp) =>
  (b: Builder, f: Two): void =>
    threeSame(op)(b, { ...f, Rm: f.Rn });

/** The shuffles that put even and odd elements of m:n side by side. */
function evenAndOdd(width: Width, full: boolean, n: V128, m: V128): [V128, V128] {
  const size = log2Bytes(width);
  const inVector = 128 / width;
  const inUse = full ? inVector : inVector / 2;
  const take = (odd: number): V128 =>
    n.shuffle(
      m,
      elementShuffle(size, (e) => {
        const at = 2 * (e % inUse) + odd;
        return at < inUse ? at : at - inUse + inVector;
      }),
    );
  return [take(0), take(1)];
}

/** Neighbouring elements of m:n. */
export const pairwise =
  (op: FpLaneOp) =>
  (b: Builder, f: Three & { readonly Q: number }): void => {
    const width = widthOf(f);
    const full = f.Q === 1;
    const [even, odd] = evenAndOdd(width, full, b.V(f.Rn), b.V(f.Rm));
    b.setV(f.Rd, op.lanes(b, width, full, even, odd, even));
  };

/** The two lowest elements of n. */
export const pairwiseScalar =
  (op: FpLaneOp) =>
  (b: Builder, f: Two): void => {
    const width = widthOf(f);
    const n = b.V(f.Rn);
    const first = n.element(width, 0);
    b.setD(f.Rd, op.element(b, width, first, n.element(width, 1), first));
  };

/** Reduce: of two halves, each reduced first. */
export const acrossLanes =
  (op: FpLaneOp) =>
  (b: Builder, f: Two & { readonly Q: number }): void => {
    const width = widthOf(f);
    const n = b.V(f.Rn);
    const reduce = (from: number, count: number): I64 => {
      if (count === 1) return n.element(width, from);
      const [low, high] = [reduce(from, count / 2), reduce(from + count / 2, count / 2)];
      return op.element(b, width, low, high, low);
    };
    b.setD(f.Rd, reduce(0, (64 << f.Q) / width));
  };

// --- by element ------------------------------------------------------------------------------------------------------

interface ByElement extends Three {
  readonly H?: Operand;
  readonly L?: Operand;
  readonly M?: Operand;
}

/** The element's number: H:L:M, as far as the form has them. */
const elementIndex = (b: Builder, f: ByElement): I32 =>
  [f.H, f.L, f.M].flatMap((o) => (o ? [b.operand(o)] : [])).reduce((index, bit) => index.shl(1).or(bit));

/** Element `index` of m in all places. */
const broadcast = (b: Builder, width: Width, m: V128, index: I32): V128 =>
  new Lanes(b, log2Bytes(width)).broadcast(m, index);

export const byElement =
  (op: FpLaneOp) =>
  (b: Builder, f: ByElement): void => {
    const width = widthOf(f);
    const m = broadcast(b, width, b.V(f.Rm), elementIndex(b, f));
    if (f.Q === undefined) {
      b.setD(f.Rd, op.element(b, width, readScalar(b, f.Rn, width), m.element(width, 0), readScalar(b, f.Rd, width)));
    } else {
      b.setV(f.Rd, op.lanes(b, width, f.Q === 1, b.V(f.Rn), m, b.V(f.Rd)));
    }
  };

// --- FMLAL, FCMLA, FCADD ---------------------------------------------------------------------------------------------

function accumulateLong(b: Builder, f: Two & { readonly Q: number }, negate: boolean, upper: boolean, m: V128): void {
  const n = b.V(f.Rn);
  const signed = negate ? n.xor(signs(b, 16)) : n;
  b.setV(f.Rd, b.call(fusedLongVector(upper, f.Q === 1), b.cpu, b.V(f.Rd), signed, m));
}

/** FMLAL, FMLSL and (`upper`) FMLAL2, FMLSL2. */
export const multiplyLong =
  (negate: boolean, upper: boolean) =>
  (b: Builder, f: Three & { readonly Q: number }): void =>
    accumulateLong(b, f, negate, upper, b.V(f.Rm));

export const multiplyLongByElement =
  (negate: boolean, upper: boolean) =>
  (b: Builder, f: ByElement & { readonly Q: number }): void =>
    accumulateLong(b, f, negate, upper, broadcast(b, 16, b.V(f.Rm), elementIndex(b, f)));

/** Elements of complex numbers: (real, imaginary) pairs. */
interface Complex extends Three {
  readonly Q: number;
  readonly size: number;
  readonly rot: number;
}

/** The sign bits of the real (0) or imaginary (1) elements. */
const signsOfPart = (b: Builder, width: Width, part: 0 | 1): V128 => {
  const size = log2Bytes(width);
  const bytes = 1 << size;
  return b.v128(Array.from({ length: 16 }, (_, i) => ((i >> size) % 2 === part && i % bytes === bytes - 1 ? 0x80 : 0)));
};

/** In every pair, elements `real` and `imaginary` of v's pair. */
const pairShuffle = (width: Width, v: V128, real: 0 | 1, imaginary: 0 | 1): V128 =>
  v.shuffle(
    v,
    elementShuffle(log2Bytes(width), (e) => (e & ~1) + (e % 2 === 0 ? real : imaginary)),
  );

const widthOfSize = (size: number): Width => (8 << size) as Width;

/** d + n * m, of n's real part (rotation 0, 180) or imaginary part (90, 270), with the product so rotated. */
function accumulateComplex(
  b: Builder,
  f: Two & { readonly Q: number; readonly rot: number },
  width: Width,
  m: V128,
): void {
  const crossed = (f.rot & 1) === 1;
  const part = crossed ? 1 : 0;
  const n = pairShuffle(width, b.V(f.Rn), part, part);
  const turned = crossed ? pairShuffle(width, m, 1, 0) : m;
  const real = f.rot === 1 || f.rot === 2;
  const imaginary = f.rot >= 2;
  let factor = turned;
  if (real) factor = factor.xor(signsOfPart(b, width, 0));
  if (imaginary) factor = factor.xor(signsOfPart(b, width, 1));
  b.setV(f.Rd, multiplyAccumulate(false).lanes(b, width, f.Q === 1, n, factor, b.V(f.Rd)));
}

export function complexMultiply(b: Builder, f: Complex): void {
  accumulateComplex(b, f, widthOfSize(f.size), b.V(f.Rm));
}

/** The pair `index` of m multiplies all pairs. */
export function complexMultiplyByElement(b: Builder, f: Complex & ByElement): void {
  const width = widthOfSize(f.size);
  const pair = new Lanes(b, f.size + 1).broadcast(b.V(f.Rm), elementIndex(b, f));
  accumulateComplex(b, f, width, pair);
}

/** n plus m rotated by 90 (`rot` 0) or 270 degrees. */
export function complexAdd(b: Builder, f: Complex): void {
  const width = widthOfSize(f.size);
  const turned = pairShuffle(width, b.V(f.Rm), 1, 0).xor(signsOfPart(b, width, f.rot === 0 ? 0 : 1));
  const n = b.V(f.Rn);
  b.setV(f.Rd, simple("FADD").lanes(b, width, f.Q === 1, n, turned, n));
}

// --- conversion ------------------------------------------------------------------------------------------------------

/** Fixed-point forms: immh:immb without its leading 1 is `shift`, counted down from twice the width. */
export const fixedPoint =
  (op: FixedPointOp, width: Width) =>
  (
    b: Builder,
    f: { readonly Q?: number; readonly shift: Operand; readonly Rn: Operand; readonly Rd: Operand },
  ): void => {
    const fbits = (): I64 => b.i64(width).sub(b.operand(f.shift).toI64U());
    const sized = width === 16 ? f : { ...f, sz: width === 64 ? 1 : 0 };
    twoRegister(op(fbits))(b, sized);
  };

interface Resized {
  readonly Q: number;
  readonly sz: number;
  readonly Rn: Operand;
  readonly Rd: Operand;
}

/** FCVTL, FCVTL2. */
export function lengthen(b: Builder, f: Resized): void {
  b.setV(f.Rd, widenVector(b, b.cpu, f.sz === 1 ? 32 : 16, f.Q === 1, b.V(f.Rn)));
}

/** FCVTN, FCVTXN; the "2" forms write the upper half and keep the lower. */
export const narrow =
  (odd: boolean) =>
  (b: Builder, f: Resized): void => {
    const r = narrowVector(b, b.cpu, f.sz === 1 ? 64 : 32, odd, b.V(f.Rn));
    b.setV(f.Rd, f.Q === 1 ? b.V(f.Rd).withElement(64, 1, r.i64(0)) : r);
  };

export function narrowOddScalar(b: Builder, f: { readonly Rn: Operand; readonly Rd: Operand }): void {
  b.setD(f.Rd, b.call(narrowOddElement, b.cpu, b.D(f.Rn)));
}

/** FMOV of an immediate to every element. */
export const moveImmediate =
  (width: Width) =>
  (
    b: Builder,
    f: { readonly Q: number; readonly abc: Operand; readonly defgh: Operand; readonly Rd: Operand },
  ): void => {
    const imm8 = b.operand(f.abc).shl(5).or(b.operand(f.defgh));
    const element = b.v128Zero().withElement(64, 0, expandImmediate(b, imm8, width));
    const all = broadcast(b, width, element, b.i32(0));
    if (f.Q === 1) b.setV(f.Rd, all);
    else b.setD(f.Rd, all.i64(0));
  };
