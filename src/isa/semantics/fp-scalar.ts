/**
 * Bodies of scalar floating point (DDI 0487, C4.1 "Data processing: Scalar Floating-Point and Advanced SIMD"): the
 * common case in place, on the host's instructions; everything else by the element functions of engine/fp.
 */
import type { Builder } from "../../engine/builder.js";
import type { FlagSource } from "../../engine/flags.js";
import { decode, encode, hostOf, type Width } from "../../engine/fp/codec.js";
import {
  convertElement,
  fromFixedElement,
  type IntegerWidth,
  javaScriptElement,
  type RoundingLetter,
  fromInteger as scalarFromInteger,
  toFixedElement,
  towardsZero,
} from "../../engine/fp/convert.js";
import { absolute, binaryElement, compareElement, flushed, negated, unaryElement } from "../../engine/fp/element.js";
import { fusedInVectors, fusedScalar } from "../../engine/fp/fused.js";
import { scalarOf, vectorHost } from "../../engine/fp/host.js";
import { mayUseHostFma } from "../../engine/fp/host-fma.js";
import { isDefault, isFast, isPlain } from "../../engine/fp/mode.js";
import { ARITHMETIC, type ArithmeticName, type ArithmeticOperation } from "../../engine/fp/operations.js";
import { type Decision, hostOrCalled, notFlushed, quickly, stands } from "../../engine/fp/quick.js";
import { vectorOfBits } from "../../engine/ir/lanes.js";
import type { F32, F64, I32, I64, V128 } from "../../engine/ir/value.js";
import type { Operand } from "../pattern.js";

/** The ftype field; 2 is no format. */
export const widthOfType = (ftype: number): Width => (ftype === 0 ? 32 : ftype === 1 ? 64 : 16);

/** H[n], S[n] or D[n], zero-extended. */
export function readScalar(b: Builder, o: Operand, width: Width): I64 {
  if (width === 64) return b.D(o);
  return width === 32 ? b.S(o).toI64U() : b.S(o).and(0xffff).toI64U();
}

/** A row of ARITHMETIC on elements. */
export function arithmetic(b: Builder, name: ArithmeticName, width: Width, a: I64, c: I64 = b.i64(0)): I64 {
  const op: ArithmeticOperation = ARITHMETIC[name];
  const called = (): I64 =>
    op.operands === 1 ? b.call(unaryElement(name, width), b.cpu, a) : b.call(binaryElement(name, width), b.cpu, a, c);
  if (width === 16) return called();
  const h = hostOf(b, width);
  const x = decode(b, width, a);
  const y = op.operands === 2 ? decode(b, width, c) : x;
  const r = op.compute(h, x, y);
  // Chosen as floats, so that the common case never leaves the host's vector registers.
  const chosen = hostOrCalled<F32 | F64>(
    b,
    b.cpu,
    decisionOf(b, op, width, r, x, y),
    () => r,
    () => decode(b, width, called()),
  );
  return encode(b, width, chosen);
}

function decisionOf(
  b: Builder,
  op: ArithmeticOperation,
  width: 32 | 64,
  r: F32 | F64,
  x: F32 | F64,
  y: F32 | F64,
): Decision {
  const { quick } = op;
  return {
    allowed: () => (op.unrounded ? isFast(b, b.cpu) : isPlain(b, b.cpu)),
    certain: () => op.certain(hostOf(b, width), r, x, y),
    notFlushed: () => notFlushed(b, width, op.operands === 2 ? [x, y, r] : [x, r]),
    quick: quick && { test: quick, holds: (doubt: I32) => quickly(width, quick, r, doubt) },
  };
}

/**
 * The same of scalars alone in vectors, for operations that leave them alone: the register is right as it is, and
 * stored by one instruction of the host.
 */
function arithmeticInVectors(b: Builder, name: ArithmeticName, width: 32 | 64, n: V128, m: V128): V128 {
  const op: ArithmeticOperation = ARITHMETIC[name];
  const r = op.compute(vectorHost(b, width), n, m);
  const [low, x, y] = [r, n, m].map((v) => scalarOf(b, width, v)) as [F32 | F64, F32 | F64, F32 | F64];
  return hostOrCalled(
    b,
    b.cpu,
    decisionOf(b, op, width, low, x, y),
    () => r,
    () => vectorOfBits(b, b.call(binaryElement(name, width), b.cpu, encode(b, width, x), encode(b, width, y))),
  );
}

