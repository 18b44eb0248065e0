/**
 * SHA-1, SHA-256 and SHA-512 steps (FIPS 180-4; DDI 0487, J1.1.3 "SHAhash…" and the instructions' own pseudocode).
 * Vector parameters come in the order Vd, Vn, Vm unless said otherwise.
 */

import type { FunctionBuilder } from "../ir/function.js";
import { type DefinedFunction, defineFunction } from "../ir/module.js";
import type { I32, I64, V128 } from "../ir/value.js";
import { choose, fromDoubles, fromWords, majority, type Words, words } from "./words.js";

// --- SHA-1 ----------------------------------------------------------------------------------------------------------

type Mixing = (x: I32, y: I32, z: I32) => I32;

/** Four rounds: (hash abcd, e in the lowest word, schedule + constant). */
const sha1Rounds = (name: string, mixing: Mixing): DefinedFunction<"vvv", "v"> =>
  defineFunction(name, "vvv", "v", (fb, abcd, rest, schedule) => {
    let [a, b, c, d] = words(abcd);
    let e = rest.i32(0);
    for (const w of words(schedule)) {
      const next = e
        .add(a.rotl(5))
        .add(mixing(b, c, d))
        .add(w);
      e = d;
      d = c;
      c = b.rotl(30);
      b = a;
      a = next;
    }
    fb.return(fromWords(fb, [a, b, c, d]));
  });

export const sha1Choose = sha1Rounds("sha1Choose", choose);
export const sha1Parity = sha1Rounds("sha1Parity", (x, y, z) => x.xor(y).xor(z));
export const sha1Majority = sha1Rounds("sha1Majority", majority);

export const sha1Schedule1 = defineFunction("sha1Schedule1", "vv", "v", (fb, d, n) => {
  const [d0, d1, d2, d3] = words(d);
  const [, n1, n2, n3] = words(n);
  const first = d0.xor(n1).rotl(1);
  fb.return(fromWords(fb, [first, d1.xor(n2).rotl(1), d2.xor(n3).rotl(1), d3.rotl(1).xor(first.rotl(1))]));
});

// --- SHA-256 --------------------------------------------------------------------------------------------------------

const rotations =
  (a: number, b: number, c: number) =>
  (x: I32): I32 =>
    x.rotr(a).xor(x.rotr(b)).xor(x.rotr(c));
const SIGMA0 = rotations(2, 13, 22);
const SIGMA1 = rotations(6, 11, 25);

/** SHA256hash: four rounds on (abcd, efgh, schedule + constant). */
const sha256Rounds = (name: string, part: "abcd" | "efgh"): DefinedFunction<"vvv", "v"> =>
  defineFunction(name, "vvv", "v", (fb, abcd, efgh, schedule) => {
    let x: Words = words(abcd);
    let y: Words = words(efgh);
    for (const w of words(schedule)) {
      const t = y[3]
        .add(SIGMA1(y[0]))
        .add(choose(y[0], y[1], y[2]))
        .add(w);
      const e = x[3].add(t);
      const a = t.add(SIGMA0(x[0])).add(majority(x[0], x[1], x[2]));
      x = [a, x[0], x[1], x[2]];
      y = [e, y[0], y[1], y[2]];
    }
    fb.return(fromWords(fb, part === "abcd" ? x : y));
  });

export const sha256HashAbcd = sha256Rounds("sha256HashAbcd", "abcd");
export const sha256HashEfgh = sha256Rounds("sha256HashEfgh", "efgh");

/** σ of every word. */
const sigmaOfWords =
  (a: number, b: number, shift: number) =>
  (fb: FunctionBuilder, v: V128): V128 => {
    const right = (n: number): V128 => v.op("i32x4.shr_u", fb.i32(n));
    const rotated = (n: number): V128 => right(n).or(v.op("i32x4.shl", fb.i32(32 - n)));
    return rotated(a).xor(rotated(b)).xor(right(shift));
  };
const sigma0 = sigmaOfWords(7, 18, 3);
const sigma1 = sigmaOfWords(17, 19, 10);

/** Words `from` to `from` + 3 of b:a. */
const wordsFrom = (a: V128, b: V128, from: number): V128 =>
  a.shuffle(
    b,
    Array.from({ length: 16 }, (_, i) => 4 * from + i),
  );

export const sha256Schedule0 = (fb: FunctionBuilder, d: V128, n: V128): V128 =>
  d.op("i32x4.add", sigma0(fb, wordsFrom(d, n, 1)));

export function sha256Schedule1(fb: FunctionBuilder, d: V128, n: V128, m: V128): V128 {
  const zero = fb.v128Zero();
  const sum = d.op("i32x4.add", wordsFrom(n, m, 1));
  // The lower words come of the upper ones of m, the upper ones then of the lower.
  const lower = sum.op("i32x4.add", sigma1(fb, wordsFrom(m, zero, 2)));
  return lower.op("i32x4.add", sigma1(fb, wordsFrom(zero, lower, 2)));
}

// --- SHA-512 --------------------------------------------------------------------------------------------------------

const rotations64 =
  (a: number, b: number, c: number) =>
  (x: I64): I64 =>
    x.rotr(a).xor(x.rotr(b)).xor(x.rotr(c));
const sigma64 =
  (a: number, b: number, shift: number) =>
  (x: I64): I64 =>
    x.rotr(a).xor(x.rotr(b)).xor(x.shrU(shift));
const SIGMA0_64 = rotations64(28, 34, 39);
const SIGMA1_64 = rotations64(14, 18, 41);
const sigma0_64 = sigma64(1, 8, 7);
const sigma1_64 = sigma64(19, 61, 6);

export const sha512Hash1 = defineFunction("sha512Hash1", "vvv", "v", (fb, w, x, y) => {
  const [y0, y1] = [y.i64(0), y.i64(1)];
  const high = choose(y1, x.i64(0), x.i64(1)).add(SIGMA1_64(y1)).add(w.i64(1));
  const sum = high.add(y0);
  const low = choose(sum, y1, x.i64(0)).add(SIGMA1_64(sum)).add(w.i64(0));
  fb.return(fromDoubles(fb, low, high));
});

export const sha512Hash2 = defineFunction("sha512Hash2", "vvv", "v", (fb, w, x, y) => {
  const [y0, y1] = [y.i64(0), y.i64(1)];
  const high = majority(x.i64(0), y1, y0).add(SIGMA0_64(y0)).add(w.i64(1));
  const low = majority(high, y0, y1).add(SIGMA0_64(high)).add(w.i64(0));
  fb.return(fromDoubles(fb, low, high));
});

export const sha512Schedule0 = defineFunction("sha512Schedule0", "vv", "v", (fb, w, x) => {
  fb.return(fromDoubles(fb, w.i64(0).add(sigma0_64(w.i64(1))), w.i64(1).add(sigma0_64(x.i64(0)))));
});

export const sha512Schedule1 = defineFunction("sha512Schedule1", "vvv", "v", (fb, w, x, y) => {
  const element = (i: 0 | 1): I64 =>
    w
      .i64(i)
      .add(sigma1_64(x.i64(i)))
      .add(y.i64(i));
  fb.return(fromDoubles(fb, element(0), element(1)));
});
