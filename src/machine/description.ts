/**
 * A machine file: memory map, devices, interrupts and CPU defaults as data (ARCHITECTURE.md, section 5). A board is
 * such a file and no TypeScript. What is read here is checked whole, so nothing after it has to doubt a number.
 */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as v from "valibot";
import { ConfigError, systemReason } from "./errors.js";
import { formatSize, hex, parseAddress, parseSize } from "./format.js";

const MACHINES_DIRECTORY = fileURLToPath(new URL("../../machines", import.meta.url));

/** GICv3 gives every PE two 64 KiB frames (IHI 0069, 12.10). */
const REDISTRIBUTOR_STRIDE = 0x20000;
/** The two 64 KiB frames of an ITS (IHI 0069, 12.10). */
const ITS_SIZE = 0x20000;
const ITS_FRAME = 0x10000;
/** INTIDs 32 to 1019 are SPIs (IHI 0069, 2.2). */
const MAX_SPIS = 988;
const PAGE = 0x1000;
/** A virtio-mmio slot's registers (virtio 1.2, 4.2.2). */
const VIRTIO_MMIO_SLOT = 0x200;
/** INTA# to INTD#. */
export const INTX_PINS = 4;
const PCIE_SLOTS = 32;
/** Bytes of ECAM for the configuration space of a bus. */
export const ECAM_BUS = 0x100000;
/** 48-bit physical addresses: the most that any CPU model offers. */
const MAX_ADDRESS = 2 ** 48;

/** A number of bytes, given as a JSON number or in the notation that `parse` reads. */
const parsed = (what: string, parse: (text: string) => number | undefined, minimum: number) =>
  v.pipe(
    v.unknown(),
    v.rawTransform<unknown, number>(({ dataset: { value }, addIssue, NEVER }) => {
      const bytes = typeof value === "string" ? parse(value) : value;
      if (typeof bytes === "number" && Number.isSafeInteger(bytes) && bytes >= minimum && bytes <= MAX_ADDRESS) {
        return bytes;
      }
      addIssue({ message: what, input: value });
      return NEVER;
    }),
  );

const Address = parsed('an address below 2^48, as "0x09000000"', parseAddress, 0);
const Size = parsed('a size above zero, as "0x1000" or "1G"', parseSize, 1);
const Count = v.pipe(v.number(), v.integer("a whole number"), v.minValue(1, "a number above zero"));
const Name = v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]*$/, "a name of small letters, digits and dashes"));
const Ppi = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(15, "a PPI, 0 to 15"));
const Spi = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(MAX_SPIS - 1, "an SPI, 0 to 987"));

const Region = v.strictObject({ base: Address, size: Size });

const GicV3 = v.strictObject({
  type: v.literal("gicv3"),
  name: Name,
  distributor: Region,
  redistributors: Region,
  /** The Interrupt Translation Service; without one there are no LPIs. */
  its: v.optional(Region),
  /** How many SPIs: INTIDs 32 up. */
  spis: v.pipe(Count, v.multipleOf(32, "a multiple of 32"), v.maxValue(MAX_SPIS)),
  maintenancePpi: Ppi,
});

/** In the Secure physical address space alone: only a guest that owns EL3 has such a device. */
const Secure = { secure: v.optional(v.boolean()) } as const;
const Line = v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(7, "a line, 0 to 7")));

const PrimeCell = { name: Name, base: Address, size: Size, spi: Spi, clock: Count, ...Secure } as const;
const Pl011 = v.strictObject({ type: v.literal("pl011"), ...PrimeCell });
const Pl031 = v.strictObject({ type: v.literal("pl031"), ...PrimeCell });

const Pl061 = v.strictObject({
  type: v.literal("pl061"),
  ...PrimeCell,
  /** The line that the power key pulls up; its gpio-keys node is in the device tree. */
  powerKey: Line,
  /** The lines by which software switches the machine off and restarts it. */
  powerOff: Line,
  restart: Line,
});

/** NOR flash; firmware starts at the base of the first bank. */
const CfiFlash = v.strictObject({
  type: v.literal("cfi-flash"),
  name: Name,
  banks: v.pipe(
    v.array(v.strictObject({ ...Region.entries, ...Secure })),
    v.minLength(1, "one bank at least"),
    v.maxLength(2, "two banks at most"),
  ),
  /** Bytes of an erase block. */
  sector: Size,
});

const FwCfg = v.strictObject({ type: v.literal("fw-cfg"), name: Name, base: Address });

/** RAM beside the machine's own: on-chip memory of firmware. */
const Memory = v.strictObject({ type: v.literal("memory"), name: Name, base: Address, size: Size, ...Secure });

