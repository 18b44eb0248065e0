/** An exception that has just been entered, as plain facts, and those facts in words (DDI 0487, D1.3). */

import { HCR_MASK } from "../../../cpu/sysreg/bits.js";
import { TargetError } from "../../../gdb/target.js";
import { Abort, EC, faultIpa, faultKind, SysReg } from "../../../hosted/el2/syndrome.js";
import { psciRow } from "../../../hosted/el3/psci-functions.js";
import { functionId } from "../../../hosted/el3/smccc.js";
import type { Machine } from "../../machine.js";
import type { Core, TakenException } from "../../scheduler.js";
import type { SystemRegisters } from "../system-registers.js";
import { Tables, walkAll } from "../tables.js";
import { describeSyndrome, hasFar } from "./syndrome.js";

export type VectorKind = "synchronous" | "irq" | "fiq" | "serror";
const KINDS: readonly VectorKind[] = ["synchronous", "irq", "fiq", "serror"];
const GROUPS = ["same level, SP_EL0", "same level", "lower level", "lower level, AArch32"] as const;

export interface ExceptionFacts {
  /** Index of the vCPU. */
  readonly vcpu: number;
  readonly from: number;
  readonly to: 1 | 2 | 3;
  /** Offset from VBAR_ELx. */
  readonly vector: number;
  readonly kind: VectorKind;
  readonly hosted: boolean;
  /** Of a synchronous exception or SError. */
  readonly esr?: bigint;
  readonly ec?: number;
  readonly iss?: number;
  readonly elr: bigint;
  readonly spsr: bigint;
  /** The instruction it came from or at; of an interrupt, the one that is next. */
  readonly pc: bigint;
  readonly far?: bigint;
  /** Of a stage 2 fault. */
  readonly ipa?: bigint;
  /**
   * W0 of an HVC or SMC by the SMC calling convention, which has immediate 0 (Arm DEN0028, "SMC and HVC immediate
   * value"); hosted levels answer any.
   */
  readonly functionId?: number;
  /** X16 of an HVC by Xen's calling convention (its public/arch-arm.h). */
  readonly xenHypercall?: bigint;
  /** Of an IRQ or FIQ: what the vCPU would acknowledge now. */
  readonly intid?: number;
}

/** Exceptions whose ELR_ELx is behind the instruction. */
const BEHIND: readonly number[] = [EC.SVC64, EC.HVC64];
const FIRST_SPECIAL_INTID = 1020n;
/** XEN_HYPERCALL_TAG. */
const XEN_IMMEDIATE = 0xea1;

export function factsOf(
  machine: Machine,
  system: SystemRegisters,
  core: Core,
  { level, vector, hosted }: TakenException,
): ExceptionFacts {
  const { vcpu } = core;
  const kind = KINDS[(vector >> 7) & 3] as VectorKind;
  const spsr = vcpu.sysreg(`SPSR_EL${level}`);
  const elr = vcpu.sysreg(`ELR_EL${level}`);
  const from = Number((spsr >> 2n) & 3n);
  const base = { vcpu: core.index, from, to: level, vector, kind, hosted, elr, spsr, pc: elr };
  if (kind === "irq" || kind === "fiq") {
    const intid = pendingInterrupt(system, core, kind);
    return intid === undefined ? base : { ...base, intid };
  }
  const esr = vcpu.sysreg(`ESR_EL${level}`);
  const ec = Number((esr >> 26n) & 0x3fn);
  const iss = Number(esr & 0x1ff_ffffn);
  if (kind === "serror") return { ...base, esr, ec, iss };
  const far = hasFar(esr) ? vcpu.sysreg(`FAR_EL${level}`) : undefined;
  const ipa = far === undefined ? undefined : stage2Address(machine, core, { level, ec, iss, far });
  const isCall = (ec === EC.HVC64 || ec === EC.SMC64) && (hosted || (iss & 0xffff) === 0);
  const isXens = ec === EC.HVC64 && !hosted && (iss & 0xffff) === XEN_IMMEDIATE;
  const behind = BEHIND.includes(ec) || (ec === EC.SMC64 && level === 3);
  return {
    ...base,
    esr,
    ec,
    iss,
    pc: behind ? elr - 4n : elr,
    ...(far === undefined ? {} : { far }),
    ...(ipa === undefined ? {} : { ipa }),
    ...(isCall ? { functionId: functionId(vcpu.x(0)) } : {}),
    ...(isXens ? { xenHypercall: vcpu.x(16) } : {}),
  };
}

