/** What is wrong between the fields of a machine file, which the schema cannot see. */
import { formatSize, hex } from "../format.js";
import type { Path } from "./json.js";
import {
  ECAM_BUS,
  flashBankName,
  gicOf,
  INTX_PINS,
  maximumCpus,
  PAGE,
  REDISTRIBUTOR_STRIDE,
  regionsOf,
} from "./regions.js";
import type { DeviceDescription, MachineDescription } from "./schema.js";

/** The GIC's frames (IHI 0069, 12.8 and 12.10): one of the distributor, two of each redistributor, two of an ITS. */
const FRAME = 0x10000;
const ITS_SIZE = 2 * FRAME;
const PCIE_SLOTS = 32;

/** A line for a person, and the field it is about. */
export interface Fault {
  readonly path: Path;
  readonly what: string;
}

const fault = (path: Path, what: string): Fault => ({ path, what });

/** The first fault of a description, in the order of the checks. */
export function firstFault(description: MachineDescription): Fault | undefined {
  const { ram, devices, console } = description;
  if (ram.base % 2 ** 21 !== 0) {
    const what = `"ram.base": ${hex(ram.base)} is not a multiple of 2 MiB, which the kernel's boot protocol asks for`;
    return fault(["ram", "base"], what);
  }
  if (ram.default > ram.maximum) {
    const what = `"ram.default": ${formatSize(ram.default)} is above "ram.maximum", ${formatSize(ram.maximum)}`;
    return fault(["ram", "default"], what);
  }
  const gics = devices.filter((device) => device.type === "gicv3");
  if (gics.length !== 1) {
    const what = `"devices": a machine has one interrupt controller (gicv3), this one has ${gics.length}`;
    return fault(placeOf(devices, gics[1]), what);
  }
  const names = devices.map((device) => device.name);
  const twice = names.findIndex((name, index) => names.indexOf(name) !== index);
  if (twice >= 0) {
    return fault(["devices", twice, "name"], `"devices": two devices are called "${names[twice]}"`);
  }
  const consoleDevice = devices.find((device) => device.name === console);
  if (console !== undefined && consoleDevice?.type !== "pl011" && consoleDevice?.type !== "virtio-console") {
    return fault(["console"], `"console": no pl011 or virtio-console is called "${console}"`);
  }
  return flashFault(devices) ?? slotFault(devices) ?? overlap(description) ?? interruptFault(description);
}

type Devices = MachineDescription["devices"];

/** Where a device stands in the file, or a field of it. */
function placeOf(devices: Devices, device: DeviceDescription | undefined, ...fields: PropertyKey[]): Path {
  return device === undefined ? ["devices"] : ["devices", devices.indexOf(device), ...fields];
}

/** What is in a slot that is not there, or taken; slot 0 of PCIe is the host bridge's. */
function slotFault(devices: Devices): Fault | undefined {
  const taken = new Map<string, string>();
  for (const device of devices) {
    if (!("bus" in device)) {
      continue;
    }
    const { name, slot } = device;
    const bus = devices.find((candidate) => candidate.name === device.bus);
    if (bus?.type !== "pcie" && bus?.type !== "virtio-mmio") {
      return fault(placeOf(devices, device, "bus"), `${name}: no pcie or virtio-mmio is called "${device.bus}"`);
    }
    const [first, last] = bus.type === "pcie" ? [1, PCIE_SLOTS - 1] : [0, bus.slots - 1];
    const there = placeOf(devices, device, "slot");
    if (slot < first || slot > last) {
      return fault(there, `${name}: ${bus.name} has slots ${first} to ${last}, not ${slot}`);
    }
    const place = `slot ${slot} of ${bus.name}`;
    const other = taken.get(place);
    if (other !== undefined) {
      return fault(there, `${other} and ${name} are both in ${place}`);
    }
    taken.set(place, name);
  }
  const pcie = devices.filter((device) => device.type === "pcie");
  if (pcie.length > 1) {
    const what = `"devices": a machine has one pcie at most, this one has ${pcie.length}`;
    return fault(placeOf(devices, pcie[1]), what);
  }
  const ecam = pcie[0]?.ecam;
  if (ecam && (ecam.size % ECAM_BUS !== 0 || ecam.size > 256 * ECAM_BUS)) {
    const what = `${pcie[0]!.name}: "ecam" has ${hex(ECAM_BUS)} bytes for each bus, of 1 to 256 buses`;
    return fault(placeOf(devices, pcie[0], "ecam"), what);
  }
  return undefined;
}

