/** What says of a translation context which registers are its regime's (DDI 0487, D8.1 "Address translation"). */
import type { CpuView } from "../engine/cpu-view.js";
import type { I32, I64 } from "../engine/ir/value.js";
import { CONTEXT } from "../engine/layout.js";

/** The register of a context's regime, of those of EL1, EL2 and EL3. */
export function registerOf(c: CpuView, context: I32, [one, two, three]: readonly [string, string, string]): I64 {
  const el10 = context.leU(CONTEXT.el10Pan);
  const el3 = context.eq(CONTEXT.el3);
  return el10.select(c.sys(one), el3.select(c.sys(three), c.sys(two)));
}

/** SCTLR_ELx of a context's regime: at EL0 the one that governs it. */
export const controlOf = (c: CpuView, context: I32): I64 =>
  registerOf(c, context, ["SCTLR_EL1", "SCTLR_EL2", "SCTLR_EL3"]);
