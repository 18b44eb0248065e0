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
const QUANTUM_SHARED = 50_000n;
const QUANTUM_ALONE = 1_000_000n;
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
  /** A debugger stops the machine after its next instruction. */
  stepping: boolean;
}

/** What a debugger hears of: the vCPU stands at a breakpoint, before a watched access, or after its one instruction. */
export type DebugEvent = "breakpoint" | "watchpoint" | "step";

/** A vCPU's turn. What a debugger does in the middle of it does not end it: the guest runs as if nobody looked. */
interface Turn {
  readonly core: Core;
  /** Virtual time at which it is over at the latest. */
  end: bigint;
}

/** What the scheduler cannot decide itself. */
export interface SchedulerHost {
  /** An exception to hosted EL2 or EL3 was taken; handle it and return to the guest (or change the core's state). */
  hosted(core: Core, level: 2 | 3): void;
  /** Earliest deadline of the devices, in time units. */
  nextAlarm(): bigint | undefined;
  /** Virtual time has reached that deadline. */
  ringAlarms(): void;
  /** `runTurn` is to be left. */
  debugStop(core: Core, event: DebugEvent): void;
}

/** Counters for `--stats`. */
export interface SchedulerCounters {
  readonly exits: Record<string, number>;
  instructions: bigint;
  /** Virtual time skipped or waited for, in time units. */
  idle: bigint;
}

/** What `Scheduler.save` gives. */
export interface SchedulerState {
  readonly time: bigint;
  readonly next: number;
  readonly turn: { readonly core: number; readonly end: bigint } | undefined;
}

const EXIT_NAMES = Object.fromEntries(Object.entries(Exit).map(([name, code]) => [code, name]));

