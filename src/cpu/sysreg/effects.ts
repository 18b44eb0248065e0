/**
 * What follows when a control register has changed, beyond its slot.
 */
import type { Access } from "./row.js";

/** A bit that traps, enables or redirects accesses. */
export function trapsChanged({ vcpu, host }: Access): void {
  vcpu.recomputeModes();
  host.modesChanged(vcpu);
}

/** A register that governs translation, and may govern traps and the routing of interrupts as well. */
export function controlChanged(access: Access): void {
  trapsChanged(access);
  access.host.translationChanged(access.vcpu);
  access.host.interruptsChanged(access.vcpu);
}

const SCR_SIF = 1n << 9n;

/** SCR_EL3: TLBs are tagged with the Security state, so a change of world keeps what they hold. */
export function secureConfigurationChanged(access: Access, before: bigint): void {
  const { vcpu, host } = access;
  trapsChanged(access);
  if (((before ^ vcpu.sysreg("SCR_EL3")) & SCR_SIF) !== 0n) host.translationChanged(vcpu);
  else host.tableBaseChanged(vcpu);
  host.interruptsChanged(vcpu);
}

export function tableBaseChanged({ vcpu, host }: Access): void {
  host.tableBaseChanged(vcpu);
}

export function debugChanged({ vcpu, host }: Access): void {
  host.debugChanged(vcpu);
}
