// The exact path of A64 floating point: one entry for every operation that generated code cannot decide with the
// host's own float instructions. Operations bear their instructions' mnemonics (Arm DDI 0487, C7); their meaning is
// the Shared pseudocode in the neighbouring files.

import {
  FPAdd,
  FPDiv,
  FPMul,
  FPMulAdd,
  FPMulAddH,
  FPMulX,
  FPRecipStepFused,
  FPRSqrtStepFused,
  FPSqrt,
  FPSub,
} from "./arith.js";
import { BFDotAdd } from "./bfloat.js";
import { FPCompare, FPCompareEQ, FPCompareGE, FPCompareGT, FPMax, FPMaxNum, FPMin, FPMinNum } from "./compare.js";
import { FixedToFP, FPConvert, FPRoundInt, FPRoundIntN, FPToFixed, FPToFixedJS } from "./convert.js";
import { FPRecipEstimate, FPRecpX, FPRSqrtEstimate, UnsignedRecipEstimate, UnsignedRSqrtEstimate } from "./estimate.js";
import { BFLOAT, DOUBLE, type Format, FPAbs, FPRounding, type FpEnv, formatOf, fpEnv, HALF, SINGLE } from "./format.js";

/** One operation; what lies above an operand's width in a, b and c is of no account. */
type Operation = (fmt: Format, env: FpEnv, a: bigint, b: bigint, c: bigint) => bigint;

const low = (fmt: Format, operand: bigint): bigint => BigInt.asUintN(fmt.N, operand);

const unary =
  (f: (fmt: Format, env: FpEnv, a: bigint) => bigint): Operation =>
  (fmt, env, a) =>
    f(fmt, env, low(fmt, a));

const binary =
  (f: (fmt: Format, env: FpEnv, a: bigint, b: bigint) => bigint): Operation =>
  (fmt, env, a, b) =>
    f(fmt, env, low(fmt, a), low(fmt, b));

const compare = (signalNaNs: boolean): Operation => binary((fmt, env, a, b) => FPCompare(fmt, env, a, b, signalNaNs));

const maskOf = (holds: (fmt: Format, env: FpEnv, a: bigint, b: bigint) => boolean): Operation =>
  binary((fmt, env, a, b) => (holds(fmt, env, a, b) ? fmt.signMask | (fmt.signMask - 1n) : 0n));

const roundInt = (rounding?: FPRounding, exact = false): Operation =>
  unary((fmt, env, a) => FPRoundInt(fmt, env, a, rounding ?? env.rounding, exact));

const roundIntN = (intsize: number, rounding?: FPRounding): Operation =>
  unary((fmt, env, a) => FPRoundIntN(fmt, env, a, rounding ?? env.rounding, intsize));

const toFixed =
  (unsigned: boolean, rounding: FPRounding): Operation =>
  (fmt, env, a, b, c) =>
    FPToFixed(fmt, env, low(fmt, a), Number(c), Number(b), unsigned, rounding);

const fixedTo =
  (unsigned: boolean): Operation =>
  (fmt, env, a, b, c) =>
    FixedToFP(fmt, env, a, Number(c), Number(b), unsigned);

const convertTo = (to: Format, rounding?: FPRounding): Operation =>
  unary((fmt, env, a) => FPConvert(to, fmt, env, a, rounding));

const estimate =
  (f: (op: number) => number): Operation =>
  (_fmt, _env, a) =>
    BigInt(f(Number(BigInt.asUintN(32, a))));

