/**
 * Turns of the vCPUs on one thread, virtual time, and waiting (docs/engine.md, "Time"). Virtual time counts
 * retired instructions of all vCPUs and skipped idle time, in units of 4 ns; slices end at counts that depend on
 * nothing outside, so that the same inputs give the same run.
 */
import type { GenericTimer } from "../cpu/timer.js";
import type { Vcpu } from "../cpu/vcpu.js";
import type { Engine } from "../engine/engine.js";
import { CPU, DEBUG_EXIT, DEBUG_EXIT_SHIFT, Exit } from "../engine/layout.js";
import { DEFAULT_STEP_MODE, type Detour, detourOf, isBack, type StepMode } from "./step.js";

/** Nanoseconds of virtual time per instruction. */
export const NANOSECONDS_PER_INSTRUCTION = 4n;

/** Instructions a vCPU runs before the next one has its turn; alone, before outside input is looked at. */
const QUANTUM_SHARED = 50_000n;
const QUANTUM_ALONE = 1_000_000n;
/** CPU.levelMark has 32 bits. */
const MOST_UNCOUNTED = 2 ** 30;
/** How long the event loop is kept waiting, in milliseconds, unless somebody wants it otherwise. */
const TURN = 8;
/**
 * Exits to TypeScript between two looks at the clock: a guest that polls a device leaves the engine every few
 * instructions, and its slice takes many times as long as others.
 */
const EXITS_PER_LOOK = 64;
/** The longest real wait before looking again, in milliseconds. */
const LONGEST_WAIT = 500;

/** Suspended: powered down by PSCI until an interrupt asks for the vCPU, at what it begins with then. */
export type CoreState = "running" | "wfi" | "wfe" | "suspended" | "off";

/** The PMU of a vCPU: when a counter overflows at the earliest, in instructions; and bringing it up to date. */
export interface PmuClock {
  overflowIn(): bigint | undefined;
  update(): void;
}

/** A vCPU under the scheduler. */
export interface Core {
  readonly index: number;
  readonly vcpu: Vcpu;
  readonly timer: GenericTimer;
  readonly pmu: PmuClock;
  state: CoreState;
  /** A debugger holds it while others run. */
  held: boolean;
  /** A debugger stops the machine after its next instruction. Setting it, to either value, begins anew. */
  stepping: boolean;
  /** No instruction has been executed since `stepping` was set: its first one may have a breakpoint. */
  stepBegins: boolean;
  /** A step that an interrupt or exception has led away from, until its handler returns. */
  detour: Detour | undefined;
  /** Levels whose exception returns `SchedulerHost.returned` is asked about, as bits. */
  caughtReturns: number;
  /** A semihosting call waits for the outside: not scheduled until it is answered. */
  blocked: boolean;
  /** Called after each instruction until it returns false. The guest runs as if nobody looked. */
  follow?: (() => boolean) | undefined;
}

/** A vCPU that is off. */
export function createCore(index: number, vcpu: Vcpu, timer: GenericTimer, pmu: PmuClock): Core {
  let stepping = false;
  let detour: Detour | undefined;
  let caughtReturns = 0;
  const announceReturns = (): void =>
    vcpu.set32(CPU.returnLevels, caughtReturns | (detour === undefined ? 0 : 1 << detour.el));
  return {
    index,
    vcpu,
    timer,
    pmu,
    state: "off",
    held: false,
    blocked: false,
    stepBegins: false,
    get detour() {
      return detour;
    },
    set detour(next) {
      detour = next;
      announceReturns();
    },
    get caughtReturns() {
      return caughtReturns;
    },
    set caughtReturns(levels) {
      caughtReturns = levels;
      announceReturns();
    },
    get stepping() {
      return stepping;
    },
    set stepping(on) {
      stepping = on;
      this.stepBegins = on;
      this.detour = undefined;
    },
  };
}

/**
 * What a debugger hears of: the vCPU stands at a breakpoint, before a watched access, after its one instruction, or for
 * what it catches.
 */
export type DebugEvent = "breakpoint" | "watchpoint" | "step" | "catch";

/** An exception that has been entered. `hosted`: the level is ours, and stands before handling it. */
export interface TakenException {
  readonly level: 1 | 2 | 3;
  /** Offset from VBAR_ELx. */
  readonly vector: number;
  readonly hosted: boolean;
}

/**
 * Levels that exceptions can be taken to, as bits; and what of a vector's offset says that it is no synchronous one.
 */
