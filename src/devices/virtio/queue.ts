/**
 * Split virtqueues (OASIS virtio 1.2, section 2.7). Rings and descriptors are the guest's, and it may write anything
 * there at any time: each is read once, and checked before it is used.
 */
import type { DmaMemory } from "../../bus/dma.js";

/** A piece of guest memory that a descriptor names. */
export interface Segment {
  readonly address: number;
  readonly length: number;
}

/** A descriptor chain the driver has made available. */
export interface Chain {
  /** What the used ring calls it. */
  readonly head: number;
  /** For the device to read, then for it to write. */
  readonly readable: readonly Segment[];
  readonly writable: readonly Segment[];
}

/** The driver has broken the rules of section 2.7: the device needs a reset. */
export class QueueError extends Error {}

export interface QueueState {
  readonly size: number;
  readonly enabled: boolean;
  readonly descriptors: bigint;
  readonly driverArea: bigint;
  readonly deviceArea: bigint;
  readonly nextAvailable: number;
  readonly nextUsed: number;
  readonly signalled: number;
}

const DESCRIPTOR_SIZE = 16;
const FLAG = { NEXT: 1, WRITE: 2, INDIRECT: 4 } as const;
/** avail.flags: the driver wants no interrupts. */
const NO_INTERRUPT = 1;
/** Descriptors of a chain, with indirect ones; and its bytes: what a driver could need, and no more than a moment. */
const MAX_DESCRIPTORS = 1024;
const MAX_BYTES = 64 << 20;
const INDEX = 0xffff;
const ADDRESS_LIMIT = 1n << 48n;

export class Virtqueue {
  /** As many entries as the driver wants, at most `maximum`; a power of two. */
  size: number;
  enabled = false;
  /** Descriptor table, available ring and used ring. */
  descriptors = 0n;
  driverArea = 0n;
  deviceArea = 0n;
  /** Of the available ring: the next chain to take. */
  #nextAvailable = 0;
  /** Of the used ring: where the next one goes, and where it was at the last interrupt. */
  #nextUsed = 0;
  #signalled = 0;

  constructor(
    readonly maximum: number,
    private readonly memory: DmaMemory,
    /** The features the driver has accepted. */
    private readonly features: { readonly eventIndex: boolean; readonly indirect: boolean },
  ) {
    this.size = maximum;
  }

