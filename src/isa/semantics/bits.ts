/**
 * Bit manipulation shared by the A64 bodies (DDI 0487, C6.2 "RBIT", "REV", "CRC32", "SBFM", and J1 "DecodeBitMasks").
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

/** Polynomials with bit 0 as the highest power: CRC-32 (IEEE 802.3) and CRC-32C (Castagnoli). */
export const CRC_POLYNOMIAL = { crc32: 0xedb88320, crc32c: 0x82f63b78 } as const;

/** The remainder that bit `bit` of a chunk of `bits` bits contributes. */
function crcOfBit(polynomial: number, bits: number, bit: number): number {
  let remainder = 1 << (bit % 32);
  for (let i = bit < 32 ? 0 : 32; i < bits; i++) {
    remainder = (remainder >>> 1) ^ (remainder & 1 ? polynomial : 0);
  }
  return remainder | 0;
}

function lanes(values: readonly number[]): number[] {
  return [...new Uint8Array(Int32Array.from(values).buffer)];
}

/**
 * CRC of `bits` (8–64) more bits of data. The remainder is linear in the bits, so four of them at a time select their
 * constants by a comparison and everything is added up without carries.
 */
export function crc32(b: Builder, polynomial: number, bits: number, accumulator: I32, data: I64): I32 {
  const mixed = data.xor(accumulator.toI64U());
  let sum: V128 | undefined;
  for (let word = 0; word * 32 < bits; word++) {
    const spread = b.op("i32x4.splat", (word === 0 ? mixed : mixed.shrU(32)).wrap()) as V128;
    for (let bit = 0; bit < Math.min(32, bits); bit += 4) {
      const places = [0, 1, 2, 3].map((i) => bit + i);
      const selector = b.v128(lanes(places.map((p) => 1 << p)));
      const constants = b.v128(lanes(places.map((p) => crcOfBit(polynomial, bits, word * 32 + p))));
      const part = spread.and(selector).op("i32x4.eq", selector).and(constants);
      sum = sum === undefined ? part : sum.xor(part);
    }
  }
  const four = sum as V128;
  const remainder = four.i32(0).xor(four.i32(1)).xor(four.i32(2)).xor(four.i32(3));
  return bits < 32 ? remainder.xor(accumulator.shrU(bits)) : remainder;
}
