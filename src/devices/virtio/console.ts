/** virtio-console with one port (OASIS virtio 1.2, section 5.3). */
import type { VirtioDevice, VirtioKind } from "./device.js";
import { lengthOf } from "./queue.js";
import { DEVICE_ID } from "./spec.js";

/** The far end of the port. */
export interface ConsolePort {
  transmit(byte: number): void;
  /** There is room for input again. */
  inputWanted?(): void;
}

const RECEIVE = 0;
const TRANSMIT = 1;
const QUEUE_SIZE = 64;
/** A byte that is written without a queue: for guests in distress. */
const EMERG_WRITE = 1n << 2n;
const EMERG_WR_OFFSET = 8;
const CONFIG_SIZE = 12;

export class Console implements VirtioKind {
  readonly name = "virtio-console";
  readonly id = DEVICE_ID.console;
  readonly features = EMERG_WRITE;
  readonly queues = [QUEUE_SIZE, QUEUE_SIZE];
  #device: VirtioDevice | undefined;

  constructor(private readonly port: ConsolePort) {}

  config(): Uint8Array {
    return new Uint8Array(CONFIG_SIZE);
  }

  writeConfig(offset: number, value: number): void {
    if (offset === EMERG_WR_OFFSET) this.port.transmit(value & 0xff);
  }

  notified(device: VirtioDevice, index: number): void {
    this.#device = device;
    if (index === RECEIVE) {
      this.port.inputWanted?.();
      return;
    }
    const queue = device.queues[TRANSMIT];
    queue?.drain((chain) => {
      for (const byte of queue.gather(chain)) this.port.transmit(byte);
      queue.complete(chain, 0);
    });
  }

  /** How many bytes `receive` takes at least, if not all of them. */
  roomForInput(): number {
    let room = 0;
    this.#device?.work(RECEIVE, (queue) => {
      room = queue.hasNext ? 1 : 0;
    });
    return room === 0 ? 0 : Number.MAX_SAFE_INTEGER;
  }

  /** Puts bytes into the driver's buffers as far as there are any. Returns how many. */
  receive(bytes: Uint8Array): number {
    let taken = 0;
    this.#device?.work(RECEIVE, (queue) => {
      while (taken < bytes.length) {
        const chain = queue.next();
        if (chain === undefined) return;
        const piece = bytes.subarray(taken, taken + lengthOf(chain.writable));
        queue.scatter(chain, piece);
        queue.complete(chain, piece.length);
        taken += piece.length;
      }
    });
    return taken;
  }
}
