/**
 * The compiled regions that a machine has: functions in the interpreter's table, pointed at by the slots at which they
 * are entered, until a page that they have code of is written.
 */
import { decodeIn } from "../../isa/decode.js";
import type { Engine } from "../engine.js";
import { FIRST_INSTRUCTION_HANDLER, HANDLER_BREAKPOINT, HANDLER_UNDEFINED } from "../interpreter/code-pages.js";
import {
  AREA,
  BANK,
  CODE_PAGE,
  FETCH_ENTRIES,
  FETCH_ENTRY,
  GLOBAL,
  PAGE_BITS,
  PAGE_FLAG,
  PAGE_SIZE,
  REGION_MISSES,
  SHADOW,
} from "../layout.js";
import type { KeptRegion } from "./kept-file.js";

/** A slot's handler index has 16 bits. */
const TABLE_LIMIT = 0xf000;
/** Bytes of modules before all of them are dropped. */
const CODE_LIMIT = 96 << 20;

/** A region on its way into the machine: addresses of its slots by entry number, and of its predecode pages. */
export interface Placed {
  readonly slots: readonly number[];
  readonly pages: readonly number[];
  readonly instructions: number;
  /** Under which an earlier or later run finds it. */
  readonly kept?: KeptRegion | undefined;
  /** What it has of shadows, by their addresses: first and last slot of each run. */
  readonly runs?: readonly { readonly page: number; readonly first: number; readonly last: number }[];
}

interface Installed extends Placed {
  readonly index: number;
}

export class InstalledRegions {
  private readonly firstIndex: number;
  private nextIndex: number;
  /** By the predecode pages that they have code of. */
  private readonly byPage = new Map<number, Set<Installed>>();
  /** By index, less the first one's; also those that are not there any more. */
  private all: Installed[] = [];
  private liveBytes = 0;
  private nextShadowHash = 2n;
  private readonly decodeTree: { readonly root: number; readonly words: Int32Array };

  constructor(
    private readonly engine: Engine,
    private readonly table: WebAssembly.Table,
    private readonly host: Readonly<Record<string, unknown>>,
  ) {
    this.firstIndex = engine.view.getInt32(GLOBAL.firstRegion, true);
    this.nextIndex = this.firstIndex;
    const words = new Int32Array(engine.view.buffer, AREA.decodeTree, (AREA.crcTables - AREA.decodeTree) / 4);
    this.decodeTree = { root: engine.view.getInt32(GLOBAL.decodeRoot, true), words };
  }

  /** There is no room for `count` more: all must go first. */
  isFull(count: number): boolean {
    return this.nextIndex + count > TABLE_LIMIT || this.liveBytes > CODE_LIMIT;
  }

  /** The exports of a module of regions. Regions do not import the table: V8 would write all of it to each of them. */
  instantiate(module: WebAssembly.Module, runtime: readonly string[], bytes: number): Record<string, unknown> {
    const { exports } = this.engine as unknown as { exports: Record<string, unknown> };
    this.liveBytes += bytes;
    return new WebAssembly.Instance(module, {
      env: { memory: this.engine.memory },
      rt: Object.fromEntries(runtime.map((name) => [name, exports[`rt.${name}`]])) as WebAssembly.ModuleImports,
      host: this.host as WebAssembly.ModuleImports,
    }).exports;
  }

  /** Slots at which another region begins are the new one's from now on. */
  add(region: unknown, { slots, pages, instructions, kept, runs = [] }: Placed): void {
    const { view } = this.engine;
    const index = this.nextIndex++;
    if (index >= this.table.length) this.table.grow(index + 64 - this.table.length);
    this.table.set(index, region);
    slots.forEach((slot, number) => {
      view.setUint16(slot, index, true);
      view.setUint16(slot + 2, number, true);
      // Whoever looks at a slot with a handler finds the instruction there, also if nobody has executed it yet.
      const page = this.pageOf(slot);
      const word = view.getUint32(view.getUint32(page + CODE_PAGE.host, true) + (slot - page) / 2, true);
      view.setUint32(slot + 4, word, true);
    });
    view.setUint16(AREA.regionMisses + (index & (REGION_MISSES - 1)) * 2, 0, true);
    const installed = { index, slots, pages, instructions, kept, runs: runs.filter(({ page }) => this.isShadow(page)) };
    this.all.push(installed);
    for (const page of pages) {
      const there = this.byPage.get(page);
      if (there) there.add(installed);
      else this.byPage.set(page, new Set([installed]));
    }
  }

  /** A predecode page is dropped, and with it the regions that have code of it. Returns the slots of these. */
  dropPage(page: number): number[] {
    return this.drop([...(this.byPage.get(page) ?? [])]);
  }

  /** Drops the regions that have one of these instructions of a shadow. Returns the slots at which they began. */
  dropInstructions(page: number, slots: readonly number[]): number[] {
    const has = ({ runs = [] }: Installed): boolean =>
      runs.some((run) => run.page === page && slots.some((slot) => run.first <= slot && slot <= run.last));
    return this.drop([...(this.byPage.get(page) ?? [])].filter(has));
  }

  /** Drops the region that begins at a slot, if there is one, and returns it. */
  dropAt(slot: number): Placed | undefined {
    const region = this.regionAt(slot);
    if (region) this.drop([region]);
    return region;
  }

