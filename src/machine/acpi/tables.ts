/**
 * The static tables of an Arm board (ACPI 6.4, chapter 5; Arm Base Boot Requirements, section 8.4.4): a row each, from
 * the machine description. Fields that stay zero are gaps.
 */

import { affinityOf, ECAM_BUS, gicOf, type MachineDescription } from "../description.js";
import { little } from "./aml.js";
import { dsdtTerms, FIRST_SPI } from "./dsdt.js";

export interface AcpiOptions {
  readonly description: MachineDescription;
  readonly cpus: number;
  /** The instruction that reaches PSCI; without it there is none. */
  readonly psci?: "hvc" | "smc";
  /** The guest owns EL2: the GIC's maintenance interrupt is its own. */
  readonly virtualization: boolean;
}

/** A table without its header. */
export interface AcpiTable {
  readonly signature: string;
  readonly revision: number;
  readonly body: readonly number[];
}

/** System description table header (5.2.6). */
export const HEADER = { length: 4, checksum: 9, size: 36 } as const;
/** Where in the FADT the address of the DSDT goes: X_DSDT (5.2.9). */
export const FADT_DSDT = 140;

const FIRST_PPI = 16;
const u16 = (value: number): number[] => little(value, 2);
const u32 = (value: number): number[] => little(value, 4);
const u64 = (value: number): number[] => little(value, 8);
const zeros = (count: number): number[] => new Array<number>(count).fill(0);
const NO_ADDRESS = new Array<number>(8).fill(0xff);

/** Every table of the board, the DSDT first and the FADT second. */
export function acpiTables(options: AcpiOptions): AcpiTable[] {
  const { description, cpus } = options;
  const console = consoleOf(description);
  const pcie = description.devices.find((device) => device.type === "pcie");
  return [
    { signature: "DSDT", revision: 2, body: dsdtTerms(description, cpus) },
    fadt(options),
    madt(options),
    pptt(options),
    gtdt(description),
    ...(pcie ? [mcfg(pcie)] : []),
    ...(console ? [spcr(console), dbg2(console)] : []),
    ...(pcie && gicOf(description).its ? [iort()] : []),
  ];
}

type Of<T> = Extract<MachineDescription["devices"][number], { type: T }>;

function consoleOf({ devices, console }: MachineDescription): Of<"pl011"> | undefined {
  const found = devices.find(({ name }) => name === console);
  return found?.type === "pl011" && !found.secure ? found : undefined;
}

/** 5.2.9: hardware-reduced, so that all of the fixed hardware is not there. */
function fadt({ psci }: AcpiOptions): AcpiTable {
  const hardwareReduced = 1 << 20;
  const armBoot = { compliant: 1, hvc: 2 } as const;
  const psciFlags = psci ? armBoot.compliant | (psci === "hvc" ? armBoot.hvc : 0) : 0;
  const body = zeros(276 - HEADER.size);
  const at = (offset: number, bytes: readonly number[]): void => {
    body.splice(offset - HEADER.size, bytes.length, ...bytes);
  };
  at(112, u32(hardwareReduced));
  at(129, u16(psciFlags));
  const minorVersion = 0;
  at(131, [minorVersion]);
  return { signature: "FACP", revision: 6, body };
}

/** 5.2.12.14 to 5.2.12.18: distributor, a CPU interface for each vCPU, redistributors, ITS. */
function madt({ description, cpus, virtualization }: AcpiOptions): AcpiTable {
  const gic = gicOf(description);
  const gicVersion = 3;
  const enabled = 1;
  const distributor = [0x0c, 24, ...zeros(6), ...u64(gic.distributor.base), ...zeros(4), gicVersion, ...zeros(3)];
  const maintenance = virtualization ? FIRST_PPI + gic.maintenancePpi : 0;
  const interfaces = Array.from({ length: cpus }, (_, index) => [
    ...[0x0b, 80, ...zeros(2), ...u32(index), ...u32(index), ...u32(enabled), ...zeros(4)],
    ...[...u32(FIRST_PPI + description.cpu.pmuPpi), ...zeros(32), ...u32(maintenance), ...zeros(8)],
    ...[...u64(affinityOf(description, index)), ...zeros(4)],
  ]);
  const { redistributors, its } = gic;
  return {
    signature: "APIC",
    revision: 4,
    body: [
      ...zeros(8),
      ...distributor,
      ...interfaces.flat(),
      ...[0x0e, 16, ...zeros(2), ...u64(redistributors.base), ...u32(redistributors.size)],
      ...(its ? [0x0f, 20, ...zeros(6), ...u64(its.base), ...zeros(4)] : []),
    ],
  };
}

