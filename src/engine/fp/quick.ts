/**
 * Which results of the host are seen at a glance to be the instruction's: one comparison of integers, where the host
 * would take two of floats with constants that have to be made first. What is asked is less than what is certain
 * (operations.ts), so something is asked a second time before a function is called.
 */
import type { FunctionBuilder } from "../ir/function.js";
import type { F32, F64, I32, V128, Value } from "../ir/value.js";
import { doubt, recorded } from "./mode.js";

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

/** How it is found out whether the host's result is the instruction's. */
export interface Decision {
  /** FPCR and FPSR let the host's result stand if it is certain. */
  readonly allowed: () => I32;
  readonly certain: () => I32;
  /** Says so mostly, of the mode as well; absent: there is nothing quicker than the two. */
  readonly quick?: { readonly test: Quick; readonly holds: (doubt: I32) => I32 } | undefined;
}

/** The host's result where it is the instruction's, else what `called` gives. */
export function hostOrCalled<T extends Value>(
  fb: FunctionBuilder,
  cpu: I32,
  { allowed, certain, quick }: Decision,
  host: () => T,
  called: () => T,
): T {
  const noted = (): T => recorded(fb, called());
  const asked = (): T => fb.mostly([allowed(), certain()], host, noted);
  if (quick === undefined) return asked();
  // What is finite is certain, where that is asked; of what is normal zeros are left, which are not rare everywhere.
  return fb.mostly([quick.holds(doubt(fb, cpu))], host, quick.test === "normal" ? asked : noted);
}