export const EXCEPTION_LEVELS = 0xe;
const ASYNCHRONOUS = 0x180;

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
  /** The GIC asks for a suspended vCPU (WakeRequest). */
  wakeRequested(core: Core): boolean;
  /** `runTurn` is to be left. */
  debugStop(core: Core, event: DebugEvent): void;
  /**
   * An exception to a level of `caughtLevels` was taken: true stops the machine there. When the level is hosted, true
   * also means that the vCPU is back at the instruction.
   */
  caught(core: Core, exception: TakenException): boolean;
  /** An exception return to a level of `caughtReturns`, or of a detour: true stops the machine behind it. */
  returned(core: Core): boolean;
  /** A semihosting call, the PC behind it: carries it out, or sets `core.blocked`. */
  semihosting(core: Core): void;
}

/** A profiler: slices end where it wants to look, turns do not, so the guest runs as if it was not there. */
export interface SliceObserver {
  /** Instructions until it wants to look, at least 1, when `executed` are behind all vCPUs. */
  remaining(executed: bigint): bigint;
  sliceEnded(core: Core, executed: bigint): void;
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

const isFree = ({ held, blocked }: Core): boolean => !held && !blocked;

/** Offsets of vectors that a hosted level makes its guest go to: synchronous exceptions and SErrors. */
const INJECTED = [0x000, 0x180, 0x200, 0x380, 0x400, 0x580];

/** The exception at whose vector a hosted level has put the guest, if the guest was not there before. */
function injectedException(vcpu: Vcpu, from: bigint): TakenException | undefined {
  const { el, pc } = vcpu;
  if ((el !== 1 && el !== 2) || pc === from) return undefined;
  const vector = Number(BigInt.asUintN(64, pc - vcpu.sysreg(`VBAR_EL${el}`)));
  return INJECTED.includes(vector) ? { level: el, vector, hosted: false } : undefined;
}

const EXIT_NAMES = Object.fromEntries(Object.entries(Exit).map(([name, code]) => [code, name]));

export class Scheduler {
  private time = 0n;
  /** The vCPU that executes now, and whether the engine runs it, or TypeScript does something for it. */
  private current: Core | undefined;
  private inEngine = false;
  private turn: Turn | undefined;
  private next = 0;
  /** Real time at which the event loop is to have its turn, and exits until the next look whether that has come. */
  private loopWaitsUntil = 0;
  private exitsToLook = EXITS_PER_LOOK;
  observer: SliceObserver | undefined;
  /** How long the event loop is kept waiting, in milliseconds; with 0 it has its turn after each slice. */
  patience = TURN;
  readonly counters: SchedulerCounters = { exits: {}, instructions: 0n, idle: 0n };
  stepMode: StepMode = DEFAULT_STEP_MODE;
  private caught = 0;
  /** Address of the instruction that is stepped. */
  private stepped = 0n;

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

