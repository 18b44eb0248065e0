/**
 * Substitution boxes of AES (FIPS 197, 5.1.1) and SM4 (GB/T 32907-2016, 6.2), from their definitions: an affine map, an
 * inverse in GF(2^8), and an affine map. Sixteen bytes are looked up at once by tables of sixteen entries, with GF(2^8)
 * taken as pairs over GF(2^4): M. Hamburg, "Accelerating AES with Vector Permute Instructions" (CHES 2009).
 */
import { mayUseRelaxedSimd } from "../fp/host-fma.js";
import type { FunctionBuilder } from "../ir/function.js";
import type { V128 } from "../ir/value.js";
import { AREA } from "../layout.js";

type Map8 = (x: number) => number;

/** Multiplication in GF(2)[x] modulo the polynomial of degree 8. */
const fieldOf =
  (polynomial: number) =>
  (a: number, b: number): number => {
    let product = 0;
    for (let i = 7; i >= 0; i--) {
      product = (product << 1) ^ ((product >> 7) * polynomial);
      if ((b >> i) & 1) product ^= a;
    }
    return product;
  };

const parity = (x: number): number => [1, 2, 4].reduceRight((v, n) => v ^ (v >> n), x) & 1;

/** The circulant bit matrix whose row i is `row` rotated left by i. */
const circulant =
  (row: number): Map8 =>
  (x) => {
    let result = 0;
    for (let i = 0; i < 8; i++) result |= parity(((row << i) | (row >> (8 - i))) & x & 0xff) << i;
    return result;
  };

const BYTES = Array.from({ length: 256 }, (_, i) => i);
const NIBBLES = BYTES.slice(0, 16);

/** What stands for 1 / 0: looked up, it gives 0, as 1 / ∞ should. */
const INFINITY = 0x80;

interface Tables {
  /** Lower and upper half of a byte to i in the upper and k = i + j in the lower half. */
  readonly before: readonly [number[], number[]];
  /** 1 / x and a / x in GF(2^4). */
  readonly inverse: number[];
  readonly scaled: number[];
  /** What the two halves of the inverse's reciprocals contribute, and what is added to that. */
  readonly after: readonly [number[], number[]];
  readonly constant: number;
}

/**
 * Tables for after(1 / before(x)). A byte is i·w + j·v, with w + v = 1 and v = w^16; its norm N = i·j + k²/a, where
 * 1/a = w·v, and its inverse is (j·w + i·v) / N. Looked up are 1 / (i/N + k/aN) and 1 / (j/N + k/aN), which four
 * inverses in GF(2^4) give.
 */
function tablesOf(polynomial: number, before: Map8, after: Map8): Tables {
  const times = fieldOf(polynomial);
  const square = (x: number): number => times(x, x);
  const conjugate = (x: number): number => square(square(square(square(x))));
  const small = BYTES.filter((x) => conjugate(x) === x);
  // By a basis of GF(2^4) its elements have numbers that are added bit by bit.
  const element = [0];
  for (const x of small) if (!element.includes(x)) element.push(...element.map((y) => x ^ y));
  const number = (x: number): number => element.indexOf(x);
  const inverseOf = (x: number): number => small.find((y) => times(x, y) === 1) as number;
  const w = BYTES.find((x) => (x ^ conjugate(x)) === 1) as number;
  const v = w ^ 1;
  const a = inverseOf(times(w, v));
  const pairs = new Map<number, number>();
  for (const i of NIBBLES) {
    for (const j of NIBBLES) {
      const byte = times(element[i] as number, w) ^ times(element[j] as number, v);
      pairs.set(byte, (i << 4) | (i ^ j));
    }
  }
  const split = (x: number): number => pairs.get(before(x)) as number;
  const reciprocal = (n: number, scale: number): number =>
    n === 0 ? INFINITY : number(times(scale, inverseOf(element[n] as number)));
  /** The inverse whose reciprocals looked up are those of p and q. */
  const joined = (p: number, q: number): number => {
    const rest = times(p ^ q, inverseOf(a));
    return after(times(q ^ rest, w) ^ times(p ^ rest, v)) ^ after(0);
  };
  const elementOf = (n: number): number => (n === 0 ? 0 : inverseOf(element[n] as number));
  return {
    before: [NIBBLES.map(split), NIBBLES.map((n) => split(n << 4) ^ split(0))],
    inverse: NIBBLES.map((n) => reciprocal(n, 1)),
    scaled: NIBBLES.map((n) => reciprocal(n, a)),
    after: [NIBBLES.map((n) => joined(elementOf(n), 0)), NIBBLES.map((n) => joined(0, elementOf(n)))],
    constant: after(0),
  };
}

