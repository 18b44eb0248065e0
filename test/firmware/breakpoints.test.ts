/** The guest about its own breakpoints, watchpoints and steps (firmware/breakpoints) entered at EL1, EL2 and EL3. */
import { type Comparison, compareGuest, type Deviation } from "./compare.js";

/** All about QEMU 7.2. */
const DEVIATIONS: readonly Deviation[] = [
  { line: /OS lock at EL0: ok/, why: "the OS lock does not disable debug exceptions" },
  { line: /^mdccsr, TDCC/, why: "MDSCR_EL1.TDCC is not implemented" },
  { line: /^loads and stores one after the other/, why: "WnR of a load says store when a store hit just before" },
  {
    line: /^(step over daifset|no step by mdscr_el1) at EL1: ok/,
    why: "a step ends in its exception although the instruction has disabled it",
  },
];

const MAX: readonly Deviation[] = [
  ...DEVIATIONS,
  { line: /^watched and beyond the address size/, why: "its max has 52 physical address bits, ours 44" },
  {
    line: /^step over a branch (to nowhere|that is not aligned) at/,
    why: "ours: BTYPE of a branch to what is not in a guarded page is not seen in SPSR",
  },
];

const RUNS: readonly Comparison[] = [
  { level: 1, cpu: "cortex-a72", deviations: DEVIATIONS },
  { level: 2, cpu: "cortex-a72", deviations: DEVIATIONS },
  { level: 2, cpu: "max", deviations: MAX },
  { level: 3, cpu: "cortex-a72", deviations: DEVIATIONS },
];

compareGuest("breakpoints", "breakpoints and watchpoints of a guest's own", RUNS);
