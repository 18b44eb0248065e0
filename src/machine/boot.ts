/** Everything that is in RAM when the first instruction runs: kernel, initrd and device tree, placed and patched. */

import { type FwCfgFile, fileFault, type HandedOver } from "../devices/fw-cfg/index.js";
import { acpiFiles } from "./acpi/index.js";
import { CPU_MODELS } from "./cpu-models.js";
import { descriptionFor, flashOf, type MachineDescription, maximumCpus } from "./description.js";
import { readFdt, writeFdt } from "./device-tree/fdt.js";
import { generateDeviceTree } from "./device-tree/generate.js";
import { patchBoot } from "./device-tree/patch.js";
import type { DeviceTreeNode } from "./device-tree/tree.js";
import { ConfigError } from "./errors.js";
import { formatSize } from "./format.js";
import { bytesOf, type Content } from "./loaders/content.js";
import type { LoadedKernel } from "./loaders/kernel.js";
import { addModuleNodes, type BootModule } from "./loaders/modules.js";
import { MAX_DTB_SIZE, type PlacedModule, placeBoot, placeModules } from "./loaders/placement.js";
import { smbiosFiles } from "./smbios.js";

export interface BootOptions {
  readonly description: MachineDescription;
  /** A name from CPU_MODELS. */
  readonly cpu: string;
  readonly cpus: number;
  /** Bytes of RAM. */
  readonly memory: number;
  /** Without it the machine has firmware, or stands at the start of RAM with nothing there. */
  readonly kernel?: LoadedKernel;
  /** Firmware and its variables, by flash bank. With one in the first bank the machine starts there. */
  readonly flash?: readonly (FlashImage | undefined)[];
  readonly initrd?: Content;
  readonly append?: string;
  /** What a hypervisor finds in RAM by /chosen. */
  readonly modules?: readonly BootModule[];
  /** Further files of fw_cfg, by name. */
  readonly fwCfg?: readonly FwCfgFile[];
  /** In place of the generated tree. */
  readonly dtb?: Uint8Array;
  /**
   * Whether firmware gets ACPI tables, which EDK2 then gives its operating system in the tree's place. Default true.
   */
  readonly acpi?: boolean;
  readonly el2: "hosted" | "guest";
  readonly el3: "hosted" | "guest";
}

/** A file in a flash bank, from its first byte on. */
export interface FlashImage {
  /** For errors. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Keeps what the guest has written at `offset`. Without it the bank is read-only. */
  write?(offset: number, bytes: Uint8Array): void;
}

/** Bytes for RAM at a physical address. */
export interface BootLoad {
  readonly what: "kernel" | "initrd" | "module" | "dtb";
  readonly address: number;
  readonly bytes: Content;
  /** How many bytes after them are zero, whatever an earlier run left there (an ELF file's .bss). */
  readonly zeros?: number;
}

/** Where a load is, with the zeros behind its bytes. */
export interface LoadedRange {
  readonly address: number;
  readonly length: number;
}

export interface BootImage {
  readonly loads: readonly BootLoad[];
  /** Where the boot CPU begins, with X0 = context and X1 to X3 zero. */
  readonly entry: number;
  /** The tree's address for a kernel; firmware finds the registers as a reset leaves them. */
  readonly context: number;
  readonly dtbAddress: number;
  /** The tree as the guest sees it. */
  readonly dtb: Uint8Array;
  /** What fw_cfg hands over to firmware. */
  readonly handedOver: HandedOver;
}

const PAGE = 0x1000;
const MEBIBYTE = 1 << 20;
/** Of addresses in the one WebAssembly memory of a machine. */
const WASM_LIMIT = 2 ** 32;

const NO_KERNEL: LoadedKernel = { kind: "raw", name: "no kernel", segments: [], entry: { base: "ram", offset: 0 } };

