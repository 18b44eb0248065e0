/** Carry-less multiplication of 64-bit polynomials, as PMULL needs it (DDI 0487, "PolynomialMult"). */
import type { FunctionBuilder } from "../ir/function.js";
import { defineFunction } from "../ir/module.js";
import type { I64 } from "../ir/value.js";

/** Every fourth bit: sums of products of such numbers carry into the three zeros between, where they are dropped. */
const EVERY_FOURTH = 0x1111111111111111n;
const spread = [0n, 1n, 2n, 3n].map((i) => EVERY_FOURTH << i);

const lowHalf = defineFunction("carrylessLow", "ll", "l", (fb, a, b) => {
  const as = spread.map((mask) => a.and(mask));
  const bs = spread.map((mask) => b.and(mask));
  let result = fb.i64(0);
  spread.forEach((mask, k) => {
    let sum = fb.i64(0);
    as.forEach((part, i) => {
      sum = part.mul(bs[(k - i + 4) % 4] as I64).xor(sum);
    });
    result = sum.and(mask).or(result);
  });
  fb.return(result);
});

const reverseBits = defineFunction("reverseBits64", "l", "l", (fb, x) => {
  const swap = (v: I64, distance: number, mask: bigint): I64 =>
    v.shrU(distance).and(mask).or(v.and(mask).shl(distance));
  let r = swap(x, 1, 0x5555555555555555n);
  r = swap(r, 2, 0x3333333333333333n);
  r = swap(r, 4, 0x0f0f0f0f0f0f0f0fn);
  r = swap(r, 8, 0x00ff00ff00ff00ffn);
  r = swap(r, 16, 0x0000ffff0000ffffn);
  fb.return(r.rotr(32));
});

/** (a, b): bits 127–64 of the product are those of the mirrored one's low half, less its top place. */
function highHalf(fb: FunctionBuilder, a: I64, b: I64): I64 {
  const mirrored = fb.call(lowHalf, fb.call(reverseBits, a), fb.call(reverseBits, b));
  return fb.call(reverseBits, mirrored).shrU(1);
}

/** (a, b) → the 128-bit product. */
export const carrylessMultiply = defineFunction("carrylessMultiply", "ll", "v", (fb, a, b) => {
  const low = fb.v128Zero().withElement(64, 0, fb.call(lowHalf, a, b));
  fb.return(low.withElement(64, 1, highHalf(fb, a, b)));
});
