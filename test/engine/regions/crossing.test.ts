/** A region keeps which page it has gone over to: not when a function that it calls maps another there. */
import { expect, it } from "vitest";
import {
  CODE,
  COUNTER,
  compileHot,
  DATA,
  type Machine,
  machine,
  RAM,
  sliceAlike,
  start,
  TABLES,
  untilCompiled,
  writeDoubleword,
} from "../rig.js";

const PAGE = 0x1000n;
const NOP = 0xd503201f;
/** What is where the second page of code is, by turns. */
const OTHER = RAM + 0x2_0000n;
const SECOND_TABLES = TABLES + 0x8000n;
const FUNCTION = 100;

const b = (from: number, to: number): number => (0x14000000 | ((to - from) & 0x3ffffff)) >>> 0;

/** Calls a function that changes TTBR0_EL1 every eighth time, and goes on in the next page. */
function program(): number[] {
  const first = [
    ...[0x94000000 | FUNCTION, b(1, 1024)], // bl; b to the next page
    ...[0xd100079c, 0xb500001c | ((-3 & 0x7ffff) << 5), 0x14000000], // sub x28, x28, #1; cbnz x28, the first; b .
  ];
  const called = [
    ...[0x92400b87, 0xb5000067, 0xca0600a5, 0xd5182005], // and x7, x28, #7; cbnz x7; eor x5, x5, x6; msr ttbr0_el1, x5
    ...[...Array<number>(60).fill(NOP), 0xd65f03c0], // too large to stand in place of its call; ret
  ];
  const gap = (length: number): number[] => Array<number>(length).fill(NOP);
  const page = [...first, ...gap(FUNCTION - first.length), ...called];
  return [...page, ...gap(1024 - page.length), ...next(1)];
}
/** add x1, x1, #step; b back */
const next = (step: number): number[] => [0x91000021 | (step << 10), b(1025, 2)];

/** The first 2 MiB by pages, the second one as a block. */
function map({ engine }: Machine, tables: bigint, second: bigint): void {
  const m = { engine } as Machine;
  writeDoubleword(m, tables + 8n, (tables + PAGE) | 3n);
  writeDoubleword(m, tables + PAGE, (tables + 2n * PAGE) | 3n);
  writeDoubleword(m, tables + PAGE + 8n, DATA | 0x701n);
  for (let i = 0n; i < 512n; i++) {
    writeDoubleword(m, tables + 2n * PAGE + 8n * i, (i === 1n ? second : RAM + i * PAGE) | 0x703n);
  }
}

function begin(m: Machine): void {
  start(m, program(), 3);
  map(m, TABLES, CODE + PAGE);
  map(m, SECOND_TABLES, OTHER);
  m.engine.writePhysical(OTHER, new Uint8Array(Uint32Array.from(next(2)).buffer));
  const [one, two] = [TABLES | (1n << 48n), SECOND_TABLES | (2n << 48n)];
  for (const [n, value] of [
    [1, 0n],
    [5, one],
    [6, one ^ two],
    [COUNTER, 1n << 40n],
  ] as const)
    m.vcpu.setX(n, value);
  m.vcpu.setSysreg("TTBR0_EL1", one);
  m.vcpu.recomputeModes();
  m.engine.exports.flushCpu(m.vcpu.base);
}

it("goes to what is mapped there now", async () => {
  const compiled = await machine(true);
  const plain = await machine(false);
  for (const m of [compiled, plain]) begin(m);
  for (let turn = 0; turn < 60; turn++) {
    const budget = 30_009 + 37 * turn;
    sliceAlike(compiled, plain, budget, `turn ${turn}`);
    // By then the loop is hot.
    if (turn === 20 && compiled.engine.compiled.regions === 0) await untilCompiled(compiled);
    await compileHot(compiled, 1);
  }
  expect(compiled.engine.compiled.regions).toBeGreaterThan(0);
  expect(compiled.vcpu.x(1)).toBeGreaterThan(1000n);
});