/** A PCI Express host bridge with ECAM; bus addresses of its memory windows are the CPU's. */
const Pcie = v.strictObject({
  type: v.literal("pcie"),
  name: Name,
  ecam: Region,
  memory: Region,
  /** For 64-bit BARs. */
  highMemory: v.optional(Region),
  /** I/O ports: of bus address 0 and up. */
  io: v.optional(Region),
  /** Of INTA#; the other pins have the next three. */
  spi: Spi,
});

/** Transports for virtio devices, with an SPI each. */
const VirtioMmio = v.strictObject({
  type: v.literal("virtio-mmio"),
  name: Name,
  base: Address,
  slots: v.pipe(Count, v.multipleOf(8, "a multiple of 8, which fill a page"), v.maxValue(64, "at most 64")),
  /** Of slot 0. */
  spi: Spi,
});

const Slot = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(63, "a slot, 0 to 63"));
/** Devices in a slot of a bus. */
const Plugged = { name: Name, bus: Name, slot: Slot } as const;
const VirtioRng = v.strictObject({ type: v.literal("virtio-rng"), ...Plugged });
const VirtioConsole = v.strictObject({ type: v.literal("virtio-console"), ...Plugged });

const DEVICES = [
  GicV3,
  Pl011,
  Pl031,
  Pl061,
  CfiFlash,
  FwCfg,
  Memory,
  Pcie,
  VirtioMmio,
  VirtioRng,
  VirtioConsole,
] as const;
const Device = v.variant(
  "type",
  DEVICES,
  `a device type this version builds: ${DEVICES.map(({ entries }) => entries.type.literal).join(", ")}`,
);

const Machine = v.strictObject({
  name: Name,
  summary: v.optional(v.string(), ""),
  /** The device tree's root `model` and `compatible`. */
  model: v.string(),
  compatible: v.array(v.string()),
  ram: v.strictObject({ base: Address, default: Size, maximum: Size }),
  cpu: v.strictObject({ default: v.string(), perCluster: v.pipe(Count, v.maxValue(16, "at most 16")) }),
  timer: v.strictObject({
    /** CNTFRQ_EL0, Hz. */
    frequency: Count,
    ppi: v.strictObject({ secure: Ppi, nonSecure: Ppi, virtual: Ppi, hypervisor: Ppi }),
  }),
  devices: v.array(Device),
  /** The device that `--serial` is connected to: the kernel's stdout-path. */
  console: v.optional(Name),
});

export type MachineDescription = v.InferOutput<typeof Machine>;
export type DeviceDescription = MachineDescription["devices"][number];
export type Gicv3Description = v.InferOutput<typeof GicV3>;
export type FlashDescription = v.InferOutput<typeof CfiFlash>;

/** One occupied piece of the physical address space. Addresses and sizes in bytes. */
export interface MappedRegion {
  readonly name: string;
  readonly base: number;
  readonly size: number;
}

/** Every register window of the machine, in the file's order. */
export function deviceRegions(description: MachineDescription): MappedRegion[] {
  return description.devices.flatMap((device) => {
    switch (device.type) {
      case "gicv3":
        return [
          { name: `${device.name} distributor`, ...device.distributor },
          { name: `${device.name} redistributors`, ...device.redistributors },
          ...(device.its ? [{ name: `${device.name} its`, ...device.its }] : []),
        ];
      case "cfi-flash":
        return device.banks.map((bank, index) => ({ name: flashBankName(device, index), ...bank }));
      case "fw-cfg":
        return [{ name: device.name, base: device.base, size: PAGE }];
      case "pcie":
        return [
          { name: `${device.name} ecam`, ...device.ecam },
          { name: `${device.name} memory`, ...device.memory },
          ...(device.highMemory ? [{ name: `${device.name} high memory`, ...device.highMemory }] : []),
          ...(device.io ? [{ name: `${device.name} io`, ...device.io }] : []),
        ];
      case "virtio-mmio":
        return [{ name: device.name, base: device.base, size: device.slots * VIRTIO_MMIO_SLOT }];
      case "virtio-rng":
      case "virtio-console":
        return [];
      default:
        return [{ name: device.name, base: device.base, size: device.size }];
    }
  });
}

/** `flash0`: what a bank is called in messages, and its memory in the engine. */
export function flashBankName({ name }: FlashDescription, bank: number): string {
  return `${name}${bank}`;
}

/**
 * The description as a guest finds it: what is Secure needs EL3 to be the guest's; without that there are no Secure
 * devices, and memory that is Secure otherwise is everybody's.
 */
export function descriptionFor(description: MachineDescription, el3: "hosted" | "guest"): MachineDescription {
  if (el3 === "guest") return description;
  const devices = description.devices
    .filter((device) => !("secure" in device && device.secure))
    .map((device) =>
      device.type === "cfi-flash"
        ? { ...device, banks: device.banks.map(({ base, size }) => ({ base, size })) }
        : device,
    );
  return { ...description, devices };
}

