/**
 * A PCI function: configuration space with a type 0 header, base address registers that the guest assigns, a list of
 * capabilities, the INTx pin (PCI Local Bus 3.0, chapter 6).
 */
import { type MmioDevice, requireVersion, type Snapshot, type Stateful, type Width } from "../../bus/contract.js";
import type { DmaMemory } from "../../bus/dma.js";
import { BAR, COMMAND, COMMAND_WRITABLE, CONFIG_SIZE, FIRST_CAPABILITY, REG, STATUS } from "./spec.js";

export interface BarSpec {
  /** 0 to 5; a 64-bit one takes the next as well. */
  readonly index: number;
  /** A power of two, 16 or more. */
  readonly size: number;
  readonly kind: "memory32" | "memory64";
  readonly prefetchable?: boolean;
  /** What is behind it; offsets are from its base. */
  readonly device: MmioDevice;
}

export interface FunctionSpec {
  readonly name: string;
  readonly vendor: number;
  readonly device: number;
  readonly revision: number;
  /** Class, subclass, programming interface: 24 bits. */
  readonly classCode: number;
  readonly subsystemVendor: number;
  readonly subsystem: number;
  /** It has INTA#. */
  readonly interrupts: boolean;
  readonly bars: readonly BarSpec[];
}

/** What a function reaches of the rest of the machine, by its place on the bus. */
export interface BusConnection {
  readonly memory: DmaMemory;
  /** A message signalled interrupt: a write of `data` to a bus address. */
  message(address: bigint, data: number): void;
  setInterrupt(level: boolean): void;
  /** A BAR, or whether it is decoded, may have changed. */
  mappingChanged(): void;
}

export interface FunctionState extends Snapshot {
  /** Configuration space in hexadecimal. */
  readonly config: string;
}

/** Where the guest has put a BAR. */
export interface Mapping {
  readonly base: number;
  readonly size: number;
  readonly device: MmioDevice;
}

/** A capability that acts when its registers are accessed. */
export interface CapabilityHooks {
  /** A read of [offset, offset + width) that is not of what is stored there; undefined where it is. */
  read?(offset: number, width: number, how: "read" | "peek"): bigint | undefined;
  /** What was written is stored. */
  afterWrite?(offset: number, width: number): void;
}

const SNAPSHOT_VERSION = 1;

export class PciFunction implements Stateful<FunctionState> {
  readonly config = new DataView(new ArrayBuffer(CONFIG_SIZE));
  readonly #writable = new Uint8Array(CONFIG_SIZE);
  /** Configuration space after reset. */
  #initial: Uint8Array | undefined;
  #connection: BusConnection | undefined;
  readonly #hooks: CapabilityHooks[] = [];
  #lastCapability: number = REG.capabilities;
  #nextCapability = FIRST_CAPABILITY;
  #pin = false;

