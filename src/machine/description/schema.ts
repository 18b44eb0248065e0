/** What a machine file may say, field by field (docs/machine-files.md). */
import * as v from "valibot";
import { CPU_MODELS } from "../cpu-models.js";
import { parseAddress, parseSize } from "../format.js";

/** INTIDs 32 to 1019 are SPIs (IHI 0069, 2.2). */
const MAX_SPIS = 988;
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

/** A whole number from 0 to `most`; `what` says so to a person. */
const upTo = (most: number, what: string) =>
  v.pipe(v.number(what), v.integer(what), v.minValue(0, what), v.maxValue(most, what));

const Ppi = upTo(15, "a PPI, 0 to 15");
const Spi = upTo(MAX_SPIS - 1, "an SPI, 0 to 987");

const Region = v.strictObject({ base: Address, size: Size });

const GicV3 = v.strictObject({
  type: v.literal("gicv3"),
  name: Name,
  distributor: Region,
  redistributors: Region,
  /** The Interrupt Translation Service; without one there are no LPIs. */
  its: v.optional(Region),
  /** How many SPIs: INTIDs 32 up. */
  spis: v.pipe(Count, v.multipleOf(32, "a multiple of 32"), v.maxValue(MAX_SPIS, "at most 960")),
  maintenancePpi: Ppi,
});

/** In the Secure physical address space alone: only a guest that owns EL3 has such a device. */
const Secure = { secure: v.optional(v.boolean()) } as const;
const Line = v.optional(upTo(7, "a line, 0 to 7"));

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

const Slot = upTo(63, "a slot, 0 to 63");
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

export const Machine = v.strictObject({
  name: Name,
  summary: v.optional(v.string(), ""),
  /** The device tree's root `model` and `compatible`. */
  model: v.string(),
  compatible: v.array(v.string()),
  ram: v.strictObject({ base: Address, default: Size, maximum: Size }),
  cpu: v.strictObject({
    default: v.picklist(CPU_MODELS, `a CPU model: ${CPU_MODELS.join(", ")}`),
    perCluster: v.pipe(Count, v.maxValue(16, "at most 16")),
    /** The PMU's overflow interrupt; without, BSA's (INTID 23). */
    pmuPpi: v.optional(Ppi, 7),
  }),
  timer: v.strictObject({
    /** CNTFRQ_EL0, Hz. */
    frequency: v.pipe(Count, v.maxValue(2 ** 32 - 1, "at most 4294967295, which CNTFRQ_EL0 can hold")),
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
