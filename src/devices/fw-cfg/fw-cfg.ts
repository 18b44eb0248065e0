/**
 * fw_cfg: the machine's word to its firmware, an item at a time through a data register or by DMA (QEMU
 * documentation, fw_cfg.rst). Items are read-only and made with the machine.
 */
import {
  BusFault,
  type MmioDevice,
  requireVersion,
  type Snapshot,
  type Stateful,
  type Width,
} from "../../bus/contract.js";
import { DATA, FW_CFG_REGISTERS } from "./registers.js";

export type FwCfgItems = ReadonlyMap<number, Uint8Array>;

/** Guest physical memory for DMA. */
export interface FwCfgMemory {
  /** The bytes [address, address + size), or undefined where there is no memory. */
  read(address: number, size: number): Uint8Array | undefined;
  /** Writes zeros where `bytes` ends before `size`. Whether it could be done. */
  write(address: number, bytes: Uint8Array, size: number): boolean;
}

interface FwCfgState {
  key: number;
  /** Bytes of the item that have been read or skipped. */
  position: number;
  /** High half of the address of the next DMA descriptor. */
  dmaHigh: number;
}

export interface FwCfgSnapshot extends Snapshot, Readonly<FwCfgState> {}

const SNAPSHOT_VERSION = 1;
/** FWCfgDmaAccess: control, length, address. */
const DESCRIPTOR = { control: 0, length: 4, address: 8, size: 16 } as const;
const CONTROL = { error: 1, read: 2, skip: 4, select: 8, write: 16 } as const;
/** Bit 14 of a key once asked for a write; it names no item of its own. */
const KEY_MASK = 0xbfff;
const NOTHING = new Uint8Array(0);

export class FwCfg implements MmioDevice, Stateful<FwCfgSnapshot> {
  #state: FwCfgState = resetState();

  constructor(
    readonly items: FwCfgItems,
    readonly memory: FwCfgMemory,
  ) {}

  read(offset: number, width: Width): bigint {
    const value = this.peek(offset, width);
    if (offset < DATA.size) this.#advance(width);
    return value;
  }

  peek(offset: number, width: Width): bigint {
    if (offset >= DATA.size) return FW_CFG_REGISTERS.peek(this, offset, width);
    if (offset !== DATA.offset) throw new BusFault("fw-cfg: the data register is read at its first byte");
    let value = 0n;
    for (let byte = width - 1; byte >= 0; byte--) {
      value = (value << 8n) | BigInt(this.#item()[this.#state.position + byte] ?? 0);
    }
    return value;
  }

  /** Writes to the data register change nothing: no item is writable. */
  write(offset: number, width: Width, value: bigint): void {
    if (offset >= DATA.size) FW_CFG_REGISTERS.write(this, offset, width, value);
  }

  /** The item to read, from its first byte. */
  select(key: number): void {
    this.#state.key = key & KEY_MASK;
    this.#state.position = 0;
  }

  setDmaHigh(value: number): void {
    this.#state.dmaHigh = value;
  }

  /** Carries out the descriptor at the address whose low half this is; its control word tells the outcome. */
  startDma(low: number): void {
    const address = this.#state.dmaHigh * 2 ** 32 + low;
    this.#state.dmaHigh = 0;
    const bytes = this.memory.read(address, DESCRIPTOR.size);
    if (bytes === undefined) return;
    const descriptor = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const control = descriptor.getUint32(DESCRIPTOR.control);
    const length = descriptor.getUint32(DESCRIPTOR.length);
    const target = descriptor.getUint32(DESCRIPTOR.address) * 2 ** 32 + descriptor.getUint32(DESCRIPTOR.address + 4);
    if (control & CONTROL.select) this.select(control >>> 16);
    const failed = !this.#transfer(control, length, target);
    this.memory.write(address, new Uint8Array([0, 0, 0, failed ? CONTROL.error : 0]), 4);
  }

  reset(): void {
    this.#state = resetState();
  }

  save(): FwCfgSnapshot {
    const { key, position, dmaHigh } = this.#state;
    return { version: SNAPSHOT_VERSION, key, position, dmaHigh };
  }

  restore(snapshot: FwCfgSnapshot): void {
    requireVersion("fw-cfg", snapshot, SNAPSHOT_VERSION);
    const { key, position, dmaHigh } = snapshot;
    this.#state = { key, position, dmaHigh };
  }

  #transfer(control: number, length: number, target: number): boolean {
    if (control & CONTROL.read) {
      const { position } = this.#state;
      if (!this.memory.write(target, this.#item().subarray(position, position + length), length)) return false;
    } else if (control & CONTROL.write) {
      return false;
    } else if (!(control & CONTROL.skip)) {
      return true;
    }
    this.#advance(length);
    return true;
  }

  #item(): Uint8Array {
    return this.items.get(this.#state.key) ?? NOTHING;
  }

  /** Behind an item's end there are zeros without end. */
  #advance(size: number): void {
    this.#state.position = Math.min(this.#state.position + size, this.#item().length);
  }
}

function resetState(): FwCfgState {
  return { key: 0, position: 0, dmaHigh: 0 };
}
