/** vCPUs as a debugger lists them. */
import { isSecure } from "../../cpu/debug.js";
import type { Vcpu } from "../../gdb/target.js";
import type { Core } from "../scheduler.js";

const WAITING = {
  wfi: "waiting (WFI)",
  wfe: "waiting (WFE)",
  suspended: "suspended (PSCI)",
  running: "running",
} as const;

/**
 * What a vCPU does, in words: "EL1 running"; "S-EL1 running" in Secure state, of which EL3 is always (DDI 0487, D1.1).
 */
export function describeState({ state, vcpu, blocked }: Core): string {
  const level = `${vcpu.el < 3 && isSecure(vcpu) ? "S-" : ""}EL${vcpu.el}`;
  if (blocked) return `${level} in a semihosting call`;
  return state === "off" ? "halted (PSCI off)" : `${level} ${WAITING[state]}`;
}

export function listVcpus(cores: readonly Core[]): Vcpu[] {
  return cores.map((core) => ({ id: core.index, name: `CPU${core.index}`, state: describeState(core) }));
}
