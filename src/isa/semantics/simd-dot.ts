/** Sums of products of bytes in 32-bit elements (DDI 0487, FEAT_DotProd and FEAT_I8MM). */
import type { Builder } from "../../engine/builder.js";
import type { V128 } from "../../engine/ir/value.js";
import type { Operand } from "../pattern.js";
import { type ByElement, indexedElement } from "./simd-forms.js";
import { elementShuffle, Lanes } from "./simd-lanes.js";
import { putVector } from "./simd-registers.js";

interface Dot {
  readonly Rm: Operand;
  readonly Rn: Operand;
  readonly Rd: Operand;
}

/** Sums of two neighbouring products of the bytes of half `high`: 32-bit elements. */
function pairSums(b: Builder, signedN: boolean, signedM: boolean, high: boolean, n: V128, m: V128): V128 {
  const bytes = new Lanes(b, 0);
  return bytes.extend(signedN, high, n).op("i32x4.dot_i16x8_s", bytes.extend(signedM, high, m));
}

function dot(b: Builder, signedN: boolean, signedM: boolean, n: V128, m: V128): V128 {
  const words = new Lanes(b, 2);
  const low = pairSums(b, signedN, signedM, false, n, m);
  const high = pairSums(b, signedN, signedM, true, n, m);
  return words.add(words.evens(low, high), words.odds(low, high));
}

export const dotProduct =
  (signedN: boolean, signedM: boolean) =>
  (b: Builder, f: Dot & { readonly Q: number }): void => {
    const sum = dot(b, signedN, signedM, b.V(f.Rn), b.V(f.Rm));
    putVector(b, f.Rd, new Lanes(b, 2).add(b.V(f.Rd), sum), 64 << f.Q);
  };

/** The element holds four bytes of m. */
export const dotProductByElement =
  (signedN: boolean, signedM: boolean) =>
  (b: Builder, f: Omit<ByElement, "size"> & { readonly Q: number }): void => {
    const sum = dot(b, signedN, signedM, b.V(f.Rn), indexedElement(b, { ...f, size: 2 }));
    putVector(b, f.Rd, new Lanes(b, 2).add(b.V(f.Rd), sum), 64 << f.Q);
  };

/** SMMLA and kin: n is 2 × 8, m the transpose of 8 × 2, the accumulator 2 × 2. */
export const matrixMultiply =
  (signedN: boolean, signedM: boolean) =>
  (b: Builder, f: Dot): void => {
    const words = new Lanes(b, 2);
    const n = b.V(f.Rn);
    const m = b.V(f.Rm);
    // First n's rows by m's equal-numbered ones (elements 0 and 3 of the result), then by the other ones (1 and 2).
    const swapped = m.shuffle(
      m,
      elementShuffle(3, (e) => (e & 1) ^ 1),
    );
    const sums = (other: V128): V128 => {
      const low = pairSums(b, signedN, signedM, false, n, other);
      const high = pairSums(b, signedN, signedM, true, n, other);
      const halves = words.add(words.evens(low, high), words.odds(low, high));
      return words.add(words.evens(halves, halves), words.odds(halves, halves));
    };
    const straight = sums(m);
    const crossed = sums(swapped);
    const places = [0, 4, 5, 1];
    const product = straight.shuffle(
      crossed,
      elementShuffle(2, (e) => places[e] as number),
    );
    b.setV(f.Rd, words.add(b.V(f.Rd), product));
  };
