/**
 * Indirect branches to landing pads and to what is none, in guarded pages (FEAT_BTI): compiled code goes on where nobody
 * would see BTYPE, and leaves everything else as the interpreter does.
 */
import { describe, expect, it } from "vitest";
import { CPU, CPU_FEATURE } from "../../../src/engine/layout.js";
import {
  CODE,
  compileHot,
  DATA,
  GP,
  type Machine,
  machine,
  mapByPages,
  pageEntry,
  RAM,
  sliceAlike,
  start,
  writeDoubleword,
  writeWords,
} from "../rig.js";

const PADS = [
  0xd503245f, // bti c
  0xd503249f, // bti j
  0xd50324df, // bti jc
  0xd503233f, // paciasp
  0xd503237f, // pacibsp
  0xd503201f, // nop
  0xd503241f, // bti
  0xd503245f, // bti c
];
const BRANCHES = {
  "BR X5": [0xd61f00a0],
  "BLR X5": [0xd63f00a0],
  "BR X16": [0xaa0503f0, 0xd61f0200], // mov x16, x5; br x16
} as const;
/** The end of the loop, in instructions from its beginning. */
const JOIN = 10;
/** The pads, four words each, add to X1 and go to the loop's end. */
const padsAt = (at: number): number[] =>
  PADS.flatMap((pad, n) => {
    const back = JOIN - (at + 4 * n + 2);
    return [pad, 0x91000021 | ((n + 1) << 10), 0x14000000 | (back & 0x3ffffff), 0xd503201f];
  });

/** Branches to each of the pads by turns, which begin at X0. */
const program = (branch: readonly number[]): number[] => [
  ...[0x91000463, 0x92400864, 0x8b041005], // add x3, x3, #1; and x4, x3, #7; add x5, x0, x4, lsl #4
  ...branch,
  ...Array<number>(JOIN - 3 - branch.length).fill(0xd503201f),
  0xd100079c, // sub x28, x28, #1
  0xb500001c | ((-(JOIN + 1) & 0x7ffff) << 5), // cbnz x28, the first
  0x14000000,
];

/** Adds up what exceptions leave, clears BTYPE and goes back: to the same instruction, or behind it. */
const handler = (el: 1 | 2): number[] => {
  const of = el === 1 ? 0 : 0x4_0000;
  return [
    ...[0xd5384006 | of, 0x8b0600e7], // mrs x6, spsr; add x7, x7, x6
    ...[0xd5385208 | of, 0x8b080129], // mrs x8, esr; add x9, x9, x8
    ...(el === 1 ? [] : [0xd538402a | of, 0x9100114a, 0xd518402a | of]), // mrs x10, elr; add x10, x10, #4; msr elr, x10
    ...[0x9274f4c6, 0xd5184006 | of, 0xd69f03e0], // and x6, x6, #~0xc00; msr spsr, x6; eret
  ];
};

interface Case {
  /** SCTLR_EL1.BT1: PACIASP and PACIBSP are no targets of BR. */
  readonly bt: boolean;
  /** The branch is in a page that is not guarded. */
  readonly fromPlain: boolean;
  /** EL2 traps what uses a key. */
  readonly traps: boolean;
}

function begin(m: Machine, branch: readonly number[], { bt, fromPlain, traps }: Case): void {
  const { engine, vcpu } = m;
  vcpu.set32(CPU.features, CPU_FEATURE.BTI);
  const at = fromPlain ? Number((DATA - CODE) / 4n) : 32;
  start(m, program(branch), 7, { block: fromPlain ? 0n : GP });
  if (fromPlain) {
    mapByPages(m);
    writeDoubleword(m, pageEntry(DATA), DATA | 0x703n | GP);
  }
  writeWords(m, CODE + 4n * BigInt(at), ...padsAt(at));
  writeWords(m, RAM + 0x8_0200n, ...handler(1));
  writeWords(m, RAM + 0x9_0400n, ...handler(2));
  if (bt) vcpu.setSysreg("SCTLR_EL1", vcpu.sysreg("SCTLR_EL1") | (1n << 36n));
  vcpu.set32(CPU.hasEl2, traps ? 1 : 0);
  vcpu.setSysreg("SCR_EL3", traps ? 1n : 0n);
  vcpu.setSysreg("HCR_EL2", traps ? 1n << 31n : 0n);
  vcpu.setSysreg("VBAR_EL2", RAM + 0x9_0000n);
  vcpu.recomputeModes();
  vcpu.setX(0, CODE + 4n * BigInt(at));
  for (const n of [1, 3, 7, 9]) vcpu.setX(n, 0n);
  vcpu.setX(28, 1n << 40n);
  engine.exports.flushCpu(vcpu.base);
  engine.dropCode();
}

const CASES: Readonly<Record<string, Case>> = {
  "in guarded pages": { bt: false, fromPlain: false, traps: false },
  "with SCTLR_EL1.BT1": { bt: true, fromPlain: false, traps: false },
  "from a page that is not guarded": { bt: true, fromPlain: true, traps: false },
  "where EL2 traps PACIASP": { bt: false, fromPlain: false, traps: true },
};

describe.each(Object.entries(BRANCHES))("%s to landing pads and others", (_, branch) => {
  it.each(Object.entries(CASES))("%s does what the interpreter does", async (_, which) => {
    const [compiled, plain] = [await machine(true), await machine(false)];
    for (const m of [compiled, plain]) begin(m, branch, which);
    const { engine } = compiled;
    for (let turn = 0; turn < 300 && engine.compiled.regions === 0; turn++) {
      sliceAlike(compiled, plain, 4001, `turn ${turn} before`);
      await compileHot(compiled, 10);
    }
    expect(engine.compiled.regions).toBeGreaterThan(0);
    for (let turn = 0; turn < 60; turn++) sliceAlike(compiled, plain, 97 + turn, `turn ${turn}`);
    // Some of them were refused, or trapped.
    expect(plain.vcpu.x(9)).not.toBe(0n);
  });
});
