/**
 * Memory as ranges: what a virtual address is part of, by the tables of the current regime (DDI 0487, D8.2), and the
 * physical memory map.
 */

import type { Vcpu } from "../../cpu/vcpu.js";
import type { MemoryRegion, VirtualRange } from "../../gdb/target.js";
import { PHYSICAL_BITS } from "../../mmu/walk.js";
import type { Machine } from "../machine.js";
import { currentRegime, isEmulated } from "./memory.js";
import {
  coverOf,
  type FullWalk,
  hasTwoRanges,
  type Regime,
  type Rights,
  rights1,
  rights2,
  stage1Applies,
  stage1Of,
  stage2Applies,
  stage2Of,
  Tables,
  walkAll,
} from "./tables.js";

const SPACE = 1n << 64n;
/** Leaves that are joined to one range before it is good enough. */
const MOST_LEAVES = 512;
/** Flash is erased in blocks of this size (Intel StrataFlash as QEMU's `virt` has it). */
const FLASH_BLOCK = 0x4_0000;

/** The range around a virtual address that is mapped alike, or the hole there. */
export function rangeAt(machine: Machine, vcpu: Vcpu, address: bigint): VirtualRange {
  const regime = currentRegime(vcpu);
  // What hosted EL2 shows a guest without an MMU is physical memory as it is.
  const throughStage2 = regime === "el1" && stage2Applies(vcpu) && machine.hosted.hypervisor === undefined;
  if (!stage1Applies(vcpu, regime) && !throughStage2) return flatRange(machine, address);
  const leaves = new Leaves(machine, vcpu, regime);
  const first = leaves.at(address);
  let { start, size } = first;
  for (let joined = 1; joined < MOST_LEAVES && first.permissions !== undefined; joined++) {
    const end = start + size;
    if (end >= SPACE) break;
    const next = leaves.at(end);
    if (next.start !== end || next.permissions !== first.permissions || next.name !== first.name) break;
    size += next.size;
  }
  return { ...first, start, size };
}

function least(...values: readonly bigint[]): bigint {
  let found = SPACE;
  for (const value of values) if (value < found) found = value;
  return found;
}

const ALL: Rights = { read: true, write: true, execute: true };

class Leaves {
  private readonly tables: Tables;
  private readonly regions: readonly PhysicalRegion[];

  constructor(
    private readonly machine: Machine,
    private readonly vcpu: Vcpu,
    private readonly regime: Regime,
  ) {
    this.tables = new Tables(machine, vcpu);
    this.regions = physicalRegions(machine);
  }

  /** What one leaf of each stage covers of one region, or the invalid descriptor that ended the walk would have. */
  at(address: bigint): VirtualRange {
    const { vcpu, regime } = this;
    const range = stage1Applies(vcpu, regime) ? stage1Of(vcpu, regime, address) : { va: address };
    const walked = walkAll(this.tables, regime, address);
    const { stage1, stage2, failure, pa } = walked;
    const isOutside = stage1 === undefined && (failure?.stage === 1 || stage2?.translation.steps.length === 0);
    if (typeof range === "string" || isOutside) return outside(vcpu, regime, address);
    const cover = Math.min(...[stage1, stage2].map((walk) => (walk === undefined ? 64 : coverOf(walk))));
    const size = 1n << BigInt(cover);
    const leaf = { start: address - (range.va & (size - 1n)), size };
    if (failure === undefined && pa !== undefined) {
      return { ...this.within(leaf, address, pa), permissions: this.permissions(walked) };
    }
    // Hosted EL2 leaves devices out of stage 2.
    const ipa = stage2 && failure?.ipa;
    if (ipa === undefined || !isEmulated(this.machine, ipa)) return leaf;
    return { ...this.within(leaf, address, ipa), permissions: this.permissions(walked).replace("x", "") };
  }

  /** The part of a leaf that is in the same physical region as this address of it, or in the same hole between them. */
  private within({ start, size }: VirtualRange, address: bigint, output: bigint): VirtualRange {
    const { name, ...region } = physicalAround(this.regions, output);
    const regionStart = address - (output - region.start);
    const first = regionStart > start ? regionStart : start;
    const end = least(start + size, regionStart + region.size);
    return { start: first, size: end - first, ...(name !== undefined && { name }) };
  }

