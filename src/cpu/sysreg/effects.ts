/**
 * What follows when a control register has changed, beyond its slot.
 */
import { HCR_MASK as HCR, SCR_MASK } from "./bits.js";
import type { Access } from "./row.js";

/** A bit that traps, enables or redirects accesses. */
export function trapsChanged({ vcpu, host }: Access): void {
  vcpu.recomputeModes();
  host.modesChanged(vcpu);
}

/**
 * A register that governs translation, and may govern traps and the routing of interrupts as well. Hypervisors write
 * what is there already, at every switch between two guests of the same kernel.
 */
export function controlChanged(access: Access, before: bigint): void {
  const { vcpu, host, row } = access;
  if (vcpu.sysreg(row.name) === before) return;
  trapsChanged(access);
  host.translationChanged(vcpu);
  host.interruptsChanged(vcpu);
}

/**
 * SCTLR_EL1, TCR_EL1 and VTCR_EL2, by which TLB banks are told apart (mmu/banks.ts): those above change them on their
 * way between two worlds, whose translations are kept. EL1 itself may have no TLBI behind a change, though the
 * architecture wants one (D8.14), and gets what it would have of most CPUs.
 */
export function worldChanged(access: Access, before: bigint): void {
  const { vcpu, host, row } = access;
  if (vcpu.el < 2) controlChanged(access, before);
  else if (vcpu.sysreg(row.name) !== before) {
    trapsChanged(access);
    host.tableBaseChanged(vcpu);
    host.interruptsChanged(vcpu);
  }
}

/** What TLB entries were made by: DC, CD, ID, E2H. VM, PTW and FWB are in the key of their bank, with the VMID. */
const HCR_CACHED = HCR.DC | HCR.CD | HCR.ID | HCR.E2H;

/** HCR_EL2, which a hypervisor writes on its way into a guest and out of it: their translations are kept. */
export function hypervisorConfigurationChanged(access: Access, before: bigint): void {
  const { vcpu, host } = access;
  const after = vcpu.sysreg("HCR_EL2");
  const changed = before ^ after;
  if (changed === 0n) return;
  trapsChanged(access);
  // TGE of a VHE host says whose EL0 is, and both have their own context; else it switches stage 1 off.
  const isHost = (before & after & HCR.E2H) !== 0n;
  const cached = isHost ? HCR_CACHED : HCR_CACHED | HCR.TGE;
  if ((changed & cached) !== 0n) host.translationChanged(vcpu);
  else host.tableBaseChanged(vcpu);
  host.interruptsChanged(vcpu);
}

/** SCR_EL3: TLBs are tagged with the Security state, so a change of world keeps what they hold. */
export function secureConfigurationChanged(access: Access, before: bigint): void {
  const { vcpu, host } = access;
  trapsChanged(access);
  if (((before ^ vcpu.sysreg("SCR_EL3")) & SCR_MASK.SIF) !== 0n) host.translationChanged(vcpu);
  else host.tableBaseChanged(vcpu);
  host.interruptsChanged(vcpu);
}

export function tableBaseChanged({ vcpu, host }: Access): void {
  host.tableBaseChanged(vcpu);
}

export function debugChanged({ vcpu, host }: Access): void {
  host.debugChanged(vcpu);
}