interface Typed {
  readonly ftype: number;
  readonly Rn: Operand;
  readonly Rd: Operand;
}
interface Typed2 extends Typed {
  readonly Rm: Operand;
}

/** FSQRT, FRINT<r>, FRINT32<r>, FRINT64<r>. */
export const unary =
  (name: ArithmeticName) =>
  (b: Builder, f: Typed): void => {
    const width = widthOfType(f.ftype);
    b.setD(f.Rd, arithmetic(b, name, width, readScalar(b, f.Rn, width)));
  };

/** FMOV, FABS, FNEG: bits only. */
export const signOperation =
  (name: "FMOV" | "FABS" | "FNEG") =>
  (b: Builder, f: Typed): void => {
    const width = widthOfType(f.ftype);
    if (name === "FMOV" && width !== 16) {
      b.setScalarVector(f.Rd, b.scalarVector(f.Rn, width), width);
      return;
    }
    const bits = readScalar(b, f.Rn, width);
    b.setD(f.Rd, name === "FMOV" ? bits : name === "FABS" ? absolute(bits, width) : negated(bits, width, true));
  };

export const binary =
  (name: ArithmeticName, negateResult = false) =>
  (b: Builder, f: Typed2): void => {
    const width = widthOfType(f.ftype);
    const op: ArithmeticOperation = ARITHMETIC[name];
    if (op.keepsEmpty && width !== 16 && !negateResult) {
      b.setScalarVector(
        f.Rd,
        arithmeticInVectors(b, name, width, b.scalarVector(f.Rn, width), b.scalarVector(f.Rm, width)),
        width,
      );
      return;
    }
    const r = arithmetic(b, name, width, readScalar(b, f.Rn, width), readScalar(b, f.Rm, width));
    b.setD(f.Rd, negated(r, width, negateResult));
  };

/** FMADD and its three negating forms. */
export const multiplyAdd =
  (negateProduct: boolean, negateAddend: boolean) =>
  (b: Builder, f: Typed2 & { readonly Ra: Operand }): void => {
    const width = widthOfType(f.ftype);
    if (width !== 16 && mayUseHostFma(b)) {
      const [n, m, a] = [f.Rn, f.Rm, f.Ra].map((o) => b.scalarVector(o, width)) as [V128, V128, V128];
      b.setScalarVector(f.Rd, fusedInVectors(b, b.cpu, width, n, m, a, negateProduct, negateAddend), width);
      return;
    }
    const n = negated(readScalar(b, f.Rn, width), width, negateProduct);
    const addend = negated(readScalar(b, f.Ra, width), width, negateAddend);
    b.setD(f.Rd, fusedScalar(b, b.cpu, width, n, readScalar(b, f.Rm, width), addend));
  };

// --- comparison ------------------------------------------------------------------------------------------------------

function setCompareFlags(b: Builder, width: Width, signalNaNs: boolean, a: I64, c: I64): void {
  const h = hostOf(b, width);
  const [x, y] = [b.variable(decode(b, width, a)), b.variable(decode(b, width, c))];
  const ordered = [x, y].map((v) => h.notNaN(v.get()));
  const plain = width === 16 ? [isDefault(b, b.cpu)] : stands(b, b.cpu, width, [x.get(), y.get()]);
  b.unless([...plain, ...ordered], () => {
    // For what it leaves in FPSR; the flags are had from the operands as it sees them.
    b.call(compareElement(signalNaNs, width), b.cpu, a, c);
    for (const v of [x, y]) v.set(flushed(b, b.cpu, width, v.get()));
  });
  b.setFlagsFrom({ op: "floats", x: x.get(), y: y.get() } as FlagSource);
}

type TypedSources = Omit<Typed2, "Rd">;

export const compare =
  (signalNaNs: boolean) =>
  (b: Builder, f: TypedSources): void => {
    const width = widthOfType(f.ftype);
    setCompareFlags(b, width, signalNaNs, readScalar(b, f.Rn, width), readScalar(b, f.Rm, width));
  };

export const compareZero =
  (signalNaNs: boolean) =>
  (b: Builder, f: Omit<TypedSources, "Rm">): void => {
    const width = widthOfType(f.ftype);
    setCompareFlags(b, width, signalNaNs, readScalar(b, f.Rn, width), b.i64(0));
  };

