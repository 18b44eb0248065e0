/**
 * What a debugger's step does besides its one instruction. An interrupt that is taken leads away from the instruction:
 * by default its handler runs to completion, and the step ends in the context that it interrupted.
 */
import type { Vcpu } from "../cpu/vcpu.js";

export interface StepMode {
  /**
   * An interrupt at a step: its handler completes, it waits until the vCPU continues, or the step ends at the vector.
   */
  readonly interrupts: "complete" | "mask" | "land";
  /** A synchronous exception of the instruction: the step ends at the vector, or behind the handler's return. */
  readonly exceptions: "land" | "complete";
  /** False: virtual time stands still, so that no timer comes nearer by a step. */
  readonly timers: boolean;
}

export const DEFAULT_STEP_MODE: StepMode = { interrupts: "complete", exceptions: "land", timers: true };

/** A step that waits for a handler to return: the context that was left. */
export interface Detour {
  readonly cause: "interrupt" | "exception";
  /** The stepped instruction, and whether it has been executed. */
  readonly instruction: bigint;
  readonly executed: boolean;
  /** Where the context goes on. */
  readonly pc: bigint;
  readonly el: number;
  readonly spx: boolean;
  readonly sp: bigint;
  /** Of EL0: whose memory it is, without the ASID, which may change meanwhile. */
  readonly tables: bigint;
}

const TABLE_BASE = 0xffff_ffff_fffen;

/** The context that an exception to `level`, just entered, came from. */
export function detourOf(vcpu: Vcpu, level: number, step: Pick<Detour, "cause" | "executed" | "instruction">): Detour {
  const spsr = vcpu.sysreg(`SPSR_EL${level}`);
  const el = Number((spsr >> 2n) & 3n);
  const spx = (spsr & 1n) !== 0n;
  return {
    ...step,
    pc: vcpu.sysreg(`ELR_EL${level}`),
    el,
    spx,
    sp: vcpu.spOf(spx ? el : 0),
    tables: tablesOf(vcpu, el),
  };
}

/**
 * Whether the vCPU, after an exception return, is in the context again: the level, the stack and, at EL0, the tables;
 * elsewhere also the PC, because a handler's own code may stand at the same stack pointer.
 */
export function isBack(vcpu: Vcpu, { cause, el, spx, sp, tables, pc }: Detour): boolean {
  const same = vcpu.el === el && (vcpu.pstate & 1) === (spx ? 1 : 0) && vcpu.sp === sp && tablesOf(vcpu, el) === tables;
  return same && (el === 0 || vcpu.pc === pc || (cause === "exception" && vcpu.pc === pc + 4n));
}

/** The base of the tables of what runs at EL0. */
export const tablesOf = (vcpu: Vcpu, el: number): bigint => (el === 0 ? vcpu.sysreg("TTBR0_EL1") & TABLE_BASE : 0n);
