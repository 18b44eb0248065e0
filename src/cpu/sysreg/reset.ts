/**
 * System registers at reset (DDI 0487, D1.4 "PE reset"): architected values, and zero where the architecture leaves
 * them UNKNOWN, so that the same machine always starts the same.
 */
import type { Vcpu } from "../vcpu.js";
import { modelSysregs } from "./model-table.js";
import type { ResetContext } from "./row.js";
import { SYSREGS } from "./table.js";

/** Puts every slot of the vCPU to its reset value and recomputes what depends on them. */
export function resetSysregs(vcpu: Vcpu, context: ResetContext): void {
  for (const row of SYSREGS) {
    if (row.aliasOf !== undefined) continue;
    const { reset = 0n } = row;
    const value = typeof reset === "function" ? reset(context) : reset;
    vcpu.setSysreg(row.name, modelSysregs(context.model).has(row) ? value : 0n);
  }
  vcpu.recomputeModes();
}
