/** Everything that is in RAM when the first instruction runs: kernel, initrd and device tree, placed and patched. */
import { CPU_MODELS } from "./cpu-models.js";
import { type MachineDescription, maximumCpus } from "./description.js";
import { readFdt, writeFdt } from "./device-tree/fdt.js";
import { generateDeviceTree } from "./device-tree/generate.js";
import { patchBoot } from "./device-tree/patch.js";
import { ConfigError } from "./errors.js";
import { formatSize } from "./format.js";
import type { LoadedKernel } from "./loaders/kernel.js";
import { MAX_DTB_SIZE, placeBoot } from "./loaders/placement.js";

export interface BootOptions {
  readonly description: MachineDescription;
  /** A name from CPU_MODELS. */
  readonly cpu: string;
  readonly cpus: number;
  /** Bytes of RAM. */
  readonly memory: number;
  readonly kernel: LoadedKernel;
  readonly initrd?: Uint8Array;
  readonly append?: string;
  /** In place of the generated tree. */
  readonly dtb?: Uint8Array;
  readonly el2: "hosted" | "guest";
  readonly el3: "hosted" | "guest";
}

/** Bytes for RAM at a physical address. */
export interface BootLoad {
  readonly what: "kernel" | "initrd" | "dtb";
  readonly address: number;
  readonly bytes: Uint8Array;
}

export interface BootImage {
  readonly loads: readonly BootLoad[];
  /** Where the boot CPU begins, with x0 = dtbAddress and x1 to x3 zero. */
  readonly entry: number;
  readonly dtbAddress: number;
  /** The tree as the guest sees it. */
  readonly dtb: Uint8Array;
}

const PAGE = 0x1000;

/** @throws ConfigError for whatever of the options cannot be: nothing has been touched then. */
export function prepareBoot(options: BootOptions): BootImage {
  const { description, kernel, initrd, memory } = options;
  checkOptions(options);
  const ram = { base: description.ram.base, size: memory };
  const parameters = { ram, ...(options.append === undefined ? {} : { append: options.append }) };
  const tree = options.dtb ? readFdt(options.dtb, "the given device tree") : generateTree(options);

  // Addresses take the same room whatever they are, so a tree with address 0 has the final size.
  patchBoot(tree, { ...parameters, ...(initrd ? { initrd: { address: 0, size: initrd.length } } : {}) });
  const size = writeFdt(tree).length;
  if (size > MAX_DTB_SIZE) {
    throw new ConfigError("BAD_DEVICE_TREE", `the device tree is ${formatSize(size)}; the boot protocol allows 2 MiB`);
  }
  const place = placeBoot(ram, kernel, initrd?.length, size);
  if (initrd && place.initrd !== undefined) {
    patchBoot(tree, { ...parameters, initrd: { address: place.initrd, size: initrd.length } });
  }
  const dtb = writeFdt(tree);

  const loads: BootLoad[] = kernel.segments.map(({ bytes }, index) => ({
    what: "kernel",
    address: place.segments[index]!,
    bytes,
  }));
  if (initrd && place.initrd !== undefined) {
    loads.push({ what: "initrd", address: place.initrd, bytes: initrd });
  }
  loads.push({ what: "dtb", address: place.dtb, bytes: dtb });
  return { loads, entry: place.entry, dtbAddress: place.dtb, dtb };
}

/** PSCI is reached through the lowest level that is ours: HVC into hosted EL2, else SMC into hosted EL3. */
function generateTree(options: BootOptions) {
  const { description, cpu, cpus, memory, el2, el3 } = options;
  const psci = el2 === "hosted" ? "hvc" : el3 === "hosted" ? "smc" : undefined;
  return generateDeviceTree({
    description,
    cpu,
    cpus,
    memory,
    virtualization: el2 === "guest",
    ...(psci ? { psci } : {}),
  });
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
    throw new ConfigError(
      "NO_ROOM",
      `${formatSize(memory)} of memory: ${name} takes at most ${formatSize(ram.maximum)}`,
    );
  }
  const most = maximumCpus(description);
  if (!Number.isInteger(cpus) || cpus < 1 || cpus > most) {
    throw new ConfigError("USAGE", `${cpus} CPUs: ${name} has from 1 to ${most}`);
  }
}