/** The flash, if the machine has any; a checked description has one at most. */
export function flashOf(description: MachineDescription): FlashDescription | undefined {
  return description.devices.find((device) => device.type === "cfi-flash");
}

/** The interrupt controller; a checked description has exactly one. */
export function gicOf(description: MachineDescription): Gicv3Description {
  return description.devices.find((device) => device.type === "gicv3")!;
}

/** How many vCPUs the redistributor region has frames for. */
export function maximumCpus(description: MachineDescription): number {
  return Math.floor(gicOf(description).redistributors.size / REDISTRIBUTOR_STRIDE);
}

/** MPIDR_EL1 affinity of a vCPU as Aff1:Aff0, `perCluster` CPUs to a cluster. */
export function affinityOf(description: MachineDescription, cpu: number): number {
  const { perCluster } = description.cpu;
  return (Math.floor(cpu / perCluster) << 8) | (cpu % perCluster);
}

/**
 * A description from the parsed JSON of a machine file.
 * @param source what to call it in errors.
 * @throws ConfigError BAD_MACHINE: one line that names the first field at fault.
 */
export function checkMachineDescription(json: unknown, source: string): MachineDescription {
  const result = v.safeParse(Machine, json, { abortEarly: true });
  if (!result.success) {
    const issue = result.issues[0];
    const path = v.getDotPath(issue);
    throw broken(source, `${path ? `"${path}": ` : ""}${issueText(issue)}`);
  }
  const description = result.output;
  const fault = firstFault(description);
  if (fault) {
    throw broken(source, fault);
  }
  return description;
}

/** The names that `--machine` takes without a path, in order. */
export function listMachines(): { name: string; summary: string }[] {
  return readdirSync(MACHINES_DIRECTORY)
    .filter((file) => file.endsWith(".json"))
    .sort()
    .map((file) => loadMachineDescription(basename(file, ".json")))
    .map(({ name, summary }) => ({ name, summary }));
}

/**
 * The machine of that name, or in that file: a text with a slash or that ends in `.json` is a path.
 * @throws ConfigError BAD_MACHINE, FILE_UNREADABLE.
 */
export function loadMachineDescription(nameOrPath: string): MachineDescription {
  const isPath = nameOrPath.includes("/") || nameOrPath.endsWith(".json");
  let text: string;
  try {
    text = readFileSync(isPath ? nameOrPath : join(MACHINES_DIRECTORY, `${nameOrPath}.json`), "utf8");
  } catch (error) {
    if (!isPath && (error as NodeJS.ErrnoException).code === "ENOENT") {
      const names = readdirSync(MACHINES_DIRECTORY).map((file) => basename(file, ".json"));
      throw new ConfigError(
        "BAD_MACHINE",
        `no machine is called "${nameOrPath}"; there is ${names.sort().join(", ")}, or give the path of a .json file`,
      );
    }
    throw new ConfigError("FILE_UNREADABLE", `${nameOrPath}: cannot read the machine file: ${systemReason(error)}`);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw broken(nameOrPath, `not valid JSON: ${systemReason(error)}`);
  }
  return checkMachineDescription(json, nameOrPath);
}

function broken(source: string, what: string): ConfigError {
  return new ConfigError("BAD_MACHINE", `${source}: broken machine file: ${what}`);
}

function issueText(issue: v.BaseIssue<unknown>): string {
  if (issue.type === "strict_object") {
    return issue.expected === "never" ? "there is no such field" : "this field is missing";
  }
  return `expected ${issue.message.startsWith("Invalid") ? issue.expected : issue.message}, found ${issue.received}`;
}

/** What the field-by-field schema cannot see. */
function firstFault(description: MachineDescription): string | undefined {
  const { ram, devices, console } = description;
  if (ram.base % 2 ** 21 !== 0) {
    return `"ram.base": ${hex(ram.base)} is not a multiple of 2 MiB, which the kernel's boot protocol asks for`;
  }
  if (ram.default > ram.maximum) {
    return `"ram.default": ${formatSize(ram.default)} is above "ram.maximum", ${formatSize(ram.maximum)}`;
  }
  const gics = devices.filter((device) => device.type === "gicv3");
  if (gics.length !== 1) {
    return `"devices": a machine has one interrupt controller (gicv3), this one has ${gics.length}`;
  }
  const names = devices.map((device) => device.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    return `"devices": two devices are called "${twice}"`;
  }
  const consoleDevice = devices.find((device) => device.name === console);
  if (console !== undefined && consoleDevice?.type !== "pl011" && consoleDevice?.type !== "virtio-console") {
    return `"console": no pl011 or virtio-console is called "${console}"`;
  }
  return flashFault(devices) ?? slotFault(devices) ?? overlap(description) ?? interruptFault(description);
}

