/**
 * Which results of the host are seen at a glance to be the instruction's: one comparison of integers, where the host
 * would take two of floats with constants that have to be made first. What is asked is less than what is certain
 * (operations.ts), so something is asked a second time before a function is called.
 */
import type { FunctionBuilder } from "../ir/function.js";
import type { F32, F64, I32, V128, Value } from "../ir/value.js";
import { vectorHost } from "./host.js";
import { doubt, isForFlushing, isPlain, recorded } from "./mode.js";

/** Finite; or normal, and not of the least exponent either. */
export type Quick = "finite" | "normal";

/** Exponents, doubled so that the sign is above them, of the upper (for singles: the only) word of a float. */
const EXPONENT = {
  32: { one: 1 << 24, infinite: 0xff << 24 },
  64: { one: 1 << 21, infinite: 0x7ff << 21 },
} as const;

/** `doubt`: see mode.ts. */
export function quickly(width: 32 | 64, test: Quick, r: F32 | F64, doubt: I32): I32 {
  const { one, infinite } = EXPONENT[width];
  const word = width === 32 ? (r as F32).bits() : (r as F64).bits().shrU(32).wrap();
  const exponent = word.shl(1);
  const least = test === "finite" ? 0 : 2 * one;
  return exponent
    .sub(least)
    .or(doubt)
    .ltU(infinite - least);
}

/** A word, and what is in the words below it in lanes of 64 bits, in all lanes. */
function splatWord(fb: FunctionBuilder, width: 32 | 64, word: number, below: number): V128 {
  const bytes = new DataView(new ArrayBuffer(16));
  for (let at = 0; at < 16; at += 4) bytes.setInt32(at, width === 64 && at % 8 === 0 ? below : word, true);
  return fb.v128([...new Uint8Array(bytes.buffer)]);
}

const LOW_HALF = Array.from({ length: 16 }, (_, i) => (i < 8 ? 0xff : 0));

/** The same of all lanes in use. There are no comparisons without sign of 64-bit lanes: the top bit is turned. */
export function quicklyLanes(
  fb: FunctionBuilder,
  width: 32 | 64,
  test: Quick,
  full: boolean,
  r: V128,
  doubt: I32,
): I32 {
  const { one, infinite } = EXPONENT[width];
  const shape = width === 32 ? "i32x4" : "i64x2";
  const least = test === "finite" ? 0 : 2 * one;
  const moved = r.op(`${shape}.add`, r).op(`${shape}.add`, splatWord(fb, width, -(2 ** 31) - least, 0));
  const doubtful = moved.op(`${shape}.gt_s`, splatWord(fb, width, ((infinite - least) ^ -(2 ** 31)) - 1, -1));
  return (full ? doubtful : doubtful.and(fb.v128(LOW_HALF))).test("v128.any_true").or(doubt).eqz();
}

/** 1 unless a float is denormal, as one comparison of integers. */
function notDenormal(width: 32 | 64, x: F32 | F64): I32 {
  // A zero becomes the greatest number there is.
  return width === 32
    ? (x as F32)
        .bits()
        .shl(1)
        .sub(1)
        .geU(EXPONENT[32].one - 1)
    : (x as F64)
        .bits()
        .shl(1)
        .sub(1)
        .geU((1n << 53n) - 1n);
}

/** Nothing in code for the default mode; in code for FPCR.FZ, that none of these is denormal. */
export const notFlushed = (fb: FunctionBuilder, width: 32 | 64, values: readonly (F32 | F64)[]): I32[] =>
  isForFlushing(fb) ? values.map((x) => notDenormal(width, x)) : [];

const HIGH_HALF = LOW_HALF.map((byte) => byte ^ 0xff);

/** The same of all lanes in use. */
export function lanesNotFlushed(fb: FunctionBuilder, width: 32 | 64, full: boolean, values: readonly V128[]): I32[] {
  if (!isForFlushing(fb)) return [];
  const h = vectorHost(fb, width);
  const plain = values.map((v) => h.notDenormal(v)).reduce((all, v) => all.and(v));
  return [(full ? plain : plain.or(fb.v128(HIGH_HALF))).test("i32x4.all_true")];
}

/** How it is found out whether the host's result is the instruction's. */
export interface Decision {
  /** FPCR and FPSR let the host's result stand if it is certain. */
  readonly allowed: () => I32;
  readonly certain: () => I32;
  /** `notFlushed` of the operands and the result. */
  readonly notFlushed: () => readonly I32[];
  /** Says so mostly, of the mode as well; absent: there is nothing quicker than the two. */
  readonly quick?: { readonly test: Quick; readonly holds: (doubt: I32) => I32 } | undefined;
}

/** The host's result where it is the instruction's, else what `called` gives. */
export function hostOrCalled<T extends Value>(
  fb: FunctionBuilder,
  cpu: I32,
  { allowed, certain, notFlushed, quick }: Decision,
  host: () => T,
  called: () => T,
): T {
  const noted = (): T => recorded(fb, called());
  const seenTo = notFlushed();
  const asked = (): T => fb.mostly([allowed(), certain(), ...seenTo], host, noted);
  if (quick === undefined) return asked();
  // What is finite is certain, where that is asked; of what is normal zeros are left, which are not rare everywhere.
  const otherwise = quick.test === "normal" ? asked : noted;
  return fb.mostly([quick.holds(doubt(fb, cpu)), ...seenTo], host, otherwise);
}

/**
 * What an instruction that raises nothing gives of ordinary operands: FPCR changes nothing, and no operand is denormal.
 */
export const stands = (fb: FunctionBuilder, cpu: I32, width: 32 | 64, values: readonly (F32 | F64)[]): I32[] => [
  isPlain(fb, cpu),
  ...notFlushed(fb, width, values),
];
