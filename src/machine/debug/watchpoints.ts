/**
 * Watchpoints by virtual or physical address: rows of the engine's table of watched ranges, which the guest's own share
 * (mmu/watch.ts). Accesses to pages that hold a watched byte go the slow way, and those to a watched byte stop before
 * they happen.
 */
import type { Engine } from "../../engine/engine.js";
import { AREA, CPU, GLOBAL, MAX_WATCHES, PAGE_BITS, WATCH, WATCH_OWNER, WATCH_PHYSICAL } from "../../engine/layout.js";
import type { Point, WatchKind } from "../../gdb/target.js";
import { ACCESS } from "../../mmu/walk.js";

/** What an access found: the point, and the first watched byte that it would touch. */
export interface WatchHit {
  readonly kind: WatchKind;
  readonly address: bigint;
  /** Of an access that no instruction makes: whose it was. */
  readonly text?: string;
}

export type WatchPoint = Point & { readonly kind: WatchKind };

/** A row of the table. Whoever keeps some gives all of them at each change. */
export interface WatchRow {
  /** The last inclusive. */
  readonly first: bigint;
  readonly last: bigint;
  /** They are physical addresses; virtual ones otherwise. */
  readonly physical?: boolean;
  readonly reads: boolean;
  readonly writes: boolean;
  /** Index of the vCPU; all of them without. */
  readonly vcpu?: number;
  /** The owner's own number; for the debugger, of the program that is asked before it stops, 0 for none. */
  readonly program?: number;
}

const MASK_PAGES = 64n;
/** Of a row that came or went: emptying the TLBs is less work than going through more. */
const MOST_PAGES = 16n;
/** Addresses without the top byte, which may be a tag (DDI 0487, D8.9 "Address tagging"). */
const untagged = (address: bigint): bigint => BigInt.asUintN(56, address);

/** The engine's table: the debugger's rows first, the guest's behind them. */
export class WatchTable {
  private readonly rows: Record<keyof typeof WATCH_OWNER, readonly WatchRow[]> = { debugger: [], guest: [] };

  constructor(private readonly engine: Engine) {}

  /** Whether the table has room for `more` rows. */
  hasRoom(more: number): boolean {
    return this.rows.debugger.length + this.rows.guest.length + more <= MAX_WATCHES;
  }

  /** Replaces the rows of an owner. */
  set(owner: keyof typeof WATCH_OWNER, rows: readonly WatchRow[]): void {
    const before = this.rows[owner];
    if (rows.length === 0 && before.length === 0) return;
    this.rows[owner] = rows;
    this.write();
    this.forget([...without(before, rows), ...without(rows, before)]);
  }

  private write(): void {
    const { view, cpuBases } = this.engine;
    let mask = 0n;
    let physical = 0;
    let at: number = AREA.watches;
    for (const [name, own] of Object.entries(this.rows) as [keyof typeof WATCH_OWNER, readonly WatchRow[]][]) {
      for (const row of own) {
        view.setBigUint64(at + WATCH.first, untagged(row.first), true);
        view.setBigUint64(at + WATCH.last, untagged(row.last), true);
        const access = (row.reads ? 1 << ACCESS.read : 0) | (row.writes ? 1 << ACCESS.write : 0);
        view.setInt32(at + WATCH.access, access | (row.physical ? WATCH_PHYSICAL : 0), true);
        view.setInt32(at + WATCH.owner, WATCH_OWNER[name], true);
        view.setInt32(at + WATCH.cpu, row.vcpu === undefined ? 0 : row.vcpu + 1, true);
        view.setInt32(at + WATCH.program, row.program ?? 0, true);
        if (row.physical) physical++;
        else mask |= pagesOf(row);
        at += WATCH.size;
      }
    }
    const count = (at - AREA.watches) / WATCH.size;
    view.setInt32(GLOBAL.watchCount, count, true);
    view.setInt32(GLOBAL.physicalWatches, physical, true);
    view.setBigUint64(GLOBAL.watchedPages, mask, true);
    for (const base of cpuBases) view.setInt32(base + CPU.watch, count, true);
  }