  /** Instructions of the slice so far. A guest whose idle time is skipped may have got past 2^64. */
  private usedSince(start: bigint, core: Core): bigint {
    return BigInt.asUintN(64, this.sliceNow(core) - start);
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

  /** Bit n: `SchedulerHost.caught` is asked of exceptions to ELn. The run is the same whatever is asked. */
  get caughtLevels(): number {
    return this.caught;
  }

  set caughtLevels(levels: number) {
    this.caught = levels;
    for (const { vcpu } of this.cores) vcpu.set32(CPU.catchLevels, levels);
  }

  /** A deadline was set while a vCPU runs: its slice must not run past it. */
  deadlineSet(deadline: bigint | undefined): void {
    if (deadline !== undefined) this.endBy(deadline);
  }

  /** Takes instructions from a slice that has not got to them yet. */
  private takeBudget(vcpu: Vcpu, instructions: number): void {
    vcpu.set32(CPU.budget, (vcpu.get32(CPU.budget) | 0) - instructions);
    vcpu.set32(CPU.levelMark, (vcpu.get32(CPU.levelMark) | 0) - instructions);
    // In the middle of an instruction the engine takes them for the work of a region.
    if (this.inEngine) vcpu.set64(CPU.statCompiled, vcpu.get64(CPU.statCompiled) - BigInt(instructions));
  }

  /** Leaves the engine after the current instruction; whose turn it is stays as it is. */
  breakSlice(): void {
    if (this.current === undefined) return;
    const { vcpu } = this.current;
    const left = vcpu.get32(CPU.budget) | 0;
    if (left <= 0) return;
    this.takeBudget(vcpu, left);
    vcpu.set64(CPU.sliceEnd, vcpu.get64(CPU.sliceEnd) - BigInt(left));
  }

  /**
   * The engine was left for something that takes long: the event loop is not kept waiting for the rest of the slice.
   * Whose turn it is stays as it is, so the guest runs as if nobody looked.
   */
  engineLeft(): void {
    if (--this.exitsToLook > 0) return;
    this.exitsToLook = EXITS_PER_LOOK;
    if (performance.now() >= this.loopWaitsUntil) this.breakSlice();
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
    this.takeBudget(vcpu, Number(excess));
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

  /** Runs a vCPU until the virtual time `end`, or until it has to stop earlier. `frozen`: time does not count it. */
  private runSlice(core: Core, end: bigint, frozen = false): DebugEvent | undefined {
    const { vcpu } = core;
    const budget = Number(end - this.time);
    // What the last slice left uncounted, at the level that the vCPU is still at.
    const uncounted = (vcpu.get32(CPU.levelMark) | 0) - (vcpu.get32(CPU.budget) | 0);
    if (uncounted > MOST_UNCOUNTED) vcpu.retiredByLevel();
    vcpu.set32(CPU.budget, budget);
    vcpu.set32(CPU.levelMark, budget + (uncounted > MOST_UNCOUNTED ? 0 : uncounted));
    vcpu.set64(CPU.sliceEnd, end);
    this.current = core;
    const start = this.time;
    let outcome: DebugEvent | "goes on" | undefined;
    try {
      do outcome = this.enter(core);
      while (outcome === "goes on");
    } finally {
      this.time = start + this.usedSince(start, core);
      this.current = undefined;
    }
    const used = this.time - start;
    if (frozen) this.time = start;
    this.counters.instructions += used;
    core.pmu.update();
    vcpu.set64(CPU.retired, vcpu.get64(CPU.retired) + used);
    this.observer?.sliceEnded(core, this.counters.instructions);
    this.ring();
    this.engine.compileHot();
    return outcome;
  }

  /**
   * Exactly one instruction of a vCPU; a breakpoint on the first is passed; WFI and WFE do not wait. Interrupts are as
   * `stepMode` says; undefined when one has led away, to come back later.
   */
  private stepInstruction(core: Core): DebugEvent | undefined {
    const { vcpu } = core;
    const { interrupts, timers } = this.stepMode;
    vcpu.set32(CPU.holdInterrupts, interrupts === "mask" ? 1 : 0);
    vcpu.set32(CPU.passBreakpoint, core.stepBegins ? 1 : 0);
    vcpu.set32(CPU.catchLevels, EXCEPTION_LEVELS);
    this.stepped = vcpu.pc;
    const before = this.counters.instructions;
    const event = this.runSlice(core, this.time + 1n, !timers);
    vcpu.set32(CPU.holdInterrupts, 0);
    vcpu.set32(CPU.passBreakpoint, 0);
    vcpu.set32(CPU.catchLevels, this.caught);
    if (event === undefined && core.detour !== undefined) return undefined;
    if (core.blocked) return undefined;
    if (core.state !== "off") core.state = "running";
    // Hosted EL2 took a physical interrupt and made a virtual one of it: nothing has been executed yet.
    const executed = this.counters.instructions > before || core.state === "off";
    if (executed) core.stepBegins = false;
    return event ?? (executed ? "step" : undefined);
  }

  /** Exit.debug: something that a debugger, a step or semihosting has asked for. */
  private debugExit(core: Core): DebugEvent | "goes on" | undefined {
    const { vcpu } = core;
    const info = Number(vcpu.exitInfo);
    switch (info >>> DEBUG_EXIT_SHIFT) {
      case DEBUG_EXIT.exception:
        return this.exceptionTaken(core, {
          level: vcpu.el as 1 | 2 | 3,
          vector: info & ((1 << DEBUG_EXIT_SHIFT) - 1),
          hosted: false,
        });
      case DEBUG_EXIT.return:
        return this.exceptionReturned(core);
      case DEBUG_EXIT.systemRegister:
        this.notExecuted(core);
        return "catch";
      default:
        this.host.semihosting(core);
        return core.blocked || core.state !== "running" ? undefined : "goes on";
    }
  }

  private exceptionTaken(core: Core, exception: TakenException): DebugEvent | "goes on" | undefined {
    const { vcpu } = core;
    const { level, vector } = exception;
    if ((this.caught >>> level) & 1 && this.host.caught(core, exception)) return "catch";
    if (!core.stepping || core.detour !== undefined) return "goes on";
    const cause = vector & ASYNCHRONOUS ? "interrupt" : "exception";
    const wanted = this.stepMode[cause === "interrupt" ? "interrupts" : "exceptions"];
    if (wanted === "land" && cause === "interrupt") return "step";
    if (wanted !== "complete") return "goes on";
    core.detour = detourOf(vcpu, level, {
      cause,
      executed: this.usedSince(this.time, core) > 0n,
      instruction: this.stepped,
    });
    return undefined;
  }

  /** After an ERET to the level of a detour. Where the stepped instruction is still to be executed, that is next. */
  private exceptionReturned(core: Core): DebugEvent | "goes on" | undefined {
    const { vcpu, detour } = core;
    if (this.host.returned(core)) return "catch";
    if (detour === undefined || !isBack(vcpu, detour)) return "goes on";
    core.detour = undefined;
    const again = vcpu.pc === detour.instruction && !(detour.cause === "interrupt" && detour.executed);
    return again ? undefined : "step";
  }

  /** An exception to a hosted level: handled, unless it is caught. */
  private hostedExit(core: Core, level: 2 | 3): DebugEvent | "goes on" | undefined {
    const { vcpu } = core;
    const vector = Number(vcpu.exitInfo);
    if ((this.caught >>> level) & 1 && this.host.caught(core, { level, vector, hosted: true })) {
      if ((vector & ASYNCHRONOUS) === 0) this.notExecuted(core);
      return "catch";
    }
    const from = this.caught === 0 ? 0n : vcpu.sysreg(`ELR_EL${level}`);
    this.host.hosted(core, level);
    this.engineLeft();
    if (this.caught !== 0 && core.state === "running") {
      const injected = injectedException(vcpu, from);
      if (injected !== undefined && this.host.caught(core, injected)) return "catch";
    }
    return core.state === "running" && (vcpu.get32(CPU.budget) | 0) > 0 ? "goes on" : undefined;
  }

  /** Runs the engine once. */
  private enter(core: Core): DebugEvent | "goes on" | undefined {
    const { vcpu } = core;
    this.inEngine = true;
    const reason = this.engine.exports.run(vcpu.base);
    this.inEngine = false;
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
        return this.hostedExit(core, reason === Exit.hosted2 ? 2 : 3);
      case Exit.debug:
        return this.debugExit(core);
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
    if (core.state === "running" || core.state === "off") return;
    const { vcpu } = core;
    const pending = vcpu.get32(CPU.irqLines) !== 0 || vcpu.get32(CPU.virtualPending) !== 0;
    const requested = core.state === "suspended" && this.host.wakeRequested(core);
    if (pending || requested || (core.stepping && core.detour === undefined)) core.state = "running";
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
    this.loopWaitsUntil = performance.now() + this.patience;
    while (!stop()) {
      const turn = this.takeTurn();
      if (turn === undefined) return "idle";
      const { core } = turn;
      const steps = core.stepping && core.detour === undefined;
      const start = this.time;
      const event = steps ? this.stepInstruction(core) : this.runSlice(core, this.sliceEndOf(core, turn.end));
      if (this.time > start && core.follow?.() === false) core.follow = undefined;
      if (core.state !== "running" || core.blocked || this.time >= turn.end) this.endTurn(core);
      if (event !== undefined) this.host.debugStop(core, event);
      if (performance.now() >= this.loopWaitsUntil) break;
    }
    return "more";
  }

  /** One that is followed stops after each instruction; a counter's overflow ends a slice, as does who observes. */
  private sliceEndOf({ follow, pmu }: Core, turnEnd: bigint): bigint {
    const next = this.time + 1n;
    const observed = this.observer && this.time + this.observer.remaining(this.counters.instructions);
    const end = observed !== undefined && observed < turnEnd ? observed : turnEnd;
    if (follow !== undefined) return next < end ? next : end;
    const overflow = pmu.overflowIn();
    if (overflow === undefined || this.time + overflow >= end) return end;
    return overflow < 1n ? next : this.time + overflow;
  }

  /** The turn that a debugger's stop interrupted, or that of the next vCPU which is ready; undefined when none is. */
  private takeTurn(): Turn | undefined {
    const kept = this.turn;
    if (kept !== undefined) {
      kept.end = this.deadlineBefore(kept.end);
      if (kept.core.state === "running" && isFree(kept.core)) return kept;
      this.endTurn(kept.core);
    }
    let ready = 0;
    for (const core of this.cores) {
      if (!isFree(core)) continue;
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
      if (core.state === "running" && isFree(core)) return core;
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
