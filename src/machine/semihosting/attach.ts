/** Semihosting on a machine: its memory, its time, its serial line as the console unless it has one of its own. */

import type { LoadedRange } from "../boot.js";
import { DebugMemory } from "../debug/memory.js";
import type { Machine } from "../machine.js";
import { NANOSECONDS_PER_INSTRUCTION } from "../scheduler.js";
import { freeMemory } from "./heap.js";
import { Semihosting, type SemihostingOptions } from "./semihosting.js";
import type { ConsoleStreams } from "./streams.js";

/** Input that has come and that nobody has taken. */
export class InputQueue {
  private pieces: Uint8Array[] = [];
  private ended = false;

  /** `undefined`: nothing will come after. */
  add(bytes: Uint8Array | undefined): void {
    if (bytes === undefined) this.ended = true;
    else if (bytes.length > 0) this.pieces.push(bytes);
  }

  get first(): Uint8Array | undefined {
    return this.pieces[0];
  }

  /** At most `length` bytes, none after the end, undefined while there are none. */
  take(length: number): Uint8Array | undefined {
    const piece = this.pieces[0];
    if (piece === undefined) return this.ended ? new Uint8Array(0) : undefined;
    if (piece.length <= length) this.pieces.shift();
    else this.pieces[0] = piece.subarray(length);
    return piece.subarray(0, length);
  }
}

export interface SemihostingPlace {
  readonly machine: Machine;
  /** What comes in on the serial line. */
  readonly input: InputQueue;
  readonly epoch: number;
  readonly loads: readonly LoadedRange[];
  /** A vCPU that was blocked may go on. */
  wake(): void;
}

export function attachSemihosting(options: SemihostingOptions, place: SemihostingPlace): Semihosting {
  const { machine, epoch, loads } = place;
  const { description, memory, serial } = machine.config;
  let console: ConsoleStreams = {
    write(bytes) {
      for (const byte of bytes) serial.transmit(byte);
    },
    take: (length) => place.input.take(length),
  };
  const semihosting = new Semihosting(options, {
    memory: new DebugMemory(machine, {
      hears: (isWrite) => machine.debug.watches(isWrite),
      touched: (pa, size, isWrite) => machine.debug.deviceAccess(Number(pa), size, isWrite, "a semihosting call"),
    }),
    console: { write: (...args) => console.write(...args), take: (length) => console.take(length) },
    epoch,
    now: () => machine.scheduler.now() * NANOSECONDS_PER_INSTRUCTION,
    heap: () => freeMemory({ base: description.ram.base, size: memory }, loads),
    exit: (status) => machine.end({ reason: "exit", status }),
    answered: () => place.wake(),
    log: (line) => machine.log("faults", () => `semihosting: ${line()}`),
  });
  const own = options.console;
  if (own !== undefined) {
    const input = new InputQueue();
    own.onReceive((bytes) => {
      input.add(bytes);
      semihosting.inputArrived();
    });
    console = { write: (bytes, stream) => own.write(bytes, stream), take: (length) => input.take(length) };
  }
  return semihosting;
}
