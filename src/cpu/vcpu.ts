/**
 * One vCPU as TypeScript sees it: a view over its block in the machine's memory (engine/layout.ts). Nothing is kept
 * here that the block does not hold; `controls` is a digest of slots.
 */
import { BAIL } from "../engine/bails.js";
import { fpFastOf } from "../engine/fp/mode.js";
import { CONTEXT, CPU, CPU_SYSREG_SLOTS, IRQ_LINE, MODE, MODE_CONTEXT, MODE_POINTER_AUTH } from "../engine/layout.js";
import { HCR, SCR } from "./sysreg/bits.js";
import { type Controls, readControls } from "./sysreg/controls.js";
import { sysregOffset } from "./sysreg/table.js";
import {
  activeTraps,
  fpTrapTarget,
  pointerAuthentication,
  STACK_POINTER_TRAP,
  zeroingProhibited,
} from "./sysreg/traps.js";

/** DAIF bits in place, as in SPSR_ELx. */
export const DAIF = { D: 1 << 9, A: 1 << 8, I: 1 << 7, F: 1 << 6, all: 0x3c0 } as const;

const SPSR = { DIT: 24, UAO: 23, PAN: 22, SS: 21, IL: 20, SSBS: 12, BTYPE: 10 } as const;
const FLAG_FIELDS = [
  [SPSR.DIT, CPU.dit],
  [SPSR.UAO, CPU.uao],
  [SPSR.PAN, CPU.pan],
  [SPSR.SS, CPU.ss],
  [SPSR.IL, CPU.il],
  [SPSR.SSBS, CPU.ssbs],
] as const;

const STACK_POINTERS = ["SP_EL0", "SP_EL1", "SP_EL2", "SP_EL3"] as const;

/** What of the block is not the vCPU's own: its inputs, its slice, what a debugger asks for, and what was counted. */
const MACHINE_WORDS = [
  CPU.irqLines,
  CPU.budget,
  CPU.passBreakpoint,
  CPU.holdInterrupts,
  CPU.watch,
  CPU.catchLevels,
  CPU.returnLevels,
];
const MACHINE_LONGS = [
  CPU.sliceEnd,
  CPU.statTlbMiss,
  CPU.statFetchMiss,
  CPU.statJumpMiss,
  CPU.statExceptions,
  CPU.statMmio,
  CPU.statDecoded,
  CPU.statSysreg,
  CPU.statCompiled,
  CPU.statInterrupts,
  ...Object.values(BAIL).map((cause) => CPU.statBails + 8 * cause),
];

export class Vcpu {
  private readonly view: DataView;
  private readonly bytes: Uint8Array;
  private digest: Controls | undefined;

  /** `buffer` is the machine's memory, `base` the address of the vCPU's block in it. */
  constructor(
    buffer: ArrayBufferLike,
    readonly base: number,
  ) {
    this.view = new DataView(buffer, base, CPU.sysregs + 8 * CPU_SYSREG_SLOTS);
    this.bytes = new Uint8Array(buffer, base, CPU.sysregs + 8 * CPU_SYSREG_SLOTS);
  }

  // --- words of the block, by offset in engine/layout.ts ------------------------------------------------------------

  get32(offset: number): number {
    return this.view.getUint32(offset, true);
  }
  set32(offset: number, value: number): void {
    this.view.setUint32(offset, value, true);
  }
  get64(offset: number): bigint {
    return this.view.getBigUint64(offset, true);
  }
  /** The value is taken modulo 2^64. */
  set64(offset: number, value: bigint): void {
    this.view.setBigUint64(offset, value, true);
  }

  /** Copies part of the block. */
  copy(offset: number, size: number, into: Uint8Array, at: number): void {
    into.set(this.bytes.subarray(offset, offset + size), at);
  }

