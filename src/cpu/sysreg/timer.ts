/**
 * The generic timer's registers (DDI 0487, D11 and D17.8). Values and conditions are the timer's (cpu/timer.ts).
 */

import { trapsChanged } from "./effects.js";
import { type Access, bits, mask, register, type SysregRow } from "./row.js";
import { TIMERS, type TimerName } from "./timer-names.js";
import { inHost } from "./traps.js";

type At = Parameters<typeof register>[1];

/** EL2 of a VHE host, and its EL0, see the virtual counter without an offset. */
const virtualCount = ({ vcpu, host, el }: Access): bigint =>
  inHost(vcpu.controls, el) ? host.timer(vcpu).count() : host.timer(vcpu).virtualCount();

/** TVAL, CTL and CVAL of one timer; `at` is the encoding of TVAL. */
function timerRegisters(timer: TimerName, [op0, op1, crn, crm]: At, options: Partial<SysregRow> = {}): SysregRow[] {
  const { suffix, prefix } = TIMERS[timer];
  const name = (what: string): string => `${prefix}_${what}_${suffix}`;
  const e2h = (what: string) => (options.e2h === undefined ? {} : { e2h: `${options.e2h}_${what}_EL2` });
  const { e2h: _, ...common } = options;
  return [
    register(name("TVAL"), [op0, op1, crn, crm, 0], {
      ...common,
      ...e2h("TVAL"),
      writable: bits(31, 0),
      read: ({ vcpu, host }) => host.timer(vcpu).readTval(timer),
      write: ({ vcpu, host }, value) => host.timer(vcpu).writeTval(timer, value),
    }),
    register(name("CTL"), [op0, op1, crn, crm, 1], {
      ...common,
      ...e2h("CTL"),
      // ISTATUS (bit 2) is read-only.
      writable: mask(0, 1),
      read: ({ vcpu, host }) => host.timer(vcpu).readCtl(timer),
      changed: ({ vcpu, host }) => host.timer(vcpu).update(),
    }),
    register(name("CVAL"), [op0, op1, crn, crm, 2], {
      ...common,
      ...e2h("CVAL"),
      changed: ({ vcpu, host }) => host.timer(vcpu).update(),
    }),
  ];
}

export const TIMER = [
  register("CNTKCTL_EL1", [3, 0, 14, 1, 0], {
    writable: bits(9, 0),
    e2h: "CNTHCTL_EL2",
    changed: trapsChanged,
  }),
  register("CNTFRQ_EL0", [3, 3, 14, 0, 0], {
    writeEl: 3,
    writable: bits(31, 0),
    reset: ({ model }) => BigInt(model.counterFrequency),
    trap: "counterFrequency",
  }),
  register("CNTPCT_EL0", [3, 3, 14, 0, 1], {
    access: "RO",
    trap: "physicalCounter",
    counter: "physical",
    read: ({ vcpu, host }) => host.timer(vcpu).count(),
  }),
  register("CNTVCT_EL0", [3, 3, 14, 0, 2], {
    access: "RO",
    trap: "virtualCounter",
    counter: "virtual",
    read: virtualCount,
  }),
  ...timerRegisters("physical", [3, 3, 14, 2, 0], { trap: "physicalTimer", e2h: "CNTHP" }),
  ...timerRegisters("virtual", [3, 3, 14, 3, 0], { trap: "virtualTimer", e2h: "CNTHV" }),
  register("CNTVOFF_EL2", [3, 4, 14, 0, 3], {
    changed: (access) => {
      trapsChanged(access);
      access.host.timer(access.vcpu).update();
    },
  }),
  // Open to EL1 at reset, as software that starts at EL1 expects.
  register("CNTHCTL_EL2", [3, 4, 14, 1, 0], {
    reset: 3n,
    writable: (has) => bits(7, 0) | (has("VHE") ? bits(11, 8) : 0n),
    changed: trapsChanged,
  }),
  ...timerRegisters("hypervisor", [3, 4, 14, 2, 0]),
  ...timerRegisters("hypervisorVirtual", [3, 4, 14, 3, 0], { features: ["VHE"] }),
  ...timerRegisters("secure", [3, 7, 14, 2, 0], { trap: "secureTimer", state: "secure" }),
];
