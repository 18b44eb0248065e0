/** The guest about LPIs and the ITS (firmware/its), entered at EL1 under hosted EL2 and at EL2. */
import { type Comparison, compareGuest } from "./compare.js";

const RUNS: readonly Comparison[] = [
  { level: 1, cpu: "cortex-a72", cpus: 4, deviations: [] },
  { level: 2, cpu: "cortex-a72", cpus: 4, deviations: [] },
];

compareGuest("its", "LPIs and the ITS", RUNS);
