/**
 * Where kernel, initrd and device tree go in RAM: Documentation/arch/arm64/booting.rst, sections 2 and 4. The layout
 * follows QEMU's, so that addresses in people's scripts stay true: an Image at RAM + 2 MiB + text_offset, the initrd
 * at RAM + min(128 MiB, half the memory), the tree behind it on a 2 MiB boundary; for an ELF file the tree is at the
 * start of RAM when that is free.
 */
import { ConfigError } from "../errors.js";
import { formatSize, hex } from "../format.js";
import type { KernelAddress, LoadedKernel } from "./kernel.js";

const MIB = 2 ** 20;

/** The boot protocol's limit, and its reason: the kernel maps the tree with one or two 2 MiB blocks. */
export const MAX_DTB_SIZE = 2 * MIB;

const INITRD_ALIGNMENT = 0x1000;
const DTB_ALIGNMENTS = [2 * MIB, 0x1000] as const;

export interface RamRange {
  readonly base: number;
  readonly size: number;
}

export interface Placement {
  /** Physical addresses of the kernel's segments, in their order. */
  readonly segments: readonly number[];
  readonly entry: number;
  readonly initrd?: number;
  readonly dtb: number;
}

interface Block {
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
): Placement {
  const resolve = ({ base, offset }: KernelAddress) => (base === "ram" ? ram.base + offset : offset);
  const taken: Block[] = kernel.segments.map(({ address, memorySize }) => {
    const start = resolve(address);
    return { start, end: start + memorySize };
  });
  for (const block of taken) {
    checkWithin(ram, block, kernel);
  }

  const findRoom = (from: number, size: number, alignments: readonly number[], what: string): number => {
    const start = firstFree(ram, taken, from, size, alignments);
    if (start === undefined) {
      const used = `beside the kernel (${taken.length > 0 ? formatSize(total(taken)) : "nothing"})`;
      throw new ConfigError(
        "NO_ROOM",
        `${what} (${formatSize(size)}) does not fit ${used} in ${formatSize(ram.size)} of memory; give more with --memory`,
      );
    }
    taken.push({ start, end: start + size });
    return start;
  };

  const preferred = ram.base + Math.min(128 * MIB, Math.floor(ram.size / 2));
  const initrd =
    initrdSize === undefined ? undefined : findRoom(preferred, initrdSize, [INITRD_ALIGNMENT], "the initrd");
  const dtbFrom = kernel.kind === "elf" ? ram.base : (initrd ?? preferred);
  const dtb = findRoom(dtbFrom, dtbSize, DTB_ALIGNMENTS, "the device tree");
  return {
    segments: kernel.segments.map(({ address }) => resolve(address)),
    entry: resolve(kernel.entry),
    ...(initrd === undefined ? {} : { initrd }),
    dtb,
  };
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