  private drop(regions: readonly Installed[]): number[] {
    const { view } = this.engine;
    for (const { index, slots } of regions) {
      for (const slot of slots) if (view.getUint16(slot, true) === index) view.setUint32(slot, 0, true);
      this.table.set(index, null);
    }
    for (const region of regions) {
      for (const page of region.pages) {
        const there = this.byPage.get(page);
        there?.delete(region);
        if (there?.size === 0) this.byPage.delete(page);
      }
    }
    return regions.flatMap(({ slots }) => slots);
  }

  /** All predecode pages were dropped. */
  reset(): void {
    this.byPage.clear();
    this.all = [];
    for (let i = this.firstIndex; i < Math.min(this.nextIndex, this.table.length); i++) this.table.set(i, null);
    this.nextIndex = this.firstIndex;
    this.liveBytes = 0;
  }

  /** Whether a slot is still interpreted, and has been. */
  isInterpreted(slot: number): boolean {
    const handler = this.engine.view.getUint16(slot, true);
    return this.isFree(slot) && (handler >= FIRST_INSTRUCTION_HANDLER || handler === HANDLER_BREAKPOINT);
  }

  /**
   * What became hot at slots came to nothing, and may again: they are noted when they reach that number, not behind it.
   */
  cool(slots: readonly number[]): void {
    for (const slot of slots) if (this.isInterpreted(slot)) this.engine.view.setUint16(slot + 2, 0, true);
  }

  /** Slots of regions that are gone are interpreted as if they had been all along, and branched to so often. */
  warmUp(slots: readonly number[], heat: number): void {
    const { view } = this.engine;
    for (const slot of slots) {
      // Where a region begins there may be a breakpoint as well.
      if (view.getUint32(slot, true) !== 0 || this.isShadow(this.pageOf(slot))) continue;
      view.setUint16(slot, this.handlerOf(view.getInt32(slot + 4, true)), true);
      view.setUint16(slot + 2, heat, true);
    }
  }

  /** The interpreter's handler of an instruction. */
  handlerOf(word: number): number {
    return decodeIn(this.decodeTree, AREA.decodeTree, word) ?? HANDLER_UNDEFINED;
  }

  /** Whether no region begins at a slot. */
  isFree(slot: number): boolean {
    return this.engine.view.getUint16(slot, true) < this.firstIndex;
  }

  /** Instructions of the region that begins at a slot, or 0. */
  sizeAt(slot: number): number {
    return this.regionAt(slot)?.instructions ?? 0;
  }

  private regionAt(slot: number): Installed | undefined {
    return this.all[this.engine.view.getUint16(slot, true) - this.firstIndex];
  }

  /** The predecode page that a slot is of. */
  pageOf(slot: number): number {
    const start = this.engine.view.getUint32(GLOBAL.codeStart, true);
    return start + Math.floor((slot - start) / CODE_PAGE.size) * CODE_PAGE.size;
  }

  /**
   * The predecode page of a virtual page so many pages behind another one, if the fetch TLB of a bank knows it and
   * regions may have code of it.
   */
  pageAt(from: bigint, distance: number, bank: number): number | undefined {
    const { view } = this.engine;
    const page = BigInt.asUintN(64, from + BigInt(distance * PAGE_SIZE));
    const index = Number((page >> BigInt(PAGE_BITS)) & BigInt(FETCH_ENTRIES - 1));
    const entry = bank + BANK.fetch + index * FETCH_ENTRY.size;
    if (view.getBigUint64(entry + FETCH_ENTRY.tag, true) !== page) return undefined;
    const address = view.getUint32(entry + FETCH_ENTRY.codePage, true);
    return this.isUsable(address) ? address : undefined;
  }

  isShadow(page: number): boolean {
    return this.engine.view.getUint32(page + CODE_PAGE.isShadow, true) !== SHADOW.no;
  }

  /** Whether an instruction of a shadow is a breakpoint. */
  isBreakpoint(page: number, slot: number): boolean {
    return (((this.engine.bytes[page + CODE_PAGE.points + (slot >>> 3)] ?? 0) >>> (slot & 7)) & 1) !== 0;
  }

  /** A page whose writes are heard of, and not one in which every instruction is a breakpoint. */
  isUsable(page: number): boolean {
    const { view, bytes } = this.engine;
    const flags = bytes[AREA.pageFlags + (view.getUint32(page + CODE_PAGE.host, true) >>> PAGE_BITS)] ?? 0;
    return view.getUint32(page + CODE_PAGE.isShadow, true) !== SHADOW.all && (flags & PAGE_FLAG.hasCode) !== 0;
  }

  /**
   * CODE_PAGE.hash of a page; a write to it drops its regions from now on. Code of a shadow is good for that one alone,
   * and so is what goes by the name of its hash: even, as no `hashPage` is.
   */
  hashOf(page: number): bigint {
    const { view, exports } = this.engine;
    const known = view.getBigUint64(page + CODE_PAGE.hash, true);
    if (known !== 0n) return known;
    const host = view.getUint32(page + CODE_PAGE.host, true);
    const hash = this.isShadow(page) ? this.nextShadowHash : BigInt.asUintN(64, exports.hashPage(host | 0));
    if (this.isShadow(page)) this.nextShadowHash += 2n;
    // Writes are noted in the page that shadows are behind.
    const shared = view.getUint32(AREA.codePages + (host >>> PAGE_BITS) * 4, true);
    view.setUint32(shared + CODE_PAGE.hasRegions, 1, true);
    view.setBigUint64(page + CODE_PAGE.hash, hash, true);
    return hash;
  }
}
