/** Virtio over PCI, without the legacy interface (OASIS virtio 1.2, section 4.1). */
import { type MmioDevice, requireVersion, type Snapshot, type Stateful, type Width } from "../../bus/contract.js";
import { type FunctionState, PciFunction } from "../pcie/function.js";
import { MSIX_BAR_SIZE, Msix, type MsixState } from "../pcie/msix.js";
import { CAPABILITY } from "../pcie/spec.js";
import { VirtioDevice, type VirtioKind, type VirtioState } from "./device.js";
import { type Field, FieldMap } from "./field-map.js";
import { DEVICE_ID, ISR } from "./spec.js";

const VENDOR = 0x1af4;
const FIRST_DEVICE = 0x1040;
/** Class codes as drivers that look at them expect. */
const CLASS_CODES: Readonly<Record<number, number>> = {
  [DEVICE_ID.block]: 0x01_0000,
  [DEVICE_ID.console]: 0x07_8000,
};
const CLASS_OTHER = 0x00_ff00;

const MSIX_BAR = 1;
const REGISTER_BAR = 4;
/** What is where in the BAR of the registers; each has a page. */
const PAGE = 0x1000;
const REGISTER_BAR_SIZE = 4 * PAGE;
const STRUCTURES = [
  { type: 1, offset: 0 * PAGE }, // common configuration
  { type: 3, offset: 1 * PAGE }, // ISR
  { type: 4, offset: 2 * PAGE }, // device configuration
  { type: 2, offset: 3 * PAGE }, // notifications
] as const;
const NOTIFY_MULTIPLIER = 4;
/** VIRTIO_PCI_CAP_PCI_CFG: the registers through configuration space. */
const PCI_CFG = 5;
/** Bytes of struct virtio_pci_cap behind ID and next pointer. */
const CAP_BODY = 14;
const CAP = { length: 0, type: 1, bar: 2, offset: 6, size: 10, data: 14 } as const;
const NO_VECTOR = 0xffff;

export interface VirtioPciState extends Snapshot {
  readonly function: FunctionState;
  readonly device: VirtioState;
  readonly msix: MsixState;
  readonly vectors: readonly number[];
  readonly isr: number;
  readonly generation: number;
}

const SNAPSHOT_VERSION = 1;

export class VirtioPci implements Stateful<VirtioPciState> {
  readonly function: PciFunction;
  readonly device: VirtioDevice;
  readonly #msix: Msix;
  /** MSI-X vectors: of each queue, and of configuration changes behind them. */
  readonly #vectors: Uint16Array;
  #isr = 0;
  #generation = 0;
  readonly #cfgWindow: number;
  readonly #registers: MmioDevice;

