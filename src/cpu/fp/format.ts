// Floating-point formats, FPCR controls and FPSR flags. Arm DDI 0487, A1.4 "Supported data types" and
// C5.2 "FPCR", "FPSR"; names follow the Shared pseudocode (FPZero, FPInfinity, FPMaxNormal, FPDefaultNaN).

/** One IEEE 754 interchange format, with everything derived from its exponent and fraction widths. */
export interface Format {
  /** Width of the encoding in bits: 16, 32 or 64. */
  readonly N: 16 | 32 | 64;
  /** Fraction bits, as a number and as a BigInt shift count. */
  readonly F: number;
  readonly fracBits: bigint;
  readonly fracMask: bigint;
  /** Exponent of the smallest normal number (unbiased). */
  readonly minExp: number;
  /** The exponent field when all its bits are set. */
  readonly expOnes: number;
  readonly signMask: bigint;
  /** Top fraction bit: set in a quiet NaN. */
  readonly quietBit: bigint;
  /** Encoding of +infinity; one below it is the largest normal number. */
  readonly infinity: bigint;
  readonly defaultNaN: bigint;
}

function format(E: number, F: number): Format {
  const infinity = ((1n << BigInt(E)) - 1n) << BigInt(F);
  const quietBit = 1n << BigInt(F - 1);
  return {
    N: (1 + E + F) as Format["N"],
    F,
    fracBits: BigInt(F),
    fracMask: (1n << BigInt(F)) - 1n,
    minExp: 2 - 2 ** (E - 1),
    expOnes: 2 ** E - 1,
    signMask: 1n << BigInt(E + F),
    quietBit,
    infinity,
    defaultNaN: infinity | quietBit,
  };
}

export const HALF = format(5, 10);
export const SINGLE = format(8, 23);
export const DOUBLE = format(11, 52);
/** BFloat16 (A1.4.4): FPCR treats it as single precision. */
export const BFLOAT = format(8, 7);

/** The format of an encoding `width` bits wide. */
export function formatOf(width: Format["N"]): Format {
  return width === 64 ? DOUBLE : width === 32 ? SINGLE : HALF;
}

/** FPRounding; the first four are FPCR.RMode's own values, the last is ODD with what overflows made infinite. */
export const FPRounding = { TIEEVEN: 0, POSINF: 1, NEGINF: 2, ZERO: 3, TIEAWAY: 4, ODD: 5, ODDINF: 6 } as const;
export type FPRounding = (typeof FPRounding)[keyof typeof FPRounding];

/** Control bits of FPCR that this implementation has; trap enables are RAZ/WI. */
export const FPCR = { FZ16: 1 << 19, RMode: 3 << 22, FZ: 1 << 24, DN: 1 << 25, AHP: 1 << 26 } as const;
export const RMODE_SHIFT = 22;
/** All that FPCR has where there is no half-precision arithmetic (FEAT_FP16). */
export const FPCR_WITHOUT_FP16 = FPCR.RMode | FPCR.FZ | FPCR.DN | FPCR.AHP;

/** Cumulative exception flags, at their places in FPSR. */
export const FPSR = { IOC: 1 << 0, DZC: 1 << 1, OFC: 1 << 2, UFC: 1 << 3, IXC: 1 << 4, IDC: 1 << 7 } as const;
/** All that FPSR has: these, and QC. */
export const FPSR_BITS = 0x0800_009f;

/** FPCR decoded, and the FPSR flags raised so far by the operation under way. */
export interface FpEnv {
  readonly rounding: FPRounding;
  readonly FZ: boolean;
  readonly FZ16: boolean;
  readonly DN: boolean;
  readonly AHP: boolean;
  flags: number;
}

export function fpEnv(fpcr: number): FpEnv {
  return {
    rounding: ((fpcr & FPCR.RMode) >>> RMODE_SHIFT) as FPRounding,
    FZ: (fpcr & FPCR.FZ) !== 0,
    FZ16: (fpcr & FPCR.FZ16) !== 0,
    DN: (fpcr & FPCR.DN) !== 0,
    AHP: (fpcr & FPCR.AHP) !== 0,
    flags: 0,
  };
}

/** True where FPCR asks that denormal numbers of this format be flushed to zero. */
export function flushes(fmt: Format, env: FpEnv): boolean {
  return fmt === HALF ? env.FZ16 : env.FZ;
}

export type Sign = 0 | 1;

export function FPZero(fmt: Format, sign: Sign): bigint {
  return sign ? fmt.signMask : 0n;
}

export function FPInfinity(fmt: Format, sign: Sign): bigint {
  return sign ? fmt.signMask | fmt.infinity : fmt.infinity;
}

export function FPMaxNormal(fmt: Format, sign: Sign): bigint {
  return sign ? fmt.signMask | (fmt.infinity - 1n) : fmt.infinity - 1n;
}

export function FPNeg(fmt: Format, op: bigint): bigint {
  return op ^ fmt.signMask;
}

export function FPAbs(fmt: Format, op: bigint): bigint {
  return op & ~fmt.signMask;
}
