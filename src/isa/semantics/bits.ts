/**
 * Bit manipulation shared by the A64 bodies (DDI 0487, C6.2 "RBIT", "REV", "SBFM", and J1 "DecodeBitMasks").
 */

import type { Builder } from "../../engine/builder.js";
import type { I32, I64, V128 } from "../../engine/ir/value.js";

/**
 * UBFM and SBFM. Shifting the field to the top and back by `immr − imms − 1` modulo the width places it in both the
 * extracting (imms ≥ immr) and the inserting case.
 */
export function bitfield(sf: number, signed: boolean, source: I64, immr: I32, imms: I32): I64 {
  const back = immr.sub(imms).sub(1);
  if (sf) {
    const top = source.shl(imms.not().toI64U());
    return signed ? top.shrS(back.toI64U()) : top.shrU(back.toI64U());
  }
  const top = source.wrap().shl(imms.not());
  return (signed ? top.shrS(back) : top.shrU(back)).toI64U();
}

/** The bytes of `value` in the order given (byte `order[i]` goes to place i). */
export function reorderBytes(b: Builder, value: I64, order: readonly number[]): I64 {
  const vector = b.op("i64x2.splat", value) as V128;
  return vector.shuffle(vector, [...order, ...order]).i64(0);
}

/** Exchanges neighbouring groups of `distance` bits. */
function exchange(value: I64, distance: number, lower: bigint): I64 {
  return value.shrU(distance).and(lower).or(value.and(lower).shl(distance));
}

/** The bits of every byte in reverse. */
export function reverseBitsInBytes(value: I64): I64 {
  const pairs = exchange(value, 1, 0x5555_5555_5555_5555n);
  const nibbles = exchange(pairs, 2, 0x3333_3333_3333_3333n);
  return exchange(nibbles, 4, 0x0f0f_0f0f_0f0f_0f0fn);
}
