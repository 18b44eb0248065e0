/** The translation guest (firmware/mmu) entered at EL1, EL2 and EL3. */
import { type Comparison, compareGuest, type Deviation } from "./compare.js";

/** All about QEMU 7.2 but where they say hosted. */
const DEVIATIONS: readonly Deviation[] = [
  { line: /^ {2}block at a level that has none/, why: "the level of a block is not checked" },
  { line: /^at s1.* par=/, why: "SH of Device and Non-cacheable memory is not shown as Outer Shareable" },
  { line: /^(dc (cvac|civac|cvau|ivac)|ic ivau), /, why: "cache maintenance by address is a no-operation" },
  { line: /^level-2 table unmapped in stage 2/, why: "the level of the stage-2 fault is replaced by that of stage 1" },
  { line: / at EL2: EL2\+200 esr=9600/, why: "ISV is set for a stage-1 abort that EL2 takes from itself" },
  { line: /^msr daifset at EL0/, why: "Op1 and Op2 of the syndrome are exchanged" },
  { line: /^Secure, tlbi \w+2(is)? at EL3: EL3/, why: "TLBI of EL2's regime is not UNDEFINED at EL3 without EL2" },
  { line: /^sctlr_el12 without E2H/, why: "the _EL12 names exist although HCR_EL2.E2H is 0" },
];

const MAX: readonly Deviation[] = [
  ...DEVIATIONS,
  { line: /^(ldxr|ldar|stlr|swp|casp) /, why: "its max has no LSE2" },
  { line: /^ {2}beyond the input size at EL1: EL1/, why: "its max has 52 physical address bits, ours 44" },
];

const HOSTED: readonly Deviation[] = [
  ...DEVIATIONS,
  {
    line: /^ {2}table where nothing is .*esr=92000010/,
    why: "hosted: a stage-2 fault of a table walk does not tell the level, and the injected abort names none",
  },
];

const RUNS: readonly Comparison[] = [
  { level: 1, cpu: "cortex-a72", deviations: HOSTED },
  { level: 2, cpu: "cortex-a72", deviations: DEVIATIONS },
  { level: 2, cpu: "max", deviations: MAX },
  { level: 3, cpu: "cortex-a72", deviations: DEVIATIONS },
];

compareGuest("mmu", "translation", RUNS);
