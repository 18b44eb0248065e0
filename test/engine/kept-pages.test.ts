/** A reset makes memory what was loaded, however it was written meanwhile; what was not loaded stays as it is. */
import { describe, expect, it } from "vitest";
import { BAIL } from "../../src/engine/bails.js";
import type { Origin } from "../../src/engine/kept-pages.js";
import { CPU } from "../../src/engine/layout.js";
import { CODE, COUNTER, compileHot, DATA, type Machine, machine, Random, slice, start } from "./rig.js";

const PAGE = 0x1000n;
/** Loaded one behind the other, so that they share a page; and how much of it an origin has. */
const LOADS = [
  { at: DATA + 0x234n, size: 0x3801, origin: 0x3321 },
  { at: DATA + 0x3a35n, size: 0x11cb, origin: 0 },
  { at: CODE, size: 0x1000, origin: 0x1000 },
] as const;
const END = DATA + 6n * PAGE;

/**
 * Stores of W1 or more to [X0], each with what its address is a multiple of; the first is what Linux patches code with.
 */
const STORES = [
  { word: 0xb9000001, unit: 4n }, // str w1, [x0]
  { word: 0xb9000001, unit: 1n },
  { word: 0xf9000001, unit: 8n }, // str x1, [x0]
  { word: 0xf9000001, unit: 1n },
  { word: 0x39000001, unit: 1n }, // strb w1, [x0]
  { word: 0xad000400, unit: 1n }, // stp q0, q1, [x0]
  { word: 0xb8218002, unit: 4n }, // swp w1, w2, [x0]
  { word: 0xd50b7420, unit: 64n }, // dc zva, x0
] as const;

const memory = ({ engine }: Machine, at: bigint, size: number): Uint8Array => {
  const host = engine.hostAddress(at) as number;
  return engine.bytes.slice(host, host + size);
};

const originOf = (bytes: Uint8Array): Origin => ({
  length: bytes.length,
  check() {},
  readAgain: (target, from) => target.set(bytes.subarray(from, from + target.length)),
});

function store({ engine, vcpu }: Machine, number: number, address: bigint, value: bigint): void {
  vcpu.setX(0, address);
  vcpu.setX(1, value);
  vcpu.pc = CODE + BigInt(4 * number);
  vcpu.set32(CPU.budget, 1);
  engine.exports.run(vcpu.base);
  expect(vcpu.pc).toBe(CODE + BigInt(4 * (number + 1)));
}

describe("memory that is kept for a reset", () => {
  it.each([1, 2, 3])("is what it was after random writes, seed %i", async (seed) => {
    const m = await machine(false);
    const random = new Random(seed);
    start(
      m,
      STORES.map(({ word }) => word),
      seed,
    );
    for (const { at, size, origin } of LOADS) {
      m.engine.keepMemory(at, size, origin > 0 ? originOf(memory(m, at, origin)) : undefined);
    }
    m.engine.dropCode();
    const loaded = LOADS.map(({ at, size }) => memory(m, at, size));
    for (let reset = 0; reset < 3; reset++) {
      const words = reset === 1;
      for (let n = 0; n < 600; n++) {
        const number = words && random.below(40) > 0 ? 0 : random.below(STORES.length);
        const { unit } = STORES[number] as (typeof STORES)[number];
        const address = DATA + (BigInt(random.below(Number(END - DATA) - 32)) / unit) * unit;
        store(m, number, address, BigInt(random.next()));
        if (random.below(20) === 0) m.engine.writePhysical(address, Uint8Array.of(1, 2, 3));
      }
      expect(LOADS.map(({ at, size }) => memory(m, at, size))).not.toEqual(loaded);
      const beside = [memory(m, DATA, 0x234), memory(m, DATA + 0x4c00n, 0x1000)];
      m.engine.restoreMemory();
      m.engine.dropCode();
      expect(LOADS.map(({ at, size }) => memory(m, at, size))).toEqual(loaded);
      expect([memory(m, DATA, 0x234), memory(m, DATA + 0x4c00n, 0x1000)]).toEqual(beside);
    }
  });

  it.each([
    ["", 0],
    [", while something is watched", 1],
  ])("is written as quickly as any once that is noted%s", async (_, watch) => {
    const m = await machine(true);
    start(m, [0xf9000001, 0xf9400002, 0xd100079c, 0xb5ffffbc, 0x14000000], 7); // str x1, [x0]; ldr x2, [x0]; x28 rounds
    m.engine.keepMemory(DATA, 0x1000);
    m.engine.dropCode();
    m.vcpu.setX(0, DATA);
    m.vcpu.setX(COUNTER, 1n << 40n);
    m.vcpu.set32(CPU.watch, watch);
    const bails = (): number => Number(m.vcpu.get64(CPU.statBails + 8 * BAIL.memory));
    // On a busy host the compiler is long in coming.
    while (m.engine.compiled.regions === 0) {
      slice(m, 10_000);
      await compileHot(m);
    }
    for (let turn = 0; turn < 20; turn++) {
      slice(m, 10_000);
      await compileHot(m, 0);
    }
    const before = bails();
    for (let turn = 0; turn < 20; turn++) slice(m, 10_000);
    expect(bails() - before).toBeLessThan(5);
  });

  it("is decoded anew where the guest wrote over its code", async () => {
    const m = await machine(false);
    start(m, [0xb9000001, 0x91000442, 0x14000000], 7); // str w1, [x0]; add x2, x2, #1; b .
    m.engine.keepMemory(CODE, 12);
    m.engine.dropCode();
    const run = (value: bigint): bigint => {
      m.vcpu.pc = CODE;
      m.vcpu.setX(0, CODE + 4n);
      m.vcpu.setX(1, value);
      m.vcpu.setX(2, 0n);
      m.vcpu.set32(CPU.budget, 2);
      m.engine.exports.run(m.vcpu.base);
      return m.vcpu.x(2);
    };
    expect(run(0x91000842n)).toBe(2n); // add x2, x2, #2
    m.engine.restoreMemory();
    m.engine.dropCode();
    expect(run(0x91000c42n)).toBe(3n); // add x2, x2, #3
    expect(run(0x91000442n)).toBe(1n);
  });
});