  constructor(
    readonly kind: VirtioKind,
    log?: (line: string) => void,
  ) {
    const queues = kind.queues.length;
    this.#msix = new Msix(queues + 1);
    this.#vectors = new Uint16Array(queues + 1).fill(NO_VECTOR);
    this.#registers = {
      read: (offset, width) => this.#read(offset, width, "read"),
      peek: (offset, width) => this.#read(offset, width, "peek"),
      write: (offset, width, value) => this.#write(offset, width, value),
    };
    this.function = new PciFunction({
      name: kind.name,
      vendor: VENDOR,
      device: FIRST_DEVICE + kind.id,
      revision: 1,
      classCode: CLASS_CODES[kind.id] ?? CLASS_OTHER,
      subsystemVendor: VENDOR,
      subsystem: 0x1100,
      interrupts: true,
      bars: [
        { index: MSIX_BAR, size: MSIX_BAR_SIZE, kind: "memory32", device: this.#msix.device },
        { index: REGISTER_BAR, size: REGISTER_BAR_SIZE, kind: "memory64", prefetchable: true, device: this.#registers },
      ],
    });
    this.#msix.addTo(this.function, MSIX_BAR);
    for (const { type, offset } of STRUCTURES) {
      const extra = type === 2 ? [NOTIFY_MULTIPLIER, 0, 0, 0] : [];
      this.function.addCapability(CAPABILITY.vendor, capability(type, offset, PAGE, extra), new Uint8Array(0));
    }
    this.#cfgWindow = this.#addCfgWindow();
    this.device = new VirtioDevice(
      kind,
      {
        memory: this.function.memory,
        queueInterrupt: (queue) => this.#interrupt(ISR.queue, queue),
        configInterrupt: () => {
          this.#generation = (this.#generation + 1) & 0xff;
          this.#interrupt(ISR.config, queues);
        },
      },
      log,
    );
  }

  get isr(): number {
    return this.#isr;
  }

  /** Reading the ISR lowers INTx (section 4.1.4.5). */
  takeIsr(): number {
    const isr = this.#isr;
    this.#isr = 0;
    this.function.setInterrupt(false);
    return isr;
  }

  get generation(): number {
    return this.#generation;
  }

  vector(index: number): number {
    return this.#vectors[index] ?? NO_VECTOR;
  }

  /** A vector that the table does not have reads back as none. */
  setVector(index: number, vector: number): void {
    if (index < this.#vectors.length) this.#vectors[index] = vector < this.#msix.vectors ? vector : NO_VECTOR;
  }

  /** The driver's reset: everything but configuration space. */
  resetDevice(): void {
    this.device.reset();
    this.#vectors.fill(NO_VECTOR);
    this.#isr = 0;
    this.function.setInterrupt(false);
  }

  reset(): void {
    this.resetDevice();
    this.#generation = 0;
    this.#msix.reset();
    this.kind.powerOn?.();
    this.function.reset();
  }

  save(): VirtioPciState {
    return {
      version: SNAPSHOT_VERSION,
      function: this.function.save(),
      device: this.device.save(),
      msix: this.#msix.save(),
      vectors: [...this.#vectors],
      isr: this.#isr,
      generation: this.#generation,
    };
  }

  restore(state: VirtioPciState): void {
    requireVersion(`${this.kind.name} on PCI`, state, SNAPSHOT_VERSION);
    this.device.restore(state.device);
    this.#msix.restore(state.msix);
    this.#vectors.set(state.vectors);
    this.#isr = state.isr;
    this.#generation = state.generation;
    this.function.restore(state.function);
  }

  /** By message where MSI-X is on, and then not by INTx (section 4.1.5.1.3). */
  #interrupt(bit: number, index: number): void {
    if (this.#msix.enabled) {
      this.#msix.notify(this.vector(index));
      return;
    }
    this.#isr |= bit;
    this.function.setInterrupt(true);
  }

  #read(offset: number, width: Width, how: "read" | "peek"): bigint {
    const at = offset % PAGE;
    switch (Math.floor(offset / PAGE)) {
      case 0:
        return COMMON[how](this, at, width);
      case 1:
        if (at !== 0) return 0n;
        return BigInt(how === "read" ? this.takeIsr() : this.#isr);
      case 2: {
        let value = 0n;
        for (let byte = width - 1; byte >= 0; byte--) value = (value << 8n) | BigInt(this.device.readConfig(at + byte));
        return value;
      }
      default:
        return 0n;
    }
  }

  #write(offset: number, width: Width, value: bigint): void {
    const at = offset % PAGE;
    switch (Math.floor(offset / PAGE)) {
      case 0:
        COMMON.write(this, at, width, value);
        break;
      case 2:
        for (let byte = 0; byte < width; byte++) {
          this.device.writeConfig(at + byte, Number((value >> BigInt(8 * byte)) & 0xffn));
        }
        break;
      case 3:
        // The address says which queue (section 4.1.4.4): nothing is bus master that may not be.
        if (at % NOTIFY_MULTIPLIER === 0 && this.function.isBusMaster) this.device.notify(at / NOTIFY_MULTIPLIER);
        break;
    }
  }

  /** VIRTIO_PCI_CAP_PCI_CFG (section 4.1.4.9): bar, offset, length and data are for the driver to write. */
  #addCfgWindow(): number {
    const body = capability(PCI_CFG, 0, 0, [0, 0, 0, 0]);
    body[CAP.bar] = 0;
    const writable = new Uint8Array(body.length).fill(0xff);
    writable.fill(0, 0, CAP.bar);
    writable.fill(0, CAP.bar + 1, CAP.offset);
    const data = (): number => this.#cfgWindow + 2 + CAP.data;
    const inData = (offset: number, width: number): boolean => offset >= data() && offset + width <= data() + 4;
    return this.function.addCapability(CAPABILITY.vendor, body, writable, {
      read: (offset, width, how) => {
        const window = inData(offset, width) ? this.#window() : undefined;
        if (window === undefined) return undefined;
        const value = this.#registers[how](window.at, window.size) >> BigInt(8 * (offset - data()));
        return BigInt.asUintN(8 * width, value);
      },
      afterWrite: (offset, width) => {
        const window = inData(offset, width) ? this.#window() : undefined;
        if (window === undefined) return;
        const value = BigInt(this.function.config.getUint32(data(), true));
        this.#registers.write(window.at, window.size, BigInt.asUintN(8 * window.size, value));
      },
    });
  }

