/** TLB maintenance by address takes all of the translation that an address is in, whatever the entries are by. */
import { describe, expect, it } from "vitest";
import { CPU } from "../../src/engine/layout.js";
import { type Machine, machine, RAM, slice, start, TABLES, writeDoubleword } from "../engine/rig.js";

const MB = 0x10_0000n;
/** What is translated to one place and then to another; each holds its number in all its doublewords. */
const MOVING = RAM + 10n * MB;
const PLACES = [RAM + 6n * MB, RAM + 8n * MB] as const;

const VAAE1 = 0xd5088767;
const PROGRAM = [
  ...[0xf9400001, 0xf9400142], // ldr x1, [x0]; ldr x2, [x10]
  0xf9000085, // str x5, [x4]
  ...[0xd5033b9f, VAAE1, 0xd5033b9f, 0xd5033fdf], // dsb ish; tlbi vaae1, x7; dsb ish; isb
  ...[0xf9400003, 0xf9400146], // ldr x3, [x0]; ldr x6, [x10]
];

/** Stage 1 maps RAM flat, with a granule, by pages from RAM on. Returns where the descriptor of an address is. */
function mapWithGranule(m: Machine, bits: number): (va: bigint) => bigint {
  const { vcpu, engine } = m;
  const size = 1n << BigInt(bits);
  const [above, below] = [TABLES, TABLES + size];
  const entries = 1 << (bits - 3);
  const level3 = BigUint64Array.from({ length: entries }, (_, n) => (RAM + BigInt(n) * size) | 0x703n);
  engine.writePhysical(below, new Uint8Array(level3.buffer));
  if (bits === 14) {
    const level2 = TABLES + 2n * size;
    writeDoubleword(m, above, level2 | 3n);
    writeDoubleword(m, level2 + (RAM >> 25n) * 8n, below | 3n);
  } else writeDoubleword(m, above + (RAM >> 29n) * 8n, below | 3n);
  const TG0 = bits === 14 ? 2n : 1n;
  vcpu.setSysreg("TCR_EL1", 25n | (TG0 << 14n) | (1n << 23n) | (2n << 32n));
  return (va) => below + ((va - RAM) / size) * 8n;
}

/** VA[55:12]. */
const tlbiOperand = (va: bigint): bigint => (va >> 12n) & ((1n << 44n) - 1n);

/**
 * Runs the program, in which the descriptor at `entry` changes, with accesses `at` an address and `far` bytes behind it, and
 * maintenance of `operand`: as a rule, of the second of these addresses.
 */
function run(
  m: Machine,
  entry: bigint,
  descriptors: readonly [bigint, bigint],
  far: bigint,
  operand: bigint | undefined = undefined,
  at = MOVING,
): void {
  const { engine, vcpu } = m;
  for (const [n, place] of PLACES.entries()) engine.writePhysical(place, new Uint8Array(Number(2n * MB)).fill(n + 1));
  writeDoubleword(m, entry, descriptors[0]);
  const registers = { 0: at, 4: entry, 5: descriptors[1], 7: operand ?? tlbiOperand(at + far), 10: at + far };
  for (const [n, value] of Object.entries(registers)) vcpu.setX(Number(n), value);
  engine.exports.flushCpu(vcpu.base);
  slice(m, PROGRAM.length);
  expect(vcpu.pc).toBe(RAM + BigInt(4 * PROGRAM.length));
  const found = [1, 2, 3, 6].map((n) => vcpu.x(n) & 0xffn);
  expect(found).toEqual([1n, 1n, 2n, 2n]);
}