const same: Map8 = (x) => x;
const aesAffine: Map8 = (x) => circulant(0xf1)(x) ^ 0x63;
/** The circulant matrix that undoes 0xf1. */
const aesAffineBack: Map8 = (y) => circulant(0xa4)(y ^ 0x63);
const sm4Affine: Map8 = (x) => circulant(0xa7)(x) ^ 0xd3;

const splat = (byte: number): number[] => new Array<number>(16).fill(byte);

/** What is looked up, one vector each, in the order in which it is in AREA.substitutionTables. */
const PARTS = ["before0", "before1", "scaled", "inverse", "after0", "after1", "constant", "nibble"] as const;
const BOXES = {
  aes: () => tablesOf(0x11b, same, aesAffine),
  aesInverse: () => tablesOf(0x11b, aesAffineBack, same),
  sm4: () => tablesOf(0x1f5, sm4Affine, sm4Affine),
} as const;
type Box = keyof typeof BOXES;

const addressOf = (box: Box, part: (typeof PARTS)[number]): number =>
  AREA.substitutionTables + 16 * (Object.keys(BOXES).indexOf(box) * PARTS.length + PARTS.indexOf(part));

/** Fills AREA.substitutionTables. A host takes longer to make a vector of immediates than to load one. */
export function writeSubstitutionTables(buffer: ArrayBuffer | SharedArrayBuffer): void {
  for (const [box, make] of Object.entries(BOXES)) {
    const { before, inverse, scaled, after, constant } = make();
    const vectors: Record<(typeof PARTS)[number], number[]> = {
      before0: before[0],
      before1: before[1],
      scaled,
      inverse,
      after0: after[0],
      after1: after[1],
      constant: splat(constant),
      nibble: splat(0x0f),
    };
    for (const part of PARTS) new Uint8Array(buffer, addressOf(box as Box, part), 16).set(vectors[part]);
  }
}

/** Each byte of v replaced. */
export function substitute(fb: FunctionBuilder, box: Box, v: V128): V128 {
  const table = (part: (typeof PARTS)[number]): V128 => fb.load("v128.load", fb.i32(0), addressOf(box, part)) as V128;
  const inverse = table("inverse");
  const nibble = table("nibble");
  const lower = (x: V128): V128 => x.and(nibble);
  const upper = (x: V128): V128 => x.op("i16x8.shr_u", fb.i32(4)).and(nibble);
  const pair = look(fb, table("before0"), lower(v)).xor(look(fb, table("before1"), upper(v)));
  const [i, k] = [upper(pair), lower(pair)];
  const j = i.xor(k);
  const ak = look(fb, table("scaled"), k);
  const io = look(fb, inverse, look(fb, inverse, i).xor(ak)).xor(j);
  const jo = look(fb, inverse, look(fb, inverse, j).xor(ak)).xor(i);
  return look(fb, table("after0"), io)
    .xor(look(fb, table("after1"), jo))
    .xor(table("constant"));
}

/** Entries of a table of sixteen; 0 for an index with the top bit set. All others are below 16. */
export const look = (fb: FunctionBuilder, table: V128, index: V128): V128 =>
  table.op(mayUseRelaxedSimd(fb) ? "i8x16.relaxed_swizzle" : "i8x16.swizzle", index);
