/** MSR of FPCR and FPSR: which of them the engine carries out by itself, and that results follow the mode at once. */
import { expect, it } from "vitest";
import { fpFastOf } from "../../../src/engine/fp/mode.js";
import { CPU } from "../../../src/engine/layout.js";
import { CODE, COUNTER, compileHot, type Machine, machine, slice, sliceAlike, start, untilCompiled } from "../rig.js";

/**
 * Rounds by X1, X2 and X3 in turn, and what comes of 1/3 added to D5 to D7; FPSR cleared, and what it is then in X8.
 */
const program = [
  ...[0xd51b4401, 0x1e641860, 0x1e6028a5], // msr fpcr, x1; fdiv d0, d3, d4; fadd d5, d5, d0
  ...[0xd51b4402, 0x1e641860, 0x1e6028c6], // msr fpcr, x2; fdiv d0, d3, d4; fadd d6, d6, d0
  ...[0xd51b4403, 0x1e641860, 0x1e6028e7], // msr fpcr, x3; fdiv d0, d3, d4; fadd d7, d7, d0
  ...[0xd53b4428, 0xd51b443f], // mrs x8, fpsr; msr fpsr, xzr
  ...[0xd100079c, 0xb5000000 | ((-12 & 0x7ffff) << 5) | COUNTER, 0x14000000], // sub x28, x28, #1; cbnz x28; b .
];
const [UP, DOWN, FZ] = [1n << 22n, 2n << 22n, 1n << 24n];

function begin(m: Machine): void {
  start(m, program, 3);
  for (const [n, value] of [UP, DOWN, FZ].entries()) m.vcpu.setX(n + 1, value);
  m.vcpu.setX(COUNTER, 1n << 40n);
  for (const n of [3, 4, 5, 6, 7]) {
    const { buffer, byteOffset } = m.vcpu.v(n);
    new Float64Array(buffer, byteOffset, 2).set([n === 3 ? 1 : n === 4 ? 3 : 0, 0]);
  }
}

it("rounds by what was written, and asks nobody", async () => {
  // The machine's host throws where a system register is asked for.
  const [compiled, plain] = [await machine(true), await machine(false)];
  for (const m of [compiled, plain]) begin(m);
  for (let turn = 0; turn < 12; turn++) {
    sliceAlike(compiled, plain, 30_000 + 37 * turn, `turn ${turn}`);
    await (turn === 0 ? untilCompiled(compiled) : compileHot(compiled, 1));
  }
  expect(compiled.engine.compiled.regions).toBeGreaterThan(0);
  const double = (n: number): number => new DataView(Uint8Array.from(plain.vcpu.v(n)).buffer).getFloat64(0, true);
  expect(double(5)).toBeGreaterThan(double(7));
  expect(double(6)).toBeLessThan(double(7));
});

it("takes the bits that there are, and leaves FZ16 to who knows the model", async () => {
  const asked: number[] = [];
  const m = await machine(false, { host: { sysregAccess: (_cpu, encoding) => void asked.push(encoding & 0x7fff) } });
  begin(m);
  for (const value of [0xffff_ffff_fff7_ffffn, DOWN, 0n]) {
    m.vcpu.pc = CODE;
    m.vcpu.setX(1, value);
    m.vcpu.setFpsr(1 << 4);
    slice(m, 1);
    expect(m.vcpu.get64(CPU.fpcr)).toBe(value & 0x07c0_0000n);
    expect(m.vcpu.get32(CPU.fpFast)).toBe(fpFastOf(Number(value & 0x07c0_0000n), 1 << 4));
  }
  expect(asked).toEqual([]);
  m.vcpu.pc = CODE;
  m.vcpu.setX(1, 1n << 19n);
  slice(m, 1);
  expect(asked).toHaveLength(1);
  m.vcpu.pc = CODE + 40n;
  m.engine.writePhysical(CODE + 40n, new Uint8Array(Uint32Array.of(0xd51b4421).buffer)); // msr fpsr, x1
  m.vcpu.setX(1, ~0n);
  slice(m, 1);
  expect(m.vcpu.get64(CPU.fpsr)).toBe(0x0800_009fn);
});