/** The intermediate address that stage 2 has nothing, or not enough, for; undefined for any other abort. */
function stage2Address(
  machine: Machine,
  { vcpu }: Core,
  abort: { readonly level: number; readonly ec: number; readonly iss: number; readonly far: bigint },
): bigint | undefined {
  const { level, ec, iss, far } = abort;
  if (level !== 2 || (ec !== EC.DataAbortLower && ec !== EC.InstructionAbortLower)) return undefined;
  const kind = faultKind(Abort.fsc(iss));
  if (kind === "external" || kind === "other" || (vcpu.sysreg("HCR_EL2") & HCR_MASK.TGE) !== 0n) return undefined;
  if (kind !== "permission" || Abort.s1ptw(iss)) return BigInt(faultIpa(far, vcpu.sysreg("HPFAR_EL2")));
  // A permission fault leaves HPFAR_EL2 without meaning.
  const { stage1 } = walkAll(new Tables(machine, vcpu), "el1", far);
  return stage1 === undefined ? far : stage1.translation.output;
}

/** The INTID that reading the acknowledge register would give, at the level the vCPU is at. */
function pendingInterrupt(system: SystemRegisters, { vcpu }: Core, kind: "irq" | "fiq"): number | undefined {
  const order = kind === "irq" ? ["ICC_IAR1_EL1", "ICC_IAR0_EL1"] : ["ICC_IAR0_EL1", "ICC_IAR1_EL1"];
  for (const name of order) {
    const row = system.find(name);
    if (row instanceof TargetError) continue;
    const value = system.read(vcpu, row);
    if (typeof value === "bigint" && (value < FIRST_SPECIAL_INTID || value > 1023n)) return Number(value);
  }
  return undefined;
}

const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

/** PSCI functions and whatever else a call may be for, by name where there is one. */
export function callName(id: number): string {
  const found = psciRow(id);
  return found === undefined ? hex(id) : `${hex(id)} (PSCI ${found.row.name})`;
}

/** What happened, in one line without the place: "SVC: immediate 0x0, from EL0 to EL1". */
export function headline(facts: ExceptionFacts): string {
  const { kind, esr, from, to, hosted, intid, functionId: id, xenHypercall } = facts;
  const call =
    (id === undefined ? "" : `, function ${callName(id)}`) +
    (xenHypercall === undefined ? "" : `, Xen's hypercall ${xenHypercall}`);
  const what =
    kind === "irq" || kind === "fiq"
      ? `${kind.toUpperCase()}${intid === undefined ? "" : `, INTID ${intid}`}`
      : `${describeSyndrome(esr ?? 0n)}${call}`;
  return `${what}, from EL${from} to ${hosted ? "hosted " : ""}EL${to}`;
}

/** All that the registers say, a line each. */
export function explain(facts: ExceptionFacts): string[] {
  const { kind, esr, to, elr, spsr, far, ipa, vector, hosted, ec, iss } = facts;
  const lines = [`${headline(facts)}, vector ${hex(vector)} (${kind}, ${GROUPS[vector >> 9] ?? "?"})`];
  if (esr !== undefined) {
    const length = (esr >> 25n) & 1n;
    lines.push(`  ESR_EL${to} ${hex(esr)}: EC ${hex(ec ?? 0)}, IL ${length}, ISS ${hex(iss ?? 0)}`);
  }
  if (far !== undefined) lines.push(`  FAR_EL${to} ${hex(far)}${ipa === undefined ? "" : `, IPA ${hex(ipa)}`}`);
  lines.push(`  ELR_EL${to} ${hex(elr)}, SPSR_EL${to} ${hex(spsr)}`);
  if (hosted) lines.push(`  hosted EL${to} has not handled it yet: the vCPU stands before the instruction`);
  return lines;
}

/** Whether the ISS of class 0x18 is of this direction. */
export const isRead = (iss: number): boolean => SysReg.isRead(iss);
