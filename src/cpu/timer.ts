/**
 * The generic timer of one vCPU (DDI 0487, D11): counters as functions of virtual time, five timers with compare
 * values, and the event stream. Its state is in the vCPU's system-register slots.
 */
import type { IrqLine } from "../bus/contract.js";
import { COUNTER_FREQUENCY } from "./model.js";
import { sysregOffset } from "./sysreg/table.js";
import { TIMER_NAMES, TIMERS, type TimerName } from "./sysreg/timer-names.js";
import type { Vcpu } from "./vcpu.js";

/** Virtual time is in retired instructions of 4 ns. */
const TIME_FREQUENCY = 250_000_000n;

/** How the system counter runs beside virtual time: a count is time × up ÷ down, rounded down. */
export class CounterRate {
  readonly up: bigint;
  readonly down: bigint;

  /** @param frequency in Hz, a whole number. */
  constructor(frequency: number) {
    const divisor = gcd(BigInt(frequency), TIME_FREQUENCY);
    this.up = BigInt(frequency) / divisor;
    this.down = TIME_FREQUENCY / divisor;
  }

  countAt(time: bigint): bigint {
    return (time * this.up) / this.down;
  }

  /** The earliest time at which the count is `count`. */
  timeOf(count: bigint): bigint {
    return (count * this.down + this.up - 1n) / this.up;
  }
}

function gcd(a: bigint, b: bigint): bigint {
  return b === 0n ? a : gcd(b, a % b);
}

const ENABLE = 1n;
const IMASK = 2n;
const ISTATUS = 4n;

/** Event stream fields of CNTKCTL_EL1 and CNTHCTL_EL2. */
const EVENT = { EVNTEN: 1 << 2, EVNTDIR: 1 << 3, shift: 4 } as const;

const WORD = (1n << 64n) - 1n;

/** Slots of CTL and CVAL of each timer. */
const SLOTS = Object.fromEntries(
  TIMER_NAMES.map((timer) => {
    const { prefix, suffix } = TIMERS[timer];
    return [timer, { ctl: sysregOffset(`${prefix}_CTL_${suffix}`), cval: sysregOffset(`${prefix}_CVAL_${suffix}`) }];
  }),
) as Record<TimerName, { readonly ctl: number; readonly cval: number }>;
/** CTL and CVAL of each timer, in the order of TIMER_NAMES. */
export type TimerRegisters = readonly { readonly ctl: bigint; readonly cval: bigint }[];

const CNTVOFF = sysregOffset("CNTVOFF_EL2");

function earlier(a: bigint | undefined, b: bigint | undefined): bigint | undefined {
  if (a === undefined || (b !== undefined && b < a)) return b;
  return a;
}

export class GenericTimer {
  private deadline: bigint | undefined;

  /** `now` gives virtual time in instructions; it never runs backwards. `outputs` are the timers' interrupt lines. */
  constructor(
    private readonly vcpu: Vcpu,
    private readonly now: () => bigint,
    private readonly outputs: Readonly<Record<TimerName, IrqLine>>,
    readonly rate = new CounterRate(COUNTER_FREQUENCY),
  ) {}

  /** CNTPCT_EL0. */
  count(): bigint {
    return this.rate.countAt(this.now());
  }

  /** CNTVCT_EL0 with the offset of CNTVOFF_EL2. */
  virtualCount(): bigint {
    return this.countFor("virtual");
  }

  /** Signed 32-bit distance to the compare value, in the low half. */
  readTval(timer: TimerName): bigint {
    return BigInt.asUintN(32, this.vcpu.get64(SLOTS[timer].cval) - this.countFor(timer));
  }

  writeTval(timer: TimerName, value: bigint): void {
    this.vcpu.set64(SLOTS[timer].cval, this.countFor(timer) + BigInt.asIntN(32, value));
    this.update();
  }

