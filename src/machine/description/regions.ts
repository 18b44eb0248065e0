/** What follows from a checked description: where everything is, how many CPUs there can be. */
import type { DeviceDescription, FlashDescription, Gicv3Description, MachineDescription } from "./schema.js";

/** GICv3 gives every PE two 64 KiB frames (IHI 0069, 12.10). */
export const REDISTRIBUTOR_STRIDE = 0x20000;
export const PAGE = 0x1000;
/** INTA# to INTD#. */
export const INTX_PINS = 4;
/** Bytes of ECAM for the configuration space of a bus. */
export const ECAM_BUS = 0x100000;
/** A virtio-mmio slot's registers (virtio 1.2, 4.2.2). */
const VIRTIO_MMIO_SLOT = 0x200;

/** One occupied piece of the physical address space. Addresses and sizes in bytes. */
export interface MappedRegion {
  readonly name: string;
  readonly base: number;
  readonly size: number;
}

/** Every register window of the machine, in the file's order. */
export function deviceRegions(description: MachineDescription): MappedRegion[] {
  return description.devices.flatMap(regionsOf);
}

/** The register windows of one device. */
export function regionsOf(device: DeviceDescription): MappedRegion[] {
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
