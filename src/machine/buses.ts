/** Buses of a machine (PCI Express, virtio-mmio slots) and what is plugged into them, from its description. */
import type { AddressSpace } from "../bus/address-space.js";
import type { IrqLine } from "../bus/contract.js";
import type { DmaMemory } from "../bus/dma.js";
import { type Its, TRANSLATER } from "../devices/gicv3/index.js";
import { PcieHost } from "../devices/pcie/index.js";
import {
  Block,
  type BlockBackend,
  Console,
  type ConsolePort,
  Entropy,
  MMIO_SIZE,
  type VirtioKind,
  VirtioMmio,
  VirtioPci,
} from "../devices/virtio/index.js";
import { type DeviceDescription, gicOf, INTX_PINS, type MachineDescription } from "./description.js";
import { ConfigError } from "./errors.js";
import type { PlatformDevice } from "./platform.js";

export interface BusWiring {
  readonly bus: AddressSpace;
  readonly memory: DmaMemory;
  readonly its: Its | undefined;
  spi(number: number): IrqLine;
  /** The far end of the machine's console, for a virtio-console that is it. */
  readonly console: ConsolePort;
  /** Disks in addition to what the description has, in order. */
  readonly drives: readonly BlockBackend[];
  log(line: string): void;
}

export interface Buses {
  readonly devices: readonly PlatformDevice[];
  /** The virtio-console that is the machine's console. */
  readonly console: Console | undefined;
}

type Endpoint = Extract<DeviceDescription, { bus: string }>;

/** Both kinds of bus, as far as it matters to who puts something into it. */
interface Plugs {
  readonly name: string;
  /** Slots in the order in which disks take them. */
  readonly slots: readonly number[];
  /** Puts something into a slot; an empty one when there is no kind. */
  plug(slot: number, kind: VirtioKind): PlatformDevice["device"];
  /** What is left to do when everything is plugged in. */
  finish(taken: ReadonlySet<number>): PlatformDevice[];
}

/** The entropy of virtio-rng is the same in every run. */
const ENTROPY_SEED = 0x7472_6170_6672_616dn;

/** @throws ConfigError USAGE when there is no slot for a disk. */
export function buildBuses(description: MachineDescription, wiring: BusWiring): Buses {
  const devices: PlatformDevice[] = [];
  const buses = new Map<string, { readonly plugs: Plugs; readonly taken: Set<number> }>();
  for (const d of description.devices) {
    if (d.type === "pcie") buses.set(d.name, { plugs: pcie(d, description, wiring), taken: new Set([0]) });
    if (d.type === "virtio-mmio") buses.set(d.name, { plugs: virtioMmio(d, wiring), taken: new Set() });
  }
  let console: Console | undefined;
  const kindOf = (endpoint: Endpoint): VirtioKind => {
    if (endpoint.type === "virtio-rng") return new Entropy(ENTROPY_SEED);
    if (endpoint.name !== description.console) return new Console({ transmit() {} });
    console = new Console(wiring.console);
    return console;
  };
  for (const d of description.devices) {
    if (!("bus" in d)) continue;
    const { plugs, taken } = buses.get(d.bus)!;
    taken.add(d.slot);
    devices.push({ name: d.name, type: d.type, device: plugs.plug(d.slot, kindOf(d)) });
  }
  for (const [index, drive] of wiring.drives.entries()) {
    const place = freeSlot([...buses.values()]);
    if (place === undefined) {
      throw new ConfigError(
        "USAGE",
        `--drive: ${description.name} has no free slot for disk ${index + 1}; its machine file needs a pcie or a ` +
          "virtio-mmio device with more of them",
      );
    }
    const device = place.plugs.plug(place.slot, new Block(drive, wiring.log));
    devices.push({ name: `drive${index}`, type: "virtio-blk", device });
  }
  for (const { plugs, taken } of buses.values()) devices.push(...plugs.finish(taken));
  return { devices, console };
}

type Bus = { readonly plugs: Plugs; readonly taken: Set<number> };

/** The first bus of the machine file that has one; it is taken. */
function freeSlot(buses: readonly Bus[]): { plugs: Plugs; slot: number } | undefined {
  for (const { plugs, taken } of buses) {
    const slot = plugs.slots.find((candidate) => !taken.has(candidate));
    if (slot === undefined) continue;
    taken.add(slot);
    return { plugs, slot };
  }
  return undefined;
}

function pcie(
  d: Extract<DeviceDescription, { type: "pcie" }>,
  description: MachineDescription,
  { bus, memory, its, spi, log }: BusWiring,
): Plugs {
  const translater = (gicOf(description).its?.base ?? 0) + TRANSLATER;
  const { distributor } = gicOf(description);
  const host = new PcieHost({
    interrupts: Array.from({ length: INTX_PINS }, (_, pin) => spi(d.spi + pin)),
    memory,
    message(requester, address, data) {
      const at = Number(address);
      if (its && at === translater) its.message(requester, data);
      // Messages reach the GIC and memory. No other device's registers: they could send messages in turn, without end.
      else if (at >= distributor.base && at < distributor.base + distributor.size) bus.write(at, 4, BigInt(data));
      else if (!memory.write(at, littleEndian(data), 4))
        log(`pcie: message to 0x${address.toString(16)}: nothing there`);
    },
  });
  bus.map({ name: `${d.name} ecam`, ...d.ecam, device: host.ecam });
  bus.map({ name: `${d.name} memory`, ...d.memory, device: host.window(d.memory.base) });
  if (d.highMemory) {
    bus.map({ name: `${d.name} high memory`, ...d.highMemory, device: host.window(d.highMemory.base) });
  }
  if (d.io) bus.map({ name: `${d.name} io`, ...d.io, device: host.ports });
  return {
    name: d.name,
    slots: Array.from({ length: 31 }, (_, index) => index + 1),
    plug(slot, kind) {
      const device = new VirtioPci(kind, log);
      host.add(slot, device.function);
      return device;
    },
    finish: () => [{ name: d.name, type: d.type, device: host.bridge }],
  };
}

/** Disks take slots from the highest on, as on QEMU's board. */
function virtioMmio(d: Extract<DeviceDescription, { type: "virtio-mmio" }>, wiring: BusWiring): Plugs {
  const { bus, memory, spi, log } = wiring;
  const put = (slot: number, kind: VirtioKind | undefined): VirtioMmio => {
    const device = new VirtioMmio(kind, { irq: spi(d.spi + slot), memory }, log);
    bus.map({ name: `${d.name} ${slot}`, base: d.base + slot * MMIO_SIZE, size: MMIO_SIZE, device });
    return device;
  };
  const slots = Array.from({ length: d.slots }, (_, index) => d.slots - 1 - index);
  return {
    name: d.name,
    slots,
    plug: put,
    finish(taken) {
      for (const slot of slots) if (!taken.has(slot)) put(slot, undefined);
      return [];
    },
  };
}

function littleEndian(word: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, word, true);
  return bytes;
}
