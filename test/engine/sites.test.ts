/**
 * Accesses of loops look where they found their page the last time (BANK.siteTags): what a page is translated to
 * changes under them, and no round may see the old one after TLB maintenance.
 */
import { describe, expect, it } from "vitest";
import {
  COUNTER,
  compileHot,
  DATA,
  type Machine,
  machine,
  mapByPages,
  sliceAlike,
  start,
  TABLES,
  writeDoubleword,
} from "./rig.js";

const PAGE = 0x1000n;
const NOP = 0xd503201f;
/** A virtual page of its own, which is one of two pages of DATA by turns. */
const MOVING = DATA + 100n * PAGE;
const ENTRY = TABLES + 2n * PAGE + 100n * 8n;
const page = (n: bigint): bigint => (DATA + n * PAGE) | 0x703n;

/** X3 rounds of a load at `offset` words from X0, added to X2. */
const loop = (rounds: number, offset: number): number[] => [
  0xd2800003 | (rounds << 5), // mov x3, #rounds
  0xf9400001 | (offset << 10), // ldr x1, [x0, #offset * 8]
  ...[0x8b010042, 0xd1000463, 0xb5ffffa3], // add x2, x2, x1; sub x3, x3, #1; cbnz x3, the load
];

/** Its code begins in the first page; the loop that gets hot first is in the second, a shorter one before it is not. */
function program(): number[] {
  const first = 1012;
  const body = [
    ...loop(50, 1),
    ...Array<number>(9).fill(NOP),
    ...loop(200, 0),
    ...[0xca0600a5, 0xf9000085], // eor x5, x5, x6; str x5, [x4]
    ...[0xd5033b9f, 0xd5088767, 0xd5033b9f, 0xd5033fdf], // dsb ish; tlbi vaae1, x7; dsb ish; isb
    0xd100079c, // sub x28, x28, #1
  ];
  const again = 0xb500001c | ((-body.length & 0x7ffff) << 5); // cbnz x28, the first loop
  return [0x14000000 | first, ...Array<number>(first - 1).fill(NOP), ...body, again, 0x14000000];
}

function begin(m: Machine): void {
  const { engine, vcpu } = m;
  start(m, program(), 5);
  mapByPages(m);
  writeDoubleword(m, ENTRY, page(1n));
  engine.exports.flushCpu(vcpu.base);
  const registers = { 0: MOVING, 2: 0n, 4: ENTRY, 5: page(1n), 6: page(1n) ^ page(2n), 7: MOVING >> 12n };
  for (const [n, value] of Object.entries(registers)) vcpu.setX(Number(n), value);
  vcpu.setX(COUNTER, 1n << 40n);
}

describe("a loop that loads from a page", () => {
  it("finds what the page is translated to after TLB maintenance", async () => {
    const compiled = await machine(true);
    const plain = await machine(false);
    for (const m of [compiled, plain]) begin(m);
    for (let turn = 0; turn < 80; turn++) {
      const budget = 1009 + 37 * turn;
      sliceAlike(compiled, plain, budget, `turn ${turn}`);
      if (turn < 20) await compileHot(compiled);
    }
    expect(compiled.engine.compiled.instructions).toBeGreaterThan(20);
    // Loads came from both pages.
    expect(compiled.vcpu.x(5)).not.toBe(0n);
    expect(compiled.vcpu.x(2)).not.toBe(0n);
  });
});
