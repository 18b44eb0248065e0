/**
 * The timers of a PE and what their registers are called (DDI 0487, D11.2).
 */

/** Register names of the timers: `<prefix>_CTL_<suffix>`. */
export const TIMERS = {
  physical: { prefix: "CNTP", suffix: "EL0" },
  virtual: { prefix: "CNTV", suffix: "EL0" },
  hypervisor: { prefix: "CNTHP", suffix: "EL2" },
  hypervisorVirtual: { prefix: "CNTHV", suffix: "EL2" },
  secure: { prefix: "CNTPS", suffix: "EL1" },
} as const;
export type TimerName = keyof typeof TIMERS;
export const TIMER_NAMES = Object.keys(TIMERS) as readonly TimerName[];