export class Scheduler {
  private time = 0n;
  /** The vCPU that executes now. */
  private current: Core | undefined;
  private turn: Turn | undefined;
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
    this.turn = undefined;
  }

  /** Time, whose turn it is and until when, and whose is next. vCPUs by index. */
  save(): SchedulerState {
    const { time, next, turn } = this;
    return { time, next, turn: turn && { core: turn.core.index, end: turn.end } };
  }

  restore({ time, next, turn }: SchedulerState): void {
    this.time = time;
    this.next = next;
    this.turn = turn && { core: this.cores[turn.core] as Core, end: turn.end };
  }

  /** A deadline was set while a vCPU runs: its slice must not run past it. */
  deadlineSet(deadline: bigint | undefined): void {
    if (deadline !== undefined) this.endBy(deadline);
  }

  /** Ends the running slice after the current instruction. */
  endSlice(): void {
    this.endBy(0n);
  }

  /** The running slice, and the turn, are over at `time`, or after the current instruction if that is later. */
  private endBy(time: bigint): void {
    const { current, turn } = this;
    if (current === undefined || turn === undefined) return;
    const { vcpu } = current;
    const now = this.sliceNow(current);
    const end = time > now ? time : now;
    if (end < turn.end) turn.end = end;
    const excess = vcpu.get64(CPU.sliceEnd) - turn.end;
    if (excess <= 0n) return;
    vcpu.set32(CPU.budget, (vcpu.get32(CPU.budget) | 0) - Number(excess));
    vcpu.set64(CPU.sliceEnd, turn.end);
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

  /** Runs a vCPU until the virtual time `end`, or until it has to stop earlier. */
  private runSlice(core: Core, end: bigint): DebugEvent | undefined {
    const { vcpu } = core;
    vcpu.set32(CPU.budget, Number(end - this.time));
    vcpu.set64(CPU.sliceEnd, end);
    this.current = core;
    const start = this.time;
    let outcome: DebugEvent | "goes on" | undefined;
    try {
      do outcome = this.enter(core);
      while (outcome === "goes on");
    } finally {
      this.time = this.sliceNow(core);
      this.current = undefined;
    }
    const used = this.time - start;
    this.counters.instructions += used;
    vcpu.set64(CPU.retired, vcpu.get64(CPU.retired) + used);
    this.ring();
    this.engine.compileHot();
    return outcome;
  }

  /**
   * Exactly one instruction of a vCPU. Interrupts that are pending stay so, as with QEMU's stub by default; a breakpoint
   * on the instruction is passed; WFI and WFE do not wait.
   */
  private stepInstruction(core: Core): DebugEvent {
    const { vcpu } = core;
    vcpu.set32(CPU.holdInterrupts, 1);
    vcpu.set32(CPU.passBreakpoint, 1);
    const event = this.runSlice(core, this.time + 1n) ?? "step";
    vcpu.set32(CPU.holdInterrupts, 0);
    vcpu.set32(CPU.passBreakpoint, 0);
    if (core.state !== "off") core.state = "running";
    return event;
  }

  /** Runs the engine once. */
  private enter(core: Core): DebugEvent | "goes on" | undefined {
    const { vcpu } = core;
    const reason = this.engine.exports.run(vcpu.base);
    const name = EXIT_NAMES[reason] ?? "unknown";
    this.counters.exits[name] = (this.counters.exits[name] ?? 0) + 1;
    switch (reason) {
      case Exit.wfi:
        core.state = "wfi";
        return undefined;
      case Exit.wfe:
        core.state = "wfe";
        return undefined;
      case Exit.hosted2:
      case Exit.hosted3:
        this.host.hosted(core, reason === Exit.hosted2 ? 2 : 3);
        return core.state === "running" && (vcpu.get32(CPU.budget) | 0) > 0 ? "goes on" : undefined;
      case Exit.codeFull:
        this.engine.dropCode();
        this.notExecuted(core);
        return "goes on";
      case Exit.breakpoint:
        return "breakpoint";
      case Exit.watchpoint:
        this.notExecuted(core);
        return "watchpoint";
      default:
        return undefined;
    }
  }

  /** The engine counted an instruction that it then left for later. */
  private notExecuted({ vcpu }: Core): void {
    vcpu.set32(CPU.budget, vcpu.get32(CPU.budget) + 1);
  }

  /** Whether anything can wake a waiting vCPU now. */
  private wake(core: Core): void {
    if (core.state !== "wfi" && core.state !== "wfe") return;
    const { vcpu } = core;
    const pending = vcpu.get32(CPU.irqLines) !== 0 || vcpu.get32(CPU.virtualPending) !== 0;
    if (pending || core.stepping) core.state = "running";
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
    while (!stop()) {
      const turn = this.takeTurn();
      if (turn === undefined) return "idle";
      const { core } = turn;
      const event = core.stepping ? this.stepInstruction(core) : this.runSlice(core, turn.end);
      if (core.state !== "running" || this.time >= turn.end) this.endTurn(core);
      if (event !== undefined) this.host.debugStop(core, event);
      if (performance.now() >= until) break;
    }
    return "more";
  }

  /** The turn that a debugger's stop interrupted, or that of the next vCPU which is ready; undefined when none is. */
  private takeTurn(): Turn | undefined {
    const kept = this.turn;
    if (kept !== undefined) {
      kept.end = this.deadlineBefore(kept.end);
      if (kept.core.state === "running" && !kept.core.held) return kept;
      this.endTurn(kept.core);
    }
    let ready = 0;
    for (const core of this.cores) {
      if (core.held) continue;
      this.wake(core);
      if (core.state === "running") ready++;
    }
    const core = this.upNext();
    if (core === undefined) return undefined;
    this.next = (core.index + 1) % this.cores.length;
    const quantum = ready > 1 ? QUANTUM_SHARED : QUANTUM_ALONE;
    this.turn = { core, end: this.deadlineBefore(this.time + quantum) };
    return this.turn;
  }

  /** The next deadline, if it comes before `end`; at least one instruction ahead. */
  private deadlineBefore(end: bigint): bigint {
    const deadline = this.nextDeadline();
    if (deadline === undefined || deadline >= end) return end;
    return deadline > this.time ? deadline : this.time + 1n;
  }

  private endTurn(core: Core): void {
    this.turn = undefined;
    if (this.cores.length === 1) return;
    this.leaveCore(core);
    // WFE may end at any time; after somebody else ran it is worth looking again.
    for (const other of this.cores) if (other !== core && other.state === "wfe") other.state = "running";
  }

  /** The vCPU that executes the next instruction; undefined while all of them wait. */
  upNext(): Core | undefined {
    if (this.turn !== undefined) return this.turn.core;
    const count = this.cores.length;
    for (let i = 0; i < count; i++) {
      const core = this.cores[(this.next + i) % count] as Core;
      if (core.state === "running" && !core.held) return core;
    }
    return undefined;
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
