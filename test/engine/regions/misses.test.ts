/**
 * Regions leave TLB misses to the interpreter; those that do so often, and those of code that always will, have calls
 * that fill the TLB.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { BAIL } from "../../../src/engine/bails.js";
import { CPU } from "../../../src/engine/layout.js";
import { COUNTER, compileHot, DATA, type Machine, machine, machineThatKeeps, slice, start, state } from "../rig.js";

const LOOP = [
  ...[0xf9400001, 0x8b010042], // ldr x1, [x0]; add x2, x2, x1
  0xf9000402, // str x2, [x0, #8]
  0xd1000400 | (COUNTER << 5) | COUNTER, // sub x28, x28, #1
  0xb5ffff80 | COUNTER, // cbnz x28, the load
  0x14000000,
];
/** SCTLR_EL1.A: what the TLB has is for aligned accesses alone, so that each of them misses. */
const ALIGNED = 2n;

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "trapframe-misses-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

function checkAlignment({ engine, vcpu }: Machine): void {
  vcpu.setSysreg("SCTLR_EL1", vcpu.sysreg("SCTLR_EL1") | ALIGNED);
  vcpu.recomputeModes();
  engine.exports.flushCpu(vcpu.base);
}

function begin(m: Machine): void {
  start(m, LOOP, 3);
  m.vcpu.setX(0, DATA);
  m.vcpu.setX(COUNTER, 1n << 40n);
}

const misses = ({ vcpu }: Machine): number => Number(vcpu.get64(CPU.statBails + 8 * BAIL.memory));

/** Runs on until so many regions have been compiled or taken. All machines, and their states are the same. */
async function runUntil(regions: number, ...machines: [Machine, ...Machine[]]): Promise<void> {
  const deadline = Date.now() + 40_000;
  for (let turn = 0; Date.now() < deadline && machines[0].engine.compiled.regions < regions; turn++) {
    const budget = 3001 + 31 * (turn % 200);
    const [first, ...others] = machines.map((m) => [slice(m, budget), state(m)]);
    for (const other of others) expect(other, `turn ${turn}`).toEqual(first);
    await compileHot(machines[0], 20);
  }
}

it("a region that misses often is compiled again, and the run is the same", async () => {
  const compiled = await machine(true);
  const plain = await machine(false);
  for (const m of [compiled, plain]) begin(m);
  await runUntil(1, compiled, plain);
  for (const m of [compiled, plain]) checkAlignment(m);
  await runUntil(2, compiled, plain);
  expect(compiled.engine.compiled).toMatchObject({ regions: 2, droppedForMisses: 1 });
  const before = misses(compiled);
  expect(before).toBeGreaterThan(1000);
  for (const m of [compiled, plain]) slice(m, 10_000);
  expect(misses(compiled)).toBe(before);
  expect(state(compiled)).toBe(state(plain));
}, 120_000);

it("a region that becomes hot while accesses must be aligned has the calls at once", async () => {
  const m = await machine(true);
  begin(m);
  checkAlignment(m);
  await runUntil(1, m);
  const before = misses(m);
  slice(m, 50_000);
  expect(m.engine.compiled).toMatchObject({ regions: 1, droppedForMisses: 0 });
  expect(misses(m)).toBe(before);
}, 60_000);

it("a region that was compiled again is what later runs find", async () => {
  const first = await machineThatKeeps(directory);
  begin(first);
  await runUntil(1, first);
  checkAlignment(first);
  await runUntil(2, first);
  first.engine.saveCode();
  expect(first.engine.compiled).toMatchObject({ regions: 2, kept: 0, droppedForMisses: 1 });
  const second = await machineThatKeeps(directory);
  begin(second);
  await runUntil(1, second);
  checkAlignment(second);
  slice(second, 50_000);
  expect(second.engine.compiled).toMatchObject({ regions: 1, kept: 1, droppedForMisses: 0 });
  expect(misses(second)).toBe(0);
}, 120_000);

it("a region without the calls is not taken where all accesses miss", async () => {
  const first = await machineThatKeeps(directory);
  begin(first);
  await runUntil(1, first);
  first.engine.saveCode();
  const second = await machineThatKeeps(directory);
  begin(second);
  checkAlignment(second);
  await runUntil(1, second);
  expect(second.engine.compiled).toMatchObject({ regions: 1, kept: 0, droppedForMisses: 0 });
}, 120_000);