/** @throws ConfigError for whatever of the options cannot be: nothing has been touched then. */
export function prepareBoot(given: BootOptions): BootImage {
  const options = { ...given, description: descriptionFor(given.description, given.el3) };
  const { description, kernel = NO_KERNEL, initrd, memory, modules = [] } = options;
  checkOptions(options);
  checkFlash(options);
  checkFwCfg(options);
  if (options.flash?.[0]) return firmwareBoot(options);
  const ram = { base: description.ram.base, size: memory };
  const parameters = { ram, ...(options.append === undefined ? {} : { append: options.append }) };
  const tree = options.dtb ? readFdt(options.dtb, "the given device tree") : generateTree(options);

  // Addresses take the same room whatever they are, so a tree with address 0 has the final size. The name of a
  // module's node is its address: room for the longest is counted in.
  patchBoot(tree, { ...parameters, ...(initrd ? { initrd: { address: 0, size: initrd.length } } : {}) });
  const size = writeFdt(tree).length + modulesRoom(modules);
  if (size > MAX_DTB_SIZE) {
    throw new ConfigError("BAD_DEVICE_TREE", `the device tree is ${formatSize(size)}; the boot protocol allows 2 MiB`);
  }
  const place = placeBoot(ram, kernel, initrd?.length, size, modules.map(placed));
  if (initrd && place.initrd !== undefined) {
    patchBoot(tree, { ...parameters, initrd: { address: place.initrd, size: initrd.length } });
  }
  const moduleLoads = addModules(tree, modules, place.modules);
  const dtb = writeFdt(tree);

  const loads: BootLoad[] = kernel.segments.map(({ bytes, memorySize }, index) => ({
    what: "kernel",
    address: place.segments[index]!,
    bytes,
    zeros: memorySize - bytes.length,
  }));
  if (initrd && place.initrd !== undefined) {
    loads.push({ what: "initrd", address: place.initrd, bytes: initrd });
  }
  loads.push(...moduleLoads, { what: "dtb", address: place.dtb, bytes: dtb });
  const handedOver = { memory, cpus: options.cpus, ...files(options) };
  return { loads, entry: place.entry, context: place.dtb, dtbAddress: place.dtb, dtb, handedOver };
}

const placed = ({ name, bytes, address }: BootModule): PlacedModule => ({ name, size: bytes.length, address });

/** More than their nodes can take in a tree: properties, names, and a place in the strings for each of them. */
function modulesRoom(modules: readonly BootModule[]): number {
  return modules.reduce((sum, { append = "" }) => sum + 512 + Buffer.byteLength(append), 0);
}

function addModules(tree: DeviceTreeNode, modules: readonly BootModule[], addresses: readonly number[]): BootLoad[] {
  const there = modules.map((module, index) => ({ ...module, address: addresses[index]! }));
  addModuleNodes(tree.child("chosen") ?? tree.add("chosen"), there);
  return there.map(({ address, bytes }) => ({ what: "module", address, bytes }));
}

/** Firmware runs from the first flash bank and finds the tree at the start of RAM; the rest it has from fw_cfg. */
function firmwareBoot(options: BootOptions): BootImage {
  const { description, kernel, initrd, append, memory, cpus, modules = [] } = options;
  const { base } = description.ram;
  const tree = options.dtb ? readFdt(options.dtb, "the given device tree") : generateTree(options);
  patchBoot(tree, { ram: { base, size: memory }, ...(append === undefined ? {} : { append }) });
  const room = writeFdt(tree).length + modulesRoom(modules);
  const moduleLoads = addModules(tree, modules, placeModules({ base, size: memory }, room, modules.map(placed)));
  const dtb = writeFdt(tree);
  const handedOver: HandedOver = {
    memory,
    cpus,
    ...(kernel ? { kernel: kernelImage(kernel) } : {}),
    ...(initrd ? { initrd: bytesOf(initrd) } : {}),
    ...(append === undefined ? {} : { append }),
    files: firmwareFiles(options),
  };
  const loads: BootLoad[] = [...moduleLoads, { what: "dtb", address: base, bytes: dtb }];
  return { loads, entry: flashOf(description)!.banks[0]!.base, context: 0, dtbAddress: base, dtb, handedOver };
}

function kernelImage(kernel: LoadedKernel): Uint8Array {
  const segment = kernel.segments[0];
  if (segment === undefined || (kernel.kind !== "image" && kernel.kind !== "raw")) {
    throw new ConfigError(
      "NOT_A_KERNEL",
      `${kernel.name}: firmware starts an arm64 Image, and this is an ELF file; give it the kernel's Image`,
    );
  }
  return bytesOf(segment.bytes);
}