  /** DMA of the function: only while the guest lets it be bus master. */
  readonly memory: DmaMemory = {
    read: (address, size) => (this.isBusMaster ? this.#connection?.memory.read(address, size) : undefined),
    write: (address, bytes, size) =>
      this.isBusMaster && (this.#connection?.memory.write(address, bytes, size) ?? false),
  };

  constructor(readonly spec: FunctionSpec) {
    const { config } = this;
    config.setUint16(REG.vendor, spec.vendor, true);
    config.setUint16(REG.device, spec.device, true);
    config.setUint8(REG.revision, spec.revision);
    config.setUint8(REG.classCode, spec.classCode & 0xff);
    config.setUint16(REG.classCode + 1, spec.classCode >> 8, true);
    config.setUint16(REG.subsystemVendor, spec.subsystemVendor, true);
    config.setUint16(REG.subsystem, spec.subsystem, true);
    config.setUint8(REG.interruptPin, spec.interrupts ? 1 : 0);
    this.#allow(REG.command, 2, COMMAND_WRITABLE);
    this.#allow(REG.cacheLineSize, 1, 0xff);
    this.#allow(REG.interruptLine, 1, 0xff);
    for (const { index, size, kind, prefetchable } of spec.bars) {
      const offset = REG.bar0 + 4 * index;
      config.setUint32(offset, (kind === "memory64" ? BAR.memory64 : 0) | (prefetchable ? BAR.prefetchable : 0), true);
      this.#allow(offset, 4, -size);
      if (kind === "memory64") this.#allow(offset + 4, 4, size > 2 ** 32 ? -Math.floor(size / 2 ** 32) : -1);
    }
  }

  /**
   * Adds a capability: its bytes behind ID and next pointer, and which of their bits can be written. Returns its
   * offset. All of them come before the function is connected.
   */
  addCapability(id: number, body: Uint8Array, writable: Uint8Array, hooks: CapabilityHooks = {}): number {
    const offset = this.#nextCapability;
    this.#nextCapability = (offset + 2 + body.length + 3) & ~3;
    if (this.#nextCapability > CONFIG_SIZE) throw new Error(`${this.spec.name}: no room for another capability`);
    this.config.setUint8(this.#lastCapability, offset);
    this.#lastCapability = offset + 1;
    this.config.setUint8(offset, id);
    new Uint8Array(this.config.buffer).set(body, offset + 2);
    this.#writable.set(writable, offset + 2);
    this.config.setUint16(REG.status, this.config.getUint16(REG.status, true) | STATUS.capabilities, true);
    this.#hooks.push(hooks);
    return offset;
  }

  /** The bus it is on; once. */
  connect(connection: BusConnection): void {
    this.#connection = connection;
    this.#initial = new Uint8Array(this.config.buffer.slice(0));
  }

  get command(): number {
    return this.config.getUint16(REG.command, true);
  }

  get isBusMaster(): boolean {
    return (this.command & COMMAND.busMaster) !== 0;
  }

  /** A message signalled interrupt. */
  message(address: bigint, data: number): void {
    if (this.isBusMaster) this.#connection?.message(address, data);
  }

  /** The level of INTA#, before the command register has its say. */
  setInterrupt(level: boolean): void {
    if (level === this.#pin) return;
    this.#pin = level;
    this.#driveInterrupt();
  }

  /** Whether the guest has switched on MSI or MSI-X: then there is no INTx. */
  usesMessages = (): boolean => false;

  /** Where the BARs are that the guest has enabled. */
  mappings(): Mapping[] {
    if (!(this.command & COMMAND.memory)) return [];
    return this.spec.bars.map(({ index, size, kind, device }) => {
      const offset = REG.bar0 + 4 * index;
      const low = this.config.getUint32(offset, true) & ~0xf;
      const high = kind === "memory64" ? this.config.getUint32(offset + 4, true) : 0;
      return { base: high * 2 ** 32 + (low >>> 0), size, device };
    });
  }

  readConfig(offset: number, width: Width): bigint {
    return this.#readConfig(offset, width, "read");
  }

  peekConfig(offset: number, width: Width): bigint {
    return this.#readConfig(offset, width, "peek");
  }

  writeConfig(offset: number, width: Width, value: bigint): void {
    for (let byte = 0; byte < width; byte++) {
      const at = offset + byte;
      const mask = this.#writable[at] ?? 0;
      if (mask === 0) continue;
      const written = Number((value >> BigInt(8 * byte)) & 0xffn);
      this.config.setUint8(at, (this.config.getUint8(at) & ~mask) | (written & mask));
    }
    for (const { afterWrite } of this.#hooks) afterWrite?.(offset, width);
    if (offset < REG.capabilities) this.#connection?.mappingChanged();
    this.#driveInterrupt();
  }

  reset(): void {
    if (this.#initial) new Uint8Array(this.config.buffer).set(this.#initial);
    this.#pin = false;
    this.#changed();
  }

  save(): FunctionState {
    return { version: SNAPSHOT_VERSION, config: Buffer.from(this.config.buffer).toString("hex") };
  }

  /** The device sets its interrupt anew afterwards. */
  restore(state: FunctionState): void {
    requireVersion(this.spec.name, state, SNAPSHOT_VERSION);
    new Uint8Array(this.config.buffer).set(Buffer.from(state.config, "hex"));
    this.#pin = (this.config.getUint16(REG.status, true) & STATUS.interrupt) !== 0;
    this.#changed();
  }

  /** Beyond the first 256 bytes there is nothing. */
  #readConfig(offset: number, width: Width, how: "read" | "peek"): bigint {
    for (const { read } of this.#hooks) {
      const value = read?.(offset, width, how);
      if (value !== undefined) return value;
    }
    let value = 0n;
    for (let byte = width - 1; byte >= 0; byte--) {
      const at = offset + byte;
      value = (value << 8n) | BigInt(at < CONFIG_SIZE ? this.config.getUint8(at) : 0);
    }
    return value;
  }

  #changed(): void {
    this.#connection?.mappingChanged();
    this.#driveInterrupt();
  }

  /** The status bit shows the pin whatever the command register says (PCI 3.0, section 6.2.3). */
  #driveInterrupt(): void {
    const pin = this.#pin && !this.usesMessages();
    const status = this.config.getUint16(REG.status, true) & ~STATUS.interrupt;
    this.config.setUint16(REG.status, status | (this.#pin ? STATUS.interrupt : 0), true);
    this.#connection?.setInterrupt(pin && !(this.command & COMMAND.interruptDisable));
  }

  #allow(offset: number, bytes: number, mask: number): void {
    for (let byte = 0; byte < bytes; byte++) this.#writable[offset + byte] = (mask >>> (8 * byte)) & 0xff;
  }
}
