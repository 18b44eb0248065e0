/**
 * Turns of the vCPUs on one thread, virtual time, and waiting (ARCHITECTURE.md, section 1, idea 4). Virtual time counts
 * retired instructions of all vCPUs and skipped idle time, in units of 4 ns; slices end at counts that depend on
 * nothing outside, so that the same inputs give the same run.
 */
import type { GenericTimer } from "../cpu/timer.js";
import type { Vcpu } from "../cpu/vcpu.js";
import type { Engine } from "../engine/engine.js";
import { CPU, Exit } from "../engine/layout.js";

/** Nanoseconds of virtual time per instruction. */
export const NANOSECONDS_PER_INSTRUCTION = 4n;

/** Instructions a vCPU runs before the next one has its turn; alone, before outside input is looked at. */
const QUANTUM_SHARED = 50_000;
const QUANTUM_ALONE = 1_000_000;
/** How long the event loop is kept waiting, in milliseconds. */
const TURN = 8;
/** The longest real wait before looking again, in milliseconds. */
const LONGEST_WAIT = 500;

export type CoreState = "running" | "wfi" | "wfe" | "off";

/** A vCPU under the scheduler. */
export interface Core {
  readonly index: number;
  readonly vcpu: Vcpu;
  readonly timer: GenericTimer;
  state: CoreState;
  /** A debugger holds it while others run. */
  held: boolean;
}

/** What the scheduler cannot decide itself. */
export interface SchedulerHost {
  /** An exception to hosted EL2 or EL3 was taken; handle it and return to the guest (or change the core's state). */
  hosted(core: Core, level: 2 | 3): void;
  /** Earliest deadline of the devices, in time units. */
  nextAlarm(): bigint | undefined;
  /** Virtual time has reached that deadline. */
  ringAlarms(): void;
  /** The vCPU stands at a breakpoint or before a watched access. */
  debugStop(core: Core, exit: "breakpoint" | "watchpoint"): void;
}

/** Counters for `--stats`. */
export interface SchedulerCounters {
  readonly exits: Record<string, number>;
  instructions: bigint;
  /** Virtual time skipped or waited for, in time units. */
  idle: bigint;
}

const EXIT_NAMES = Object.fromEntries(Object.entries(Exit).map(([name, code]) => [code, name]));

export class Scheduler {
  private time = 0n;
  private current: Core | undefined;
  private next = 0;
  readonly counters: SchedulerCounters = { exits: {}, instructions: 0n, idle: 0n };

  constructor(
    private readonly engine: Engine,
    readonly cores: readonly Core[],
    private readonly host: SchedulerHost,
  ) {}

  /** Virtual time now, in units of 4 ns; exact to the instruction while a vCPU runs. */
  now(): bigint {
    return this.current === undefined ? this.time : this.sliceNow(this.current);
  }

  private sliceNow({ vcpu }: Core): bigint {
    return vcpu.get64(CPU.sliceEnd) - BigInt(vcpu.get32(CPU.budget) | 0);
  }

  /** Back to time zero. */
  reset(): void {
    this.time = 0n;
    this.next = 0;
  }

  /** Time, and whose turn is next. */
  save(): { time: bigint; next: number } {
    return { time: this.time, next: this.next };
  }

  restore(state: { time: bigint; next: number }): void {
    this.time = state.time;
    this.next = state.next;
  }

  /** A deadline was set while a vCPU runs: its slice must not run past it. */
  deadlineSet(deadline: bigint | undefined): void {
    const core = this.current;
    if (core === undefined || deadline === undefined) return;
    const excess = core.vcpu.get64(CPU.sliceEnd) - deadline;
    if (excess <= 0n) return;
    const left = BigInt(core.vcpu.get32(CPU.budget) | 0);
    this.cut(core, excess < left ? excess : left);
  }

  /** Ends the running slice after the current instruction. */
  endSlice(): void {
    const core = this.current;
    if (core !== undefined) this.cut(core, BigInt(core.vcpu.get32(CPU.budget) | 0));
  }

  private cut({ vcpu }: Core, instructions: bigint): void {
    if (instructions <= 0n) return;
    vcpu.set32(CPU.budget, (vcpu.get32(CPU.budget) | 0) - Number(instructions));
    vcpu.set64(CPU.sliceEnd, vcpu.get64(CPU.sliceEnd) - instructions);
  }

  private nextDeadline(): bigint | undefined {
    let earliest = this.host.nextAlarm();
    for (const core of this.cores) {
      const own = core.timer.nextDeadline();
      if (own !== undefined && (earliest === undefined || own < earliest)) earliest = own;
    }
    return earliest;
  }

  /** Brings timers and devices up to the present. */
  private ring(): void {
    for (const core of this.cores) {
      const deadline = core.timer.nextDeadline();
      if (deadline !== undefined && deadline <= this.time) core.timer.update();
    }
    const alarm = this.host.nextAlarm();
    if (alarm !== undefined && alarm <= this.time) this.host.ringAlarms();
  }

