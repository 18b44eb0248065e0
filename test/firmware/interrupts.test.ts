/** The guest about interrupts, timers, PSCI and several CPUs (firmware/interrupts) entered at EL1 and EL2. */
import { type Comparison, compareGuest, type Deviation } from "./compare.js";

const DEVIATIONS: readonly Deviation[] = [
  { line: /^priority bits/, why: "its distributor has all eight bits of a priority, ours five" },
  { line: /^PSCI_FEATURES: function=80000000/, why: "its PSCI does not know of SMCCC_VERSION" },
  { line: /^physical first, then virtual/, why: "its timers run in real time: a stalled host makes both due at once" },
];

const HOSTED: readonly Deviation[] = [
  ...DEVIATIONS,
  {
    line: /^(sgi: disabled|EOImode 1)/,
    why: "hosted: an SGI's active state is in the list register alone, and GICR_ISACTIVER0 reads 0",
  },
];

const RUNS: readonly Comparison[] = [
  { level: 1, cpu: "cortex-a72", cpus: 4, reboots: true, retry: 3, deviations: HOSTED },
  { level: 2, cpu: "cortex-a72", cpus: 4, reboots: true, retry: 3, deviations: DEVIATIONS },
  { level: 2, cpu: "max", cpus: 4, reboots: true, retry: 3, deviations: DEVIATIONS },
  { level: 2, cpu: "cortex-a72", reboots: true, retry: 3, deviations: DEVIATIONS },
];

compareGuest("interrupts", "interrupts and CPUs", RUNS);
