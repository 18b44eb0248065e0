// Fused multiply-add as compiled regions have it, on the host's own instruction where there is one, against the exact
// path: results and FPSR, for ordinary and special operands, results at the ends of the range, and sums that cancel.

import { describe, expect, it } from "vitest";
import { FpOp, fpExact } from "../../../src/cpu/fp/exact.js";
import { FPSR } from "../../../src/cpu/fp/format.js";
import { fusedScalar } from "../../../src/engine/fp/fused.js";
import { fusedVector } from "../../../src/engine/fp/vector.js";
import { defineFunction } from "../../../src/engine/ir/module.js";
import type { I64 } from "../../../src/engine/ir/value.js";
import { CPU } from "../../../src/engine/layout.js";
import { FpModule } from "./fp-module.js";

const WIDTHS = [32, 64] as const;

const scalar = (width: 32 | 64) =>
  defineFunction(`scalar_${width}`, "illl", "l", (fb, cpu, a, b, c) => fb.return(fusedScalar(fb, cpu, width, a, b, c)));

/** The operands in every lane; the lowest lane of the result. */
const vector = (width: 32 | 64) =>
  defineFunction(`vector_${width}`, "illl", "l", (fb, cpu, a, b, c) => {
    const all = (bits: I64) => fb.v128Zero().withElement(64, 0, width === 64 ? bits : bits.or(bits.shl(32)));
    fb.return(fusedVector(fb, cpu, width, false, all(c), all(a), all(b)).element(width, 0));
  });

/** xorshift64, so that a failure repeats. */
function generator(seed: bigint): () => bigint {
  let state = seed;
  return () => {
    state ^= BigInt.asUintN(64, state << 13n);
    state ^= state >> 7n;
    state ^= BigInt.asUintN(64, state << 17n);
    return state;
  };
}

/** Numbers near 1, anything at all, small integers, or the format's special values. */
function operand(width: 32 | 64, random: () => bigint): bigint {
  const [digits, bias] = width === 32 ? [23n, 127n] : [52n, 1023n];
  const bits = BigInt.asUintN(width, random());
  const fraction = bits & ((1n << digits) - 1n);
  const sign = bits & (1n << BigInt(width - 1));
  const exponent = (value: bigint): bigint => value << digits;
  const kind = Number(random() % 8n);
  if (kind < 4) return sign | exponent(bias - 2n + (random() % 5n)) | fraction;
  if (kind === 4) return bits;
  if (kind === 5) return sign | exponent(bias + (random() % 4n)) | ((fraction >> (digits - 3n)) << (digits - 3n));
  if (kind === 6) return sign | exponent(random() % 2n === 0n ? 1n : 2n * bias) | fraction;
  const special = [0n, 1n, exponent(1n), exponent(2n * bias + 1n), exponent(2n * bias + 1n) | 1n, exponent(bias)];
  return sign | (special[Number(random() % BigInt(special.length))] as bigint);
}

describe.each(WIDTHS)("multiply-add of %i bits in compiled code", (width) => {
  const module = new FpModule([scalar(width), ...(width === 32 ? [vector(32)] : [])], false);
  // A vector of doubles has two lanes in use, always.
  it.each(width === 32 ? (["scalar", "vector"] as const) : (["scalar"] as const))(
    "is the exact path's, %s",
    (shape) => {
      const index = shape === "scalar" ? 0 : 1;
      const random = generator(0x9e3779b97f4a7c15n + BigInt(width));
      let inPlace = 0;
      for (let n = 0; n < 20_000; n++) {
        const a = operand(width, random);
        const b = operand(width, random);
        // Every fourth addend cancels what it can of the product's sign and exponent.
        const c = n % 4 === 0 ? a ^ (1n << BigInt(width - 1)) : operand(width, random);
        const fpsr = n % 3 === 0 ? 0 : FPSR.IXC;
        const expected = fpExact(FpOp.FMADD, width, a, b, c, 0);
        const { bits, exact } = module.run(index, 0, fpsr, [a, b, c]);
        if (!exact) inPlace++;
        const at = `${a.toString(16)} * ${b.toString(16)} + ${c.toString(16)}`;
        expect(`${at} = ${BigInt.asUintN(width, bits).toString(16)}`).toBe(`${at} = ${expected.bits.toString(16)}`);
        expect(`${at}: ${module.view.getUint32(CPU.fpsr, true)}`).toBe(`${at}: ${fpsr | expected.flags}`);
      }
      expect(inPlace).toBeGreaterThan(5_000);
    },
  );
});

it("vectors of doubles", () => {
  const both = defineFunction("doubles", "illl", "l", (fb, cpu, a, b, c) => {
    const [x, y, z] = [a, b, c].map((v) => fb.v128Zero().withElement(64, 0, v).withElement(64, 1, v));
    fb.return(fusedVector(fb, cpu, 64, true, z!, x!, y!).element(64, 1));
  });
  const module = new FpModule([both], false);
  const random = generator(77n);
  for (let n = 0; n < 5_000; n++) {
    const [a, b, c] = [operand(64, random), operand(64, random), operand(64, random)] as const;
    const expected = fpExact(FpOp.FMADD, 64, a, b, c, 0);
    expect(BigInt.asUintN(64, module.run(0, 0, FPSR.IXC, [a, b, c]).bits)).toBe(expected.bits);
    expect(module.view.getUint32(CPU.fpsr, true)).toBe(FPSR.IXC | expected.flags);
  }
});
