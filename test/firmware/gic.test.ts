/** The guest about the GIC's CPU interfaces, virtual and physical (firmware/gic), entered at EL2. */
import { type Comparison, compareGuest, type Deviation } from "./compare.js";

/** All about QEMU 7.2. */
const DEVIATIONS: readonly Deviation[] = [
  {
    line: /^ {2}then lr0=5080000000000028 lr1=5040020000000029 lr2=802000000000002a ap0=0 ap1=0 /,
    why: "EOIcount of an end that drops no priority is CONSTRAINED UNPREDICTABLE: it counts, ours does not",
  },
  { line: /^ lr0=30f81fffffffffff /, why: "RES0 bits of list registers are kept" },
  { line: /^ {2}then lr0=1080000000002008 /, why: "an LPI has an active state" },
  {
    line: /^two groups: groups=1 /,
    why: "what is pending for a group that the interface has disabled hides the other group",
  },
  { line: /^sgi registers:/, why: "with one Security state ICC_SGI1R_EL1 makes no SGI of Group 0" },
];

const RUNS: readonly Comparison[] = [
  { level: 2, cpu: "cortex-a72", deviations: DEVIATIONS },
  { level: 2, cpu: "max", deviations: DEVIATIONS },
];

compareGuest("gic", "the GIC's CPU interfaces", RUNS);
