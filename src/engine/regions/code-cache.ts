/**
 * Compiled regions kept from one run to the next in a file (kept-file.ts) of one build of trapframe, one V8 and one
 * model of CPU. The same kernel is booted again and again: what was hot in it will be, and is compiled already when a
 * page with the same content is executed again. Regions know their pages by what these hold (CODE_PAGE.hash), so it
 * does not matter where they are.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { countOptimized, moduleWithCode, optimize, serializedCode } from "../optimized-code.js";
import { FileDraft, type Index, KeptFile, type KeptModule, type KeptRegion } from "./kept-file.js";

/** A module in use. */
export interface LiveModule {
  /** Its regions, by number. */
  readonly exports: Readonly<Record<string, unknown>>;
  readonly module: WebAssembly.Module;
  readonly wire: Uint8Array;
  readonly runtime: readonly string[];
  readonly regions: readonly KeptRegion[];
}

type Instantiate = (module: WebAssembly.Module, runtime: readonly string[], bytes: number) => Record<string, unknown>;

/** A region that was kept, and the module that has it. */
export interface Found {
  readonly region: KeptRegion;
  readonly module: number;
}

/** Bytes of modules and code in a file; what was not used in the last runs goes first. */
const FILE_LIMIT = 96 << 20;
/**
 * New modules are always written: a program's hot loop is a small part of what its kernel has, and would be compiled in
 * each run. What was there is written again when V8 has optimised more than this part of its functions since.
 */
const OPTIMIZED_PART = 1 / 40;
/**
 * What V8 has not optimised by the end of a run it does before that is written, so that the second run has as good code
 * as any later one: 0.15 to 0.3 s behind a boot and a program, and no more than this in milliseconds.
 */
const FINISHING_TIME = 1000;
/** Pages with slots at which nothing can begin in a file: those that were asked for last. */
const BARREN_PAGES = 4096;
/** Bytes of modules that a process holds to save them, without V8's code, which is up to twice as long. */
const ADDED_LIMIT = FILE_LIMIT / 3;
const SUFFIX = ".regions";
/** Files in a directory: those written last. */
const FILES = 6;

/** Whether there is a file in a directory, of whatever build. */
export function hasKeptCode(directory: string): boolean {
  try {
    return readdirSync(directory).some((name) => name.endsWith(SUFFIX));
  } catch {
    return false;
  }
}

/**
 * A region's ways in, each with what it was compiled of and for what mode: another that has them all may take its
 * place.
 */
const waysIn = ({ pages, entries, touches, flushes }: KeptRegion): readonly string[] => {
  const source = pages.map(({ distance, hash }) => [distance, hash]);
  return entries.map(({ distance, slot }) => JSON.stringify([source, touches, flushes, distance, slot]));
};

export class CodeCache {
  private readonly kept: readonly KeptModule[];
  private readonly byHash = new Map<string, Found[]>();
  /** Kept modules that are in use; undefined for those that turned out to be damaged. */
  private readonly loaded = new Map<number, LiveModule | undefined>();
  private readonly added: LiveModule[] = [];
  private addedBytes = 0;
  private readonly withdrawn = new Set<KeptRegion>();
  private readonly barren = new Map<string, Set<number>>();
  private barrenAdded = false;

  private constructor(
    private readonly path: string,
    private file: KeptFile | undefined,
  ) {
    const { modules, barren } = file?.index ?? { modules: [], barren: [] };
    this.kept = modules;
    for (const [hash, slots] of barren) this.barren.set(hash, new Set(slots));
    this.kept.forEach(({ regions }, module) => {
      for (const region of regions) {
        const hash = region.pages[0]?.hash ?? "";
        const there = this.byHash.get(hash);
        if (there) there.push({ region, module });
        else this.byHash.set(hash, [{ region, module }]);
      }
    });
  }

  /** The cache in `directory` for those who have the same `key`. Makes nothing until `save`. */
  static open(directory: string, key: string): CodeCache {
    const name = createHash("sha1").update(key).digest("hex").slice(0, 16);
    const path = join(directory, `${name}${SUFFIX}`);
    return new CodeCache(path, KeptFile.open(path));
  }

  /** Regions whose heads are in a page of this content. */
  find(hash: bigint): readonly Found[] {
    return this.byHash.get(hash.toString(16)) ?? [];
  }

  isWithdrawn(region: KeptRegion): boolean {
    return this.withdrawn.has(region);
  }

  /** A region is not to be taken any more, in this run or a later one. */
  withdraw(region: KeptRegion): void {
    this.withdrawn.add(region);
  }

  /** Whether an earlier run has found that nothing can begin at a slot of a page. */
  isBarren(hash: bigint, slot: number): boolean {
    const name = hash.toString(16);
    const there = this.barren.get(name);
    if (there === undefined) return false;
    // Those of pages that nobody asks for any more are the first.
    this.barren.delete(name);
    this.barren.set(name, there);
    return there.has(slot);
  }

  /** Nothing can begin at a slot of a page. */
  addBarren(hash: bigint, slot: number): void {
    const name = hash.toString(16);
    const there = this.barren.get(name) ?? new Set();
    if (there.has(slot)) return;
    this.barren.set(name, there.add(slot));
    this.barrenAdded = true;
  }

