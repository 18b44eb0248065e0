/**
 * Which regions of an earlier run are taken: also of pages that have been written often, whose neighbour was not yet
 * what it became, and that were written while the region was compiled.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { FPCR } from "../../../src/cpu/fp/format.js";
import type { Engine } from "../../../src/engine/engine.js";
import { CODE, COUNTER, compileHot, type Machine, machineThatKeeps, slice, start, writeWords } from "../rig.js";

const NOP = 0xd503201f;
const OTHER_PAGE = CODE + 0x1000n;
/** An instruction of a page that nobody executes. */
const UNUSED = 0x800n;
/** A loop over the border between the pages; it begins in the first one, the rest is in the other. */
const LOOP = OTHER_PAGE - 4n;
const SPINS = 0x14000000;
const REST = [0xd1000400 | (COUNTER << 5) | COUNTER, 0xb5ffffc0 | COUNTER, SPINS];

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "trapframe-kept-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** Waits until the compiler has had something to do, ten seconds at most. */
async function hasCompiled(m: Machine): Promise<void> {
  for (let i = 0; i < 200 && m.engine.compiled.milliseconds === 0; i++) await compileHot(m, 50);
}

function run(m: Machine, rounds: bigint): void {
  m.vcpu.setX(COUNTER, rounds);
  m.vcpu.pc = LOOP;
  slice(m, Number(rounds) * 3);
}

/** Runs the guest on a machine that keeps code, until `prepare` and a thousand rounds behind it are done with. */
async function measure(prepare: (m: Machine) => void | Promise<void>): Promise<Engine["compiled"]> {
  const m = await machineThatKeeps(directory);
  start(m, [SPINS], 1);
  writeWords(m, LOOP, NOP, ...REST);
  // What keeps code is loaded when it is first wanted.
  slice(m, 8);
  await compileHot(m, 200);
  await prepare(m);
  for (let i = 0; i < 40 && m.engine.compiled.regions === 0; i++) {
    run(m, 1000n);
    await compileHot(m, 50);
  }
  m.engine.saveCode();
  return m.engine.compiled;
}

it.each([
  [
    "have been written often",
    (m: Machine) => {
      for (let i = 1; i <= 10; i++) {
        writeWords(m, CODE + UNUSED, i);
        writeWords(m, OTHER_PAGE, ...REST, i);
        run(m, 4n);
      }
    },
  ],
  [
    "have a neighbour that is written behind the first look",
    (m: Machine) => {
      writeWords(m, OTHER_PAGE, ...REST, 1);
      run(m, 4n);
      writeWords(m, OTHER_PAGE, ...REST, 2);
    },
  ],
])("takes those of pages that %s", async (_, prepare) => {
  expect((await measure(prepare)).regions).toBeGreaterThan(0);
  const { regions, kept, milliseconds } = await measure(prepare);
  expect(kept).toBeGreaterThan(0);
  expect({ regions, milliseconds }).toEqual({ regions: kept, milliseconds: 0 });
});

it("takes those of pages that were written while they were compiled", async () => {
  const other = (m: Machine): void => writeWords(m, OTHER_PAGE, ...REST, 1);
  await measure(async (m) => {
    other(m);
    run(m, 9000n);
    m.engine.compileHot();
    writeWords(m, OTHER_PAGE, ...REST, 2);
    await hasCompiled(m);
    expect(m.engine.compiled).toMatchObject({ regions: 0 });
  });
  expect(await measure(other)).toMatchObject({ regions: 1, kept: 1, milliseconds: 0 });
});

it("takes code that depends on FPCR's mode in that mode only, and any other in both", async () => {
  const [FADD, AESE] = [0x1e602800, 0x4e284800]; // fadd d0, d0, d0; aese v0.16b, v0.16b
  const kept = async (first: number, fpcr: number): Promise<number> => {
    const { regions, kept } = await measure((m) => {
      m.vcpu.setFpcr(fpcr);
      writeWords(m, LOOP, first, ...REST);
    });
    expect(regions).toBeGreaterThan(0);
    return kept;
  };
  expect(await kept(FADD, FPCR.FZ)).toBe(0);
  expect(await kept(FADD, 0)).toBe(0);
  expect(await kept(FADD, FPCR.FZ)).toBe(1);
  expect(await kept(FADD, 0)).toBe(1);
  expect(await kept(AESE, FPCR.FZ)).toBe(0);
  expect(await kept(AESE, 0)).toBe(1);
});

it("does not start the compiler for one slot that is only just hot, nor for one that was tried in vain", async () => {
  const AT_S1E1R = 0xd5087802;
  const milliseconds: number[][] = [];
  for (const first of [NOP, AT_S1E1R]) {
    for (const again of [false, true]) {
      const m = await machineThatKeeps(directory);
      start(m, [SPINS], 1);
      writeWords(m, LOOP, first, ...REST);
      slice(m, 8);
      await compileHot(m, 200);
      run(m, 500n);
      await compileHot(m, 300);
      const atFirst = m.engine.compiled.milliseconds;
      run(m, 9000n);
      await (again ? compileHot(m, 300) : hasCompiled(m));
      milliseconds.push([atFirst, Math.sign(m.engine.compiled.milliseconds)]);
      m.engine.saveCode();
    }
  }
  expect(milliseconds).toEqual([
    [0, 1],
    [0, 0],
    [0, 1],
    [0, 0],
  ]);
});