  /**
   * TLB entries have what is watched in their pages: those of rows that came or went are filled anew. A kernel that
   * debugs its processes changes its rows at every switch between them, and everything else in the TLBs stays.
   */
  private forget(rows: readonly WatchRow[]): void {
    const { cpuBases, exports } = this.engine;
    const pages = new Set<bigint>();
    for (const row of rows) {
      const { first, last } = pageNumbers(row);
      if (row.physical || last < first || last - first >= MOST_PAGES) {
        for (const base of cpuBases) exports.flushCpu(base);
        return;
      }
      for (let page = first; page <= last; page++) pages.add(page);
    }
    for (const base of cpuBases) for (const page of pages) exports.forgetPage(base, page << BigInt(PAGE_BITS));
  }
}

/** Rows that have no like among the others, as far as TLB entries know of them. */
function without(rows: readonly WatchRow[], others: readonly WatchRow[]): WatchRow[] {
  const like = (a: WatchRow, b: WatchRow): boolean =>
    a.first === b.first &&
    a.last === b.last &&
    a.physical === b.physical &&
    a.reads === b.reads &&
    a.writes === b.writes;
  return rows.filter((row) => !others.some((other) => like(row, other)));
}

/** A watchpoint as it was inserted. */
export interface Watch {
  readonly point: WatchPoint;
  /** Asked before it stops, if it is not 0. */
  readonly program: number;
  readonly physical: boolean;
}

export class Watchpoints {
  private points: readonly Watch[] = [];

  constructor(private readonly table: WatchTable) {}

  /** False when the table is full. */
  insert(watch: Watch): boolean {
    if (!this.table.hasRoom(1)) return false;
    this.change([...this.points, watch]);
    return true;
  }

  /** Removes the very object that was inserted. */
  remove(point: WatchPoint): void {
    this.change(this.points.filter((other) => other.point !== point));
  }

  /** They ask something else now: each one's program by `programOf`. */
  reprogram(programOf: (point: WatchPoint) => number): void {
    if (this.points.length === 0) return;
    this.change(this.points.map((watch) => ({ ...watch, program: programOf(watch.point) })));
  }

  /**
   * What an access at an address, in the row's own space, found in a row of the table. The address is the watchpoint's
   * or one behind it, without the access's tag: GDB ignores a stop at an address that it does not know.
   */
  hit(row: number, at: bigint): WatchHit {
    const { kind, address } = (this.points[row] as Watch).point;
    const behind = untagged(at) - untagged(address);
    return { kind, address: behind > 0n ? BigInt.asUintN(64, address + behind) : address };
  }

  /** Those that watch such accesses. */
  watching(isWrite: boolean): readonly Watch[] {
    return this.points.filter(({ point }) => point.kind !== (isWrite ? "read" : "write"));
  }

  private change(points: Watchpoints["points"]): void {
    this.points = points;
    const rows = points.map(({ point, program, physical }) => ({ ...rowOf(point), program, physical }));
    this.table.set("debugger", rows);
  }
}

function rowOf({ kind, address, length }: WatchPoint): WatchRow {
  return { first: address, last: address + BigInt(length) - 1n, reads: kind !== "write", writes: kind !== "read" };
}

/** Numbers of the first page that the row lies in and of the last, which is below it for a row around the end. */
function pageNumbers(row: WatchRow): { first: bigint; last: bigint } {
  return { first: untagged(row.first) >> BigInt(PAGE_BITS), last: untagged(row.last) >> BigInt(PAGE_BITS) };
}

/** One bit for each page that the row lies in, by page number modulo 64. */
function pagesOf(row: WatchRow): bigint {
  const { first, last } = pageNumbers(row);
  if (last - first >= MASK_PAGES || last < first) return (1n << MASK_PAGES) - 1n;
  let mask = 0n;
  for (let page = first; page <= last; page++) mask |= 1n << (page % MASK_PAGES);
  return mask;
}
