/**
 * A virtio device without its transport (OASIS virtio 1.2, chapter 2): status, feature negotiation, queues,
 * configuration. Transports (pci.ts, mmio.ts) are registers in front of this; kinds of device stand behind it.
 */
import { requireVersion, type Snapshot, type Stateful } from "../../bus/contract.js";
import type { DmaMemory } from "../../bus/dma.js";
import { QueueError, type QueueState, Virtqueue } from "./queue.js";
import { FEATURE, STATUS } from "./spec.js";

/** What a kind of device is. */
export interface VirtioKind {
  /** For logs: `virtio-blk`. */
  readonly name: string;
  /** A DEVICE_ID. */
  readonly id: number;
  /** Feature bits of its own, below 24. */
  readonly features: bigint;
  /** The largest size of each queue. */
  readonly queues: readonly number[];
  /** The device's configuration: up to 256 bytes. */
  config(): Uint8Array;
  /** The driver wrote a byte of the configuration. */
  writeConfig?(offset: number, value: number): void;
  /** The driver has put something into a queue. Throws QueueError. */
  notified(device: VirtioDevice, queue: number): void;
  /** The driver has reset the device. */
  reset?(): void;
  /** The machine has been switched on again. */
  powerOn?(): void;
  /** What it has of state beyond queues and file contents; plain data. */
  save?(): unknown;
  restore?(state: unknown): void;
}

/** How a device reaches its driver. */
export interface VirtioTransport {
  /** The device's way to guest memory. */
  readonly memory: DmaMemory;
  queueInterrupt(queue: number): void;
  configInterrupt(): void;
}

export interface VirtioState extends Snapshot {
  readonly status: number;
  readonly driverFeatures: bigint;
  readonly deviceFeaturesSelect: number;
  readonly driverFeaturesSelect: number;
  readonly queueSelect: number;
  readonly queues: readonly QueueState[];
  readonly kind: unknown;
}

const SNAPSHOT_VERSION = 1;

export class VirtioDevice implements Stateful<VirtioState> {
  readonly queues: readonly Virtqueue[];
  #status = 0;
  #driverFeatures = 0n;
  deviceFeaturesSelect = 0;
  driverFeaturesSelect = 0;
  queueSelect = 0;

