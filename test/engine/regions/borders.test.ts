/**
 * Accesses that go over a page's end, in compiled loops that call what fills the TLB (RegionContext.touches): the two
 * pages are nowhere near each other, and where either is not for the inline path all is as the interpreter does it.
 */
import { expect, it } from "vitest";
import { BAIL } from "../../../src/engine/bails.js";
import { AREA, CPU, Exit, GLOBAL, WATCH } from "../../../src/engine/layout.js";
import {
  CODE,
  COUNTER,
  compileHot,
  DATA,
  type Machine,
  machine,
  mapByPages,
  pageEntry,
  slice,
  sliceAlike,
  start,
  turnTables,
  writeDoubleword,
} from "../rig.js";

const PAGE = 0x1000n;
const BORDER = DATA + 101n * PAGE;
const [NORMAL, READ_ONLY, DEVICE, INVALID] = [0x703n, 0x783n, 0x707n, 0n];

/**
 * X25 is the border less 1 to 16, and X24 that less X27: found through the TLB for each access, or beside the first.
 */
const ROUND = [
  ...[0x9100075a, 0x92400f59, 0xcb190379], // add x26, x26, #1; and x25, x26, #15; sub x25, x27, x25
  ...[0xd1000739, 0xcb1b0338], // sub x25, x25, #1; sub x24, x25, x27
  ...[0xf8786b61, 0x8b020021, 0xf8386b61], // ldr x1, [x27, x24]; add x1, x1, x2; str x1, [x27, x24]
  ...[0x3cf86b60, 0x4ee18400, 0x3cb86b60], // ldr q0, [x27, x24]; add v0.2d, v0.2d, v1.2d; str q0, [x27, x24]
  ...[0xb8b86b63, 0x78386b63, 0x78786b64], // ldrsw x3, [x27, x24]; strh w3, [x27, x24]; ldrh w4, [x27, x24]
  ...[0xa9401b25, 0x8b0600a5, 0xa9001726], // ldp x5, x6, [x25]; add x5, x5, x6; stp x6, x5, [x25]
  ...[0x29402327, 0x0b0800e7, 0x29001f28], // ldp w7, w8, [x25]; add w7, w7, w8; stp w8, w7, [x25]
  ...[0xb8403329, 0xf8004329, 0x3d40032a], // ldur w9, [x25, #3]; stur x9, [x25, #4]; ldr b10, [x25]
  ...[0xfc403322, 0xbc004322], // ldur d2, [x25, #3]; stur s2, [x25, #4]
];
/** The page of code begins with what is never executed again: stores over the border may write it. */
const PADDING = 8;
const PROGRAM = [
  0x14000000 | PADDING,
  ...Array<number>(PADDING - 1).fill(0xd503201f),
  ...ROUND,
  0xd1000400 | (COUNTER << 5) | COUNTER, // sub x28, x28, #1
  (0xb5000000 | ((-(ROUND.length + 1) & 0x7ffff) << 5) | COUNTER) >>> 0, // cbnz x28, the first of the round
  0x14000000,
];

function begin(m: Machine): void {
  const { engine, vcpu } = m;
  start(m, PROGRAM, 9);
  // Attribute 1 is Device-nGnRnE.
  vcpu.setSysreg("MAIR_EL1", 0x00ffn);
  mapByPages(m);
  [5n, 2n].forEach((n, i) => {
    writeDoubleword(m, pageEntry(BORDER + BigInt(i - 1) * PAGE), (DATA + n * PAGE) | NORMAL);
  });
  engine.exports.flushCpu(vcpu.base);
  vcpu.setX(27, BORDER);
  vcpu.setX(COUNTER, 1n << 40n);
}

const map =
  (page: bigint, physical: bigint, what: bigint) =>
  (m: Machine): void => {
    writeDoubleword(m, pageEntry(page), physical | what);
    m.engine.exports.flushCpu(m.vcpu.base);
  };
const control =
  (bits: bigint) =>
  ({ vcpu, engine }: Machine): void => {
    vcpu.setSysreg("SCTLR_EL1", vcpu.sysreg("SCTLR_EL1") | bits);
    vcpu.recomputeModes();
    engine.exports.flushCpu(vcpu.base);
  };