  /** CTL with ISTATUS as of now. */
  readCtl(timer: TimerName): bigint {
    const control = this.vcpu.get64(SLOTS[timer].ctl) & (ENABLE | IMASK);
    return (control & ENABLE) !== 0n && this.isMet(timer) ? control | ISTATUS : control;
  }

  /** All timers off and all lines low; the registers of a new timer. */
  reset(): void {
    for (const timer of TIMER_NAMES) {
      this.vcpu.set64(SLOTS[timer].ctl, 0n);
      this.vcpu.set64(SLOTS[timer].cval, 0n);
    }
    this.update();
  }

  /** What `restore` takes: of timers that are always on, a vCPU finds again after power-down what it left. */
  save(): TimerRegisters {
    return TIMER_NAMES.map((timer) => ({
      ctl: this.vcpu.get64(SLOTS[timer].ctl),
      cval: this.vcpu.get64(SLOTS[timer].cval),
    }));
  }

  restore(registers: TimerRegisters): void {
    for (const [n, timer] of TIMER_NAMES.entries()) {
      const { ctl, cval } = registers[n]!;
      this.vcpu.set64(SLOTS[timer].ctl, ctl);
      this.vcpu.set64(SLOTS[timer].cval, cval);
    }
    this.update();
  }

  /**
   * Drives the lines and finds the next deadline. Call when time has reached the deadline, when the slots were changed
   * other than by the guest, and after they were restored.
   */
  update(): void {
    this.deadline = undefined;
    for (const timer of TIMER_NAMES) {
      const control = this.vcpu.get64(SLOTS[timer].ctl);
      const enabled = (control & ENABLE) !== 0n;
      const met = enabled && this.isMet(timer);
      this.outputs[timer].set(met && (control & IMASK) === 0n);
      if (!enabled) continue;
      this.deadline = earlier(this.deadline, this.nextChange(timer, met));
    }
  }

  /** Virtual time, in instructions, at which `update` must be called; undefined when no timer will change. */
  nextDeadline(): bigint | undefined {
    return this.deadline;
  }

  /**
   * Virtual time of the next event of the event stream that can wake a WFE (D11.2.4); undefined while neither
   * CNTKCTL_EL1 nor CNTHCTL_EL2 enables it.
   */
  nextEvent(): bigint | undefined {
    const ofEl1 = this.eventAfter(this.vcpu.sysregLow("CNTKCTL_EL1"), this.virtualOffset());
    const ofEl2 = this.eventAfter(this.vcpu.sysregLow("CNTHCTL_EL2"), 0n);
    return earlier(ofEl1, ofEl2);
  }

  private virtualOffset(): bigint {
    return this.vcpu.get64(CNTVOFF);
  }

  private countFor(timer: TimerName): bigint {
    return timer === "virtual" ? (this.count() - this.virtualOffset()) & WORD : this.count();
  }

  private isMet(timer: TimerName): boolean {
    return this.countFor(timer) >= this.vcpu.get64(SLOTS[timer].cval);
  }

  /** When the condition turns: at the compare value, or back when the offset counter wraps. */
  private nextChange(timer: TimerName, met: boolean): bigint | undefined {
    const count = this.countFor(timer);
    const compare = this.vcpu.get64(SLOTS[timer].cval);
    if (met && compare === 0n) return undefined;
    const wait = met ? WORD + 1n - count : compare - count;
    const at = this.rate.timeOf(this.count() + wait);
    return at > WORD ? undefined : at;
  }

  /** Next time that bit EVNTI of the counter turns in the direction that EVNTDIR asks for. */
  private eventAfter(control: number, offset: bigint): bigint | undefined {
    if ((control & EVENT.EVNTEN) === 0) return undefined;
    const period = 1n << (BigInt((control >>> EVENT.shift) & 15) + 1n);
    const falling = (control & EVENT.EVNTDIR) !== 0;
    const phase = falling ? 0n : period >> 1n;
    const count = (this.count() - offset) & WORD;
    const wait = ((phase - count - 1n) & (period - 1n)) + 1n;
    return this.rate.timeOf(this.count() + wait);
  }
}
