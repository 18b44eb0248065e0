/**
 * The last exits to hosted EL2 and EL3 and, where that is switched on, exceptions to the guest's own levels, for
 * `monitor exits` (hosted/el2/exits.ts, debug/catch/facts.ts).
 */
import type { VcpuExit } from "../../hosted/el2/exits.js";
import type { Machine } from "../machine.js";
import { NANOSECONDS_PER_INSTRUCTION } from "../scheduler.js";
import { type ExceptionFacts, factsOf } from "./catch/facts.js";
import type { SystemRegisters } from "./system-registers.js";

/** Virtual time in nanoseconds; and an exit, or an exception. */
export type ExitEntry = { readonly vcpu: number; readonly time: bigint } & (
  | { readonly exit: VcpuExit; readonly exception?: undefined }
  | { readonly exception: ExceptionFacts; readonly exit?: undefined }
);

const KEPT = 256;

export class ExitLog {
  private readonly entries: ExitEntry[] = [];
  private total = 0;
  /** Exceptions recorded so far, by level. */
  readonly recorded = [0, 0, 0, 0];

  /** Hears of every exit from now on. */
  constructor(
    private readonly machine: Machine,
    system: SystemRegisters,
  ) {
    const { hosted } = machine;
    hosted.hypervisor?.observers.push((vcpu, exit, time) => this.add({ vcpu, exit, time }));
    hosted.el3Observers.push((core, vector) => {
      this.exception(factsOf(machine, system, core, { level: 3, vector, hosted: true }));
    });
  }

  /** An exception to a level of the guest's own, or to hosted EL3. */
  exception(facts: ExceptionFacts): void {
    if (!facts.hosted) this.recorded[facts.to] = (this.recorded[facts.to] ?? 0) + 1;
    const time = this.machine.scheduler.now() * NANOSECONDS_PER_INSTRUCTION;
    this.add({ vcpu: facts.vcpu, exception: facts, time });
  }

  private add(entry: ExitEntry): void {
    this.entries[this.total++ % KEPT] = entry;
  }

  /** The last ones, at most `count`, oldest first. */
  last(count: number): ExitEntry[] {
    const kept = Math.min(count, this.entries.length);
    return Array.from({ length: kept }, (_, i) => this.entries[(this.total - kept + i) % KEPT] as ExitEntry);
  }
}
