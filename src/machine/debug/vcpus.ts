/** vCPUs as a debugger lists them. */
import type { Vcpu } from "../../gdb/target.js";
import type { Core } from "../scheduler.js";

const WAITING = {
  wfi: "waiting (WFI)",
  wfe: "waiting (WFE)",
  suspended: "suspended (PSCI)",
  running: "running",
} as const;

/** What a vCPU does, in words: "EL1 running". */
export function describeState({ state, vcpu, blocked }: Core): string {
  if (blocked) return `EL${vcpu.el} in a semihosting call`;
  return state === "off" ? "halted (PSCI off)" : `EL${vcpu.el} ${WAITING[state]}`;
}

export function listVcpus(cores: readonly Core[]): Vcpu[] {
  return cores.map((core) => ({ id: core.index, name: `CPU${core.index}`, state: describeState(core) }));
}
