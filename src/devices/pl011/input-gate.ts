/**
 * PL011: when the guest is ready for input. A driver's start-up empties the receive FIFO, so what the host has to
 * deliver (a script piped into the console, a user typing ahead) waits until the guest listens.
 */
import type { Alarm, Clock } from "../../bus/contract.js";
import { CR, INT } from "./spec.js";

/** Virtual time and one deadline, for devices that wait. */
export interface Timekeeping {
  readonly clock: Clock;
  readonly alarm: Alarm;
}

export interface InputGateState {
  /** Reads of UARTFR since the last write or taken character. */
  readonly flagPolls: number;
  /** The guest has written UARTCR: from then on its enables say whether it receives. */
  readonly controlsEnables: boolean;
  /** Virtual time from which on the receive interrupts count as served, null while they are off. */
  readonly servedAt: bigint | null;
}

/** No transmitter reads UARTFR this often between two characters, since the FIFO never fills up. */
const POLLS_OF_A_LISTENER = 8;
/**
 * How long the receiver and its interrupts have been on before they count as served, in nanoseconds. Linux turns
 * the receiver on with the interrupt already unmasked, and empties the FIFO some microseconds later.
 */
const SETTLING_TIME = 1_000_000n;

export class InputGate {
  #flagPolls = 0;
  #controlsEnables = false;
  #servedAt: bigint | null = null;

  /** Without `time` an enabled receiver counts as served at once. */
  constructor(private readonly time: Timekeeping | undefined) {}

  /** Whether the guest polls for characters, or has its receive interrupts served. */
  isOpen(): boolean {
    return this.#flagPolls >= POLLS_OF_A_LISTENER || (this.#servedAt !== null && this.#now() >= this.#servedAt);
  }

  /** A read of UARTFR: a long row of them is a guest that waits. */
  polled(): void {
    this.#flagPolls = Math.min(this.#flagPolls + 1, POLLS_OF_A_LISTENER);
  }

  /** A character was taken, or a register written. */
  didOtherThings(): void {
    this.#flagPolls = 0;
  }

  /** UARTCR was written. Guests that never do rely on a UART that somebody has set up for them. */
  tookControl(): void {
    this.#controlsEnables = true;
  }

  /** Follows UARTCR and UARTIMSC. */
  update(cr: number, imsc: number): void {
    const receives = !this.#controlsEnables || ((cr & CR.UARTEN) !== 0 && (cr & CR.RXE) !== 0);
    const interrupts = receives && (imsc & (INT.RX | INT.RT)) !== 0;
    if (interrupts === (this.#servedAt !== null)) return;
    this.#servedAt = interrupts ? this.#now() + (this.time ? SETTLING_TIME : 0n) : null;
    this.#arm();
  }

  reset(): void {
    this.restore({ flagPolls: 0, controlsEnables: false, servedAt: null });
  }

  save(): InputGateState {
    return { flagPolls: this.#flagPolls, controlsEnables: this.#controlsEnables, servedAt: this.#servedAt };
  }

  restore({ flagPolls, controlsEnables, servedAt }: InputGateState): void {
    this.#flagPolls = flagPolls;
    this.#controlsEnables = controlsEnables;
    this.#servedAt = servedAt;
    this.#arm();
  }

  #arm(): void {
    const waits = this.#servedAt !== null && this.#servedAt > this.#now();
    this.time?.alarm.set(waits ? (this.#servedAt as bigint) : undefined);
  }

  #now(): bigint {
    return this.time?.clock.now() ?? 0n;
  }
}
