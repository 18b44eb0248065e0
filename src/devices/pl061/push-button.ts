/** A push button on a GPIO line: the line is high for as long as it is held, which is a tenth of a second. */
import { type Alarm, type Clock, requireVersion, type Snapshot, type Stateful } from "../../bus/contract.js";

/** Longer than any driver debounces (gpio-keys: 5 ms), shorter than what firmware takes for a forced power-off. */
const HELD = 100_000_000n;

export interface PushButtonSnapshot extends Snapshot {
  /** Nanoseconds of virtual time until which it is held; null while it is not. */
  readonly until: bigint | null;
}

const SNAPSHOT_VERSION = 1;

export class PushButton implements Stateful<PushButtonSnapshot> {
  #until: bigint | undefined;

  constructor(private readonly wiring: { clock: Clock; alarm: Alarm; drive(level: boolean): void }) {}

  /** Pressed again while it is held it is held for longer. */
  press(): void {
    this.#adopt(this.wiring.clock.now() + HELD);
  }

  /** The alarm has rung. */
  tick(): void {
    this.#adopt(undefined);
  }

  reset(): void {
    this.#adopt(undefined);
  }

  save(): PushButtonSnapshot {
    return { version: SNAPSHOT_VERSION, until: this.#until ?? null };
  }

  restore(snapshot: PushButtonSnapshot): void {
    requireVersion("power key", snapshot, SNAPSHOT_VERSION);
    this.#adopt(snapshot.until ?? undefined);
  }

  #adopt(until: bigint | undefined): void {
    this.#until = until;
    this.wiring.drive(until !== undefined);
    this.wiring.alarm.set(until);
  }
}
