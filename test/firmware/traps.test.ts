/** The guest about every trap control and every encoding of EL0 and EL1 (firmware/traps). */
import { type Comparison, compareGuest, type Deviation } from "./compare.js";

/** All about QEMU 7.2. */
const DEVIATIONS: readonly Deviation[] = [
  {
    line: /^(osdtr[rt]x|oseccr|dbgprcr|dbgclaim(set|clr)|dbgauthstatus|dbgdtr(rx)?)_el[01]:/,
    why: "the register is not implemented",
  },
  { line: /^mdccsr_el0:/, why: "MDSCR_EL1.TDCC is not implemented" },
  { line: /^(l2\w*|cpu\w*|cbar)_el1:/, why: "HCR_EL2.TIDCP is not implemented" },
  { line: /^pmcr_el0:/, why: "MDCR_EL2.TPMCR is not implemented" },
  { line: /^cntpct_el0:/, why: "CNTHCTL_EL2.EL1PCTEN of an EL0 access is taken from the bit of EL1PCEN" },
  { line: /^scxtnum_el0:/, why: "HCR_EL2.EnSCXT counts as 0 for EL0 of a host, which it is not asked about" },
  { line: /^dc zva:/, why: "DC ZVA to Device memory, as all is with translation off, is no Alignment fault" },
];

const RUNS: readonly Comparison[] = [
  { level: 1, cpu: "cortex-a72", deviations: DEVIATIONS },
  { level: 2, cpu: "cortex-a72", deviations: DEVIATIONS },
  { level: 2, cpu: "max", deviations: DEVIATIONS },
  { level: 3, cpu: "cortex-a72", deviations: DEVIATIONS },
];

compareGuest("traps", "traps", RUNS);
