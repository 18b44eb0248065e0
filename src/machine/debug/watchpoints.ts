/**
 * Watchpoints by virtual address: accesses to pages that may hold a watched byte go the slow way (mmu/access.ts) and
 * ask here before they happen. The mask of page numbers may name too many pages, never too few.
 */
import type { Engine } from "../../engine/engine.js";
import { CPU, GLOBAL, PAGE_BITS } from "../../engine/layout.js";
import type { Point, WatchKind } from "../../gdb/target.js";
import { ACCESS } from "../../mmu/walk.js";

/** What an access found: the point, and the first watched byte that it would touch. */
export interface WatchHit {
  readonly kind: WatchKind;
  readonly address: bigint;
}

export type WatchPoint = Point & { readonly kind: WatchKind };

const KINDS_BY_ACCESS: Readonly<Record<number, readonly WatchKind[]>> = {
  [ACCESS.read]: ["read", "access"],
  [ACCESS.write]: ["write", "access"],
};

const MASK_PAGES = 64n;
/** Addresses without the top byte, which may be a tag (DDI 0487, D8.9 "Address tagging"). */
const untagged = (address: bigint): bigint => BigInt.asUintN(56, address);

export class Watchpoints {
  private points: WatchPoint[] = [];

  constructor(private readonly engine: Engine) {}

  insert(point: WatchPoint): void {
    this.points.push(point);
    this.changed();
  }

  /** Removes the very object that was inserted. */
  remove(point: WatchPoint): void {
    this.points = this.points.filter((other) => other !== point);
    this.changed();
  }

  /**
   * The engine asks before an access of `size` bytes: the watchpoint it is to stop at. An access that faults is not
   * one: the fault comes first (DDI 0487, D1.3.5.4 "Prioritization of Synchronous exceptions").
   */
  check(cpu: number, va: bigint, size: number, access: number): WatchHit | undefined {
    const kinds = KINDS_BY_ACCESS[access] ?? [];
    const first = untagged(va);
    const end = first + BigInt(size);
    for (const { kind, address, length } of this.points) {
      const start = untagged(address);
      if (!kinds.includes(kind) || start >= end || start + BigInt(length) <= first) continue;
      if (this.faults(cpu, va, access)) return undefined;
      return { kind, address: start > first ? address : BigInt.asUintN(64, va) };
    }
    return undefined;
  }

  private faults(cpu: number, va: bigint, access: number): boolean {
    const { exports, view } = this.engine;
    const misses = view.getBigUint64(cpu + CPU.statTlbMiss, true);
    const fault = exports.walk(cpu, view.getInt32(cpu + CPU.context, true), va, access);
    view.setBigUint64(cpu + CPU.statTlbMiss, misses, true);
    return fault !== 0;
  }

  private changed(): void {
    const { view, cpuBases, exports } = this.engine;
    const mask = this.points.reduce((sum, point) => sum | pagesOf(point), 0n);
    view.setBigUint64(GLOBAL.watchedPages, mask, true);
    for (const base of cpuBases) {
      view.setInt32(base + CPU.watch, this.points.length, true);
      exports.flushCpu(base);
    }
  }
}

/** One bit for each page that the point lies in, by page number modulo 64. */
function pagesOf({ address, length }: WatchPoint): bigint {
  const first = untagged(address) >> BigInt(PAGE_BITS);
  const last = (untagged(address) + BigInt(length) - 1n) >> BigInt(PAGE_BITS);
  if (last - first >= MASK_PAGES) return (1n << MASK_PAGES) - 1n;
  let mask = 0n;
  for (let page = first; page <= last; page++) mask |= 1n << (page % MASK_PAGES);
  return mask;
}
