/**
 * Memory as ranges: what a virtual address is part of, by the tables of the current regime (DDI 0487, D8.2), and the
 * physical memory map (ARCHITECTURE.md, section 5).
 */

import type { Vcpu } from "../../cpu/vcpu.js";
import type { MemoryRegion, VirtualRange } from "../../gdb/target.js";
import type { Machine } from "../machine.js";
import { currentRegime } from "./memory.js";
import { coverOf, describeLeaf1, type Regime, stage1Applies, stage1Of, Tables, walkAll } from "./tables.js";

const SPACE = 1n << 64n;
/** Leaves that are joined to one range before it is good enough. */
const MOST_LEAVES = 512;
/** Flash is erased in blocks of this size (Intel StrataFlash as QEMU's `virt` has it). */
const FLASH_BLOCK = 0x4_0000;

/** The range around a virtual address that is mapped alike, or the hole there. */
export function rangeAt(machine: Machine, vcpu: Vcpu, address: bigint): VirtualRange {
  const regime = currentRegime(vcpu);
  if (!stage1Applies(vcpu, regime)) return flatRange(machine, address);
  const tables = new Tables(machine, vcpu);
  const first = leafAt(tables, regime, address);
  let { start, size } = first;
  for (let joined = 1; joined < MOST_LEAVES && first.permissions !== undefined; joined++) {
    const end = start + size;
    if (end >= SPACE) break;
    const next = leafAt(tables, regime, end);
    if (next.start !== end || next.permissions !== first.permissions) break;
    size += next.size;
  }
  return { ...first, start, size };
}

/** What one leaf of each stage covers, or the invalid descriptor that ended the walk would have. */
function leafAt(tables: Tables, regime: Regime, address: bigint): VirtualRange {
  const { vcpu } = tables;
  const range = stage1Of(vcpu, regime, address);
  if (typeof range === "string") return outside(vcpu, regime, address);
  const { stage1, stage2, failure } = walkAll(tables, regime, address);
  if (stage1 === undefined) return outside(vcpu, regime, address);
  const size = 1n << BigInt(Math.min(coverOf(stage1), stage2 === undefined ? 64 : coverOf(stage2)));
  const start = address - (range.va & (size - 1n));
  if (failure !== undefined) return { start, size };
  const words = describeLeaf1(vcpu, regime, stage1.translation.leaf, stage1.translation.tables);
  const mode = new RegExp(`EL${vcpu.el} ([r-])([w-])([x-])`).exec(words)?.[0].slice(4) ?? "";
  return { start, size, permissions: mode.replaceAll("-", "") };
}

/** Between the ranges of the two table bases, or beyond the one that there is. */
function outside(vcpu: Vcpu, regime: Regime, address: bigint): VirtualRange {
  const two = regime === "el1" || regime === "el20";
  const low = stage1Of(vcpu, regime, 0n);
  const high = two ? stage1Of(vcpu, regime, SPACE - 1n) : "none";
  const start = typeof low === "string" ? 0n : 1n << BigInt(low.stage.inputBits);
  const end = typeof high === "string" ? SPACE : SPACE - (1n << BigInt(high.stage.inputBits));
  // An address within a range that has no tables (EPD) ends up here too.
  if (address < start) return { start: 0n, size: start };
  return address < end ? { start, size: end - start } : { start: end, size: SPACE - end };
}

/** Without translation: physical memory, devices, and nothing between them. */
function flatRange(machine: Machine, address: bigint): VirtualRange {
  const regions = physicalRegions(machine);
  const inside = regions.find(({ start, length }) => start <= address && address < start + length);
  if (inside !== undefined) {
    const { start, length, kind, name } = inside;
    return { start, size: length, permissions: kind === "device" ? "rw" : "rwx", name };
  }
  const start = regions.reduce((most, region) => {
    const end = region.start + region.length;
    return end <= address && end > most ? end : most;
  }, 0n);
  const end = regions.reduce((least, region) => {
    return region.start > address && region.start < least ? region.start : least;
  }, SPACE);
  return { start, size: end - start };
}

export interface PhysicalRegion {
  readonly name: string;
  readonly kind: "ram" | "flash" | "device";
  readonly start: bigint;
  readonly length: bigint;
}

/** Memory and devices, by ascending address. A flash bank is memory whose writes are a device's: it is there once. */
export function physicalRegions({ engine, platform }: Machine): PhysicalRegion[] {
  const regions: PhysicalRegion[] = [
    ...engine.regions.map(({ name, base, size, readOnly }) => ({
      name,
      kind: readOnly ? ("flash" as const) : ("ram" as const),
      start: base,
      length: BigInt(size),
    })),
    ...platform.bus.windows.map(({ name, base, size }) => ({
      name,
      kind: "device" as const,
      start: BigInt(base),
      length: BigInt(size),
    })),
  ];
  const memory = new Set(regions.filter(({ kind }) => kind !== "device").map(({ start }) => start));
  return regions
    .filter(({ kind, start }) => kind !== "device" || !memory.has(start))
    .sort((a, b) => (a.start < b.start ? -1 : 1));
}

/**
 * For `qXfer:memory-map`. GDB takes what is in no region for unreadable, and knows nothing of translation: so every
 * address is in one, devices and virtual addresses as RAM. Between RAM and RAM it is one, because GDB tells no device
 * from another and reads the map whenever it attaches. Flash is called that where a debugger that connects sees it at its
 * physical address: in a machine that starts from flash and has no MMU on yet.
 */
export function memoryMap(machine: Machine): MemoryRegion[] {
  const fromFlash = (machine.config.flash?.length ?? 0) > 0;
  const flat = machine.cores.every(({ vcpu }) => !stage1Applies(vcpu, currentRegime(vcpu)));
  const regions: MemoryRegion[] = [];
  let at = 0n;
  const fill = (end: bigint): void => {
    if (end > at) regions.push({ kind: "ram", start: at, length: end - at });
    if (end > at) at = end;
  };
  for (const { kind, start, length } of physicalRegions(machine)) {
    const isFlash = kind === "flash" && fromFlash && flat;
    if (start < at || !(isFlash || kind === "ram")) continue;
    fill(start);
    if (isFlash) regions.push({ kind: "flash", start, length, blockSize: FLASH_BLOCK });
    else fill(start + length);
    at = start + length;
  }
  fill(SPACE);
  return regions;
}