  /** One slice of at most `limit` instructions on one vCPU. */
  runSlice(core: Core, limit: number): void {
    const { vcpu } = core;
    const deadline = this.nextDeadline();
    let budget = BigInt(limit);
    if (deadline !== undefined && deadline - this.time < budget) {
      budget = deadline > this.time ? deadline - this.time : 1n;
    }
    vcpu.set32(CPU.budget, Number(budget));
    vcpu.set64(CPU.sliceEnd, this.time + budget);
    this.current = core;
    const start = this.time;
    try {
      while (this.step(core)) {
        // Exits that do not end the slice have been dealt with.
      }
    } finally {
      this.time = this.sliceNow(core);
      this.current = undefined;
    }
    const used = this.time - start;
    this.counters.instructions += used;
    vcpu.set64(CPU.retired, vcpu.get64(CPU.retired) + used);
    this.ring();
  }

  /** Runs the engine once; whether the slice goes on. */
  private step(core: Core): boolean {
    const { vcpu } = core;
    const reason = this.engine.exports.run(vcpu.base);
    const name = EXIT_NAMES[reason] ?? "unknown";
    this.counters.exits[name] = (this.counters.exits[name] ?? 0) + 1;
    switch (reason) {
      case Exit.wfi:
        core.state = "wfi";
        return false;
      case Exit.wfe:
        core.state = "wfe";
        return false;
      case Exit.hosted2:
      case Exit.hosted3:
        this.host.hosted(core, reason === Exit.hosted2 ? 2 : 3);
        return core.state === "running" && (vcpu.get32(CPU.budget) | 0) > 0;
      case Exit.codeFull:
        this.engine.dropCode();
        return true;
      case Exit.breakpoint:
      case Exit.watchpoint:
        this.host.debugStop(core, reason === Exit.breakpoint ? "breakpoint" : "watchpoint");
        return false;
      default:
        return false;
    }
  }

  /** Whether anything can wake a waiting vCPU now. */
  private wake(core: Core): void {
    if (core.state !== "wfi" && core.state !== "wfe") return;
    const { vcpu } = core;
    if (vcpu.get32(CPU.irqLines) !== 0 || vcpu.get32(CPU.virtualPending) !== 0) core.state = "running";
    else if (core.state === "wfe" && vcpu.get32(CPU.event) !== 0) {
      vcpu.set32(CPU.event, 0);
      core.state = "running";
    }
  }

  /** Another vCPU runs now: the exclusive monitor does not survive that, and its clearing is an event (B2.9.2). */
  private leaveCore({ vcpu }: Core): void {
    if (vcpu.get32(CPU.exclusive) === 0) return;
    vcpu.set32(CPU.exclusive, 0);
    vcpu.set32(CPU.event, 1);
  }

  /**
   * Runs vCPUs in turn until all of them wait, `stop` says so, or the event loop has waited long enough. Returns
   * whether there is more to run at once.
   */
  runTurn(stop: () => boolean): "more" | "idle" {
    const until = performance.now() + TURN;
    const count = this.cores.length;
    while (!stop()) {
      let ready = 0;
      for (const core of this.cores) {
        if (core.held) continue;
        this.wake(core);
        if (core.state === "running") ready++;
      }
      if (ready === 0) return "idle";
      const core = this.nextReady(count);
      this.runSlice(core, ready > 1 ? QUANTUM_SHARED : QUANTUM_ALONE);
      if (count > 1) {
        this.leaveCore(core);
        // WFE may end at any time; after somebody else ran it is worth looking again.
        for (const other of this.cores) if (other !== core && other.state === "wfe") other.state = "running";
      }
      if (performance.now() >= until) break;
    }
    return "more";
  }

  private nextReady(count: number): Core {
    for (let i = 0; i < count; i++) {
      const core = this.cores[(this.next + i) % count] as Core;
      if (core.state === "running" && !core.held) {
        this.next = (core.index + 1) % count;
        return core;
      }
    }
    throw new Error("no vCPU is ready");
  }

  /** The earliest time at which something happens by itself while all vCPUs wait. */
  private nextWake(): bigint | undefined {
    let wake = this.nextDeadline();
    for (const core of this.cores) {
      if (core.state !== "wfe") continue;
      const event = core.timer.nextEvent();
      if (event !== undefined && (wake === undefined || event < wake)) wake = event;
    }
    return wake;
  }

  /** Milliseconds of real time until something happens by itself; undefined when nothing will. */
  idleWait(): number | undefined {
    const wake = this.nextWake();
    if (wake === undefined) return undefined;
    const ms = Number((wake - this.time) * NANOSECONDS_PER_INSTRUCTION) / 1e6;
    return Math.min(Math.max(ms, 0), LONGEST_WAIT);
  }

  /** Moves time on while all vCPUs wait: to the next event, or by `elapsed` milliseconds if that comes first. */
  passIdle(elapsed?: number): void {
    const wake = this.nextWake();
    let target = wake;
    if (elapsed !== undefined) {
      const reached = this.time + BigInt(Math.round(elapsed * 1e6)) / NANOSECONDS_PER_INSTRUCTION;
      if (target === undefined || reached < target) target = reached;
    }
    if (target === undefined || target < this.time) return;
    this.counters.idle += target - this.time;
    this.time = target;
    this.ring();
    // An event-stream event, or no way to tell: WFE ends.
    if (wake !== undefined && target >= wake) {
      for (const core of this.cores) if (core.state === "wfe") core.state = "running";
    }
  }
}
