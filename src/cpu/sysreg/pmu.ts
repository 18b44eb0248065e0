/**
 * The Performance Monitors Extension, PMUv3 (DDI 0487, D13 and D17.5): a cycle counter and a few event counters that
 * all count retired instructions.
 */
import type { SysregRow } from "./row.js";

export const PMU: readonly SysregRow[] = [];