  constructor(
    readonly kind: VirtioKind,
    private readonly transport: VirtioTransport,
    private readonly log: (line: string) => void = () => {},
  ) {
    const accepted = (feature: bigint): boolean => (this.#driverFeatures & feature) !== 0n;
    const features = {
      get eventIndex() {
        return accepted(FEATURE.EVENT_IDX);
      },
      get indirect() {
        return accepted(FEATURE.INDIRECT_DESC);
      },
    };
    this.queues = kind.queues.map((size) => new Virtqueue(size, transport.memory, features));
  }

  get offered(): bigint {
    return this.kind.features | FEATURE.VERSION_1 | FEATURE.EVENT_IDX | FEATURE.INDIRECT_DESC;
  }

  /** The 32 feature bits that the driver has selected. */
  get deviceFeatures(): number {
    return this.deviceFeaturesSelect > 1 ? 0 : Number((this.offered >> shiftOf(this.deviceFeaturesSelect)) & WORD);
  }

  get driverFeatures(): number {
    return this.driverFeaturesSelect > 1
      ? 0
      : Number((this.#driverFeatures >> shiftOf(this.driverFeaturesSelect)) & WORD);
  }

  /** Once accepted, features are fixed until reset. */
  set driverFeatures(value: number) {
    if (this.driverFeaturesSelect > 1 || this.#status & STATUS.FEATURES_OK) return;
    const shift = shiftOf(this.driverFeaturesSelect);
    this.#driverFeatures = (this.#driverFeatures & ~(WORD << shift)) | (BigInt(value >>> 0) << shift);
  }

  get status(): number {
    return this.#status;
  }

  /** Zero resets; FEATURES_OK stays clear when the driver wants what is not offered, or an ancient device. */
  set status(value: number) {
    if (value === 0) {
      this.reset();
      return;
    }
    let status = (value & 0xff) | (this.#status & STATUS.DEVICE_NEEDS_RESET);
    if (status & ~this.#status & STATUS.FEATURES_OK) {
      const acceptable =
        (this.#driverFeatures & ~this.offered) === 0n && (this.#driverFeatures & FEATURE.VERSION_1) !== 0n;
      if (!acceptable) status &= ~STATUS.FEATURES_OK;
    }
    const starts = (status & ~this.#status & STATUS.DRIVER_OK) !== 0;
    this.#status = status;
    // What was put into queues before that has waited for it.
    if (starts) for (let queue = 0; queue < this.queues.length; queue++) this.notify(queue);
  }

  get selectedQueue(): Virtqueue | undefined {
    return this.queues[this.queueSelect];
  }

  /** Changes the selected queue while it is not in use. */
  setQueue(change: (queue: Virtqueue) => void): void {
    const queue = this.selectedQueue;
    if (queue !== undefined && !queue.enabled) change(queue);
  }

  /** A size that is not a power of two, or too large, is ignored. */
  setQueueSize(size: number): void {
    this.setQueue((queue) => {
      if (size > 0 && size <= queue.maximum && (size & (size - 1)) === 0) queue.size = size;
    });
  }

  get isRunning(): boolean {
    return (this.#status & (STATUS.DRIVER_OK | STATUS.DEVICE_NEEDS_RESET)) === STATUS.DRIVER_OK;
  }

  /** The driver's notification; of a queue that does not run it is nothing. */
  notify(queue: number): void {
    this.work(queue, () => this.kind.notified(this, queue));
  }

  /** Does something with a queue that is in use, and interrupts the driver for what came of it. */
  work(index: number, act: (queue: Virtqueue) => void): void {
    const queue = this.queues[index];
    if (!this.isRunning || !queue?.enabled) return;
    try {
      act(queue);
      if (queue.takeInterrupt()) this.transport.queueInterrupt(index);
    } catch (error) {
      if (!(error instanceof QueueError)) throw error;
      this.log(`${this.kind.name}: queue ${index}: ${error.message}; the device needs a reset`);
      this.#status |= STATUS.DEVICE_NEEDS_RESET;
      this.transport.configInterrupt();
    }
  }

  readConfig(offset: number): number {
    return this.kind.config()[offset] ?? 0;
  }

  writeConfig(offset: number, value: number): void {
    this.kind.writeConfig?.(offset, value);
  }

  reset(): void {
    this.#status = 0;
    this.#driverFeatures = 0n;
    this.deviceFeaturesSelect = 0;
    this.driverFeaturesSelect = 0;
    this.queueSelect = 0;
    for (const queue of this.queues) queue.reset();
    this.kind.reset?.();
  }

  save(): VirtioState {
    const { deviceFeaturesSelect, driverFeaturesSelect, queueSelect } = this;
    return {
      version: SNAPSHOT_VERSION,
      status: this.#status,
      driverFeatures: this.#driverFeatures,
      deviceFeaturesSelect,
      driverFeaturesSelect,
      queueSelect,
      queues: this.queues.map((queue) => queue.save()),
      kind: this.kind.save?.() ?? null,
    };
  }

  restore(state: VirtioState): void {
    requireVersion(this.kind.name, state, SNAPSHOT_VERSION);
    this.#status = state.status;
    this.#driverFeatures = state.driverFeatures;
    this.deviceFeaturesSelect = state.deviceFeaturesSelect;
    this.driverFeaturesSelect = state.driverFeaturesSelect;
    this.queueSelect = state.queueSelect;
    state.queues.forEach((queue, index) => {
      this.queues[index]?.restore(queue);
    });
    this.kind.restore?.(state.kind);
  }
}

const WORD = 0xffff_ffffn;

function shiftOf(select: number): bigint {
  return BigInt(32 * select);
}