  /** The module of a region; undefined when it is damaged. `instantiate` makes its exports, once. */
  module(number: number, instantiate: Instantiate): LiveModule | undefined {
    if (!this.loaded.has(number)) this.loaded.set(number, this.load(this.kept[number] as KeptModule, instantiate));
    return this.loaded.get(number);
  }

  private load(kept: KeptModule, instantiate: Instantiate): LiveModule | undefined {
    const { runtime, regions } = kept;
    try {
      const blobs = this.file?.blobsOf(kept);
      if (blobs === undefined) return undefined;
      const { wire, code } = blobs;
      const optimized = code.length > 0 ? moduleWithCode(wire, code) : undefined;
      const module = optimized ?? new WebAssembly.Module(wire);
      return { module, exports: instantiate(module, runtime, wire.length), wire, runtime, regions };
    } catch {
      return undefined;
    }
  }

  /** To be kept, too, unless there are as many already as the file has room for. */
  add(module: LiveModule): void {
    if (this.addedBytes > ADDED_LIMIT) return;
    this.added.push(module);
    this.addedBytes += module.wire.length;
  }

  /**
   * Writes what is in use, with V8's code of it as far as FINISHING_TIME goes, and as much of the rest as there is room
   * for: first what other processes have written meanwhile, but for what one writes in these very milliseconds. Does
   * nothing when there is nothing new. Throws what the file system says.
   */
  save(): void {
    const live = [...this.loaded.values()].filter((module) => module !== undefined);
    if (!this.isWorthSaving(live)) return;
    const draft = new FileDraft();
    const inUse = [...this.added, ...live];
    optimize(
      inUse.flatMap(({ exports, regions }) => this.wanted(regions).map(({ number }) => exports[number])),
      FINISHING_TIME,
    );
    for (const { module, exports, wire, runtime, regions } of inUse) {
      if (draft.bytes >= FILE_LIMIT) break;
      const functions = Object.values(exports);
      const code = serializedCode(module, functions);
      draft.add({ runtime, regions: this.wanted(regions), optimized: countOptimized(functions) }, { wire, code });
    }
    const rest = this.kept.filter((_, number) => !this.loaded.has(number));
    const newer = this.file?.isStillAt(this.path) ? undefined : KeptFile.open(this.path);
    let barren: Index["barren"];
    try {
      if (newer) this.takeOver(draft, newer, [...inUse, ...rest]);
      if (this.file) this.carryOver(draft, this.file, rest);
      barren = this.barrenToKeep(newer?.index.barren ?? []);
    } finally {
      newer?.close();
    }
    mkdirSync(dirname(this.path), { recursive: true });
    draft.write(this.path, { modules: draft.modules, barren }, SUFFIX);
    this.removeOld();
  }

  /** What another process has written goes on to be kept, but for regions of which one of ours has all ways in. */
  private takeOver(
    draft: FileDraft,
    newer: KeptFile,
    ours: readonly { readonly regions: readonly KeptRegion[] }[],
  ): void {
    const own = new Set(ours.flatMap(({ regions }) => regions.flatMap(waysIn)));
    const others = newer.index.modules.map((module) => {
      return { ...module, regions: module.regions.filter((region) => !waysIn(region).every((way) => own.has(way))) };
    });
    this.carryOver(draft, newer, others);
  }

  private wanted(regions: readonly KeptRegion[]): readonly KeptRegion[] {
    return regions.filter((region) => !this.isWithdrawn(region));
  }

  /** Modules of a file go on to be kept, as far as there is room for them. */
  private carryOver(draft: FileDraft, file: KeptFile, modules: readonly KeptModule[]): void {
    for (const module of modules) {
      const regions = this.wanted(module.regions);
      if (draft.bytes + module.wire.length + module.code.length > FILE_LIMIT || regions.length === 0) continue;
      // What is damaged must not get a new digest.
      const blobs = file.blobsOf(module);
      if (blobs) draft.add({ ...module, regions }, blobs);
    }
  }

  /** Of this process and, before it, of `others`. */
  private barrenToKeep(others: Index["barren"]): Index["barren"] {
    const all = new Map(others.map(([hash, slots]) => [hash, new Set(slots)]));
    for (const [hash, slots] of this.barren) {
      const both = new Set([...(all.get(hash) ?? []), ...slots]);
      all.delete(hash);
      all.set(hash, both);
    }
    return [...all].slice(-BARREN_PAGES).map(([hash, slots]) => [hash, [...slots]]);
  }

  private isWorthSaving(live: readonly LiveModule[]): boolean {
    if (this.barrenAdded || this.addedBytes > 0 || this.withdrawn.size > 0) return true;
    const functions = live.flatMap(({ exports }) => Object.values(exports));
    const before = [...this.loaded].reduce(
      (sum, [number, module]) => sum + (module ? (this.kept[number] as KeptModule).optimized : 0),
      0,
    );
    return countOptimized(functions) - before > functions.length * OPTIMIZED_PART;
  }

  /** Other builds and other models leave files behind that nobody asks for any more. */
  private removeOld(): void {
    const directory = dirname(this.path);
    const files = readdirSync(directory).filter((name) => name.endsWith(SUFFIX));
    const aged = files.map((name) => {
      const path = join(directory, name);
      return { path, written: statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0 };
    });
    aged.sort((a, b) => b.written - a.written);
    for (const { path } of aged.slice(FILES)) if (path !== this.path) rmSync(path, { force: true });
  }

  close(): void {
    this.file?.close();
    this.file = undefined;
  }
}
