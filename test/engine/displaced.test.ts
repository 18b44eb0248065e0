/**
 * Two pages that want the same entry of a TLB bank: each displaces the other, and what was displaced is kept
 * (BANK.victims), unless maintenance or code in the page says otherwise.
 */
import { describe, expect, it } from "vitest";
import { CPU, PAGE_BITS, TLB_BITS } from "../../src/engine/layout.js";
import {
  compileHot,
  DATA,
  type Machine,
  machine,
  mapByPages,
  slice,
  start,
  TABLES,
  writeDoubleword,
  writeWords,
} from "./rig.js";

const PAGE = 0x1000n;
/** Virtual pages whose numbers have the same low bits. */
const ONE = DATA + 100n * PAGE;
const APART = 1n << BigInt(PAGE_BITS + TLB_BITS);
const OTHER = ONE + APART;
/** Where the translation of ONE is. */
const ENTRY = TABLES + 2n * PAGE + 100n * 8n;
const page = (n: bigint): bigint => (DATA + n * PAGE) | 0x703n;
const ROUNDS = 40;
const TURNS = 50;

/** X28 rounds of `body`, then a loop for ever. */
const program = (body: readonly number[]): number[] => [
  ...body,
  0xd100079c, // sub x28, x28, #1
  0xb500001c | ((-(body.length + 1) & 0x7ffff) << 5), // cbnz x28, the first
  0x14000000,
];

function begin(m: Machine, body: readonly number[], registers: Readonly<Record<number, bigint>>): void {
  const { engine, vcpu } = m;
  start(m, program(body), 5);
  mapByPages(m);
  writeDoubleword(m, TABLES + PAGE + (1n + APART / 0x20_0000n) * 8n, (TABLES + 3n * PAGE) | 3n);
  writeDoubleword(m, ENTRY, page(1n));
  writeDoubleword(m, TABLES + 3n * PAGE + 100n * 8n, page(3n));
  for (const [n, value] of [1n, 1000n, 3n].entries()) writeDoubleword(m, DATA + BigInt(n + 1) * PAGE, value);
  engine.exports.flushCpu(vcpu.base);
  for (const [n, value] of Object.entries(registers)) vcpu.setX(Number(n), value);
  vcpu.setX(28, BigInt(ROUNDS));
}

async function run(m: Machine, length: number): Promise<void> {
  for (let left = ROUNDS * length; left > 0; left -= 3000) {
    slice(m, 3000);
    await compileHot(m);
  }
  expect(m.vcpu.x(28)).toBe(0n);
}

const [ADD_ONE, ADD_SIXTEEN, RET] = [0x9100058c, 0x9100418c, 0xd65f03c0]; // add x12, x12, #1 and #16; ret
/** eor x5, x5, x6; str x5, [x4]; dsb ish; tlbi vaae1, x7; dsb ish; isb: ONE is translated to the other page. */
const MOVE = [0xca0600a5, 0xf9000085, 0xd5033b9f, 0xd5088767, 0xd5033b9f, 0xd5033fdf];
const MOVING = { 4: ENTRY, 5: page(1n), 6: page(1n) ^ page(2n), 7: ONE >> 12n };
const TURN = 0xd2800003 | (TURNS << 5); // mov x3, #TURNS
/** sub x3, x3, #1; cbnz x3, so many instructions before. */
const again = (before: number): number[] => [0xd1000463, 0xb5000003 | ((-(before + 1) & 0x7ffff) << 5)];

describe.each([true, false])("a translation that another one displaced (compiled: %s)", (compiled) => {
  it("is found without a walk, until it is invalidated", async () => {
    const m = await machine(compiled);
    // ldr x1, [x0]; add x2, x2, x1; ldr x9, [x8]; add x10, x10, x9; str x10, [x8, #8]
    const inner = [0xf9400001, 0x8b010042, 0xf9400109, 0x8b09014a, 0xf900050a, ...again(5)];
    const body = [TURN, ...inner, ...MOVE];
    begin(m, body, { 0: ONE, 2: 0n, 8: OTHER, 10: 0n, ...MOVING });
    const before = m.vcpu.get64(CPU.statTlbMiss);
    await run(m, body.length + TURNS * inner.length);
    expect(m.vcpu.x(2)).toBe(BigInt((ROUNDS / 2) * TURNS * (1 + 1000)));
    expect(m.vcpu.x(10)).toBe(BigInt(ROUNDS * TURNS * 3));
    expect(m.vcpu.get64(CPU.statTlbMiss) - before).toBeLessThan(BigInt(4 * ROUNDS));
  });

  it("lets no write pass by code that the page got meanwhile", async () => {
    const m = await machine(compiled);
    // ldr w14, [x0], which takes it back; str w11, [x0]; ldr x9, [x8]; blr x0; eor w11, w11, w13
    const body = [0xb940000e, 0xb900000b, 0xf9400109, 0xd63f0000, 0x4a0d016b];
    begin(m, body, { 0: ONE, 8: OTHER, 11: BigInt(ADD_ONE), 12: 0n, 13: BigInt(ADD_ONE ^ ADD_SIXTEEN) });
    writeWords(m, DATA + PAGE + 4n, RET);
    await run(m, body.length + 2);
    expect(m.vcpu.x(12)).toBe(BigInt((ROUNDS / 2) * (1 + 16)));
  });

  it("of code is found without a walk, until it is invalidated", async () => {
    const m = await machine(compiled);
    const inner = [0xd63f0000, 0xd63f0100, ...again(2)]; // blr x0; blr x8
    const body = [TURN, ...inner, ...MOVE];
    begin(m, body, { 0: ONE, 8: OTHER, 10: 0n, 12: 0n, ...MOVING });
    writeWords(m, DATA + PAGE, ADD_ONE, RET);
    writeWords(m, DATA + 2n * PAGE, ADD_SIXTEEN, RET);
    writeWords(m, DATA + 3n * PAGE, 0x9100054a, RET); // add x10, x10, #1
    const before = m.vcpu.get64(CPU.statTlbMiss);
    await run(m, body.length + TURNS * (inner.length + 4));
    expect(m.vcpu.x(12)).toBe(BigInt((ROUNDS / 2) * TURNS * (1 + 16)));
    expect(m.vcpu.x(10)).toBe(BigInt(ROUNDS * TURNS));
    expect(m.vcpu.get64(CPU.statTlbMiss) - before).toBeLessThan(BigInt(4 * ROUNDS));
  });
});