  /** What bar, offset and length select, if that can be accessed. */
  #window(): { readonly at: number; readonly size: Width } | undefined {
    const { config } = this.function;
    const body = this.#cfgWindow + 2;
    const at = config.getUint32(body + CAP.offset, true);
    const size = config.getUint32(body + CAP.size, true);
    if (config.getUint8(body + CAP.bar) !== REGISTER_BAR || (size !== 1 && size !== 2 && size !== 4)) return undefined;
    return at % size === 0 && at + size <= REGISTER_BAR_SIZE ? { at, size } : undefined;
  }
}

/** struct virtio_pci_cap without ID and next pointer. */
function capability(type: number, offset: number, length: number, extra: readonly number[]): Uint8Array {
  const body = new Uint8Array(CAP_BODY + extra.length);
  const view = new DataView(body.buffer);
  view.setUint8(CAP.length, CAP_BODY + 2 + extra.length);
  view.setUint8(CAP.type, type);
  view.setUint8(CAP.bar, REGISTER_BAR);
  view.setUint32(CAP.offset, offset, true);
  view.setUint32(CAP.size, length, true);
  body.set(extra, CAP_BODY);
  return body;
}

type Address = "descriptors" | "driverArea" | "deviceArea";

/** A 64-bit address of the selected queue, as its two halves. */
function address(name: string, offset: number, which: Address): Field<VirtioPci>[] {
  return [0, 1].map((half) => {
    const shift = BigInt(32 * half);
    return {
      name: `${name}, ${half === 0 ? "low" : "high"}`,
      offset: offset + 4 * half,
      width: 4,
      read: ({ device }) => Number(((device.selectedQueue?.[which] ?? 0n) >> shift) & 0xffff_ffffn),
      write: ({ device }, value) =>
        device.setQueue((queue) => {
          queue[which] = (queue[which] & ~(0xffff_ffffn << shift)) | (BigInt(value >>> 0) << shift);
        }),
    };
  });
}

/** struct virtio_pci_common_cfg (section 4.1.4.3). */
const COMMON = new FieldMap<VirtioPci>([
  {
    name: "device_feature_select",
    offset: 0x00,
    width: 4,
    read: ({ device }) => device.deviceFeaturesSelect,
    write: ({ device }, value) => {
      device.deviceFeaturesSelect = value;
    },
  },
  { name: "device_feature", offset: 0x04, width: 4, read: ({ device }) => device.deviceFeatures },
  {
    name: "driver_feature_select",
    offset: 0x08,
    width: 4,
    read: ({ device }) => device.driverFeaturesSelect,
    write: ({ device }, value) => {
      device.driverFeaturesSelect = value;
    },
  },
  {
    name: "driver_feature",
    offset: 0x0c,
    width: 4,
    read: ({ device }) => device.driverFeatures,
    write: ({ device }, value) => {
      device.driverFeatures = value;
    },
  },
  {
    name: "config_msix_vector",
    offset: 0x10,
    width: 2,
    read: (pci) => pci.vector(pci.device.queues.length),
    write: (pci, value) => pci.setVector(pci.device.queues.length, value),
  },
  { name: "num_queues", offset: 0x12, width: 2, read: ({ device }) => device.queues.length },
  {
    name: "device_status",
    offset: 0x14,
    width: 1,
    read: ({ device }) => device.status,
    write: (pci, value) => {
      if (value === 0) pci.resetDevice();
      else pci.device.status = value;
    },
  },
  { name: "config_generation", offset: 0x15, width: 1, read: (pci) => pci.generation },
  {
    name: "queue_select",
    offset: 0x16,
    width: 2,
    read: ({ device }) => device.queueSelect,
    write: ({ device }, value) => {
      device.queueSelect = value;
    },
  },
  {
    name: "queue_size",
    offset: 0x18,
    width: 2,
    read: ({ device }) => device.selectedQueue?.size ?? 0,
    write: ({ device }, value) => device.setQueueSize(value),
  },
  {
    name: "queue_msix_vector",
    offset: 0x1a,
    width: 2,
    read: (pci) => (pci.device.selectedQueue ? pci.vector(pci.device.queueSelect) : NO_VECTOR),
    write: (pci, value) => {
      if (pci.device.selectedQueue) pci.setVector(pci.device.queueSelect, value);
    },
  },
  {
    name: "queue_enable",
    offset: 0x1c,
    width: 2,
    read: ({ device }) => (device.selectedQueue?.enabled ? 1 : 0),
    write: ({ device }, value) =>
      device.setQueue((queue) => {
        queue.enabled = value === 1;
      }),
  },
  { name: "queue_notify_off", offset: 0x1e, width: 2, read: ({ device }) => device.queueSelect },
  ...address("queue_desc", 0x20, "descriptors"),
  ...address("queue_driver", 0x28, "driverArea"),
  ...address("queue_device", 0x30, "deviceArea"),
]);
