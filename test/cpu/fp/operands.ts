// Operands that reach the corners of floating point: special values, fractions that end in a tie, exponents at the
// edges of every format and near one another, and sums that cancel. The seed is fixed.

import { FPCR } from "../../../src/cpu/fp/format.js";
import type { Instruction } from "./instructions.js";

/** Unbiased exponents where some format or some integer ends. */
const EDGES = [
  -1074, -1050, -1023, -1022, -511, -150, -149, -127, -126, -64, -25, -24, -15, -14, -2, -1, 0, 1, 2, 7, 10, 15, 16, 23,
  31, 32, 52, 63, 64, 83, 127, 128, 511, 1022, 1023,
];

const FIELDS: Record<number, { exp: number; frac: number }> = {
  16: { exp: 5, frac: 10 },
  32: { exp: 8, frac: 23 },
  64: { exp: 11, frac: 52 },
};

export class Operands {
  private readonly float = new DataView(new ArrayBuffer(8));

  constructor(private state: number) {}

  /** 32 random bits (mulberry32). */
  private word(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  private below(n: number): number {
    return this.word() % n;
  }

  private bits(width: number): bigint {
    return BigInt.asUintN(width, (BigInt(this.word()) << 32n) | BigInt(this.word()));
  }

  private pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }

  /** A bit string made of a few runs: all zeros, all ones, one bit, a tie, a tie and one bit more… */
  private runs(width: number): bigint {
    let value = this.below(2) ? this.bits(width) : 0n;
    const cut = BigInt(this.below(width + 1));
    value = (value >> cut) << cut;
    if (this.below(2)) value ^= 1n << BigInt(this.below(width));
    if (this.below(3) === 0) value ^= (1n << BigInt(this.below(width + 1))) - 1n;
    if (this.below(4) === 0) value ^= 1n;
    return BigInt.asUintN(width, value);
  }

  private special(width: number): bigint {
    const { exp, frac } = FIELDS[width] as { exp: number; frac: number };
    const f = BigInt(frac);
    const infinity = ((1n << BigInt(exp)) - 1n) << f;
    const one = ((1n << BigInt(exp - 1)) - 1n) << f;
    const quiet = 1n << (f - 1n);
    const payload = this.bits(frac - 1);
    const magnitude = this.pick([
      0n,
      0n,
      1n,
      (1n << f) - 1n,
      1n << f,
      infinity - 1n,
      infinity,
      infinity,
      infinity | quiet,
      infinity | quiet | payload,
      infinity | payload | 1n,
      one,
      one + (1n << f),
      payload,
    ]);
    return this.signed(width, magnitude);
  }

  private signed(width: number, magnitude: bigint): bigint {
    return this.below(2) ? magnitude | (1n << BigInt(width - 1)) : magnitude;
  }

  private withExponent(width: number, exponent: number): bigint {
    const { exp, frac } = FIELDS[width] as { exp: number; frac: number };
    const biased = exponent + 2 ** (exp - 1) - 1;
    const field = Math.max(0, Math.min(2 ** exp - 2, biased));
    return this.signed(width, (BigInt(field) << BigInt(frac)) | this.runs(frac));
  }

  private one(width: number, edge: number): bigint {
    switch (this.below(8)) {
      case 0:
      case 1:
        return this.special(width);
      case 2:
        return this.bits(width);
      default:
        return this.withExponent(width, edge + this.below(5) - 2);
    }
  }

  private value(width: number, bits: bigint): number {
    if (width === 64) {
      this.float.setBigUint64(0, bits);
      return this.float.getFloat64(0);
    }
    this.float.setUint32(0, Number(bits));
    return this.float.getFloat32(0);
  }

  private encode(width: number, value: number): bigint {
    if (width === 64) {
      this.float.setFloat64(0, value);
      return this.float.getBigUint64(0);
    }
    this.float.setFloat32(0, value);
    return BigInt(this.float.getUint32(0));
  }

  /** About -(a * b), so that an addition of the product all but cancels. */
  private cancelling(width: number, a: bigint, b: bigint): bigint {
    if (width === 16) return this.one(16, 0);
    const near = this.encode(width, -this.value(width, a) * this.value(width, b));
    return BigInt.asUintN(width, near + BigInt(this.below(5)) - 2n);
  }

  /** Operands for one execution; the places of those the instruction does not have hold zero. */
  draw(instruction: Instruction): [bigint, bigint, bigint] {
    const [wa = 0, wb = 0, wc = 0] = instruction.operands;
    if (instruction.asm.includes("cvtf") || instruction.asm.startsWith("ur")) return [this.runs(wa), 0n, 0n];
    if (wc !== 0 && this.below(12) === 0) return [this.special(wa), this.special(wb), this.special(wc)];
    const edge = this.pick(EDGES);
    const a = this.one(wa, edge);
    if (wb === 0) return [a, 0n, 0n];
    let b: bigint;
    switch (this.below(6)) {
      case 0:
        b = BigInt.asUintN(wb, (a ^ (this.bits(1) << BigInt(wb - 1))) + BigInt(this.below(5)) - 2n);
        break;
      case 1:
        // A product or quotient near the edges of the format.
        b = this.one(wb, this.pick(EDGES) - edge);
        break;
      default:
        b = this.one(wb, this.below(2) ? edge : this.pick(EDGES));
    }
    if (wc === 0) return [a, b, 0n];
    const c = this.below(3) === 0 ? this.cancelling(wc, a, b) : this.one(wc, this.below(2) ? 2 * edge : edge);
    return [a, b, c];
  }

  /** Any combination of the control bits; plain round-to-nearest more often than chance has it. */
  fpcr(): number {
    if (this.below(4) === 0) return 0;
    return this.word() & (FPCR.RMode | FPCR.FZ | FPCR.FZ16 | FPCR.DN | FPCR.AHP);
  }
}
