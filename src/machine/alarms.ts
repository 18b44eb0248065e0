/** Deadlines of devices: each has one at most (bus/contract.ts, Alarm). Kept in time units of the scheduler. */
import type { Alarm } from "../bus/contract.js";
import { NANOSECONDS_PER_INSTRUCTION } from "./scheduler.js";

interface Entry {
  deadline: bigint | undefined;
  readonly ring: () => void;
}

export class Alarms {
  private readonly entries: Entry[] = [];
  private earliest: bigint | undefined;

  /** `changed` hears of every deadline that is set, so that a running slice can be shortened. */
  constructor(private readonly changed: (deadline: bigint | undefined) => void) {}

  create(ring: () => void): Alarm {
    const entry: Entry = { deadline: undefined, ring };
    this.entries.push(entry);
    return {
      set: (nanoseconds) => {
        // Rounded up: ringing early would ring twice.
        entry.deadline =
          nanoseconds === undefined
            ? undefined
            : (nanoseconds + NANOSECONDS_PER_INSTRUCTION - 1n) / NANOSECONDS_PER_INSTRUCTION;
        this.find();
        this.changed(entry.deadline);
      },
    };
  }

  private find(): void {
    this.earliest = undefined;
    for (const { deadline } of this.entries) {
      if (deadline !== undefined && (this.earliest === undefined || deadline < this.earliest)) this.earliest = deadline;
    }
  }

  next(): bigint | undefined {
    return this.earliest;
  }

  /** Rings those whose time has come; a device sets its next deadline from within. */
  ring(now: bigint): void {
    for (const entry of this.entries) {
      if (entry.deadline !== undefined && entry.deadline <= now) {
        entry.deadline = undefined;
        entry.ring();
      }
    }
    this.find();
  }
}
