/**
 * What a system register is to us: one row per encoding (DDI 0487, D17 "AArch64 System Register Descriptions", and
 * D12.2 for the access rules). Engines see rows as saved slots of the vCPU block; everything a slot cannot say is in
 * the row's functions.
 */
import type { Feature } from "../../isa/features.js";
import type { CpuModel } from "../model.js";
import type { Vcpu } from "../vcpu.js";
import type { SysregHost } from "./host.js";
import type { TrapClass } from "./traps.js";

/** What reset values depend on. */
export interface ResetContext {
  readonly model: CpuModel;
  /** Number of the vCPU and how many there are. */
  readonly index: number;
  readonly cpus: number;
  /** MPIDR_EL1 affinity fields in place (Aff3 in bits 39–32, Aff2–Aff0 in bits 23–0). */
  readonly affinity: bigint;
}

/** One access from the slow path, past all access checks. */
export interface Access {
  readonly vcpu: Vcpu;
  readonly host: SysregHost;
  /** The row that was reached after VHE redirection. */
  readonly row: SysregRow;
  readonly el: number;
}

/** Lowest EL of a direction that does not exist. */
export const NEVER = 15;

/** All 64 bits. */
export const ALL = (1n << 64n) - 1n;

export interface RowOptions {
  /** Default RW. */
  readonly access?: "RW" | "RO" | "WO";
  /** Lowest EL that may read, and write. Default: what op1 means; the writer's is the reader's. */
  readonly el?: number;
  readonly writeEl?: number;
  /** Value at reset. Architecturally UNKNOWN ones are 0, so that runs repeat. Default 0. */
  readonly reset?: bigint | ((context: ResetContext) => bigint);
  /** Bits a write changes; the others keep their reset value (RES0, RES1, read-only fields). Default all. */
  readonly writable?: bigint | ((has: (feature: Feature) => boolean) => bigint);
  /** Features all of which the CPU must have; without them the encoding is UNDEFINED. */
  readonly features?: readonly Feature[];
  /** Whether a CPU model has it, where features do not say so. */
  readonly exists?: (model: CpuModel) => boolean;
  /** A register of the GIC's CPU interface, which says whether it implements it. */
  readonly gic?: true;
  /** Security state (SCR_EL3.NS) outside which it is UNDEFINED; EL3 has the Secure ones always. */
  readonly state?: "secure" | "non-secure";
  /** Class of trap and enable controls that apply below the highest EL. */
  readonly trap?: TrapClass;
  /**
   * HCR_EL2.E2H = 1: the register that this encoding reaches at EL2. A row `<name>_EL12` (`_EL02`) that reaches this
   * register is made as well.
   */
  readonly e2h?: string;
  /** The value read, in place of the slot. */
  readonly read?: (access: Access) => bigint;
  /** What a debugger sees where `read` has side effects. */
  readonly peek?: (access: Access) => bigint;
  /** Reads are plain reads of the slot (or `cell`) wherever the trap class is not active, `read` notwithstanding. */
  readonly slotRead?: true;
  /** Offset in the vCPU block of 64 bits that hold the value, in place of a slot. */
  readonly cell?: number;
  /** Takes a written value, already masked, in place of the slot. */
  readonly write?: (access: Access, value: bigint) => void;
  /** After the slot has changed through a write. */
  readonly changed?: (access: Access, before: bigint) => void;
  /** The engine stores writes itself and then does what `changed` would. */
  readonly inlineEffect?: true;
  /** FPCR or FPSR: the engine carries out writes itself (engine/fp/mode.ts). */
  readonly fpControl?: true;
  /** Reads are a function of virtual time that the engine computes itself. */
  readonly counter?: "physical" | "virtual";
}

export interface SysregRow extends Omit<RowOptions, "access" | "el" | "writeEl"> {
  readonly name: string;
  /** op0<0>:op1:CRn:CRm:op2 in 15 bits; −1 where only the engine reaches the slot. */
  readonly encoding: number;
  readonly readEl: number;
  readonly writeEl: number;
  /** The register this is another encoding of, reachable while HCR_EL2.E2H is 1. */
  readonly aliasOf?: string;
}

/** 15-bit form of an encoding; op0 is 2 or 3. */
export function encode(op0: number, op1: number, crn: number, crm: number, op2: number): number {
  return ((op0 & 1) << 14) | (op1 << 11) | (crn << 7) | (crm << 3) | op2;
}

/** `S3_0_C1_C0_0`: how assemblers write the encoding. */
export function encodingName(encoding: number): string {
  const { op0, op1, crn, crm, op2 } = decode(encoding);
  return `S${op0}_${op1}_C${crn}_C${crm}_${op2}`;
}

export function decode(encoding: number): { op0: number; op1: number; crn: number; crm: number; op2: number } {
  return {
    op0: 2 | ((encoding >> 14) & 1),
    op1: (encoding >> 11) & 7,
    crn: (encoding >> 7) & 15,
    crm: (encoding >> 3) & 15,
    op2: encoding & 7,
  };
}

/** Lowest EL by op1 (DDI 0487, D12.2.1). */
const EL_OF_OP1 = [1, 1, 1, 0, 2, 2, 3, 1] as const;

/** A row; `at` is [op0, op1, CRn, CRm, op2]. */
export function register(
  name: string,
  at: readonly [op0: number, op1: number, crn: number, crm: number, op2: number],
  options: RowOptions = {},
): SysregRow {
  const { access = "RW", el = EL_OF_OP1[at[1]] ?? NEVER, writeEl = el, ...rest } = options;
  return {
    ...rest,
    name,
    encoding: encode(...at),
    readEl: access === "WO" ? NEVER : el,
    writeEl: access === "RO" ? NEVER : writeEl,
  };
}

/** A slot without an encoding. */
export function hiddenSlot(name: string): SysregRow {
  return { name, encoding: -1, readEl: NEVER, writeEl: NEVER };
}

/** Of a register whose bits are IMPLEMENTATION DEFINED: the Cortex-A72 has none (Arm 100095, 4.3), nor has `max`. */
export const NOTHING = { writable: 0n } as const;

/** Mask of bits `high` to `low`. */
export function bits(high: number, low: number): bigint {
  return ((1n << BigInt(high - low + 1)) - 1n) << BigInt(low);
}

/** Mask of single bits. */
export function mask(...positions: number[]): bigint {
  return positions.reduce((sum, position) => sum | (1n << BigInt(position)), 0n);
}
