/** `monitor timer`: counters and compare values of the selected vCPU (DDI 0487, D11.2). */
import { TIMER_NAMES, TIMERS } from "../../../cpu/sysreg/timer-names.js";
import { type MonitorCommand, selected } from "./command.js";

export const timer: MonitorCommand = {
  name: "timer",
  help: "the generic timers: state, compare value, when the next deadline is",
  example: "monitor timer",
  run(context) {
    const { index, vcpu, timer: timers } = selected(context);
    const deadline = timers.nextDeadline();
    return [
      `CPU${index}: CNTPCT ${timers.count()}, CNTVCT ${timers.virtualCount()}, ${vcpu.sysreg("CNTFRQ_EL0")} Hz`,
      ...TIMER_NAMES.map((name) => {
        const { prefix, suffix } = TIMERS[name];
        const control = timers.readCtl(name);
        const state = (control & 1n) === 0n ? "off" : (control & 4n) === 0n ? "waits" : "condition met";
        const masked = (control & 2n) === 0n ? "" : ", masked";
        return `  ${`${prefix}_${suffix}`.padEnd(10)} ${state}${masked}, CVAL ${vcpu.sysreg(`${prefix}_CVAL_${suffix}`)}`;
      }),
      deadline === undefined ? "  no deadline" : `  next deadline at count ${timers.rate.countAt(deadline)}`,
    ];
  },
};
