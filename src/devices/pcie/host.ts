/**
 * A PCI Express host bridge with ECAM (PCI Express Base, section 7.2.2) as Linux's `pci-host-ecam-generic` expects it:
 * bus 0, the windows through which the guest reaches BARs, four interrupt wires, messages.
 */
import type { IrqLine, MmioDevice, Width } from "../../bus/contract.js";
import type { DmaMemory } from "../../bus/dma.js";
import { type Mapping, PciFunction } from "./function.js";
import { DEVICES_PER_BUS, ECAM_FUNCTION_SIZE, FUNCTIONS_PER_DEVICE } from "./spec.js";

export interface PcieWiring {
  /** INTA# to INTD# of slot 0; other slots are rotated. */
  readonly interrupts: readonly IrqLine[];
  readonly memory: DmaMemory;
  /** A write by the function with this requester ID. */
  message(requester: number, address: bigint, data: number): void;
}

const PINS = 4;

/** "Red Hat, Inc. QEMU PCIe Host bridge": what drivers and users of this board know. */
const HOST_BRIDGE = {
  name: "host bridge",
  vendor: 0x1b36,
  device: 0x0008,
  revision: 0,
  classCode: 0x06_0000,
  subsystemVendor: 0x1af4,
  subsystem: 0x1100,
  interrupts: false,
  bars: [],
} as const;

export class PcieHost {
  readonly bridge = new PciFunction(HOST_BRIDGE);
  /** By device and function number of bus 0. */
  readonly #functions = new Map<number, PciFunction>();
  /** By wire: how many functions pull it. */
  readonly #pulls = [0, 0, 0, 0];
  /** BARs in use, or undefined when they have to be looked for again. */
  #mappings: Mapping[] | undefined;
  readonly ecam: MmioDevice;
  /** The window of I/O ports. No function has any: it is there for what enumerates the bus. */
  readonly ports: MmioDevice = { read: (_, width) => ones(width), peek: (_, width) => ones(width), write() {} };

  constructor(private readonly wiring: PcieWiring) {
    this.ecam = {
      read: (offset, width) => this.#config(offset, width, (f, at) => f.readConfig(at, width)),
      peek: (offset, width) => this.#config(offset, width, (f, at) => f.peekConfig(at, width)),
      write: (offset, width, value) => this.#at(offset)?.writeConfig(offset % ECAM_FUNCTION_SIZE, width, value),
    };
    this.add(0, this.bridge);
  }

  /** Puts a function in a slot, 0 to 31, of bus 0. */
  add(slot: number, target: PciFunction): void {
    if (slot < 0 || slot >= DEVICES_PER_BUS || this.#functions.has(slot * FUNCTIONS_PER_DEVICE)) {
      throw new RangeError(`pcie: ${target.spec.name}: slot ${slot} is taken or not there`);
    }
    const requester = slot * FUNCTIONS_PER_DEVICE;
    this.#functions.set(requester, target);
    let level = false;
    target.connect({
      memory: this.wiring.memory,
      message: (address, data) => this.wiring.message(requester, address, data),
      setInterrupt: (now) => {
        if (now === level) return;
        level = now;
        const wire = slot % PINS;
        this.#pulls[wire] = (this.#pulls[wire] as number) + (now ? 1 : -1);
        this.wiring.interrupts[wire]?.set(this.#pulls[wire] !== 0);
      },
      mappingChanged: () => {
        this.#mappings = undefined;
      },
    });
  }

  /** The functions there are, by slot. */
  get functions(): readonly (readonly [slot: number, target: PciFunction])[] {
    return [...this.#functions].map(([requester, target]) => [requester / FUNCTIONS_PER_DEVICE, target] as const);
  }

  /** A window in which bus addresses begin at `base`. What no BAR claims reads as ones, and takes writes. */
  window(base: number): MmioDevice {
    const access = <R>(offset: number, act: (device: MmioDevice, at: number) => R): R | undefined => {
      const found = this.#find(base + offset);
      return found && act(found.device, base + offset - found.base);
    };
    return {
      read: (offset, width) => access(offset, (device, at) => device.read(at, width)) ?? ones(width),
      peek: (offset, width) => access(offset, (device, at) => device.peek(at, width)) ?? ones(width),
      write: (offset, width, value) => {
        access(offset, (device, at) => device.write(at, width, value));
      },
    };
  }

  #find(address: number): Mapping | undefined {
    this.#mappings ??= [...this.#functions.values()].flatMap((each) => each.mappings());
    return this.#mappings.find(({ base, size }) => address >= base && address < base + size);
  }

  #at(offset: number): PciFunction | undefined {
    return this.#functions.get(Math.floor(offset / ECAM_FUNCTION_SIZE));
  }

  #config(offset: number, width: Width, read: (target: PciFunction, at: number) => bigint): bigint {
    const target = this.#at(offset);
    return target ? read(target, offset % ECAM_FUNCTION_SIZE) : ones(width);
  }
}

function ones(width: Width): bigint {
  return (1n << BigInt(8 * width)) - 1n;
}