/** Generated code refers to an operation by its place in this table: new ones go at the end. */
const OPERATIONS = {
  FADD: binary(FPAdd),
  FSUB: binary(FPSub),
  FMUL: binary(FPMul),
  FMULX: binary(FPMulX),
  FDIV: binary(FPDiv),
  FSQRT: unary(FPSqrt),
  /** c + a * b, as FMADD <d>, <n>, <m>, <a>; the other three forms negate a or c first. */
  FMADD: (fmt, env, a, b, c) => FPMulAdd(fmt, env, low(fmt, c), low(fmt, a), low(fmt, b)),
  FMAX: binary(FPMax),
  FMIN: binary(FPMin),
  FMAXNM: binary(FPMaxNum),
  FMINNM: binary(FPMinNum),
  /** NZCV in bits 3…0. */
  FCMP: compare(false),
  FCMPE: compare(true),
  /** All ones of the format's width, or zero. */
  FCMEQ: maskOf(FPCompareEQ),
  FCMGE: maskOf(FPCompareGE),
  FCMGT: maskOf(FPCompareGT),
  FACGE: maskOf((fmt, env, a, b) => FPCompareGE(fmt, env, FPAbs(fmt, a), FPAbs(fmt, b))),
  FACGT: maskOf((fmt, env, a, b) => FPCompareGT(fmt, env, FPAbs(fmt, a), FPAbs(fmt, b))),
  FRINTN: roundInt(FPRounding.TIEEVEN),
  FRINTP: roundInt(FPRounding.POSINF),
  FRINTM: roundInt(FPRounding.NEGINF),
  FRINTZ: roundInt(FPRounding.ZERO),
  FRINTA: roundInt(FPRounding.TIEAWAY),
  FRINTX: roundInt(undefined, true),
  FRINTI: roundInt(),
  FRINT32Z: roundIntN(32, FPRounding.ZERO),
  FRINT32X: roundIntN(32),
  FRINT64Z: roundIntN(64, FPRounding.ZERO),
  FRINT64X: roundIntN(64),
  /** To an integer of c bits (16, 32 or 64) with b fraction bits. */
  FCVTNS: toFixed(false, FPRounding.TIEEVEN),
  FCVTNU: toFixed(true, FPRounding.TIEEVEN),
  FCVTPS: toFixed(false, FPRounding.POSINF),
  FCVTPU: toFixed(true, FPRounding.POSINF),
  FCVTMS: toFixed(false, FPRounding.NEGINF),
  FCVTMU: toFixed(true, FPRounding.NEGINF),
  FCVTZS: toFixed(false, FPRounding.ZERO),
  FCVTZU: toFixed(true, FPRounding.ZERO),
  FCVTAS: toFixed(false, FPRounding.TIEAWAY),
  FCVTAU: toFixed(true, FPRounding.TIEAWAY),
  /** Bits 31…0 the integer, bit 32 the Z flag; N, C and V are zero. */
  FJCVTZS: unary((fmt, env, a) => {
    const { result, Z } = FPToFixedJS(fmt, env, a);
    return result | (BigInt(Z) << 32n);
  }),
  /** From the integer in the low c bits of a (16, 32 or 64) with b fraction bits; the format is the result's. */
  SCVTF: fixedTo(false),
  UCVTF: fixedTo(true),
  /** To half, single, double; the format is the operand's. */
  FCVT_H: convertTo(HALF),
  FCVT_S: convertTo(SINGLE),
  FCVT_D: convertTo(DOUBLE),
  /** Double to single, rounding to odd. */
  FCVTXN: convertTo(SINGLE, FPRounding.ODD),
  FRECPE: unary(FPRecipEstimate),
  FRECPX: unary(FPRecpX),
  FRSQRTE: unary(FPRSqrtEstimate),
  FRECPS: binary(FPRecipStepFused),
  FRSQRTS: binary(FPRSqrtStepFused),
  /** c + a * b, where a and b are half and c and the result single; the format is half. */
  FMLAL: (_fmt, env, a, b, c) => FPMulAddH(env, low(SINGLE, c), low(HALF, a), low(HALF, b)),
  URECPE: estimate(UnsignedRecipEstimate),
  URSQRTE: estimate(UnsignedRSqrtEstimate),
  /** Single to BFloat16. */
  BFCVT: convertTo(BFLOAT),
  /** c plus the products of the two BFloat16 in a with those in b. */
  BFDOT: (_fmt, _env, a, b, c) => BFDotAdd(low(SINGLE, c), low(SINGLE, a), low(SINGLE, b)),
} satisfies Record<string, Operation>;

export type FpOpName = keyof typeof OPERATIONS;

const operations: readonly Operation[] = Object.values(OPERATIONS);

/** The number by which generated code names an operation. */
export const FpOp = Object.fromEntries(Object.keys(OPERATIONS).map((name, id) => [name, id])) as Readonly<
  Record<FpOpName, number>
>;

/** What an operation leaves behind. */
export interface FpResult {
  /** The result's encoding, zero-extended. */
  readonly bits: bigint;
  /** FPSR flags to be ORed in: IOC, DZC, OFC, UFC, IXC, IDC at their places. */
  readonly flags: number;
}

/**
 * Carries out one operation exactly as the architecture defines it.
 *
 * @param op one of {@link FpOp}
 * @param width 16, 32 or 64: the format of the operands (of the result for SCVTF and UCVTF)
 * @param a first operand; bits above the width are ignored, so an i64 from wasm may be passed as it is
 * @param b second operand, or the count of fraction bits of a fixed-point conversion
 * @param c third operand, or the integer's width in bits for a fixed-point conversion
 * @param fpcr the register's value; RMode, FZ, FZ16, DN and AHP are honoured
 */
export function fpExact(op: number, width: Format["N"], a: bigint, b: bigint, c: bigint, fpcr: number): FpResult {
  const operation = operations[op];
  if (!operation) throw new RangeError(`fpExact: no operation ${op}; the last is ${operations.length - 1}`);
  const env = fpEnv(fpcr);
  const bits = operation(formatOf(width), env, a, b, c);
  return { bits, flags: env.flags };
}