/** What a chip's identification can say, and the address lines can reach. */
function flashFault(devices: Devices): Fault | undefined {
  const [flash, another] = devices.filter((device) => device.type === "cfi-flash");
  if (!flash) {
    return undefined;
  }
  if (another) {
    const what = `"devices": a machine has one flash, of one or two banks; ${flash.name} and ${another.name} are two`;
    return fault(placeOf(devices, another), what);
  }
  const isPowerOfTwo = (size: number) => Number.isInteger(Math.log2(size));
  const { banks, sector } = flash;
  if (!isPowerOfTwo(sector) || sector < PAGE) {
    const what = `${flash.name}: a sector of ${hex(sector)} bytes: it is a power of two, of 4 KiB or more`;
    return fault(placeOf(devices, flash, "sector"), what);
  }
  const bad = banks.findIndex(({ base, size }) => !isPowerOfTwo(size) || size < sector || base % sector !== 0);
  if (bad < 0) {
    return undefined;
  }
  const name = flashBankName(flash, bad);
  const what = `${name}: its size is a power of two, of a sector or more, and its base a multiple of a sector`;
  return fault(placeOf(devices, flash, "banks", bad), what);
}

/** Of two regions in each other's way the one that the file has last is the one to blame. */
function overlap({ ram, devices }: MachineDescription): Fault | undefined {
  const regions = [
    { path: ["ram"], name: "ram", base: ram.base, size: ram.maximum },
    ...devices.flatMap((device) => regionsOf(device).map((region) => ({ ...region, path: placeOf(devices, device) }))),
  ].map((region, order) => ({ ...region, order }));
  regions.sort((a, b) => a.base - b.base);
  for (const [index, region] of regions.entries()) {
    const { name, base, size, path } = region;
    if (name !== "ram" && (base % PAGE !== 0 || size % PAGE !== 0)) {
      return fault(path, `${name} at ${hex(base)}, ${hex(size)} long, is not made of whole 4 KiB pages`);
    }
    const next = regions[index + 1];
    if (next && base + size > next.base) {
      const blamed = next.order > region.order ? next : region;
      const what = `${name} (${hex(base)} to ${hex(base + size - 1)}) overlaps ${next.name} at ${hex(next.base)}`;
      return fault(blamed.path, what);
    }
  }
  return undefined;
}

/** All SPIs of a device. */
function spisOf(device: DeviceDescription): number[] {
  if (!("spi" in device)) {
    return [];
  }
  const count = device.type === "pcie" ? INTX_PINS : device.type === "virtio-mmio" ? device.slots : 1;
  return Array.from({ length: count }, (_, index) => device.spi + index);
}

function interruptFault(description: MachineDescription): Fault | undefined {
  const { devices, timer, cpu } = description;
  const gic = gicOf(description);
  if (maximumCpus(description) < 1) {
    const what = `"${gic.name}": the redistributors need ${hex(REDISTRIBUTOR_STRIDE)} bytes for each CPU`;
    return fault(placeOf(devices, gic, "redistributors"), what);
  }
  if (gic.distributor.size !== FRAME || gic.distributor.base % FRAME !== 0) {
    const what = `"${gic.name}": a distributor is ${hex(FRAME)} bytes at a multiple of ${hex(FRAME)}`;
    return fault(placeOf(devices, gic, "distributor"), what);
  }
  if (gic.redistributors.base % FRAME !== 0) {
    const what = `"${gic.name}": redistributors are at a multiple of ${hex(FRAME)}`;
    return fault(placeOf(devices, gic, "redistributors"), what);
  }
  if (gic.its && (gic.its.size !== ITS_SIZE || gic.its.base % FRAME !== 0)) {
    const what = `"${gic.name}": an ITS is ${hex(ITS_SIZE)} bytes at a multiple of ${hex(FRAME)}`;
    return fault(placeOf(devices, gic, "its"), what);
  }
  const owners = new Map<number, string>();
  for (const device of devices) {
    for (const spi of spisOf(device)) {
      const there = placeOf(devices, device, "spi");
      if (spi >= gic.spis) {
        return fault(there, `${device.name}: SPI ${spi} is above what ${gic.name} has (0 to ${gic.spis - 1})`);
      }
      const owner = owners.get(spi);
      if (owner !== undefined) {
        return fault(there, `${owner} and ${device.name} both have SPI ${spi}`);
      }
      owners.set(spi, device.name);
    }
  }
  const ppis = [...Object.values(timer.ppi), gic.maintenancePpi, cpu.pmuPpi];
  const shared = ppis.find((ppi, index) => ppis.indexOf(ppi) !== index);
  if (shared === undefined) {
    return undefined;
  }
  return fault(["timer", "ppi"], `two of the timers, the maintenance interrupt and the PMU share PPI ${shared}`);
}