  /** All zeroes, but for what is the machine's: the vCPU may be in the middle of a slice. */
  clear(): void {
    const words = MACHINE_WORDS.map((offset) => this.get32(offset));
    const longs = MACHINE_LONGS.map((offset) => this.get64(offset));
    this.bytes.fill(0);
    for (const [n, value] of words.entries()) this.set32(MACHINE_WORDS[n]!, value);
    for (const [n, value] of longs.entries()) this.set64(MACHINE_LONGS[n]!, value);
    this.set32(CPU.levelMark, this.get32(CPU.budget));
  }

  // --- general-purpose and vector registers -------------------------------------------------------------------------

  /** X0–X30; 31 reads zero. Unsigned. */
  x(n: number): bigint {
    return n === 31 ? 0n : this.get64(CPU.x + 8 * n);
  }
  /** Writes X0–X30; 31 is discarded. */
  setX(n: number, value: bigint): void {
    if (n !== 31) this.set64(CPU.x + 8 * n, value);
  }

  get pc(): bigint {
    return this.get64(CPU.pc);
  }
  set pc(value: bigint) {
    this.set64(CPU.pc, value);
  }

  /** The stack pointer in use. */
  get sp(): bigint {
    return this.get64(CPU.sp);
  }
  set sp(value: bigint) {
    this.set64(CPU.sp, value);
  }

  /** SP_EL0–SP_EL3, whether in use or banked. */
  spOf(el: number): bigint {
    return this.get64(el === this.stackInUse ? CPU.sp : sysregOffset(STACK_POINTERS[el]!));
  }
  setSpOf(el: number, value: bigint): void {
    this.set64(el === this.stackInUse ? CPU.sp : sysregOffset(STACK_POINTERS[el]!), value);
  }

  /** Instructions retired at each level: index EL, plus 4 for EL0 and EL1 in Secure state. */
  retiredByLevel(): bigint[] {
    this.countLevel();
    return Array.from({ length: 8 }, (_, level) => this.get64(CPU.levelCounts + 8 * level));
  }

  /** What was retired since the level was entered is counted for it. */
  private countLevel(): void {
    const budget = this.get32(CPU.budget) | 0;
    const secure = this.el <= 1 && (this.sysregLow("SCR_EL3") & SCR.NS) === 0;
    const at = CPU.levelCounts + 8 * (this.el + (secure ? 4 : 0));
    this.set64(at, this.get64(at) + BigInt((this.get32(CPU.levelMark) | 0) - budget));
    this.set32(CPU.levelMark, budget);
  }

  private get stackInUse(): number {
    return this.get32(CPU.spSel) === 0 ? 0 : this.el;
  }

  /** V0–V31: 16 bytes, least significant first, shared with the block. */
  v(n: number): Uint8Array {
    return this.bytes.subarray(CPU.v + 16 * n, CPU.v + 16 * n + 16);
  }

  get fpcr(): number {
    return this.get32(CPU.fpcr);
  }
  get fpsr(): number {
    return this.get32(CPU.fpsr);
  }
  setFpcr(value: number): void {
    this.set32(CPU.fpcr, value);
    this.chooseFpPath();
  }
  setFpsr(value: number): void {
    this.set32(CPU.fpsr, value);
    this.chooseFpPath();
  }
  private chooseFpPath(): void {
    this.set32(CPU.fpFast, fpFastOf(this.fpcr, this.fpsr));
  }

  // --- PSTATE -------------------------------------------------------------------------------------------------------

  get el(): number {
    return this.get32(CPU.el);
  }

  /** PSTATE.{D, A, I, F} in bits 9–6. */
  get daif(): number {
    return this.get32(CPU.daif);
  }
  set daif(value: number) {
    this.set32(CPU.daif, value & DAIF.all);
  }