/** What is in a slot that is not there, or taken; slot 0 of PCIe is the host bridge's. */
function slotFault(devices: MachineDescription["devices"]): string | undefined {
  const taken = new Map<string, string>();
  for (const device of devices) {
    if (!("bus" in device)) {
      continue;
    }
    const { name, slot } = device;
    const bus = devices.find((candidate) => candidate.name === device.bus);
    if (bus?.type !== "pcie" && bus?.type !== "virtio-mmio") {
      return `${name}: no pcie or virtio-mmio is called "${device.bus}"`;
    }
    const [first, last] = bus.type === "pcie" ? [1, PCIE_SLOTS - 1] : [0, bus.slots - 1];
    if (slot < first || slot > last) {
      return `${name}: ${bus.name} has slots ${first} to ${last}, not ${slot}`;
    }
    const place = `slot ${slot} of ${bus.name}`;
    const other = taken.get(place);
    if (other !== undefined) {
      return `${other} and ${name} are both in ${place}`;
    }
    taken.set(place, name);
  }
  const pcie = devices.filter((device) => device.type === "pcie");
  if (pcie.length > 1) {
    return `"devices": a machine has one pcie at most, this one has ${pcie.length}`;
  }
  const ecam = pcie[0]?.ecam;
  if (ecam && (ecam.size % ECAM_BUS !== 0 || ecam.size > 256 * ECAM_BUS)) {
    return `${pcie[0]!.name}: "ecam" has ${hex(ECAM_BUS)} bytes for each bus, of 1 to 256 buses`;
  }
  return undefined;
}

/** What a chip's identification can say, and the address lines can reach. */
function flashFault(devices: MachineDescription["devices"]): string | undefined {
  const [flash, another] = devices.filter((device) => device.type === "cfi-flash");
  if (!flash) {
    return undefined;
  }
  if (another) {
    return `"devices": a machine has one flash, of one or two banks; ${flash.name} and ${another.name} are two`;
  }
  const isPowerOfTwo = (size: number) => Number.isInteger(Math.log2(size));
  const { banks, sector } = flash;
  if (!isPowerOfTwo(sector) || sector < PAGE) {
    return `${flash.name}: a sector of ${hex(sector)} bytes: it is a power of two, of 4 KiB or more`;
  }
  const bad = banks.findIndex(({ base, size }) => !isPowerOfTwo(size) || size < sector || base % sector !== 0);
  return bad < 0
    ? undefined
    : `${flashBankName(flash, bad)}: its size is a power of two, of a sector or more, and its base a multiple of one`;
}

function overlap(description: MachineDescription): string | undefined {
  const regions = [
    ...deviceRegions(description),
    { name: "ram", base: description.ram.base, size: description.ram.maximum },
  ].sort((a, b) => a.base - b.base);
  for (const [index, region] of regions.entries()) {
    if (region.name !== "ram" && (region.base % PAGE !== 0 || region.size % PAGE !== 0)) {
      return `${region.name} at ${hex(region.base)}, ${hex(region.size)} long, is not made of whole 4 KiB pages`;
    }
    const next = regions[index + 1];
    if (next && region.base + region.size > next.base) {
      const end = hex(region.base + region.size - 1);
      return `${region.name} (${hex(region.base)} to ${end}) overlaps ${next.name} at ${hex(next.base)}`;
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

function interruptFault(description: MachineDescription): string | undefined {
  const gic = gicOf(description);
  if (maximumCpus(description) < 1) {
    return `"${gic.name}": the redistributors need ${hex(REDISTRIBUTOR_STRIDE)} bytes for each CPU`;
  }
  if (gic.its && (gic.its.size !== ITS_SIZE || gic.its.base % ITS_FRAME !== 0)) {
    return `"${gic.name}": an ITS is ${hex(ITS_SIZE)} bytes at a multiple of ${hex(ITS_FRAME)}`;
  }
  const owners = new Map<number, string>();
  for (const device of description.devices) {
    for (const spi of spisOf(device)) {
      if (spi >= gic.spis) {
        return `${device.name}: SPI ${spi} is above what ${gic.name} has (0 to ${gic.spis - 1})`;
      }
      const owner = owners.get(spi);
      if (owner !== undefined) {
        return `${owner} and ${device.name} both have SPI ${spi}`;
      }
      owners.set(spi, device.name);
    }
  }
  const ppis = [...Object.values(description.timer.ppi), gic.maintenancePpi];
  const shared = ppis.find((ppi, index) => ppis.indexOf(ppi) !== index);
  return shared === undefined ? undefined : `two of the timers and the maintenance interrupt share PPI ${shared}`;
}
