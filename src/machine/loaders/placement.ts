/**
 * Where kernel, initrd and device tree go in RAM: Documentation/arch/arm64/booting.rst, sections 2 and 4. The layout
 * follows QEMU's, so that addresses in people's scripts stay true: an Image by its header (arm64-image.ts), the
 * initrd at RAM + min(128 MiB, half the memory), the tree behind it on a 2 MiB boundary; for an ELF file the tree is at
 * the start of RAM when that is free.
 */
import { ConfigError } from "../errors.js";
import { formatSize, hex } from "../format.js";
import type { KernelAddress, LoadedKernel } from "./kernel.js";

const MIB = 2 ** 20;

/** The boot protocol's limit, and its reason: the kernel maps the tree with one or two 2 MiB blocks. */
export const MAX_DTB_SIZE = 2 * MIB;

const INITRD_ALIGNMENT = 0x1000;
/** An Image has to be on 2 MiB, and its loader may run it where it is. */
const MODULE_ALIGNMENTS = [2 * MIB] as const;
const DTB_ALIGNMENTS = [2 * MIB, 0x1000] as const;

export interface RamRange {
  readonly base: number;
  readonly size: number;
}

export interface Placement {
  /** Physical addresses of the kernel's segments, in their order. */
  readonly segments: readonly number[];
  readonly entry: number;
  /** Of the boot modules, in their order. */
  readonly modules: readonly number[];
  readonly initrd?: number;
  readonly dtb: number;
}

/** A boot module as the placement sees it. */
export interface PlacedModule {
  readonly name: string;
  readonly size: number;
  /** Where it has to be; without it where there is room. */
  readonly address?: number | undefined;
}

interface Block {
  readonly what: string;
  readonly start: number;
  readonly end: number;
}

/**
 * @param dtbSize bytes, at most MAX_DTB_SIZE.
 * @throws ConfigError NO_ROOM with what does not fit, where, and how much memory would do.
 */
export function placeBoot(
  ram: RamRange,
  kernel: LoadedKernel,
  initrdSize: number | undefined,
  dtbSize: number,
  modules: readonly PlacedModule[] = [],
): Placement {
  const resolve = ({ base, offset }: KernelAddress) => (base === "ram" ? ram.base + offset : offset);
  const taken: Block[] = kernel.segments.map(({ address, memorySize }) => {
    const start = resolve(address);
    return { what: "the kernel", start, end: start + memorySize };
  });
  for (const block of taken) {
    checkWithin(ram, block, kernel);
  }
  takeModules(ram, taken, modules);

  const findRoom = (from: number, size: number, alignments: readonly number[], what: string): number => {
    const start = firstFree(ram, taken, from, size, alignments);
    if (start === undefined) {
      const used = `beside the kernel (${taken.length > 0 ? formatSize(total(taken)) : "nothing"})`;
      throw new ConfigError(
        "NO_ROOM",
        `${what} (${formatSize(size)}) does not fit ${used} in ${formatSize(ram.size)} of memory; give more with --memory`,
      );
    }
    taken.push({ what, start, end: start + size });
    return start;
  };

  const preferred = ram.base + Math.min(128 * MIB, Math.floor(ram.size / 2));
  const initrd =
    initrdSize === undefined ? undefined : findRoom(preferred, initrdSize, [INITRD_ALIGNMENT], "the initrd");
  const placedModules = modules.map(
    ({ name, size, address }) => address ?? findRoom(preferred, size, MODULE_ALIGNMENTS, name),
  );
  const dtbFrom = kernel.kind === "elf" ? ram.base : (initrd ?? preferred);
  const dtb = findRoom(dtbFrom, dtbSize, DTB_ALIGNMENTS, "the device tree");
  return {
    segments: kernel.segments.map(({ address }) => resolve(address)),
    entry: resolve(kernel.entry),
    modules: placedModules,
    ...(initrd === undefined ? {} : { initrd }),
    dtb,
  };
}

/**
 * Places for modules that come beside firmware: nothing but the tree at the start of RAM is in their way.
 * @throws ConfigError NO_ROOM.
 */
export function placeModules(ram: RamRange, dtbSize: number, modules: readonly PlacedModule[]): number[] {
  const taken: Block[] = [{ what: "the device tree", start: ram.base, end: ram.base + dtbSize }];
  takeModules(ram, taken, modules);
  return modules.map(({ name, size, address }) => {
    const from = ram.base + Math.min(128 * MIB, Math.floor(ram.size / 2));
    const start = address ?? firstFree(ram, taken, from, size, MODULE_ALIGNMENTS);
    if (start === undefined) {
      throw new ConfigError(
        "NO_ROOM",
        `${name} (${formatSize(size)}) does not fit in ${formatSize(ram.size)} of memory`,
      );
    }
    taken.push({ what: name, start, end: start + size });
    return start;
  });
}

/** Modules whose place is given: they go first, and whoever gave the places made no room for each other. */
function takeModules(ram: RamRange, taken: Block[], modules: readonly PlacedModule[]): void {
  for (const { name, size, address } of modules) {
    if (address === undefined) continue;
    const end = address + size;
    if (address < ram.base || end > ram.base + ram.size) {
      throw new ConfigError(
        "NO_ROOM",
        `${name}: a module at ${hex(address)} to ${hex(end - 1)} is not within RAM ` +
          `(${hex(ram.base)} to ${hex(ram.base + ram.size - 1)})`,
      );
    }
    const other = taken.find((block) => address < block.end && block.start < end);
    if (other) {
      throw new ConfigError(
        "NO_ROOM",
        `${name}: a module at ${hex(address)} to ${hex(end - 1)} is in the way of ${other.what} ` +
          `(${hex(other.start)} to ${hex(other.end - 1)}); leave addr= out to have a place found`,
      );
    }
    taken.push({ what: name, start: address, end });
  }
}

function checkWithin(ram: RamRange, { start, end }: Block, kernel: LoadedKernel): void {
  const ramEnd = ram.base + ram.size;
  if (start >= ram.base && end <= ramEnd) {
    return;
  }
  const where = `${hex(start)} to ${hex(end - 1)}`;
  const memory = `RAM (${hex(ram.base)} to ${hex(ramEnd - 1)}, ${formatSize(ram.size)})`;
  const needed = Math.ceil((end - ram.base) / (32 * MIB)) * 32 + 32;
  // An address far off is a question of linking, one just past the end a question of memory.
  const hint =
    start < ram.base || needed > 64 * 1024
      ? "link it for this machine's memory map"
      : `give it more: --memory ${needed}M`;
  throw new ConfigError("NO_ROOM", `${kernel.name}: the kernel needs ${where}, which is not within ${memory}; ${hint}`);
}

/** The lowest free place at or after `from`, else the lowest at all; strictest alignment first. */
function firstFree(
  ram: RamRange,
  taken: readonly Block[],
  from: number,
  size: number,
  alignments: readonly number[],
): number | undefined {
  for (const alignment of alignments) {
    for (const lowest of [from, ram.base]) {
      const candidates = [lowest, ...taken.map(({ end }) => end).filter((end) => end >= lowest)]
        .map((address) => Math.ceil(address / alignment) * alignment)
        .sort((a, b) => a - b);
      const free = candidates.find(
        (start) =>
          start + size <= ram.base + ram.size &&
          taken.every((block) => start >= block.end || start + size <= block.start),
      );
      if (free !== undefined) {
        return free;
      }
    }
  }
  return undefined;
}

function total(blocks: readonly Block[]): number {
  return blocks.reduce((sum, { start, end }) => sum + end - start, 0);
}