describe.each([14, 16])("TLBI of an address in a page of 2^%i bytes", (bits) => {
  const far = (1n << BigInt(bits)) - 8n;

  it("takes all of the page", async () => {
    const m = await machine(false);
    start(m, PROGRAM, 1);
    const entryOf = mapWithGranule(m, bits);
    run(m, entryOf(MOVING), [PLACES[0] | 0x703n, PLACES[1] | 0x703n], far);
  });

  it("of two pages takes both", async () => {
    const m = await machine(false);
    // tlbi rvaae1, x7
    start(
      m,
      PROGRAM.map((word) => (word === VAAE1 ? 0xd5088667 : word)),
      1,
    );
    const entryOf = mapWithGranule(m, bits);
    const [TG, before] = [bits === 14 ? 2n : 3n, MOVING - (1n << BigInt(bits))];
    const operand = (TG << 46n) | (before >> BigInt(bits));
    run(m, entryOf(MOVING), [PLACES[0] | 0x703n, PLACES[1] | 0x703n], far, operand);
  });

  it("leaves what else the bank has", async () => {
    const m = await machine(false);
    start(m, PROGRAM, 1);
    const entryOf = mapWithGranule(m, bits);
    run(m, entryOf(MOVING), [PLACES[0] | 0x703n, PLACES[1] | 0x703n], far);
    const { view } = m.engine;
    const misses = (): bigint => view.getBigUint64(m.vcpu.base + CPU.statTlbMiss, true);
    const before = misses();
    m.vcpu.pc = RAM;
    slice(m, PROGRAM.length);
    // Both subpages of MOVING are walked for again behind the TLBI; code and descriptor are not.
    expect(misses() - before).toBe(2n);
  });
});

it("TLBI of an address in a block takes all of the block, where stage 2 has pages", async () => {
  const m = await machine(false);
  start(m, PROGRAM, 1);
  const { vcpu, engine } = m;
  const [level2, stage2] = [TABLES + 0x1000n, TABLES + 0x1_0000n];
  const flat = (attributes: bigint): BigUint64Array =>
    BigUint64Array.from({ length: 16 }, (_, n) => (RAM + BigInt(n) * 2n * MB) | attributes);
  writeDoubleword(m, TABLES + 8n, level2 | 3n);
  engine.writePhysical(level2, new Uint8Array(flat(0x701n).buffer));
  // Normal memory, read and write, with the access flag; the places by pages.
  writeDoubleword(m, stage2 + 8n, (stage2 + 0x1000n) | 3n);
  engine.writePhysical(stage2 + 0x1000n, new Uint8Array(flat(0x7fdn).buffer));
  PLACES.forEach((place, n) => {
    const table = stage2 + BigInt(n + 2) * 0x1000n;
    const pages = BigUint64Array.from({ length: 512 }, (_, page) => (place + BigInt(page) * 0x1000n) | 0x7ffn);
    engine.writePhysical(table, new Uint8Array(pages.buffer));
    writeDoubleword(m, stage2 + 0x1000n + ((place - RAM) / (2n * MB)) * 8n, table | 3n);
  });
  vcpu.set32(CPU.hasEl2, 1);
  vcpu.setSysreg("SCR_EL3", 1n);
  vcpu.setSysreg("HCR_EL2", (1n << 31n) | 1n);
  vcpu.setSysreg("VTCR_EL2", 25n | (1n << 6n) | (2n << 16n));
  vcpu.setSysreg("VTTBR_EL2", stage2);
  vcpu.recomputeModes();
  const entry = level2 + ((MOVING - RAM) / (2n * MB)) * 8n;
  run(m, entry, [PLACES[0] | 0x701n, PLACES[1] | 0x701n], MB);
});

it("TLBI of an address in the last block there is takes all of it", async () => {
  const m = await machine(false);
  start(m, PROGRAM, 1);
  const { vcpu } = m;
  const [top, level2] = [-2n * MB, TABLES + 0x1000n];
  const upper = TABLES + 0x2000n;
  writeDoubleword(m, upper + 511n * 8n, level2 | 3n);
  const entry = level2 + 511n * 8n;
  // T1SZ 25 and TTBR1_EL1 with pages of 4 KB.
  vcpu.setSysreg("TCR_EL1", 25n | (25n << 16n) | (2n << 30n) | (2n << 32n));
  vcpu.setSysreg("TTBR1_EL1", upper);
  run(m, entry, [PLACES[0] | 0x701n, PLACES[1] | 0x701n], MB, undefined, BigInt.asUintN(64, top));
});
