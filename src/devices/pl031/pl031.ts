/**
 * PL031 real-time clock (Arm DDI 0224C): a counter of seconds of virtual time, and a match interrupt.
 */
import {
  type Alarm,
  type Clock,
  type IrqLine,
  type MmioDevice,
  requireVersion,
  type Snapshot,
  type Stateful,
  type Width,
} from "../../bus/contract.js";
import { PL031_REGISTERS } from "./registers.js";

export interface Pl031Config {
  /** What RTCDR shows at power-on, in seconds since 1970. Taken once, so that the run can be repeated. */
  readonly epoch: number;
}

export interface Pl031Wiring {
  /** RTCINTR. */
  readonly irq: IrqLine;
  readonly clock: Clock;
  /** Rings at the next match; the machine answers by calling `tick()`. */
  readonly alarm: Alarm;
}

export interface Pl031State {
  /** RTCDR at virtual time zero, modulo 2^32. */
  base: number;
  load: number;
  match: number;
  imsc: number;
  /** Bit 0: the counter has reached RTCMR since RTCICR. */
  ris: number;
  /** Virtual time, in nanoseconds, at which the counter next becomes equal to RTCMR. */
  matchAt: bigint;
}

export interface Pl031Snapshot extends Snapshot, Readonly<Pl031State> {}

const SNAPSHOT_VERSION = 1;
const SECOND = 1_000_000_000n;
const WRAP = 2 ** 32;

export class Pl031 implements MmioDevice, Stateful<Pl031Snapshot> {
  state: Pl031State;

  constructor(
    readonly wiring: Pl031Wiring,
    readonly config: Pl031Config,
  ) {
    this.state = this.#resetState();
    this.#arm();
  }

  read(offset: number, width: Width): bigint {
    return PL031_REGISTERS.read(this, offset, width);
  }

  write(offset: number, width: Width, value: bigint): void {
    // A match already reached counts before the write changes which one is next.
    this.tick();
    PL031_REGISTERS.write(this, offset, width, value);
    this.tick();
  }

  peek(offset: number, width: Width): bigint {
    return PL031_REGISTERS.peek(this, offset, width);
  }

  /** Virtual time has reached the alarm's deadline (or has just moved on: calling early does no harm). */
  tick(): void {
    const now = this.wiring.clock.now();
    if (now >= this.state.matchAt) {
      this.state.ris = 1;
      const period = BigInt(WRAP) * SECOND;
      this.state.matchAt += ((now - this.state.matchAt) / period + 1n) * period;
    }
    this.#arm();
    this.#driveIrq();
  }

  /** RTCDR. */
  seconds(): number {
    return (this.state.base + this.#elapsedSeconds()) % WRAP;
  }

  /** RTCRIS: right even when the alarm has not rung yet. */
  rawInterrupt(): number {
    return this.wiring.clock.now() >= this.state.matchAt ? 1 : this.state.ris;
  }

  /** RTCMR. */
  setMatch(value: number): void {
    this.state.match = value;
    this.#schedule();
  }

  /** RTCLR: the counter goes on from `value`. */
  load(value: number): void {
    this.state.load = value;
    this.state.base = (value - (this.#elapsedSeconds() % WRAP) + WRAP) % WRAP;
    this.#schedule();
  }

  /** RTCIMSC. */
  setMask(value: number): void {
    this.state.imsc = value;
  }

  /** RTCICR. */
  clearInterrupt(value: number): void {
    if (value & 1) this.state.ris = 0;
  }

  reset(): void {
    this.#adopt(this.#resetState());
  }

  save(): Pl031Snapshot {
    return { version: SNAPSHOT_VERSION, ...this.state };
  }

  restore(snapshot: Pl031Snapshot): void {
    requireVersion("pl031", snapshot, SNAPSHOT_VERSION);
    const { version: _, ...state } = snapshot;
    this.#adopt(state);
  }

  /** The counter equals RTCMR at the start of a second: this one, when it does so already. */
  #schedule(): void {
    const wait = (this.state.match - this.seconds() + WRAP) % WRAP;
    this.state.matchAt = (BigInt(this.#elapsedSeconds()) + BigInt(wait)) * SECOND;
  }

  #elapsedSeconds(): number {
    return Number(this.wiring.clock.now() / SECOND);
  }

  #adopt(state: Pl031State): void {
    this.state = state;
    this.#arm();
    this.#driveIrq();
  }

  /**
   * Only a match that would raise the interrupt is waited for: an idle guest whose time is skipped would be taken to
   * any other, which may be 136 years away. RTCRIS is right without.
   */
  #arm(): void {
    const { imsc, ris, matchAt } = this.state;
    this.wiring.alarm.set(imsc !== 0 && ris === 0 ? matchAt : undefined);
  }

  #driveIrq(): void {
    this.wiring.irq.set((this.state.ris & this.state.imsc) !== 0);
  }

  #resetState(): Pl031State {
    const base = ((Math.trunc(this.config.epoch) % WRAP) + WRAP) % WRAP;
    const untilZero = (WRAP - base) % WRAP || WRAP;
    return { base, load: 0, match: 0, imsc: 0, ris: 0, matchAt: BigInt(untilZero) * SECOND };
  }
}
