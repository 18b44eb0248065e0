/**
 * CRC32 and CRC32C (DDI 0487, "CRC32B" and its kin) by tables of the remainder that each byte contributes at each
 * place, so that the bytes of an operand are looked up side by side.
 */
import type { FunctionBuilder } from "../ir/function.js";
import type { I32, I64 } from "../ir/value.js";
import { AREA } from "../layout.js";

/** Polynomials with bit 0 as the highest power: CRC-32 (IEEE 802.3) and CRC-32C (Castagnoli). */
const POLYNOMIALS = [0xedb88320, 0x82f63b78] as const;

const ENTRIES = 256;
/** Bytes of a table of one place; of the eight places of a polynomial. */
const PLACE = ENTRIES * 4;
const POLYNOMIAL = 8 * PLACE;

/** Fills AREA.crcTables: by polynomial, by bytes that follow, by the byte. */
export function writeCrcTables(buffer: ArrayBuffer | SharedArrayBuffer): void {
  POLYNOMIALS.forEach((polynomial, n) => {
    const table = new Int32Array(buffer, AREA.crcTables + n * POLYNOMIAL, POLYNOMIAL / 4);
    for (let i = 0; i < table.length; i++) {
      let remainder = i < ENTRIES ? i : (table[i - ENTRIES] as number);
      for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? polynomial : 0);
      table[i] = remainder;
    }
  });
}

/** `accumulator` with `size` bytes of data taken in. */
export function crc32(fb: FunctionBuilder, castagnoli: boolean, size: 1 | 2 | 4 | 8, accumulator: I32, data: I64): I32 {
  const words = [data.wrap().xor(accumulator), data.shrU(32).wrap()] as const;
  const found = Array.from({ length: size }, (_, i): I32 => {
    const word = i < 4 ? words[0] : words[1];
    const shift = 8 * (i % 4) - 2;
    const offset = (shift < 0 ? word.shl(-shift) : word.shrU(shift)).and((ENTRIES - 1) * 4);
    const table = AREA.crcTables + (castagnoli ? POLYNOMIAL : 0) + (size - 1 - i) * PLACE;
    return fb.load("i32.load", offset, table) as I32;
  });
  const remainder = found.reduce((sum, one) => sum.xor(one));
  return size < 4 ? remainder.xor(accumulator.shrU(8 * size)) : remainder;
}
