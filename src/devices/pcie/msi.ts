/** MSI with one vector and a 64-bit address (PCI Local Bus 3.0, section 6.8.1). */
import type { PciFunction } from "./function.js";
import { CAPABILITY } from "./spec.js";

const CONTROL = { enable: 1 << 0, address64: 1 << 7 } as const;
/** Behind ID and next pointer: control, address, upper address, data. */
const BODY = { control: 0, address: 2, upper: 6, data: 10, size: 12 } as const;

export class Msi {
  readonly #offset: number;

  constructor(private readonly target: PciFunction) {
    const body = new Uint8Array(BODY.size);
    body[BODY.control] = CONTROL.address64;
    const writable = new Uint8Array(BODY.size).fill(0xff);
    writable.set([CONTROL.enable, 0], BODY.control);
    // Messages are words.
    writable[BODY.address] = 0xfc;
    this.#offset = target.addCapability(CAPABILITY.msi, body, writable) + 2;
    target.usesMessages = () => this.enabled;
  }

  get enabled(): boolean {
    return (this.target.config.getUint16(this.#offset + BODY.control, true) & CONTROL.enable) !== 0;
  }

  /** Whether the guest takes messages at all. */
  notify(): boolean {
    if (!this.enabled) return false;
    const { config } = this.target;
    const low = BigInt(config.getUint32(this.#offset + BODY.address, true));
    const high = BigInt(config.getUint32(this.#offset + BODY.upper, true));
    this.target.message((high << 32n) | low, config.getUint16(this.#offset + BODY.data, true));
    return true;
  }
}