  /** NZCV in bits 31–28, unsigned. */
  nzcv(): number {
    const n = this.get32(CPU.flagN + 4) >>> 31;
    const z = this.get64(CPU.flagZ) === 0n ? 1 : 0;
    const v = this.get32(CPU.flagV + 4) >>> 31;
    return ((n << 31) | (z << 30) | (this.get32(CPU.flagC) << 29) | (v << 28)) >>> 0;
  }
  setNzcv(value: number): void {
    const bit = (position: number): number => (value >>> position) & 1;
    this.set64(CPU.flagN, BigInt(bit(31)) << 63n);
    this.set64(CPU.flagZ, BigInt(1 - bit(30)));
    this.set32(CPU.flagC, bit(29));
    this.set64(CPU.flagV, BigInt(bit(28)) << 63n);
  }

  /** PSTATE as SPSR_ELx holds it (DDI 0487, C5.2 "SPSR_EL1"). */
  get pstate(): number {
    const mode = (this.el << 2) | this.get32(CPU.spSel);
    return (
      FLAG_FIELDS.reduce(
        (sum, [position, at]) => sum | (this.get32(at) << position),
        this.nzcv() | this.daif | (this.get32(CPU.btype) << SPSR.BTYPE) | mode,
      ) >>> 0
    );
  }

  /**
   * Takes PSTATE from the SPSR_ELx format. The stack pointer in use changes with EL and SP, and so do the active traps
   * and the translation context.
   */
  set pstate(value: number) {
    this.switchStack((value >>> 2) & 3, value & 1);
    this.setNzcv(value);
    this.daif = value;
    for (const [position, at] of FLAG_FIELDS) this.set32(at, (value >>> position) & 1);
    this.set32(CPU.btype, (value >>> SPSR.BTYPE) & 3);
    this.selectMode();
  }

  /** PSTATE.SP: 0 for SP_EL0, 1 for SP_ELx. Nothing changes at EL0. */
  setSpSel(value: number): void {
    if (this.el === 0) return;
    this.switchStack(this.el, value);
    this.selectMode();
  }

  private switchStack(el: number, spSel: number): void {
    this.countLevel();
    this.set64(sysregOffset(STACK_POINTERS[this.stackInUse]!), this.sp);
    this.set32(CPU.el, el);
    this.set32(CPU.spSel, el === 0 ? 0 : spSel);
    this.sp = this.get64(sysregOffset(STACK_POINTERS[this.stackInUse]!));
  }

  // --- system registers ---------------------------------------------------------------------------------------------

  /** The saved slot of a register, by name: no access check, no side effect. */
  sysreg(name: string): bigint {
    return this.get64(sysregOffset(name));
  }
  /** Writes the slot; after a control register, call `recomputeModes`. */
  setSysreg(name: string, value: bigint): void {
    this.set64(sysregOffset(name), value);
  }
  /** Bits 31–0 and 63–32 of the slot as signed 32-bit numbers. */
  sysregLow(name: string): number {
    return this.view.getInt32(sysregOffset(name), true);
  }
  sysregHigh(name: string): number {
    return this.view.getInt32(sysregOffset(name) + 4, true);
  }

  /** What the control registers said when `recomputeModes` was last called. */
  get controls(): Controls {
    this.digest ??= readControls(this);
    return this.digest;
  }

  /** Fills the MODE row of every EL from the control registers, and the current EL's copies. */
  recomputeModes(): void {
    const c = readControls(this);
    this.digest = c;
    let zvaTrap = 0;
    for (let el = 0; el <= 3; el++) {
      const row = CPU.modes + MODE.size * el;
      this.set32(row + MODE.readTraps, activeTraps(c, el, false));
      this.set32(row + MODE.writeTraps, activeTraps(c, el, true));
      this.set32(row + MODE.fpTrap, fpTrapTarget(c, el) === 0 ? 0 : 1);
      this.set32(row + MODE.context, translationContext(c, el) | (pointerAuthentication(c, el) << MODE_POINTER_AUTH));
      if (zeroingProhibited(c, el)) zvaTrap |= 1 << el;
    }
    this.set32(CPU.zvaTrap, zvaTrap);
    this.set32(CPU.el2Enabled, c.el2 ? 1 : 0);
    this.set32(CPU.virtualPending, c.hcr & (HCR.VF | HCR.VI | HCR.VSE) ? 1 : 0);
    this.selectMode();
  }

