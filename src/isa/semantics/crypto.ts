/**
 * Cryptographic instructions (DDI 0487, C4.1 "Cryptographic AES", "three-register SHA", "two-register SHA",
 * "three-register SHA 512", "four-register", "XAR"): registers in, a step of the algorithm, register out.
 */
import type { Builder } from "../../engine/builder.js";
import { carrylessMultiply } from "../../engine/crypto/carryless.js";
import type { DefinedFunction } from "../../engine/ir/module.js";
import type { I32, V128 } from "../../engine/ir/value.js";
import type { Operand } from "../pattern.js";
import { Lanes } from "./simd-lanes.js";

interface Two {
  readonly Rn: Operand;
  readonly Rd: Operand;
}
interface Three extends Two {
  readonly Rm: Operand;
}
interface Four extends Three {
  readonly Ra: Operand;
}

/** Vd = step(Vn), in place. */
export const inlineOfSource =
  (step: (b: Builder, n: V128) => V128) =>
  (b: Builder, f: Two): void =>
    b.setV(f.Rd, step(b, b.V(f.Rn)));

/** Vd = step(Vd, Vn), in place. */
export const inlineTwoRegisterStep =
  (step: (b: Builder, d: V128, n: V128) => V128) =>
  (b: Builder, f: Two): void =>
    b.setV(f.Rd, step(b, b.V(f.Rd), b.V(f.Rn)));

/** Vd = step(Vd, Vn, Vm), in place. */
export const inlineThreeRegisterStep =
  (step: (b: Builder, d: V128, n: V128, m: V128) => V128) =>
  (b: Builder, f: Three): void =>
    b.setV(f.Rd, step(b, b.V(f.Rd), b.V(f.Rn), b.V(f.Rm)));

/** Vd = step(Vd, Vn). */
export const twoRegisterStep =
  (step: DefinedFunction<"vv", "v">) =>
  (b: Builder, f: Two): void =>
    b.setV(f.Rd, b.call(step, b.V(f.Rd), b.V(f.Rn)));

/** Vd = step(Vd, Vn, Vm). */
export const threeRegisterStep =
  (step: DefinedFunction<"vvv", "v">) =>
  (b: Builder, f: Three): void =>
    b.setV(f.Rd, b.call(step, b.V(f.Rd), b.V(f.Rn), b.V(f.Rm)));

/** Vd = step(Vn, Vd, Vm): the instructions on the other half of the hash state. */
export const otherHalfStep =
  (step: DefinedFunction<"vvv", "v">) =>
  (b: Builder, f: Three): void =>
    b.setV(f.Rd, b.call(step, b.V(f.Rn), b.V(f.Rd), b.V(f.Rm)));

/** Vd = step(Vn, Vm). */
export const ofSources =
  (step: DefinedFunction<"vv", "v">) =>
  (b: Builder, f: Three): void =>
    b.setV(f.Rd, b.call(step, b.V(f.Rn), b.V(f.Rm)));

/** Vd = step(Vn, Vm, Va). */
export const fourRegisterStep =
  (step: DefinedFunction<"vvv", "v">) =>
  (b: Builder, f: Four): void =>
    b.setV(f.Rd, b.call(step, b.V(f.Rn), b.V(f.Rm), b.V(f.Ra)));

/** Vd = step(Vd, Vn, Vm.S[imm2]). */
export const indexedStep =
  (step: DefinedFunction<"vvi", "v">) =>
  (b: Builder, f: Three & { imm2: Operand }): void => {
    const word: I32 = new Lanes(b, 2).broadcast(b.V(f.Rm), b.operand(f.imm2)).i32(0);
    b.setV(f.Rd, b.call(step, b.V(f.Rd), b.V(f.Rn), word));
  };

/** PMULL, PMULL2 to 128 bits. */
export function pmull64(b: Builder, f: Three & { readonly Q: number }): void {
  const half = f.Q as 0 | 1;
  b.setV(f.Rd, b.call(carrylessMultiply, b.V(f.Rn).i64(half), b.V(f.Rm).i64(half)));
}

export const sha1h = (b: Builder, f: Two): void => b.setS(f.Rd, b.S(f.Rn).rotl(30));

export function sha1su0(b: Builder, f: Three): void {
  const d = b.V(f.Rd);
  const crossing = d.shuffle(
    b.V(f.Rn),
    Array.from({ length: 16 }, (_, i) => i + 8),
  );
  b.setV(f.Rd, crossing.xor(d).xor(b.V(f.Rm)));
}

export const eor3 = (b: Builder, f: Four): void => b.setV(f.Rd, b.V(f.Rn).xor(b.V(f.Rm)).xor(b.V(f.Ra)));
export const bcax = (b: Builder, f: Four): void => b.setV(f.Rd, b.V(f.Rn).xor(b.V(f.Rm).andnot(b.V(f.Ra))));

function rotateRight(b: Builder, v: V128, amount: I32): V128 {
  const l = new Lanes(b, 3);
  return l.shrU(v, amount).or(l.shl(v, amount.neg()));
}
export const rax1 = (b: Builder, f: Three): void => b.setV(f.Rd, b.V(f.Rn).xor(rotateRight(b, b.V(f.Rm), b.i32(63))));
export const xar = (b: Builder, f: Three & { imm6: Operand }): void =>
  b.setV(f.Rd, rotateRight(b, b.V(f.Rn).xor(b.V(f.Rm)), b.operand(f.imm6)));
