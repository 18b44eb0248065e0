/** Devices of a machine, built and wired from its description; nothing here runs yet. */
import { type AccessFault, AddressSpace } from "../bus/address-space.js";
import type { Alarm, Clock, IrqLine, MmioDevice } from "../bus/contract.js";
import type { DmaMemory } from "../bus/dma.js";
import { FwCfg, type FwCfgItems, type FwCfgMemory, WINDOW_SIZE } from "../devices/fw-cfg/index.js";
import { type CpuWiring, Gicv3, Its } from "../devices/gicv3/index.js";
import { type FlashMemory, Pflash } from "../devices/pflash/index.js";
import { Pl011, type SerialBackend } from "../devices/pl011/index.js";
import { Pl031 } from "../devices/pl031/index.js";
import { Pl061, PushButton } from "../devices/pl061/index.js";
import type { BlockBackend } from "../devices/virtio/index.js";
import { buildBuses } from "./buses.js";
import { type DeviceDescription, flashBankName, gicOf, type MachineDescription } from "./description.js";

/** What the machine gives its devices. */
export interface PlatformWiring {
  readonly cpus: readonly CpuWiring[];
  readonly clock: Clock;
  /** An alarm of its own for each device that asks; `ring` is called when virtual time has reached it. */
  alarm(ring: () => void): Alarm;
  readonly serial: SerialBackend;
  /** RTCDR at power-on, in seconds since 1970. */
  readonly epoch: number;
  /** Two security states in the GIC: EL3 belongs to the guest. */
  readonly securityExtensions: boolean;
  /** The memory behind a flash bank, and whether it can be written. */
  flashBank(bank: number): { readonly memory: FlashMemory; readonly readOnly: boolean };
  /** Guest memory as devices reach it. */
  readonly memory: DmaMemory;
  /** Disks that go into free slots. */
  readonly drives: readonly BlockBackend[];
  readonly fwCfg: { readonly items: FwCfgItems; readonly memory: FwCfgMemory };
  onFault(fault: AccessFault): void;
  /** Software has driven a line that switches the machine off, or restarts it. */
  power(what: "off" | "restart"): void;
  /** What a device has to say about what its driver does wrong: a line. */
  log(line: string): void;
}

export interface Platform {
  readonly bus: AddressSpace;
  readonly gic: Gicv3;
  readonly its: Its | undefined;
  /** The UART that the console is connected to, or a virtio-console. */
  readonly console: ConsoleInput | undefined;
  /** Undefined where there is none. */
  readonly powerKey: PushButton | undefined;
  readonly devices: readonly PlatformDevice[];
}

/** Where bytes from outside go in; the device takes as many as it says there is room for, or fewer. */
export interface ConsoleInput {
  roomForInput(): number;
  receive(bytes: Uint8Array): number;
}

export interface PlatformDevice {
  readonly name: string;
  readonly type: DeviceDescription["type"] | "virtio-blk" | "push-button";
  readonly device: { reset(): void; save(): object };
}

/** Where a UART that is not the console sends. */
const NOWHERE: SerialBackend = { transmit() {} };

/** Builds every device of the description and maps it. Throws AddressMapError, GicConfigError, ConfigError. */
export function buildPlatform(description: MachineDescription, wiring: PlatformWiring): Platform {
  const bus = new AddressSpace((fault) => wiring.onFault(fault));
  const gicDescription = gicOf(description);
  const gic = new Gicv3({
    cpus: wiring.cpus,
    spis: gicDescription.spis,
    maintenancePpi: gicDescription.maintenancePpi,
    securityExtensions: wiring.securityExtensions,
    lpiMemory: gicDescription.its && wiring.memory,
  });
  const devices: PlatformDevice[] = [];
  let console: ConsoleInput | undefined;
  let powerKey: Platform["powerKey"];
  let its: Its | undefined;
  const map = (name: string, base: number, size: number, device: MmioDevice, secure = false): void =>
    bus.map({ name, base, size, device, secure });
  const irqOf = (spi: number): IrqLine => gic.spi(spi);
  for (const d of description.devices) {
    switch (d.type) {
      case "gicv3":
        map(`${d.name} distributor`, d.distributor.base, d.distributor.size, gic.distributor);
        map(`${d.name} redistributors`, d.redistributors.base, gic.redistributorWindow, gic.redistributorFrames);
        devices.push({ name: d.name, type: d.type, device: gic });
        if (d.its) {
          its = new Its({ memory: wiring.memory, targets: gic, log: wiring.log });
          map(`${d.name} its`, d.its.base, d.its.size, its);
          devices.push({ name: `${d.name} its`, type: d.type, device: its });
        }
        break;
      case "pl011": {
        const isConsole = d.name === description.console;
        const uart: Pl011 = new Pl011({
          irq: irqOf(d.spi),
          backend: isConsole ? wiring.serial : NOWHERE,
          time: { clock: wiring.clock, alarm: wiring.alarm(() => uart.tick()) },
        });
        if (isConsole) console = uart;
        map(d.name, d.base, d.size, uart, d.secure);
        devices.push({ name: d.name, type: d.type, device: uart });
        break;
      }
      case "pl031": {
        const rtc: Pl031 = new Pl031(
          { irq: irqOf(d.spi), clock: wiring.clock, alarm: wiring.alarm(() => rtc.tick()) },
          { epoch: wiring.epoch },
        );
        map(d.name, d.base, d.size, rtc, d.secure);
        devices.push({ name: d.name, type: d.type, device: rtc });
        break;
      }
      case "pl061": {
        const gpio = new Pl061(irqOf(d.spi), (rising) => {
          if (d.powerOff !== undefined && (rising & (1 << d.powerOff)) !== 0) wiring.power("off");
          if (d.restart !== undefined && (rising & (1 << d.restart)) !== 0) wiring.power("restart");
        });
        const line = d.powerKey;
        map(d.name, d.base, d.size, gpio, d.secure);
        devices.push({ name: d.name, type: d.type, device: gpio });
        if (line !== undefined) {
          const key: PushButton = new PushButton({
            clock: wiring.clock,
            alarm: wiring.alarm(() => key.tick()),
            drive: (level) => gpio.setInput(line, level),
          });
          powerKey = key;
          devices.push({ name: "power key", type: "push-button", device: key });
        }
        break;
      }
      case "cfi-flash":
        for (const [index, { base, size, secure }] of d.banks.entries()) {
          const { memory, readOnly } = wiring.flashBank(index);
          const bank = new Pflash(memory, { sector: d.sector, readOnly });
          const name = flashBankName(d, index);
          map(name, base, size, bank, secure);
          devices.push({ name, type: d.type, device: bank });
        }
        break;
      case "memory":
        // The engine's own: a region of it.
        break;
      case "fw-cfg": {
        const fwCfg = new FwCfg(wiring.fwCfg.items, wiring.fwCfg.memory);
        map(d.name, d.base, WINDOW_SIZE, fwCfg);
        devices.push({ name: d.name, type: d.type, device: fwCfg });
        break;
      }
    }
  }
  const { memory, drives, serial, log } = wiring;
  const buses = buildBuses(description, { bus, memory, drives, its, spi: irqOf, console: serial, log });
  devices.push(...buses.devices);
  return { bus, gic, its, console: console ?? buses.console, powerKey, devices };
}