  /** Copies the MODE row of the current EL, with PSTATE.PAN, to where the engine looks: `enterMode` (mmu/banks.ts). */
  selectMode(): void {
    const row = CPU.modes + MODE.size * this.el;
    const context = this.get32(row + MODE.context);
    const always = this.get32(CPU.spSel) === 0 ? STACK_POINTER_TRAP : 0;
    this.set32(CPU.readTraps, this.get32(row + MODE.readTraps) | always);
    this.set32(CPU.writeTraps, this.get32(row + MODE.writeTraps) | always);
    this.set32(CPU.fpTrap, this.get32(row + MODE.fpTrap));
    this.set32(CPU.pointerAuth, context >>> MODE_POINTER_AUTH);
    const privileged = context & MODE_CONTEXT.number;
    const own = privileged + ((context & MODE_CONTEXT.addPan) !== 0 ? this.get32(CPU.pan) : 0);
    this.set32(CPU.context, own);
    this.set32(CPU.unprivilegedContext, (context & MODE_CONTEXT.unprivileged) !== 0 ? privileged & ~3 : own);
  }

  /** ISR_EL1: pending interrupts of the current EL, virtual ones at EL1 where HCR_EL2 sends physical ones to EL2. */
  interruptStatus(): bigint {
    const lines = this.linesHere();
    // HCR_EL2.VSE is cleared by the engine when the virtual SError is taken: the digest may be behind.
    const hcr = this.controls.el2 ? this.sysregLow("HCR_EL2") : 0;
    const pending = (mask: number, line: number, virtualLine: number, virtualBit: number): boolean =>
      this.el === 1 && (hcr & mask) !== 0
        ? (lines & virtualLine) !== 0 || (hcr & virtualBit) !== 0
        : (lines & line) !== 0;
    const irq = pending(HCR.IMO, IRQ_LINE.irq, IRQ_LINE.virq, HCR.VI) ? DAIF.I : 0;
    const fiq = pending(HCR.FMO, IRQ_LINE.fiq, IRQ_LINE.vfiq, HCR.VF) ? DAIF.F : 0;
    const serror = pending(HCR.AMO, IRQ_LINE.serror, 0, HCR.VSE) ? DAIF.A : 0;
    return BigInt(irq | fiq | serror);
  }

  /** The lines, Group 1 interrupts of two Security states as IRQ or FIQ (IHI 0069, table 4-3). */
  private linesHere(): number {
    const lines = this.get32(CPU.irqLines);
    if ((lines & (IRQ_LINE.secureGroup1 | IRQ_LINE.nonSecureGroup1)) === 0) return lines;
    const secure = (this.controls.scr & SCR.NS) === 0;
    const own = secure ? IRQ_LINE.secureGroup1 : IRQ_LINE.nonSecureGroup1;
    return lines | (this.el !== 3 && (lines & own) !== 0 ? IRQ_LINE.irq : IRQ_LINE.fiq);
  }

  // --- what the engine came back with -------------------------------------------------------------------------------

  get exit(): number {
    return this.get32(CPU.exit);
  }
  set exit(value: number) {
    this.set32(CPU.exit, value);
  }
  get exitInfo(): bigint {
    return this.get64(CPU.exitInfo);
  }
}

/** MODE.context's lower half: LDTR and STTR are unprivileged at EL1, and at EL2 where that is EL0's host. */
function translationContext(c: Controls, el: number): number {
  switch (el) {
    case 0:
      return c.host0 ? CONTEXT.el20User : CONTEXT.el10User;
    case 1:
      return CONTEXT.el10 | MODE_CONTEXT.addPan | MODE_CONTEXT.unprivileged;
    case 2:
      if (!c.e2h) return CONTEXT.el2;
      return CONTEXT.el20 | MODE_CONTEXT.addPan | (c.host0 ? MODE_CONTEXT.unprivileged : 0);
    default:
      return CONTEXT.el3;
  }
}
