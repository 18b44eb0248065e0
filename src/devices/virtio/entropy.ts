/** virtio-rng (OASIS virtio 1.2, section 5.4): bytes that a seed determines, so that runs repeat bit for bit. */
import type { VirtioDevice, VirtioKind } from "./device.js";
import { lengthOf } from "./queue.js";
import { DEVICE_ID } from "./spec.js";

/** Bytes for one buffer; a driver that wants more asks again. */
const MOST = 1024;
const QUEUE_SIZE = 8;
const MASK64 = (1n << 64n) - 1n;

/** SplitMix64: passes the usual tests of randomness, and its state is one counter. */
export class Entropy implements VirtioKind {
  readonly name = "virtio-rng";
  readonly id = DEVICE_ID.entropy;
  readonly features = 0n;
  readonly queues = [QUEUE_SIZE];
  #counter: bigint;

  /** `seed`: any 64-bit value. */
  constructor(private readonly seed: bigint) {
    this.#counter = seed;
  }

  config(): Uint8Array {
    return new Uint8Array(0);
  }

  notified(device: VirtioDevice, index: number): void {
    const queue = device.queues[index];
    queue?.drain((chain) => {
      const bytes = this.#bytes(Math.min(lengthOf(chain.writable), MOST));
      queue.scatter(chain, bytes);
      queue.complete(chain, bytes.length);
    });
  }

  save(): string {
    return `${this.#counter}`;
  }

  restore(state: unknown): void {
    this.#counter = BigInt(state as string);
  }

  /** A driver's reset does not bring the same bytes again, power-on does. */
  powerOn(): void {
    this.#counter = this.seed;
  }

  #bytes(count: number): Uint8Array {
    const words = new BigUint64Array(Math.ceil(count / 8));
    for (let i = 0; i < words.length; i++) {
      this.#counter = (this.#counter + 0x9e37_79b9_7f4a_7c15n) & MASK64;
      let z = this.#counter;
      z = ((z ^ (z >> 30n)) * 0xbf58_476d_1ce4_e5b9n) & MASK64;
      z = ((z ^ (z >> 27n)) * 0x94d0_49bb_1331_11ebn) & MASK64;
      words[i] = z ^ (z >> 31n);
    }
    return new Uint8Array(words.buffer, 0, count);
  }
}