const files = ({ fwCfg }: BootOptions): Pick<HandedOver, "files"> => (fwCfg === undefined ? {} : { files: fwCfg });

function checkFwCfg({ description, fwCfg = [] }: BootOptions): void {
  if (fwCfg.length === 0) return;
  if (!description.devices.some(({ type }) => type === "fw-cfg")) {
    throw new ConfigError("USAGE", `${description.name} has no fw-cfg to hand "${fwCfg[0]?.name}" over`);
  }
  const fault = fileFault(fwCfg);
  if (fault) throw new ConfigError("USAGE", `fw-cfg: ${fault}`);
}

function checkFlash({ description, flash = [] }: BootOptions): void {
  const banks = flashOf(description)?.banks ?? [];
  for (const [index, image] of flash.entries()) {
    if (!image) continue;
    const bank = banks[index];
    if (!bank) {
      throw new ConfigError("USAGE", `${image.name}: ${description.name} has no flash bank ${index}`);
    }
    const size = image.bytes.length;
    if (size > bank.size) {
      throw new ConfigError(
        "NO_ROOM",
        `${image.name}: ${formatSize(size)} do not fit in flash bank ${index}, which has ${formatSize(bank.size)}`,
      );
    }
    if (image.write && size !== bank.size) {
      throw new ConfigError(
        "USAGE",
        `${image.name}: a writable file is as large as its flash bank, ${formatSize(bank.size)}, and this one has ` +
          `${formatSize(size)}; make it so with truncate -s ${bank.size}`,
      );
    }
  }
}

/** PSCI is reached through the lowest level that is ours: HVC into hosted EL2, else SMC into hosted EL3. */
function levels({ el2, el3 }: BootOptions): { virtualization: boolean; psci?: "hvc" | "smc" } {
  const psci = el2 === "hosted" ? "hvc" : el3 === "hosted" ? "smc" : undefined;
  return { virtualization: el2 === "guest", ...(psci ? { psci } : {}) };
}

function generateTree(options: BootOptions) {
  const { description, cpu, cpus, memory } = options;
  return generateDeviceTree({ description, cpu, cpus, memory, ...levels(options) });
}

/** What firmware installs for an operating system that wants no device tree, and the user's files. */
function firmwareFiles(options: BootOptions): FwCfgFile[] {
  const { description, cpus, acpi = true, fwCfg = [] } = options;
  const tables = acpi ? acpiFiles({ description, cpus, ...levels(options) }) : [];
  const files = [...smbiosFiles(options), ...tables, ...fwCfg];
  const fault = fileFault(files);
  if (fault) throw new ConfigError("USAGE", `fw-cfg: ${fault}; the machine has its own, of ACPI's without --acpi off`);
  return files;
}

function checkOptions({ description, cpu, cpus, memory }: BootOptions): void {
  const { name, ram } = description;
  if (!CPU_MODELS.includes(cpu)) {
    throw new ConfigError("USAGE", `no CPU is called "${cpu}"; there is ${CPU_MODELS.join(", ")}`);
  }
  if (!Number.isSafeInteger(memory) || memory < PAGE || memory % PAGE !== 0) {
    throw new ConfigError("USAGE", `memory of ${formatSize(memory)}: it has to be a multiple of 4 KiB`);
  }
  if (memory > ram.maximum) {
    // A board may say less than there is room for (engine/engine.ts); one that says more is refused there.
    const why = memory < WASM_LIMIT ? 'its "ram.maximum"' : "as a guest has all its memory in 4 GiB of WebAssembly's";
    throw new ConfigError(
      "NO_ROOM",
      `${formatSize(memory)} of memory: ${name} takes at most ${formatSize(ram.maximum)}, ${why}; ` +
        `try --memory ${ram.maximum / MEBIBYTE}M`,
    );
  }
  const most = maximumCpus(description);
  if (!Number.isInteger(cpus) || cpus < 1 || cpus > most) {
    throw new ConfigError("USAGE", `${cpus} CPUs: ${name} has from 1 to ${most}`);
  }
}
