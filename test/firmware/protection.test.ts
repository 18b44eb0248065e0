/** The guest about control flow protection (firmware/protection) on CPUs that have it. */
import { type Comparison, compareGuest, type Deviation } from "./compare.js";

const DEVIATIONS: readonly Deviation[] = [
  { line: / at EL2: EL2\+200 esr=96000/, why: "ISV is set for a stage-1 abort that EL2 takes from itself" },
  {
    line: /^ {2}bl?ra?\S* .*to (brk|svc|undefined) .*spsr=3c5$/,
    why: "ours: BTYPE of a branch to what is not in a guarded page is not seen in SPSR",
  },
];

const RUNS: readonly Comparison[] = [
  { level: 1, cpu: "max", deviations: DEVIATIONS },
  { level: 2, cpu: "max", deviations: DEVIATIONS },
  { level: 3, cpu: "max", deviations: DEVIATIONS },
];

compareGuest("protection", "control flow protection", RUNS);