  /** Whether the driver has made a chain available. Throws QueueError. */
  get hasNext(): boolean {
    const waiting = (this.#read16(this.#area("driverArea") + 2) - this.#nextAvailable) & INDEX;
    if (waiting > this.size) throw new QueueError(`${waiting} chains available in a queue of ${this.size}`);
    return waiting > 0;
  }

  /** The next chain, or undefined when the driver has no more. Throws QueueError. */
  next(): Chain | undefined {
    if (!this.hasNext) {
      // Tells the driver when to notify again (section 2.7.10).
      if (this.features.eventIndex) this.#write16(this.#area("deviceArea") + 4 + 8 * this.size, this.#nextAvailable);
      return undefined;
    }
    const entry = this.#area("driverArea") + 4 + 2 * (this.#nextAvailable & (this.size - 1));
    const head = this.#read16(entry);
    const chain = this.#chain(head);
    this.#nextAvailable = (this.#nextAvailable + 1) & INDEX;
    return chain;
  }

  /**
   * Takes every chain there is. The driver stands still meanwhile: more chains than the queue has come from a ring that
   * the device itself was made to write to. Throws QueueError.
   */
  drain(act: (chain: Chain) => void): void {
    for (let count = 0; ; count++) {
      const chain = this.next();
      if (chain === undefined) return;
      if (count === this.size) throw new QueueError("chains appear in the queue while it is worked on");
      act(chain);
    }
  }

  /** Gives a chain back with `written` bytes in it. Throws QueueError. */
  complete({ head }: Chain, written: number): void {
    const used = this.#area("deviceArea");
    const element = new Uint8Array(8);
    const view = new DataView(element.buffer);
    view.setUint32(0, head, true);
    view.setUint32(4, written, true);
    this.#write(used + 4 + 8 * (this.#nextUsed & (this.size - 1)), element);
    this.#nextUsed = (this.#nextUsed + 1) & INDEX;
    this.#write16(used + 2, this.#nextUsed);
  }

  /** Whether the driver wants an interrupt for what has been completed since the last one (section 2.7.7). */
  takeInterrupt(): boolean {
    const old = this.#signalled;
    if (old === this.#nextUsed) return false;
    this.#signalled = this.#nextUsed;
    const available = this.#area("driverArea");
    if (!this.features.eventIndex) return (this.#read16(available) & NO_INTERRUPT) === 0;
    const event = this.#read16(available + 4 + 2 * this.size);
    return ((this.#nextUsed - event - 1) & INDEX) < ((this.#nextUsed - old) & INDEX);
  }

  /** All of what a chain has to read; at most MAX_BYTES. Throws QueueError. */
  gather({ readable }: Chain): Uint8Array {
    const bytes = new Uint8Array(lengthOf(readable));
    let at = 0;
    for (const { address, length } of readable) {
      const piece = this.memory.read(address, length);
      if (piece === undefined) throw new QueueError(`no memory for ${length} bytes at 0x${address.toString(16)}`);
      bytes.set(piece, at);
      at += length;
    }
    return bytes;
  }

  /** Writes bytes into a chain from its byte `offset`. Throws QueueError, also where they do not fit. */
  scatter({ writable }: Chain, bytes: Uint8Array, offset = 0): void {
    let skip = offset;
    let at = 0;
    for (const { address, length } of writable) {
      const room = Math.min(Math.max(length - skip, 0), bytes.length - at);
      if (room > 0) this.#write(address + skip, bytes.subarray(at, at + room));
      at += room;
      skip = Math.max(skip - length, 0);
    }
    if (at < bytes.length) throw new QueueError(`${bytes.length - at} bytes too many for a chain`);
  }

  reset(): void {
    this.restore({
      size: this.maximum,
      enabled: false,
      descriptors: 0n,
      driverArea: 0n,
      deviceArea: 0n,
      nextAvailable: 0,
      nextUsed: 0,
      signalled: 0,
    });
  }

  save(): QueueState {
    const { size, enabled, descriptors, driverArea, deviceArea } = this;
    const [nextAvailable, nextUsed, signalled] = [this.#nextAvailable, this.#nextUsed, this.#signalled];
    return { size, enabled, descriptors, driverArea, deviceArea, nextAvailable, nextUsed, signalled };
  }

  restore(state: QueueState): void {
    this.size = state.size;
    this.enabled = state.enabled;
    this.descriptors = state.descriptors;
    this.driverArea = state.driverArea;
    this.deviceArea = state.deviceArea;
    this.#nextAvailable = state.nextAvailable;
    this.#nextUsed = state.nextUsed;
    this.#signalled = state.signalled;
  }

  #chain(head: number): Chain {
    const readable: Segment[] = [];
    const writable: Segment[] = [];
    let table = this.#area("descriptors");
    let entries = this.size;
    let index = head;
    let indirect = false;
    for (let count = 0, bytes = 0; ; count++) {
      if (index >= entries) throw new QueueError(`descriptor ${index} of a table of ${entries}`);
      if (count >= MAX_DESCRIPTORS) throw new QueueError("a descriptor chain without an end");
      const view = this.#view(table + DESCRIPTOR_SIZE * index, DESCRIPTOR_SIZE);
      const address = view.getBigUint64(0, true);
      const length = view.getUint32(8, true);
      const flags = view.getUint16(12, true);
      if (address >= ADDRESS_LIMIT) throw new QueueError(`descriptor ${index}: address 0x${address.toString(16)}`);
      if (flags & FLAG.INDIRECT) {
        if (!this.features.indirect || indirect || flags & FLAG.NEXT || length % DESCRIPTOR_SIZE !== 0) {
          throw new QueueError(`descriptor ${index}: an indirect one with flags ${flags} and ${length} bytes`);
        }
        indirect = true;
        table = Number(address);
        entries = length / DESCRIPTOR_SIZE;
        index = 0;
        continue;
      }
      bytes += length;
      if (bytes > MAX_BYTES) throw new QueueError(`a chain of more than ${MAX_BYTES} bytes`);
      if (flags & FLAG.WRITE) writable.push({ address: Number(address), length });
      else if (writable.length > 0) throw new QueueError(`descriptor ${index} is to be read, behind one to be written`);
      else readable.push({ address: Number(address), length });
      if (!(flags & FLAG.NEXT)) return { head, readable, writable };
      index = view.getUint16(14, true);
    }
  }

  #area(name: "descriptors" | "driverArea" | "deviceArea"): number {
    if (this[name] >= ADDRESS_LIMIT) throw new QueueError(`a ring at 0x${this[name].toString(16)}`);
    return Number(this[name]);
  }

  #view(address: number, size: number): DataView {
    const bytes = this.memory.read(address, size);
    if (bytes === undefined) throw new QueueError(`no memory at 0x${address.toString(16)}`);
    return new DataView(bytes.buffer, bytes.byteOffset, size);
  }

  #read16(address: number): number {
    return this.#view(address, 2).getUint16(0, true);
  }

  #write16(address: number, value: number): void {
    this.#write(address, Uint8Array.of(value & 0xff, value >> 8));
  }

  #write(address: number, bytes: Uint8Array): void {
    if (this.memory.write(address, bytes, bytes.length)) return;
    throw new QueueError(`no memory to write to at 0x${address.toString(16)}`);
  }
}

/** Bytes in all of the segments. */
export function lengthOf(segments: readonly Segment[]): number {
  return segments.reduce((sum, { length }) => sum + length, 0);
}
