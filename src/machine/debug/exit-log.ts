/** The last exits to hosted EL2, for `monitor exits` (hosted/el2/exits.ts). */
import type { VcpuExit } from "../../hosted/el2/exits.js";
import type { Machine } from "../machine.js";

export interface ExitEntry {
  readonly vcpu: number;
  readonly exit: VcpuExit;
  /** Virtual time in nanoseconds. */
  readonly time: bigint;
}

const KEPT = 256;

export class ExitLog {
  private readonly entries: ExitEntry[] = [];
  private total = 0;

  /** Hears of every exit from now on. */
  constructor(machine: Machine) {
    machine.hosted.hypervisor?.observers.push((vcpu, exit, time) => {
      this.entries[this.total++ % KEPT] = { vcpu, exit, time };
    });
  }

  /** The last ones, at most `count`, oldest first. */
  last(count: number): ExitEntry[] {
    const kept = Math.min(count, this.entries.length);
    return Array.from({ length: kept }, (_, i) => this.entries[(this.total - kept + i) % KEPT] as ExitEntry);
  }
}
