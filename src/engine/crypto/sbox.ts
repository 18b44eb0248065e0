/**
 * Substitution boxes of AES (FIPS 197, 5.1.1) and SM4 (GB/T 32907-2016, 6.2), computed from their definitions: an
 * affine map of an inverse in GF(2^8); and the function that looks sixteen bytes up at once.
 */
import { type DefinedFunction, defineFunction } from "../ir/module.js";
import type { V128 } from "../ir/value.js";

/** Inverses in GF(2)[x] modulo the polynomial of degree 8; 0 for 0. */
function inverses(polynomial: number): number[] {
  const times = (a: number, b: number): number => {
    let product = 0;
    for (let i = 7; i >= 0; i--) {
      product = (product << 1) ^ ((product >> 7) * polynomial);
      if ((b >> i) & 1) product ^= a;
    }
    return product;
  };
  const bytes = Array.from({ length: 256 }, (_, i) => i);
  return bytes.map((a) => (a === 0 ? 0 : bytes.findIndex((b) => times(a, b) === 1)));
}

const parity = (x: number): number => [1, 2, 4].reduceRight((v, n) => v ^ (v >> n), x) & 1;

/** The circulant bit matrix whose row i is `row` rotated left by i. */
const circulant =
  (row: number) =>
  (x: number): number => {
    let result = 0;
    for (let i = 0; i < 8; i++) result |= parity(((row << i) | (row >> (8 - i))) & x & 0xff) << i;
    return result;
  };

function aes(): number[] {
  const affine = circulant(0xf1);
  return inverses(0x11b).map((inverse) => affine(inverse) ^ 0x63);
}

function sm4(): number[] {
  const affine = circulant(0xa7);
  const inverse = inverses(0x1f5);
  return inverse.map((_, x) => affine(inverse[affine(x) ^ 0xd3] as number) ^ 0xd3);
}

const inverted = (box: readonly number[]): number[] => box.map((_, y) => box.indexOf(y));

/** v → v: each byte replaced. Of sixteen partial tables, each answers the bytes within its sixteen and zero else. */
function substitution(name: string, box: readonly number[]): DefinedFunction<"v", "v"> {
  return defineFunction(name, "v", "v", (fb, bytes) => {
    let result: V128 | undefined;
    for (let start = 0; start < 256; start += 16) {
      const own = bytes.op("i8x16.sub", fb.v128(new Array<number>(16).fill(start)));
      const found = fb.v128(box.slice(start, start + 16)).op("i8x16.swizzle", own);
      result = result ? result.or(found) : found;
    }
    fb.return(result);
  });
}

const aesBox = aes();
export const aesSubBytes = substitution("aesSubBytes", aesBox);
export const aesInvSubBytes = substitution("aesInvSubBytes", inverted(aesBox));
export const sm4Substitute = substitution("sm4Substitute", sm4());