/** SCTLR_EL1.EE: the tables are read in that order, too. */
function bigEndian(m: Machine): void {
  turnTables(m);
  control(1n << 25n)(m);
}
const watch =
  (first: bigint) =>
  ({ vcpu, engine }: Machine): void => {
    const view = new DataView(engine.memory.buffer);
    view.setBigUint64(AREA.watches + WATCH.first, first, true);
    view.setBigUint64(AREA.watches + WATCH.last, first, true);
    view.setInt32(AREA.watches + WATCH.access, 3, true);
    view.setInt32(GLOBAL.watchCount, 1, true);
    view.setBigInt64(GLOBAL.watchedPages, -1n, true);
    vcpu.set32(CPU.watch, 1);
    engine.exports.flushCpu(vcpu.base);
  };
const nothing = (): void => {};

/** What changes, whether the loop goes on then, and whether the accesses are still no work for the interpreter. */
const CHANGES: readonly (readonly [string, boolean, boolean, (m: Machine) => void])[] = [
  ["nothing", true, true, nothing],
  ["another second page", true, true, map(BORDER, DATA + 3n * PAGE, NORMAL)],
  ["both pages the same", true, true, map(BORDER, DATA + 5n * PAGE, NORMAL)],
  ["a second page that is not there", false, false, map(BORDER, DATA, INVALID)],
  ["a first page that is not there", false, false, map(BORDER - PAGE, DATA, INVALID)],
  ["a second page that may not be written", false, false, map(BORDER, DATA + 2n * PAGE, READ_ONLY)],
  ["a first page that may not be written", false, false, map(BORDER - PAGE, DATA + 5n * PAGE, READ_ONLY)],
  ["a second page of Device memory", false, false, map(BORDER, DATA + 2n * PAGE, DEVICE)],
  ["a second page with code", true, false, map(BORDER, CODE, NORMAL)],
  ["alignment that is checked", false, false, control(2n)],
  ["data in big-endian order", true, false, bigEndian],
  ["a byte that is watched behind the end", false, false, watch(BORDER + 7n)],
  ["a byte that is watched before it", false, false, watch(BORDER - 9n)],
  ["a byte that is watched in another page", true, true, watch(BORDER + 8n * PAGE)],
];

it.each(CHANGES)(
  "do what the interpreter does with %s",
  async (_, goesOn, quick, change) => {
    const compiled = await machine(true, { touches: true });
    const plain = await machine(false);
    const both = [compiled, plain];
    for (const m of both) begin(m);
    for (let turn = 0; turn < 200 && (turn < 20 || compiled.engine.compiled.regions === 0); turn++) {
      sliceAlike(compiled, plain, 1009 + 37 * turn, `turn ${turn}`);
      await compileHot(compiled);
    }
    expect(compiled.engine.compiled.instructions).toBeGreaterThan(ROUND.length);
    for (const m of both) change(m);
    const [rounds, bails] = [plain.vcpu.x(COUNTER), left(compiled)];
    for (let turn = 0; turn < 8; turn++) sliceAlike(compiled, plain, 2003, `turn ${turn} after it`);
    expect(rounds - plain.vcpu.x(COUNTER) > 400n).toBe(goesOn);
    if (quick) expect(left(compiled) - bails).toBeLessThan(10);
  },
  60_000,
);

/** Accesses that were left to the interpreter. */
const left = ({ vcpu }: Machine): number => Number(vcpu.get64(CPU.statBails + 8 * BAIL.memory));

it("are no more than called in a region that has left many to the interpreter", async () => {
  const m = await machine(true);
  begin(m);
  for (let turn = 0; turn < 400 && m.engine.compiled.regions < 2; turn++) {
    expect(slice(m, 20_011)).toBe(Exit.budget);
    await compileHot(m);
  }
  expect(m.engine.compiled).toMatchObject({ regions: 2, droppedForMisses: 1 });
  slice(m, 2003);
  const before = left(m);
  slice(m, 100_003);
  expect(left(m) - before).toBeLessThan(5);
}, 120_000);
