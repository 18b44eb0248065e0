/** Compiled regions against the interpreter: random loops (random-loops.ts), and some that are not random. */
import { describe, expect, it } from "vitest";
import { BAIL } from "../../src/engine/bails.js";
import { CPU, CPU_FEATURE } from "../../src/engine/layout.js";
import { compareLoops, LOOPS } from "./random-loops.js";
import { CODE, COUNTER, GP, type Machine, machine, slice, sliceAlike, start } from "./rig.js";

const SEED = 0x7a9f;

/** Lets the compiler, which is loaded when something is hot, have its say. */
async function compileHot({ engine }: Machine, regions: number): Promise<void> {
  for (let wait = 0; engine.compiled.regions < regions && wait < 500; wait++) {
    engine.compileHot();
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
  }
}

describe("a region of two pages", () => {
  it("is compiled again when it was dropped because the other page was written", async () => {
    const m = await machine(true);
    const last = 1023;
    const words: number[] = Array(last + 3).fill(0xd503201f);
    words.splice(last, 3, 0xd100079c, 0xb5fffffc, 0x14000000); // sub x28, x28, #1; and in the next page: cbnz x28; b .
    start(m, words, 1);
    m.vcpu.setX(COUNTER, 1n << 40n);
    for (let regions = 1; regions <= 3; regions++) {
      slice(m, 10_000);
      await compileHot(m, regions);
      expect(m.engine.compiled.regions).toBe(regions);
      m.engine.writePhysical(CODE + 0x1800n, Uint8Array.of(1));
    }
  });
});

describe("an interpreter of bytecodes", () => {
  /**
   * Eight bytecodes of eight instructions, 2^`spacing` bytes apart; each picks the next by what X22 has become, and
   * X25.
   */
  function bytecodes(spacing: number): number[] {
    const apart = 2 ** spacing / 4;
    const end = 2 + 8 * apart;
    return [
      ...[0x10000054, 0xd503201f], // adr x20, the first bytecode; nop
      ...Array.from({ length: 8 }, (_, k) => [
        0x91000000 | ((k + 1) << 10) | (k << 5) | k, // add xk, xk, #k + 1
        ...[0x8b160ad6, 0x910002d6 | ((2 * k + 1) << 10)], // add x22, x22, x22, lsl #2; add x22, x22, #2k + 1
        0x8a400000 | (22 << 16) | (9 << 10) | (25 << 5) | 23, // and x23, x25, x22, lsr #9
        0x8b170298 | (spacing << 10), // add x24, x20, x23, lsl #spacing
        0xd100079c, // sub x28, x28, #1
        ...[0xb400001c | ((end - (2 + k * apart + 6)) << 5), 0xd61f0300], // cbz x28, the end; br x24
        ...Array(apart - 8).fill(0xd503201f),
      ]).flat(),
      0x14000000, // b .
    ];
  }

  /** Runs both in 60 slices for each mask in X25; after half of them one more region is there. */
  async function together(words: readonly number[], masks: readonly bigint[]) {
    const compiled = await machine(true);
    const plain = await machine(false);
    for (const m of [compiled, plain]) {
      start(m, words, 11);
      m.vcpu.setX(COUNTER, 1n << 40n);
    }
    for (const [phase, mask] of masks.entries()) {
      for (const m of [compiled, plain]) m.vcpu.setX(25, mask);
      for (let turn = 0; turn < 60; turn++) {
        const budget = 1009 + 37 * turn;
        sliceAlike(compiled, plain, budget, `mask ${mask}, turn ${turn}`);
        if (turn === 30) await compileHot(compiled, phase + 1);
      }
    }
    return compiled.engine.compiled;
  }

  it.each([
    ["a page", 5],
    ["four pages", 11],
  ])("goes from one to the next in a region that has them all, in %s", async (_, spacing) => {
    const { regions, instructions } = await together(bytecodes(spacing), [7n]);
    expect(instructions).toBeGreaterThan(60);
    expect(regions).toBeLessThan(4);
  });

  it("gets a region of them all when others than at first are wanted", async () => {
    const { regions, instructions } = await together(bytecodes(5), [3n, 7n]);
    // The first four, and all.
    expect(regions).toBe(2);
    expect(instructions).toBeGreaterThan(32 + 60);
  });
});

describe("random loops, compiled and interpreted", () => {
  it("go by landing pads in guarded pages, and fault where there is none", async () => {
    const compiled = await machine(true);
    const plain = await machine(false);
    const program = (pad: number): number[] => [
      ...[0x10000100, 0xd63f0000], // adr x0, f; blr x0
      ...[0x10000170, 0xd61f0200], // adr x16, g; br x16
      ...[pad, 0xd100079c], // back: bti j; sub x28, x28, #1
      ...[0xb5ffff5c, 0x14000000], // cbnz x28, the start; b .
      ...[0xd503245f, 0x91000421], // f: bti c; add x1, x1, #1
      ...[0xd503233f, 0xd50323bf, 0xd65f03c0], // paciasp; autiasp; ret
      ...[0xd50324df, 0x91000c42], // g: bti jc; add x2, x2, #3
      ...[0x10fffea5, 0xd61f00a0], // adr x5, back; br x5
    ];
    const [BTI_J, BTI_C] = [0xd503249f, 0xd503245f] as const;
    for (const pad of [BTI_J, BTI_C]) {
      for (const m of [compiled, plain]) {
        m.vcpu.set32(CPU.features, CPU_FEATURE.BTI);
        start(m, program(pad), 7, { block: GP });
        m.engine.dropCode();
      }
      for (let turn = 0; turn < 40; turn++) {
        const budget = 997 + 31 * turn;
        sliceAlike(compiled, plain, budget, `turn ${turn}`);
        if (turn === 20) await compileHot(compiled, 1);
      }
      // Branches to landing pads stay in compiled code, but for what was interpreted before that was there.
      const left = compiled.vcpu.get64(CPU.statBails + 8 * BAIL.other);
      if (pad === BTI_J) expect(left).toBeLessThan(40n);
      // EC 0x0D, BTYPE 3: BR X5 in a guarded page.
      expect(plain.vcpu.sysreg("ESR_EL1")).toBe(pad === BTI_J ? 0n : 0x3600_0003n);
      expect(plain.vcpu.sysreg("SPSR_EL1") & 0xc00n).toBe(pad === BTI_J ? 0n : 0xc00n);
    }
    expect(compiled.engine.compiled.regions).toBeGreaterThan(0);
  }, 60_000);

  it.each(Object.entries(LOOPS))(
    "%s leave the same state after every slice",
    async (_, parts) => {
      await compareLoops(parts, SEED);
    },
    120_000,
  );
});