export function conditionalCompare(
  b: Builder,
  f: TypedSources & { readonly cond: number; readonly op: number; readonly nzcv: Operand },
): void {
  b.if(
    b.condition(f.cond),
    () => compare(f.op === 1)(b, f),
    () => b.setNzcv(b.operand(f.nzcv).shl(28)),
  );
}

export function conditionalSelect(b: Builder, f: Typed2 & { readonly cond: number }): void {
  const width = widthOfType(f.ftype);
  b.setD(f.Rd, b.condition(f.cond).select(readScalar(b, f.Rn, width), readScalar(b, f.Rm, width)));
}

// --- immediates and moves --------------------------------------------------------------------------------------------

/** VFPExpandImm, zero-extended. */
export function expandImmediate(b: Builder, imm8: I32, width: Width): I64 {
  const [ones, zeros, at] = (
    {
      16: [0x3000n, 0x4000n, 6],
      32: [0x3e00_0000n, 0x4000_0000n, 19],
      64: [0x3fc0n << 48n, 0x4000n << 48n, 48],
    } as const
  )[width];
  const wide = imm8.toI64U();
  const base = imm8.and(0x40).select(b.i64(ones), b.i64(zeros));
  return base.or(wide.and(0x3f).shl(at)).or(wide.shrU(7).shl(width - 1));
}

export function moveImmediate(
  b: Builder,
  f: { readonly ftype: number; readonly imm8: Operand; readonly Rd: Operand },
): void {
  b.setD(f.Rd, expandImmediate(b, b.operand(f.imm8), widthOfType(f.ftype)));
}

interface General {
  readonly sf: number;
  readonly ftype: number;
  readonly Rn: Operand;
  readonly Rd: Operand;
}

export function moveToGeneral(b: Builder, f: General): void {
  b.setX(f.Rd, readScalar(b, f.Rn, widthOfType(f.ftype)));
}

export function moveFromGeneral(b: Builder, f: General): void {
  const width = widthOfType(f.ftype);
  b.setD(f.Rd, b.X(f.Rn).bits(0, width));
}

// --- conversion ------------------------------------------------------------------------------------------------------

const integerWidth = (sf: number): IntegerWidth => (sf === 1 ? 64 : 32);

/** FCVT between formats; `opc` is the result's ftype. */
export function convertFormat(b: Builder, f: Typed & { readonly opc: number }): void {
  const from = widthOfType(f.ftype);
  b.setD(f.Rd, convertElement(b, b.cpu, from, widthOfType(f.opc), readScalar(b, f.Rn, from)));
}

/** 64 − scale, where `top` is the highest bit of scale. */
export const fractionBits = (b: Builder, f: { readonly top: number; readonly scale: Operand }): I64 =>
  b.i64(f.top === 1 ? 32 : 64).sub(b.operand(f.scale).toI64U());

/** FCVT<r><S|U> to a general register; `fbits` absent: no fraction bits. */
export const toInteger =
  (rounding: RoundingLetter, unsigned: boolean) =>
  (b: Builder, f: General, fbits?: I64): void => {
    const width = widthOfType(f.ftype);
    const integer = integerWidth(f.sf);
    const a = readScalar(b, f.Rn, width);
    const element = toFixedElement(rounding, unsigned, width, integer);
    const inPlace = rounding === "Z" && fbits === undefined;
    b.setX(
      f.Rd,
      inPlace ? towardsZero(b, b.cpu, unsigned, width, integer, a) : b.call(element, b.cpu, a, fbits ?? b.i64(0)),
    );
  };

/** SCVTF, UCVTF from a general register. */
export const fromInteger =
  (unsigned: boolean) =>
  (b: Builder, f: General, fbits?: I64): void => {
    const width = widthOfType(f.ftype);
    const integer = integerWidth(f.sf);
    const a = b.X(f.Rn);
    const element = fromFixedElement(unsigned, integer, width);
    b.setD(f.Rd, fbits ? b.call(element, b.cpu, a, fbits) : scalarFromInteger(b, b.cpu, unsigned, integer, width, a));
  };

/** FJCVTZS: Z says that nothing was lost. */
export function toJavaScriptInteger(b: Builder, f: { readonly Rn: Operand; readonly Rd: Operand }): void {
  const r = b.call(javaScriptElement, b.cpu, b.D(f.Rn));
  b.setX(f.Rd, r.bits(0, 32));
  b.setFlags(b.i64(0), r.shrU(32).xor(1), b.i32(0), b.i64(0));
}
