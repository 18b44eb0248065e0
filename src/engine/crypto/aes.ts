/** The AES round steps (FIPS 197, 5.1 and 5.3) on a state in a vector, byte 0 first, as AESE and its kin need them. */

import type { FunctionBuilder } from "../ir/function.js";
import type { V128 } from "../ir/value.js";
import { substitute } from "./sbox.js";

/** Byte r of column c comes from column c + by × r. */
const shiftRows = (by: 1 | -1): number[] =>
  Array.from({ length: 16 }, (_, i) => (i & 3) + 4 * (((i >> 2) + by * (i & 3)) & 3));

/** Byte r of each column comes from row r + by of it. */
const rotateColumns = (by: number): number[] => Array.from({ length: 16 }, (_, i) => (i & ~3) | ((i + by) & 3));

/** Each byte times x in GF(2^8). */
function xtime(fb: FunctionBuilder, v: V128): V128 {
  const reduction = v.op("i8x16.lt_s", fb.v128Zero()).and(fb.v128(new Array<number>(16).fill(0x1b)));
  return v.op("i8x16.add", v).xor(reduction);
}

function mix(fb: FunctionBuilder, v: V128): V128 {
  const next = v.op("i32x4.shr_u", fb.i32(8)).or(v.op("i32x4.shl", fb.i32(24)));
  const pairs = v.xor(next);
  return xtime(fb, pairs)
    .xor(next)
    .xor(pairs.shuffle(pairs, rotateColumns(2)));
}

export function aesEncryptStep(fb: FunctionBuilder, state: V128, key: V128): V128 {
  const keyed = state.xor(key);
  return substitute(fb, "aes", keyed.shuffle(keyed, shiftRows(1)));
}

export function aesDecryptStep(fb: FunctionBuilder, state: V128, key: V128): V128 {
  const keyed = state.xor(key);
  return substitute(fb, "aesInverse", keyed.shuffle(keyed, shiftRows(-1)));
}

export const aesMixColumns = mix;

/** The inverse matrix is the forward one times {05, 0, 04, 0}. */
export function aesInvMixColumns(fb: FunctionBuilder, state: V128): V128 {
  const opposite = state.xor(state.shuffle(state, rotateColumns(2)));
  return mix(fb, state.xor(xtime(fb, xtime(fb, opposite))));
}
