/**
 * The seed's GuestSystemRegisters: what a hypervisor keeps of a guest besides its TrapFrame. Its own list first,
 * then what it lacked and a guest needs (V registers apart: they are not system registers).
 */
import type { HostedCpu, Vcpu } from "../ports.js";
import { EL2_ACCESS } from "./gic-access.js";
import { readVector, writeVector } from "./vector-register.js";

/** As the seed's hypervisor saves and restores them. */
export const SEED_GUEST_SYSREGS = [
  "CNTVOFF_EL2",
  "CNTV_CVAL_EL0",
  "CNTV_CTL_EL0",
  "CNTKCTL_EL1",
  "CNTHCTL_EL2",
  "VMPIDR_EL2",
  "SP_EL1",
  "ELR_EL1",
  "SPSR_EL1",
  "SCTLR_EL1",
  "ACTLR_EL1",
  "CPACR_EL1",
  "TTBR0_EL1",
  "TTBR1_EL1",
  "TCR_EL1",
  "ESR_EL1",
  "FAR_EL1",
  "PAR_EL1",
  "MAIR_EL1",
  "AMAIR_EL1",
  "VBAR_EL1",
  "CONTEXTIDR_EL1",
  "TPIDR_EL0",
  "TPIDR_EL1",
  "TPIDRRO_EL0",
  "PMCR_EL0",
  "VTCR_EL2",
  "VTTBR_EL2",
  "HCR_EL2",
] as const;

/** Absent there. */
export const ADDED_GUEST_SYSREGS = [
  "CNTP_CVAL_EL0",
  "CNTP_CTL_EL0",
  "AFSR0_EL1",
  "AFSR1_EL1",
  "CSSELR_EL1",
  "MDSCR_EL1",
  "VPIDR_EL2",
  "CPTR_EL2",
  "MDCR_EL2",
] as const;

/** The virtual interrupt interface of a guest; list registers as many as ICH_VTR_EL2.ListRegs says. */
export const GUEST_GIC_REGISTERS = ["ICH_HCR_EL2", "ICH_VMCR_EL2", "ICH_AP0R0_EL2", "ICH_AP1R0_EL2"] as const;

export type GuestSysreg = (typeof SEED_GUEST_SYSREGS)[number] | (typeof ADDED_GUEST_SYSREGS)[number];

export const GUEST_SYSREGS: readonly GuestSysreg[] = [...SEED_GUEST_SYSREGS, ...ADDED_GUEST_SYSREGS];

const V_REGISTERS = 32;

/** A guest's saved registers, by architectural name. */
export interface GuestSystemRegisters {
  readonly sysregs: Readonly<Record<string, bigint>>;
  readonly gic: Readonly<Record<string, bigint>>;
  /** V0–V31, 128 bits each. */
  readonly v: readonly bigint[];
  readonly fpsr: number;
  readonly fpcr: number;
}

export function saveGuest(vcpu: Vcpu, cpu: HostedCpu): GuestSystemRegisters {
  const gic = cpu.gic(vcpu);
  const gicNames = gic === undefined ? [] : gicRegisters(gic.read("ICH_VTR_EL2", EL2_ACCESS));
  return {
    sysregs: Object.fromEntries(GUEST_SYSREGS.map((name) => [name, vcpu.sysreg(name)])),
    gic: Object.fromEntries(gicNames.map((name) => [name, gic?.read(name, EL2_ACCESS) ?? 0n])),
    v: Array.from({ length: V_REGISTERS }, (_, n) => readVector(vcpu, n)),
    fpsr: vcpu.fpsr,
    fpcr: vcpu.fpcr,
  };
}

/** Puts a guest back, and tells the machine of everything that may follow from it. */
export function restoreGuest(vcpu: Vcpu, cpu: HostedCpu, saved: GuestSystemRegisters): void {
  for (const [name, value] of Object.entries(saved.sysregs)) vcpu.setSysreg(name, value);
  for (const [name, value] of Object.entries(saved.gic)) cpu.gic(vcpu)?.write(name, EL2_ACCESS, value);
  for (const [n, value] of saved.v.entries()) writeVector(vcpu, n, value);
  vcpu.setFpsr(saved.fpsr);
  vcpu.setFpcr(saved.fpcr);
  vcpu.recomputeModes();
  cpu.translationChanged(vcpu);
  cpu.interruptsChanged(vcpu);
  cpu.timer(vcpu).update();
}

function gicRegisters(vtr: bigint): readonly string[] {
  const listRegisters = Number(vtr & 0x1fn) + 1;
  return [...GUEST_GIC_REGISTERS, ...Array.from({ length: listRegisters }, (_, n) => `ICH_LR${n}_EL2`)];
}
