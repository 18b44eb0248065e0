/** Surroundings of a device under test: a wire that remembers its level, a clock that is set by hand. */
import type { Alarm, Clock, IrqLine } from "../../src/bus/contract.js";

export class Wire implements IrqLine {
  level = false;
  /** How often the level has changed. */
  edges = 0;

  set(level: boolean): void {
    if (level !== this.level) this.edges++;
    this.level = level;
  }
}

export class ManualClock implements Clock {
  nanoseconds = 0n;

  now(): bigint {
    return this.nanoseconds;
  }
}

export class ManualAlarm implements Alarm {
  deadline: bigint | undefined;

  set(deadline: bigint | undefined): void {
    this.deadline = deadline;
  }
}
