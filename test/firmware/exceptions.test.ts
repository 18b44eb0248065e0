/** The exceptions guest (firmware/exceptions) entered at EL1, EL2 and EL3. */
import { type Comparison, compareGuest, type Deviation } from "./compare.js";

/** All about QEMU 7.2. */
const DEVIATIONS: readonly Deviation[] = [
  { line: /^(ldr|str), unaligned, Device/, why: "alignment of accesses to Device memory is not checked" },
  { line: /^dc zva, allowed/, why: "DC ZVA to Device memory, as all is with translation off, is no Alignment fault" },
  { line: /^stxr, unaligned/, why: "the monitor's address is compared first, and STXR fails without a fault" },
  { line: /^(ldar|stlr), unaligned at EL2/, why: "ISV is set for a stage-1 abort that EL2 takes from itself" },
  { line: /^(ldr|strb) (from|to) nowhere at EL2/, why: "ISV is set for a stage-1 abort that EL2 takes from itself" },
  { line: /^ldr beyond the address size at EL2/, why: "ISV is set for a stage-1 abort that EL2 takes from itself" },
  { line: /msr daif(set|clr)(, forbidden)? at EL0/, why: "Op1 and Op2 of the syndrome are exchanged" },
  { line: /wfe at EL/, why: "WFE is a yield and never trapped" },
  { line: /^fpcr, fpsr/, why: "the bits that only AArch32 uses are kept: its Cortex-A72 has AArch32" },
  { line: /^HCR_EL2.TIDCP/, why: "HCR_EL2.TIDCP is not implemented" },
  { line: /^MDCR_EL2.TPMCR, pmcr_el0/, why: "MDCR_EL2.TPMCR is not implemented" },
  { line: /^hvc .*at EL3/, why: "HVC at EL3 is taken to EL2" },
  { line: /^Secure, hvc at EL1/, why: "HVC in Secure state goes to EL2 although that is disabled" },
  { line: /^SCR_EL3.EA, external abort/, why: "SCR_EL3.EA is of no effect on synchronous External aborts" },
  { line: /^SA0?,? .*(ldr|stp)/, why: "stack alignment is not checked" },
];

const MAX: readonly Deviation[] = [
  ...DEVIATIONS,
  { line: /beyond the address size at/, why: "its max has 52 physical address bits, ours 44" },
  { line: /^HCR_EL2.TEA, external abort/, why: "HCR_EL2.TEA is of no effect" },
];

const RUNS: readonly Comparison[] = [
  { level: 1, cpu: "cortex-a72", deviations: DEVIATIONS },
  { level: 2, cpu: "cortex-a72", deviations: DEVIATIONS },
  { level: 2, cpu: "max", deviations: MAX },
  { level: 3, cpu: "cortex-a72", deviations: DEVIATIONS },
];

compareGuest("exceptions", "exceptions", RUNS);
