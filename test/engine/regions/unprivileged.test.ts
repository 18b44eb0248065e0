/**
 * LDTR and STTR in compiled loops: they go by EL0's translations, whatever those of the level at hand say, and fault
 * where EL0 would.
 */
import { expect, it } from "vitest";
import { BAIL } from "../../../src/engine/bails.js";
import { CPU } from "../../../src/engine/layout.js";
import {
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
  writeDoubleword,
} from "../rig.js";

const PAGE = 0x1000n;
/** Of EL0 and EL1: two pages, and one of EL1 alone. */
const USER = DATA + 100n * PAGE;
const [OF_BOTH, OF_EL1] = [0x743n, 0x703n];

const NOP = 0xd503201f;
/** Beside them plain loads: of a page of EL1's, and of one that an LDTR looks at, too. */
const [OWN_LOAD, SHARED_LOAD] = [0xf9400125, 0xf94000c7]; // ldr x5, [x9]; ldr x7, [x6]
const LOOP = [
  ...[0xf8400801, 0xf8408803], // ldtr x1, [x0]; ldtr x3, [x0, #8]
  ...[0x8b030022, 0x91000442], // add x2, x1, x3; add x2, x2, #1
  ...[0xf8010802, 0x38018802], // sttr x2, [x0, #16]; sttrb w2, [x0, #24]
  ...[0xf81f8882, OWN_LOAD], // sttr x2, [x4, #-8]
  ...[SHARED_LOAD, 0xf84008c8], // ldtr x8, [x6]
  0xd1000400 | (COUNTER << 5) | COUNTER, // sub x28, x28, #1
  0xb5fffeb8 | 4, // cbnz x28, the first
  0x14000000,
];

function begin(m: Machine, words = LOOP): void {
  const { engine, vcpu } = m;
  start(m, words, 9);
  mapByPages(m);
  [0n, 1n, 2n].forEach((n) => {
    writeDoubleword(m, pageEntry(USER + n * PAGE), (DATA + (n + 1n) * PAGE) | OF_BOTH);
  });
  writeDoubleword(m, pageEntry(USER + 3n * PAGE), (DATA + 4n * PAGE) | OF_EL1);
  engine.exports.flushCpu(vcpu.base);
  for (const [n, value] of [
    [0, USER + 0xfe8n],
    [4, USER + PAGE],
    [6, USER + 2n * PAGE],
    [9, USER + 3n * PAGE],
    [COUNTER, 1n << 40n],
  ] as const) {
    vcpu.setX(n, value);
  }
}

const page =
  (n: bigint, what: bigint) =>
  (m: Machine): void => {
    writeDoubleword(m, pageEntry(USER + 2n * PAGE), (DATA + n * PAGE) | what);
    m.engine.exports.flushCpu(m.vcpu.base);
  };
const set =
  (field: number) =>
  ({ vcpu, engine }: Machine): void => {
    vcpu.set32(field, 1);
    engine.exports.enterMode(vcpu.base);
  };

/** What changes, whether the loop goes on then, and what it is. */
const CHANGES = [
  ["nothing", true, LOOP, []],
  ["PAN, which they do not mind", true, LOOP.map((word) => (word === SHARED_LOAD ? NOP : word)), [set(CPU.pan)]],
  ["a page that EL0 has no more", false, LOOP, [page(3n, OF_EL1)]],
  ["the same with PSTATE.UAO", true, LOOP, [page(3n, OF_EL1), set(CPU.uao)]],
  ["a page that is another one", true, LOOP, [page(5n, OF_BOTH)]],
] as const;

it.each(CHANGES)("see %s as the interpreter does", async (_, goesOn, words, changes) => {
  const compiled = await machine(true);
  const plain = await machine(false);
  for (const m of [compiled, plain]) begin(m, [...words]);
  for (let turn = 0; turn < 200 && (turn < 20 || compiled.engine.compiled.regions === 0); turn++) {
    const budget = 1009 + 37 * turn;
    sliceAlike(compiled, plain, budget, `turn ${turn}`);
    await compileHot(compiled);
  }
  expect(compiled.engine.compiled.instructions).toBeGreaterThan(10);
  for (const m of [compiled, plain]) for (const change of changes) change(m);
  const before = plain.vcpu.x(COUNTER);
  for (let turn = 0; turn < 5; turn++) {
    sliceAlike(compiled, plain, 2003, `turn ${turn} after it`);
  }
  expect(before - plain.vcpu.x(COUNTER) > 500n).toBe(goesOn);
});

it("are no work for the interpreter", async () => {
  const m = await machine(true);
  begin(m);
  for (let turn = 0; turn < 200 && m.engine.compiled.regions === 0; turn++) {
    slice(m, 2003);
    await compileHot(m);
  }
  const counts = (): number[] =>
    [CPU.statCompiled, ...Object.values(BAIL).map((cause) => CPU.statBails + 8 * cause)].map((at) =>
      Number(m.vcpu.get64(at)),
    );
  slice(m, 2003);
  const before = counts();
  slice(m, 120_000);
  const [compiled, ...bails] = counts().map((count, i) => count - (before[i] as number));
  expect(compiled).toBeGreaterThan(119_000);
  expect(bails.reduce((sum, n) => sum + n)).toBeLessThan(5);
});
