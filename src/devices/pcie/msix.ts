/** MSI-X (PCI Local Bus 3.0, section 6.8.2): a capability, a table of messages and pending bits in a BAR. */
import type { MmioDevice, Width } from "../../bus/contract.js";
import type { PciFunction } from "./function.js";
import { CAPABILITY } from "./spec.js";

/** Of the BAR: the table, and the Pending Bit Array in its second half. */
export const MSIX_BAR_SIZE = 0x1000;
const PBA_OFFSET = 0x800;
const ENTRY_SIZE = 16;
const CONTROL = { enable: 1 << 15, functionMask: 1 << 14 } as const;
const VECTOR_MASKED = 1;

export interface MsixState {
  readonly table: readonly number[];
  readonly pending: readonly boolean[];
}

export class Msix {
  /** Four words an entry: address, upper address, data, vector control. */
  readonly #table: Uint32Array;
  readonly #pending: boolean[];
  /** The registers, for the BAR. */
  readonly device: MmioDevice;
  #function: PciFunction | undefined;
  #offset = 0;

  /** At most 128 vectors. */
  constructor(readonly vectors: number) {
    this.#table = new Uint32Array(4 * vectors);
    this.#pending = Array.from({ length: vectors }, () => false);
    this.device = {
      read: (offset, width) => this.#read(offset, width),
      peek: (offset, width) => this.#read(offset, width),
      write: (offset, width, value) => this.#write(offset, width, value),
    };
    this.reset();
  }

  /** The capability that says the table is in a BAR. */
  addTo(target: PciFunction, bar: number): void {
    const body = new DataView(new ArrayBuffer(10));
    body.setUint16(0, this.vectors - 1, true);
    body.setUint32(2, bar, true);
    body.setUint32(6, PBA_OFFSET | bar, true);
    const writable = new Uint8Array(10);
    writable[1] = (CONTROL.enable | CONTROL.functionMask) >> 8;
    this.#function = target;
    target.usesMessages = () => this.enabled;
    this.#offset = target.addCapability(CAPABILITY.msix, new Uint8Array(body.buffer), writable, {
      afterWrite: () => this.#sendPending(),
    });
  }

  get enabled(): boolean {
    return (this.#control & CONTROL.enable) !== 0;
  }

  /** Sends a vector's message, once it is not masked; whether there is such a vector. */
  notify(vector: number): boolean {
    if (!this.enabled || vector >= this.vectors) return false;
    this.#pending[vector] = true;
    this.#sendPending();
    return true;
  }

  reset(): void {
    this.#table.fill(0);
    for (let vector = 0; vector < this.vectors; vector++) this.#table[4 * vector + 3] = VECTOR_MASKED;
    this.#pending.fill(false);
  }

  save(): MsixState {
    return { table: [...this.#table], pending: [...this.#pending] };
  }

  restore({ table, pending }: MsixState): void {
    this.#table.set(table);
    pending.forEach((is, vector) => {
      this.#pending[vector] = is;
    });
  }

  get #control(): number {
    return this.#function?.config.getUint16(this.#offset + 2, true) ?? 0;
  }

  #sendPending(): void {
    if (!this.enabled || this.#control & CONTROL.functionMask) return;
    for (let vector = 0; vector < this.vectors; vector++) {
      const at = 4 * vector;
      if (!this.#pending[vector] || (this.#word(at + 3) & VECTOR_MASKED) !== 0) continue;
      this.#pending[vector] = false;
      const address = (BigInt(this.#word(at + 1)) << 32n) | BigInt(this.#word(at));
      this.#function?.message(address, this.#word(at + 2));
    }
  }

  /** A word of the table, or of the pending bits. */
  #word(index: number): number {
    const vector = 32 * (index - PBA_OFFSET / 4);
    if (vector < 0) return this.#table[index] ?? 0;
    let bits = 0;
    for (let bit = 0; bit < 32; bit++) if (this.#pending[vector + bit]) bits |= 1 << bit;
    return bits >>> 0;
  }

  #read(offset: number, width: Width): bigint {
    const index = offset >> 2;
    const both = BigInt(this.#word(index)) | (BigInt(width === 8 ? this.#word(index + 1) : 0) << 32n);
    return BigInt.asUintN(8 * width, both >> BigInt(8 * (offset & 3)));
  }

  /** Whole words: software accesses nothing else (section 6.8.2). */
  #write(offset: number, width: Width, value: bigint): void {
    if (width < 4 || offset % 4 !== 0 || offset >= this.vectors * ENTRY_SIZE) return;
    for (let word = 0; word < width / 4; word++) {
      const index = offset / 4 + word;
      const bits = Number((value >> BigInt(32 * word)) & 0xffff_ffffn);
      if (index < this.#table.length) this.#table[index] = index % 4 === 3 ? bits & VECTOR_MASKED : bits;
    }
    this.#sendPending();
  }
}
