/** A driver for one virtqueue of a device under test, over MMIO: what a guest does with a split ring, and no more. */
import { type VirtioKind, VirtioMmio } from "../../../src/devices/virtio/index.js";
import { Wire } from "../../bus/wires.js";
import { TestMemory } from "../memory.js";

export const BASE = 0x4000_0000;
const DESCRIPTORS = BASE;
const AVAILABLE = BASE + 0x1000;
const USED = BASE + 0x2000;
const INDIRECT = BASE + 0x3000;
const BUFFERS = BASE + 0x8000;
export const MEMORY_SIZE = 0x4_0000;

const REG = {
  driverFeatures: 0x020,
  driverFeaturesSel: 0x024,
  queueSel: 0x030,
  queueNum: 0x038,
  queueReady: 0x044,
  queueNotify: 0x050,
  interruptStatus: 0x060,
  interruptAck: 0x064,
  status: 0x070,
  descriptors: 0x080,
  driver: 0x090,
  device: 0x0a0,
} as const;
const NEXT = 1;
const WRITE = 2;
const INDIRECT_FLAG = 4;

/** Bytes for the device, or room for what it writes. */
export type Piece = { readonly out: Uint8Array } | { readonly room: number };

export class Driver {
  readonly memory = new TestMemory(BASE, MEMORY_SIZE);
  readonly irq = new Wire();
  readonly mmio: VirtioMmio;
  readonly log: string[] = [];
  #available = 0;
  #seen = 0;
  #buffers = BUFFERS;
  readonly #pieces = new Map<number, { address: number; length: number }[]>();

  constructor(
    kind: VirtioKind,
    readonly options: { readonly size: number; readonly eventIndex: boolean; readonly indirect: boolean },
    readonly queue = 0,
  ) {
    this.mmio = new VirtioMmio(kind, { irq: this.irq, memory: this.memory }, (line) => this.log.push(line));
    this.start();
  }

  reg(offset: number, value?: number): number {
    if (value !== undefined) this.mmio.write(offset, 4, BigInt(value >>> 0));
    return Number(this.mmio.read(offset, 4));
  }

  start(): void {
    const { size, eventIndex, indirect } = this.options;
    this.reg(REG.status, 0);
    this.reg(REG.status, 3);
    this.reg(REG.driverFeaturesSel, 0);
    this.reg(REG.driverFeatures, (eventIndex ? 1 << 29 : 0) | (indirect ? 1 << 28 : 0));
    this.reg(REG.driverFeaturesSel, 1);
    this.reg(REG.driverFeatures, 1);
    this.reg(REG.status, 11);
    this.reg(REG.queueSel, this.queue);
    this.reg(REG.queueNum, size);
    this.place(DESCRIPTORS, AVAILABLE, USED);
    this.reg(REG.queueReady, 1);
    this.reg(REG.status, 15);
  }

  place(descriptors: number, driver: number, device: number): void {
    for (const [offset, address] of [
      [REG.descriptors, descriptors],
      [REG.driver, driver],
      [REG.device, device],
    ] as const) {
      this.reg(offset, address);
      this.reg(offset + 4, Math.floor(address / 2 ** 32));
    }
  }

  /** Puts a chain into descriptors from `first` on, one for each piece (or one, of an indirect table); not yet seen. */
  add(first: number, pieces: readonly Piece[], indirect = false): void {
    const placed = pieces.map((piece) => {
      const length = "out" in piece ? piece.out.length : piece.room;
      const address = this.#buffers;
      this.#buffers = BUFFERS + ((this.#buffers + length - BUFFERS) % (MEMORY_SIZE / 4));
      if ("out" in piece) this.memory.write(address, piece.out, length);
      return { address, length, flags: "out" in piece ? 0 : WRITE };
    });
    const table = indirect ? INDIRECT + 0x100 * first : DESCRIPTORS + 16 * first;
    for (const [n, { address, length, flags }] of placed.entries()) {
      const last = n === placed.length - 1;
      const next = indirect ? n + 1 : first + n + 1;
      this.descriptor(table + 16 * n, address, length, flags | (last ? 0 : NEXT), last ? 0 : next);
    }
    if (indirect) this.descriptor(DESCRIPTORS + 16 * first, table, 16 * placed.length, INDIRECT_FLAG, 0);
    this.#pieces.set(first, placed);
    this.memory.set16(AVAILABLE + 4 + 2 * (this.#available % this.options.size), first);
    this.#available = (this.#available + 1) & 0xffff;
  }

  descriptor(at: number, address: number, length: number, flags: number, next: number): void {
    this.memory.set64(at, BigInt(address));
    this.memory.set32(at + 8, length);
    this.memory.set16(at + 12, flags);
    this.memory.set16(at + 14, next);
  }

  /** Shows the device what was added, and notifies it. */
  notify(): void {
    this.memory.set16(AVAILABLE + 2, this.#available);
    this.reg(REG.queueNotify, this.queue);
  }

  /** Chains that the device has given back: descriptor, bytes written, and what is in the room it had. */
  take(): { head: number; written: number; bytes: Uint8Array }[] {
    const found: { head: number; written: number; bytes: Uint8Array }[] = [];
    while (this.#seen !== this.memory.get16(USED + 2)) {
      const at = USED + 4 + 8 * (this.#seen % this.options.size);
      const head = this.memory.get32(at);
      const pieces = this.#pieces.get(head)?.filter((piece) => "flags" in piece && piece.flags === WRITE) ?? [];
      const bytes = Buffer.concat(pieces.map(({ address, length }) => this.memory.read(address, length) as Uint8Array));
      found.push({ head, written: this.memory.get32(at + 4), bytes });
      this.#seen = (this.#seen + 1) & 0xffff;
    }
    return found;
  }

  /** Where the driver wants its next interrupt, with event indices: after so many more chains. */
  interruptAfter(chains: number): void {
    this.memory.set16(AVAILABLE + 4 + 2 * this.options.size, (this.#seen + chains - 1) & 0xffff);
  }

  suppressInterrupts(on: boolean): void {
    this.memory.set16(AVAILABLE, on ? 1 : 0);
  }

  /** Whether there was an interrupt; it is acknowledged. */
  interrupted(): boolean {
    const status = this.reg(REG.interruptStatus);
    this.reg(REG.interruptAck, status);
    return status !== 0;
  }

  get needsReset(): boolean {
    return (this.reg(REG.status) & 64) !== 0;
  }
}
