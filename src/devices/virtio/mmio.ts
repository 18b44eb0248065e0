/** Virtio over MMIO, version 2 (OASIS virtio 1.2, section 4.2); an empty slot says it holds no device. */
import {
  type IrqLine,
  type MmioDevice,
  requireVersion,
  type Snapshot,
  type Stateful,
  type Width,
} from "../../bus/contract.js";
import type { DmaMemory } from "../../bus/dma.js";
import { type Register32, RegisterMap } from "../../bus/register-map.js";
import { VirtioDevice, type VirtioKind, type VirtioState } from "./device.js";
import { ISR } from "./spec.js";

/** Bytes of a slot's registers. */
export const MMIO_SIZE = 0x200;
const CONFIG = 0x100;
const MAGIC = 0x7472_6976;
const VERSION = 2;
/** "QEMU", as drivers of this board find it. */
const VENDOR = 0x554d_4551;

export interface VirtioMmioState extends Snapshot {
  readonly device: VirtioState | null;
  readonly isr: number;
  readonly generation: number;
}

const SNAPSHOT_VERSION = 1;

export class VirtioMmio implements MmioDevice, Stateful<VirtioMmioState> {
  readonly device: VirtioDevice | undefined;
  #isr = 0;
  generation = 0;

  constructor(
    readonly kind: VirtioKind | undefined,
    private readonly wiring: { readonly irq: IrqLine; readonly memory: DmaMemory },
    log?: (line: string) => void,
  ) {
    if (kind === undefined) return;
    const transport = {
      memory: wiring.memory,
      queueInterrupt: () => this.#interrupt(ISR.queue),
      configInterrupt: () => {
        this.generation++;
        this.#interrupt(ISR.config);
      },
    };
    this.device = new VirtioDevice(kind, transport, log);
  }

  read(offset: number, width: Width): bigint {
    return offset < CONFIG ? VIRTIO_MMIO_REGISTERS.read(this, offset, width) : this.#config(offset - CONFIG, width);
  }

  peek(offset: number, width: Width): bigint {
    return offset < CONFIG ? VIRTIO_MMIO_REGISTERS.peek(this, offset, width) : this.#config(offset - CONFIG, width);
  }

  write(offset: number, width: Width, value: bigint): void {
    if (offset < CONFIG) {
      VIRTIO_MMIO_REGISTERS.write(this, offset, width, value);
      return;
    }
    for (let byte = 0; byte < width; byte++) {
      this.device?.writeConfig(offset - CONFIG + byte, Number((value >> BigInt(8 * byte)) & 0xffn));
    }
  }

  get isr(): number {
    return this.#isr;
  }

  acknowledge(bits: number): void {
    this.#isr &= ~bits;
    this.wiring.irq.set(this.#isr !== 0);
  }

  /** The driver's reset. */
  resetDevice(): void {
    this.device?.reset();
    this.acknowledge(-1);
  }

  reset(): void {
    this.resetDevice();
    this.generation = 0;
    this.kind?.powerOn?.();
  }

  save(): VirtioMmioState {
    const { generation } = this;
    return { version: SNAPSHOT_VERSION, device: this.device?.save() ?? null, isr: this.#isr, generation };
  }

  restore(state: VirtioMmioState): void {
    requireVersion("virtio-mmio", state, SNAPSHOT_VERSION);
    if (state.device) this.device?.restore(state.device);
    this.#isr = state.isr;
    this.generation = state.generation;
    this.wiring.irq.set(this.#isr !== 0);
  }

  #interrupt(bit: number): void {
    this.#isr |= bit;
    this.wiring.irq.set(true);
  }

  #config(offset: number, width: Width): bigint {
    let value = 0n;
    for (let byte = width - 1; byte >= 0; byte--) {
      value = (value << 8n) | BigInt(this.device?.readConfig(offset + byte) ?? 0);
    }
    return value;
  }
}

type Row = Register32<VirtioMmio>;

const readOnly = (name: string, offset: number, read: (mmio: VirtioMmio) => number): Row => ({
  name,
  offset,
  width: 4,
  access: "RO",
  read,
});
const writeOnly = (name: string, offset: number, write: (device: VirtioDevice, value: number) => void): Row => ({
  name,
  offset,
  width: 4,
  access: "WO",
  write: ({ device }, _, value) => {
    if (device) write(device, value);
  },
});
/** Half of an address of the selected queue. */
const half = (name: string, offset: number, area: "descriptors" | "driverArea" | "deviceArea", shift: bigint): Row =>
  writeOnly(name, offset, (device, value) =>
    device.setQueue((queue) => {
      queue[area] = (queue[area] & ~(0xffff_ffffn << shift)) | (BigInt(value >>> 0) << shift);
    }),
  );

/** Table 4.1 of the standard. Drivers use aligned words; other widths read zero and write nothing. */
export const VIRTIO_MMIO_REGISTERS = new RegisterMap<VirtioMmio>(
  { name: "virtio-mmio", size: CONFIG, unknown: "RAZ/WI", badWidth: "RAZ/WI", splitWide: false },
  [
    readOnly("MagicValue", 0x000, () => MAGIC),
    readOnly("Version", 0x004, () => VERSION),
    readOnly("DeviceID", 0x008, ({ kind }) => kind?.id ?? 0),
    readOnly("VendorID", 0x00c, () => VENDOR),
    readOnly("DeviceFeatures", 0x010, ({ device }) => device?.deviceFeatures ?? 0),
    writeOnly("DeviceFeaturesSel", 0x014, (device, value) => {
      device.deviceFeaturesSelect = value;
    }),
    writeOnly("DriverFeatures", 0x020, (device, value) => {
      device.driverFeatures = value;
    }),
    writeOnly("DriverFeaturesSel", 0x024, (device, value) => {
      device.driverFeaturesSelect = value;
    }),
    writeOnly("QueueSel", 0x030, (device, value) => {
      device.queueSelect = value;
    }),
    readOnly("QueueNumMax", 0x034, ({ device }) => device?.selectedQueue?.maximum ?? 0),
    writeOnly("QueueNum", 0x038, (device, value) => device.setQueueSize(value)),
    {
      name: "QueueReady",
      offset: 0x044,
      width: 4,
      access: "RW",
      read: ({ device }) => (device?.selectedQueue?.enabled ? 1 : 0),
      write: ({ device }, _, value) => {
        const queue = device?.selectedQueue;
        if (queue) queue.enabled = (value & 1) !== 0;
      },
    },
    writeOnly("QueueNotify", 0x050, (device, value) => device.notify(value & 0xffff)),
    readOnly("InterruptStatus", 0x060, (mmio) => mmio.isr),
    { name: "InterruptACK", offset: 0x064, width: 4, access: "WO", write: (mmio, _, value) => mmio.acknowledge(value) },
    {
      name: "Status",
      offset: 0x070,
      width: 4,
      access: "RW",
      read: ({ device }) => device?.status ?? 0,
      write: (mmio, _, value) => {
        if (value === 0) mmio.resetDevice();
        else if (mmio.device) mmio.device.status = value;
      },
    },
    half("QueueDescLow", 0x080, "descriptors", 0n),
    half("QueueDescHigh", 0x084, "descriptors", 32n),
    half("QueueDriverLow", 0x090, "driverArea", 0n),
    half("QueueDriverHigh", 0x094, "driverArea", 32n),
    half("QueueDeviceLow", 0x0a0, "deviceArea", 0n),
    half("QueueDeviceHigh", 0x0a4, "deviceArea", 32n),
    readOnly("ConfigGeneration", 0x0fc, ({ generation }) => generation),
  ],
);
