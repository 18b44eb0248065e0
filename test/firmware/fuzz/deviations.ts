/** The guests of scripts/fuzz-system, and where the reference (QEMU 7.2) is known to do other than they ask. */
import type { Deviation } from "../compare.js";

export interface FuzzDeviation extends Deviation {
  /** Matched against the reference's line; without, it may be any. */
  readonly reference?: RegExp;
  /** The fields that may differ, when all others have to be equal. */
  readonly only?: readonly string[];
  /** The machines are in different states from here: the rest of the case is not compared. */
  readonly diverges?: boolean;
}

/** Of firmware/fuzz-NAME. */
export interface FuzzGuest {
  readonly name: string;
  /** Cases in one start of the machines: a few seconds. */
  readonly batch: number;
  readonly deviations: readonly FuzzDeviation[];
}

const TRAPS: readonly FuzzDeviation[] = [
  {
    line: /^#\d+ msr daif(set|clr) el=0 .* esr=620(cd|ed)3fe /,
    reference: / esr=620(79|7d)3fe /,
    why: "Op1 and Op2 of the syndrome are exchanged (DDI 0487, ISS encoding of EC 0x18)",
  },
  {
    // TPM is bit 6 of MDCR_EL2; SW, CR and ER are bits 1 to 3 of PMUSERENR_EL0.
    line: /^#\d+ m(sr|rs) pm\w+_el0 el=0 .* mdcr=\w*[4-7c-f]\w .* pmuserenr=[2-9a-f] .*: EL2\+400 esr=62/,
    reference: /:$/,
    why: "an access that PMUSERENR_EL0.{SW,CR,ER} allow to EL0 is not trapped by MDCR_EL2.TPM (DDI 0487, D17.3)",
  },
  {
    line: /^#\d+ m(sr|rs) (osdtr[rt]x|oseccr|dbgprcr|dbgclaim(set|clr)|dbgauthstatus|dbgdtr(rx|tx)?)_el[01] /,
    why: "the register is not implemented",
  },
  { line: /^#\d+ m(sr|rs) mdccsr_el0 /, why: "MDSCR_EL1.TDCC is not implemented" },
  { line: /^#\d+ m(sr|rs) (l2\w*|cpu\w*|cbar)_el1 /, why: "HCR_EL2.TIDCP is not implemented" },
  {
    line: /^#\d+ mrs cntpct_el0 el=0 /,
    why: "CNTHCTL_EL2.EL1PCTEN of an EL0 access is taken from the bit of EL1PCEN",
  },
  {
    line: /^#\d+ dc zva .* esr=9[26]/,
    reference: /:$/,
    why: "DC ZVA to Device memory, as all is with translation off, is no Alignment fault (DDI 0487, DC ZVA)",
  },
];

const HIDDEN =
  "what is pending for a group that ICC_IGRPEN<n>_EL1 has disabled hides the other group (IHI 0069, 4.8 and 12.2)";

const GIC: readonly FuzzDeviation[] = [
  { line: /^ {2}hppir .* igrpen=[0-2] /, only: ["v", "isr"], why: HIDDEN },
  { line: /^ {2}iar[01] .* igrpen=[0-2] /, reference: / v=3ff /, diverges: true, why: HIDDEN },
  { line: / igrpen=[0-2] /, reference: / isr=0 /, only: ["isr"], why: HIDDEN },
];

const MMU: readonly FuzzDeviation[] = [
  {
    // S1PTW is bit 7 of the syndrome.
    line: /^ {2}.* esr=(82|92)\w+[89a-f]\w .* hpfar=/,
    reference: / esr=(82|92)\w+[89a-f]\w .* hpfar=/,
    only: ["esr"],
    why: "the level of a stage-2 fault of a table walk is replaced by that of stage 1 (DDI 0487, ESR_ELx ISS, xFSC)",
  },
  {
    line: /^ {2}at s1.* par=/,
    only: ["sh"],
    why: "SH of Device and Non-cacheable memory is not shown as Outer Shareable (DDI 0487, PAR_EL1)",
  },
];

export const GUESTS: readonly FuzzGuest[] = [
  { name: "traps", batch: 2000, deviations: TRAPS },
  { name: "mmu", batch: 500, deviations: MMU },
  { name: "gic", batch: 100, deviations: GIC },
];