  /** What the current Exception level may do: both stages have to allow it. */
  private permissions({ stage1, stage2, failure }: FullWalk): string {
    const { vcpu, regime } = this;
    const { own, el0 } = stage1
      ? rights1(vcpu, regime, stage1.translation.leaf, stage1.translation.tables)
      : { own: ALL, el0: ALL };
    const first = vcpu.el === 0 && el0 !== undefined ? el0 : own;
    const second = stage2 && failure === undefined ? rights2(vcpu, stage2.translation.leaf, vcpu.el) : ALL;
    const letters = [
      ["read", "r"],
      ["write", "w"],
      ["execute", "x"],
    ] as const;
    return letters.map(([right, letter]) => (first[right] && second[right] ? letter : "")).join("");
  }
}

/** Between the ranges of the two table bases, or beyond the one that there is. */
function outside(vcpu: Vcpu, regime: Regime, address: bigint): VirtualRange {
  if (!stage1Applies(vcpu, regime)) {
    const inputBits = regime === "el1" && stage2Applies(vcpu) ? stage2Of(vcpu).inputBits : PHYSICAL_BITS;
    const start = 1n << BigInt(Math.min(inputBits, PHYSICAL_BITS));
    return { start, size: SPACE - start };
  }
  const low = stage1Of(vcpu, regime, 0n);
  const high = hasTwoRanges(regime) ? stage1Of(vcpu, regime, SPACE - 1n) : "none";
  const start = typeof low === "string" ? 0n : 1n << BigInt(low.stage.inputBits);
  const end = typeof high === "string" ? SPACE : SPACE - (1n << BigInt(high.stage.inputBits));
  // An address within a range that has no tables (EPD) ends up here too.
  if (address < start) return { start: 0n, size: start };
  return address < end ? { start, size: end - start } : { start: end, size: SPACE - end };
}

/** Without translation: physical memory, devices, and nothing between them. */
function flatRange(machine: Machine, address: bigint): VirtualRange {
  const { kind, ...range } = physicalAround(physicalRegions(machine), address);
  if (kind === undefined) return range;
  return { ...range, permissions: kind === "device" ? "rw" : "rwx" };
}

/** The region that a physical address is in, or the hole between those next to it. */
function physicalAround(
  regions: readonly PhysicalRegion[],
  address: bigint,
): { start: bigint; size: bigint; kind?: PhysicalRegion["kind"]; name?: string } {
  const inside = regions.find(({ start, length }) => start <= address && address < start + length);
  if (inside !== undefined) return { start: inside.start, size: inside.length, kind: inside.kind, name: inside.name };
  const start = regions.reduce((most, region) => {
    const end = region.start + region.length;
    return end <= address && end > most ? end : most;
  }, 0n);
  const end = least(...regions.flatMap((region) => (region.start > address ? [region.start] : [])));
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

/** The map without flash, by machine: RAM stays where it is, and each debugger asks as it attaches. */
const ramMaps = new WeakMap<Machine, readonly MemoryRegion[]>();

/**
 * For `qXfer:memory-map`. GDB takes what is in no region for unreadable, and knows nothing of translation: so every
 * address is in one, devices and virtual addresses as RAM. Between RAM and RAM it is one, because GDB tells no device
 * from another and reads the map whenever it attaches. Flash is called that where a debugger that connects sees it at
 * its physical address: in a machine that starts from flash and has no MMU on yet.
 */
export function memoryMap(machine: Machine): readonly MemoryRegion[] {
  const fromFlash = (machine.config.flash?.length ?? 0) > 0;
  if (fromFlash && machine.cores.every(({ vcpu }) => !stage1Applies(vcpu, currentRegime(vcpu)))) {
    return mapOf(machine, true);
  }
  const map = ramMaps.get(machine) ?? mapOf(machine, false);
  ramMaps.set(machine, map);
  return map;
}

function mapOf(machine: Machine, withFlash: boolean): MemoryRegion[] {
  const regions: MemoryRegion[] = [];
  let at = 0n;
  const fill = (end: bigint): void => {
    if (end > at) regions.push({ kind: "ram", start: at, length: end - at });
    if (end > at) at = end;
  };
  for (const { kind, start, length } of physicalRegions(machine)) {
    const isFlash = kind === "flash" && withFlash;
    if (start < at || !(isFlash || kind === "ram")) continue;
    fill(start);
    if (isFlash) regions.push({ kind: "flash", start, length, blockSize: FLASH_BLOCK });
    else fill(start + length);
    at = start + length;
  }
  fill(SPACE);
  return regions;
}