/** 5.2.29: a package, its clusters, their CPUs. */
function pptt({ description, cpus }: AcpiOptions): AcpiTable {
  const flag = { package: 1, idValid: 2, leaf: 8 } as const;
  const size = 20;
  const node = (flags: number, parent: number, id: number): number[] => [
    ...[0, size, ...zeros(2), ...u32(flags), ...u32(parent), ...u32(id), ...zeros(4)],
  ];
  const { perCluster } = description.cpu;
  const body = node(flag.package, 0, 0);
  for (let first = 0; first < cpus; first += perCluster) {
    const cluster = HEADER.size + body.length;
    body.push(...node(0, HEADER.size, first / perCluster));
    for (let cpu = first; cpu < Math.min(first + perCluster, cpus); cpu++) {
      body.push(...node(flag.idValid | flag.leaf, cluster, cpu));
    }
  }
  return { signature: "PPTT", revision: 2, body };
}

/** 5.2.24: level, active high, and going on while a CPU sleeps. */
function gtdt({ timer: { ppi } }: MachineDescription): AcpiTable {
  const alwaysOn = 4;
  const timers = [ppi.secure, ppi.nonSecure, ppi.virtual, ppi.hypervisor];
  return {
    signature: "GTDT",
    revision: 2,
    body: [
      ...[...NO_ADDRESS, ...zeros(4)],
      ...timers.flatMap((line) => [...u32(FIRST_PPI + line), ...u32(alwaysOn)]),
      ...[...NO_ADDRESS, ...zeros(8)],
    ],
  };
}

/** PCI Firmware Specification 3.2, section 4.1.2. */
function mcfg({ ecam }: Of<"pcie">): AcpiTable {
  const lastBus = ecam.size / ECAM_BUS - 1;
  const segment = 0;
  return {
    signature: "MCFG",
    revision: 1,
    body: [...zeros(8), ...u64(ecam.base), ...u16(segment), 0, lastBus, ...zeros(4)],
  };
}

/** Interface types of SPCR and port subtypes of DBG2. */
const PL011 = 3;
/** Generic Address Structure (5.2.3.2): system memory, in bytes. */
const inMemory = (address: number): number[] => [0, 8, 0, 1, ...u64(address)];

/** Serial Port Console Redirection Table, revision 2. */
function spcr({ base, spi }: Of<"pl011">): AcpiTable {
  const viaGic = 8;
  const baud9600 = 3;
  const oneStopBit = 1;
  const rtsCts = 2;
  return {
    signature: "SPCR",
    revision: 2,
    body: [
      ...[PL011, ...zeros(3), ...inMemory(base), viaGic, 0, ...u32(FIRST_SPI + spi), baud9600],
      ...[0, oneStopBit, rtsCts, 0, 0, ...u16(0xffff), ...u16(0xffff), ...zeros(12)],
    ],
  };
}

/** Debug Port Table 2. */
function dbg2({ base, size }: Of<"pl011">): AcpiTable {
  const namespacePath = [...Buffer.from("COM0\0", "latin1")];
  const serial = 0x8000;
  const registerAt = 22;
  const sizeAt = registerAt + inMemory(base).length;
  const pathAt = sizeAt + 4;
  const length = pathAt + namespacePath.length;
  return {
    signature: "DBG2",
    revision: 0,
    body: [
      ...[...u32(HEADER.size + 8), ...u32(1)],
      ...[0, ...u16(length), 1, ...u16(namespacePath.length), ...u16(pathAt), ...zeros(4), ...u16(serial)],
      ...[...u16(PL011), ...zeros(2), ...u16(registerAt), ...u16(sizeAt)],
      ...[...inMemory(base), ...u32(size), ...namespacePath],
    ],
  };
}

/** I/O Remapping Table (DEN 0049): requester IDs of the root complex are the ITS's device IDs. */
function iort(): AcpiTable {
  const nodes = HEADER.size + 12;
  const itsGroup = [0, ...u16(24), 1, ...u32(0), ...zeros(8), ...u32(1), ...u32(0)];
  const mappingAt = 36;
  const coherent = 1;
  const coherentAndCacheable = 3;
  const addressBits = 64;
  const rootComplex = [
    ...[2, ...u16(mappingAt + 20), 3, ...u32(1), ...u32(1), ...u32(mappingAt)],
    ...[...u32(coherent), ...zeros(3), coherentAndCacheable, ...zeros(8), addressBits, ...zeros(3)],
    ...[...u32(0), ...u32(0xffff), ...u32(0), ...u32(nodes), ...u32(0)],
  ];
  return {
    signature: "IORT",
    revision: 3,
    body: [...u32(2), ...u32(nodes), ...zeros(4), ...itsGroup, ...rootComplex],
  };
}
