/** The guest about the Performance Monitors (firmware/pmu). */
import { type Comparison, compareGuest, type Deviation } from "./compare.js";

/** All about QEMU 7.2, whose cortex-a72 has AArch32 as well. */
const DEVIATIONS: readonly Deviation[] = [
  { line: /^PMCR_EL0 without/, why: "LC is RES1 only where no level has AArch32" },
  { line: /^pmevtyper\d_el0 ones/, why: "MT is kept" },
  { line: /^HPME = [01]: pending/, why: "the interrupt of EL2's counters asks for PMCR_EL0.E, not for MDCR_EL2.HPME" },
  { line: /^PMCR_EL0\.E = 0: pending/, why: "a write of PMCR_EL0 leaves the interrupt as it is" },
  { line: /^64 bits: overflow/, why: "the cycle counter's overflow is noticed when a timer ends" },
  {
    line: / at EL0: EL2\+400 esr=623[0-9a-f]{3}1[0-9b]/,
    why: "MDCR_EL2.TPM and TPMCR do not trap what PMUSERENR_EL0 opens",
  },
  { line: /^ {2}pmcr at EL1: EL2\+400/, why: "MDCR_EL2.TPMCR traps nothing" },
  { line: /^ {2}pmcntenset at EL1: x0=3$|^pmcntenset at EL2/, why: "MDCR_EL2.HPMN hides no counters" },
];

const EL3: readonly Deviation[] = [
  ...DEVIATIONS,
  { line: / spme=1 /, why: "MDCR_EL3.SPME prohibits counting in Secure state, where it should permit it" },
];

const RUNS: readonly Comparison[] = [
  { level: 1, cpu: "cortex-a72", deviations: DEVIATIONS },
  { level: 2, cpu: "cortex-a72", deviations: DEVIATIONS },
  { level: 2, cpu: "max", deviations: DEVIATIONS },
  { level: 3, cpu: "cortex-a72", deviations: EL3 },
  { level: 3, cpu: "max", deviations: EL3 },
];

compareGuest("pmu", "the PMU", RUNS);
