/**
 * Compiled regions of a running engine: hot slots come in, are compiled a batch to a module while the guest runs on,
 * and the slots at which a region is entered are pointed at its function. What an earlier run has compiled is taken
 * from where that kept it (code-cache.ts), as soon as a page with the same content is executed.
 */
import { createHash } from "node:crypto";
import type { Engine } from "../engine.js";
import { hostHasFma } from "../fp/host-fma.js";
import { AREA, CODE_PAGE, GLOBAL, SLOT_SIZE } from "../layout.js";
import { CODE_MAKER } from "../optimized-code.js";
import { CodeCache, type Found } from "./code-cache.js";
import type { Compiler } from "./compiler.js";
import { CompilerThread } from "./compiler-thread.js";
import { type HotSlot, WARM_PART } from "./hot.js";
import { InstalledRegions } from "./installed.js";
import {
  addressAt,
  type Beginning,
  type CompilerTables,
  copyAt,
  heatOf,
  type Job,
  type JobRegion,
  type JobResult,
  type JobSlot,
  slotsOf,
} from "./job.js";
import type { KeptRegion } from "./kept-file.js";
import { NEIGHBOURS } from "./places.js";
import { Snapshots } from "./snapshot.js";

/** Functions of one module are compiled together: with 16 the cost of each levels off. */
const BATCH = 16;
/** A page that is written while it has code is looked at so often; after that it is taken for data. */
const MAX_CHANGES = 64;
/** Jobs that the compiler thread may have before it; what becomes hot meanwhile waits here. */
const JOBS_AHEAD = 2;

/**
 * The compiler's thread takes 40 MB and 0.2 s of a processor to start: so many hot slots are worth that, or one that
 * has been branched to so many times as often as makes code hot.
 */
const ENOUGH = 8;
const HOTTER = 16;
/** And a region that has missed often so many times. */
const MISSED_OFTEN = 8;

/** Where it says which instructions and registers the model of CPU has. */
const MODEL_AREAS = [
  [AREA.sysregIndex, AREA.watches],
  [AREA.decodeTree, AREA.crcTables],
] as const;

/** A job under way: its pages must not change until it is done. */
interface Running {
  readonly job: Job;
  /** Addresses of its pages that were dropped meanwhile. */
  readonly stale: Set<number>;
  readonly generation: number;
}

/** How code is compiled: on a thread of its own while the guest runs on, or at once. */
export type CompileWhere = "thread" | "here";

export interface RegionStats {
  readonly regions: number;
  /** Of these: taken from what an earlier run kept. */
  readonly kept: number;
  /** Of these: dropped again because they left too many TLB misses to the interpreter. */
  readonly droppedForMisses: number;
  readonly instructions: number;
  readonly bytes: number;
  readonly milliseconds: number;
}

export interface RegionOptions {
  readonly where: CompileWhere;
  /** Compiles what was never executed, too. */
  readonly everything: boolean;
  /** Where compiled code is kept between runs, and the build of trapframe that made it. */
  readonly keep?: { readonly directory: string; readonly build: string } | undefined;
  /** EngineOptions.muchCode. */
  readonly muchCode?: boolean;
  /** A thread that was started already. */
  readonly thread?: CompilerThread | undefined;
}

/** Whether a region has code of a page that was dropped while it was compiled. */
const isStale = ({ job, stale }: Running, { slot, pages }: JobRegion): boolean =>
  pages.some((distance) => stale.has(addressAt(job.slots[slot] as JobSlot, distance)));

export class Regions {
  private readonly installed: InstalledRegions;
  private readonly snapshots: Snapshots;
  private readonly warm: number;
  private pending: HotSlot[] = [];
  private readonly running = new Map<number, Running>();
  private nextJob = 0;
  /** Counts `reset`: what was compiled before it is not installed after it. */
  private generation = 0;
  /** What the next job is told of regions that were dropped, by their slots, and of those that were kept. */
  private dropped: number[] | "all" = [];
  private found: Beginning[] = [];
  private total = { regions: 0, kept: 0, droppedForMisses: 0, instructions: 0, bytes: 0, milliseconds: 0 };
  private thread: CompilerThread | undefined;
  private compiler: Compiler | "loading" | undefined;
  private readonly cache: CodeCache | undefined;
  /** Slots at which a region began that left misses to the interpreter too often. */
  private readonly missOften = new Set<number>();
  /** How often regions have done so by the slots at which they were entered, before there is a compiler. */
  private readonly reports = new Map<number, number>();
  /** Kept regions of a page that are not installed yet, by predecode page. */
  private readonly awaited = new Map<number, Found[]>();
  /** How often a predecode page was dropped. */
  private readonly changes = new Map<number, number>();

  constructor(
    private readonly engine: Engine,
    table: WebAssembly.Table,
    host: Readonly<Record<string, unknown>>,
    private readonly options: RegionOptions,
  ) {
    this.installed = new InstalledRegions(engine, table, host);
    this.warm = Math.floor(engine.view.getInt32(GLOBAL.hot, true) / WARM_PART);
    this.snapshots = new Snapshots(engine, this.installed, options.everything, this.warm);
    const { keep } = options;
    if (keep) this.cache = CodeCache.open(keep.directory, this.keyOf(keep.build));
    if (options.thread) this.startCompiler();
  }

  /** All that compiled code depends on beside the pages it is of. */
  private keyOf(build: string): string {
    const { bytes, cpuBases } = this.engine;
    const model = createHash("sha1");
    for (const [from, to] of MODEL_AREAS) model.update(bytes.subarray(from, to));
    return [build, CODE_MAKER, hostHasFma(), model.digest("hex"), bytes.length, cpuBases.length].join("\n");
  }

  get stats(): RegionStats {
    return this.total;
  }

  private startCompiler(): void {
    const tables = this.tables();
    if (this.options.where === "here") {
      this.compiler = "loading";
      void import("./compiler.js").then(({ Compiler }) => {
        this.compiler = new Compiler(tables);
        this.dispatch();
      });
      return;
    }
    this.thread = this.options.thread ?? new CompilerThread();
    this.thread.begin(tables, (result) => {
      this.finished(result);
      this.dispatch();
    });
  }

  /** Ends the compiler's thread. */
  close(): void {
    this.thread?.end();
  }

  private tables(): CompilerTables {
    const { view, cpuBases } = this.engine;
    const copy = (from: number, to: number): Int32Array => new Int32Array(view.buffer.slice(from, to));
    return {
      onlyCpu: cpuBases.length === 1 ? cpuBases[0] : undefined,
      decodeRoot: view.getInt32(GLOBAL.decodeRoot, true),
      decodeTree: copy(AREA.decodeTree, AREA.crcTables),
      sysregIndex: copy(AREA.sysregIndex, AREA.watches),
      firstRegion: view.getInt32(GLOBAL.firstRegion, true),
      memoryPages: view.byteLength / 0x10000,
      warm: this.warm,
    };
  }

  /** A slot to be compiled, unless that was kept: its region may have wanted pages that nobody had executed by then. */
  note(hot: HotSlot): void {
    this.look(hot);
    if (this.installed.isFree(hot.slot) && !this.isBarren(hot)) this.pending.push(hot);
  }

  /** Whether an earlier run has tried it in vain. The compiler's thread is not started for that. */
  private isBarren({ slot }: HotSlot): boolean {
    const { cache, installed } = this;
    const own = installed.pageOf(slot);
    if (cache === undefined || !installed.isUsable(own)) return false;
    return cache.isBarren(installed.hashOf(own), (slot - own) / SLOT_SIZE);
  }

  /** All decoded code was dropped: indices may be used again. */
  reset(): void {
    this.generation++;
    this.pending = [];
    this.dropped = "all";
    this.found = [];
    this.awaited.clear();
    this.changes.clear();
    this.missOften.clear();
    this.reports.clear();
    this.installed.reset();
  }

  /** A predecode page is dropped, with its shadows: so are the regions that have code of them, and those about to. */
  dropPage(shared: number): void {
    this.awaited.delete(shared);
    for (let page = shared; page !== 0; page = this.engine.view.getUint32(page + CODE_PAGE.nextShadow, true)) {
      this.spoil(page);
      this.changes.set(page, (this.changes.get(page) ?? 0) + 1);
      this.forget(this.installed.dropPage(page));
      for (const slot of this.missOften) if (this.installed.pageOf(slot) === page) this.missOften.delete(slot);
    }
  }

  /** Instructions of a shadow get breakpoints or lose them: regions that have one of them are dropped. */
  dropInstructions(page: number, slots: readonly number[]): void {
    this.spoil(page);
    this.forget(this.installed.dropInstructions(page, slots));
  }

  /**
   * The region that was entered at a slot has left many misses to the interpreter: it goes, and soon comes back with
   * calls that fill the TLB.
   */
  noteMisses(slot: number): void {
    const { installed } = this;
    const reports = (this.reports.get(slot) ?? 0) + 1;
    this.reports.set(slot, reports);
    if (!this.isStarted && reports < MISSED_OFTEN) return;
    this.reports.delete(slot);
    const region = installed.dropAt(slot);
    if (region === undefined) return;
    this.total.droppedForMisses++;
    if (region.kept) this.cache?.withdraw(region.kept);
    this.forget(region.slots);
    for (const each of region.slots) this.missOften.add(each);
    // The next branch to the slot finds it hot, and other ways in are ways in again.
    installed.warmUp([slot], this.engine.view.getInt32(GLOBAL.hot, true) - 1);
    installed.warmUp(region.slots, this.warm);
  }

  /** What is being compiled from a page is of no use any more. */
  private spoil(page: number): void {
    for (const { stale } of this.running.values()) stale.add(page);
  }

  /**
   * Slots at which regions are gone: what becomes hot there is to be compiled again, or another one that was kept is
   * taken.
   */
  private forget(slots: readonly number[]): void {
    if (slots.length === 0) return;
    for (const slot of slots) this.awaited.delete(this.installed.pageOf(slot));
    // A compiler that has not been started knows of none.
    if (this.dropped !== "all" && this.isStarted) this.dropped.push(...slots);
    this.found = this.found.filter((one) => !one.slots.some((slot) => slots.includes(slot)));
  }

  // --- what was kept -------------------------------------------------------------------------------------------------

  /** A slot that was branched to a second time: regions of its page that an earlier run kept are installed. */
  look(hot: HotSlot): void {
    const { cache, installed } = this;
    const { slot } = hot;
    const own = installed.pageOf(slot);
    if (cache === undefined || !installed.isUsable(own) || (this.changes.get(own) ?? 0) > MAX_CHANGES) return;
    let awaited = this.awaited.get(own);
    if (awaited === undefined) {
      // The largest first: it may have the code of others, too.
      awaited = cache.find(installed.hashOf(own)).toSorted((a, b) => b.region.instructions - a.region.instructions);
      this.awaited.set(own, awaited);
    }
    if (awaited.length === 0) return;
    this.awaited.set(
      own,
      awaited.filter((one) => !this.installKept(one, own, hot)),
    );
  }

  /** Whether nothing is left to do for it. */
  private installKept(
    { region, module: number }: Found,
    own: number,
    { page, bank, misses, flushes }: HotSlot,
  ): boolean {
    const { installed } = this;
    if (this.cache?.isWithdrawn(region)) return true;
    if ((misses && !region.touches) || flushes !== (region.flushes ?? flushes)) return false;
    const places = new Map([[0, own]]);
    for (const { distance, hash } of region.pages) {
      if (distance === 0) continue;
      const address = installed.pageAt(page, distance, bank);
      if (address !== undefined && (this.changes.get(address) ?? 0) > MAX_CHANGES) return true;
      const isThere = address !== undefined && installed.hashOf(address).toString(16) === hash;
      // Of a function far away it is looked for the page at each call.
      const isEntered = region.entries.some((entry) => entry.distance === distance);
      if (!isThere && !isEntered && Math.abs(distance) > NEIGHBOURS) continue;
      // Not executed yet, or not written yet as it will be.
      if (address === undefined || !isThere) return false;
      places.set(distance, address);
    }
    if (installed.isFull(1)) return true;
    const at = (distance: number): number => places.get(distance) as number;
    const slots = region.entries.map(({ distance, slot }) => at(distance) + slot * SLOT_SIZE);
    const { instructions } = region;
    // One that was compiled in this run has the better choice of entries, unless it is part of the other.
    if (!slots.every((slot) => installed.sizeAt(slot) < instructions)) return false;
    const kept = this.cache?.module(number, this.instantiate);
    if (kept === undefined) return true;
    installed.add(kept.exports[region.number], { slots, pages: [...places.values()], instructions, kept: region });
    this.found.push({ slots, instructions });
    this.total.regions++;
    this.total.kept++;
    this.total.instructions += instructions;
    return true;
  }

  private readonly instantiate = (
    module: WebAssembly.Module,
    runtime: readonly string[],
    bytes: number,
  ): Record<string, unknown> => {
    this.total.bytes += bytes;
    return this.installed.instantiate(module, runtime, bytes);
  };

  /** What other runs find a region of a job by; undefined where it is of no use to them. */
  private keptOf(region: JobRegion, number: number, job: Job): KeptRegion | undefined {
    const { slot, entries, instructions, seesFpMode } = region;
    const own = job.slots[slot] as JobSlot;
    // The head's page says where to look for it, also where all its instructions are of others.
    const distances = [0, ...region.pages.filter((distance) => distance !== 0)];
    // No other run has these breakpoints.
    if (distances.some((at) => this.installed.isShadow(addressAt(own, at)))) return undefined;
    const pages = distances.map((distance) => ({ distance, hash: copyAt(own, distance).hash.toString(16) }));
    return { number, pages, entries, instructions, touches: own.touches, ...(seesFpMode && { flushes: own.flushes }) };
  }

  private keepBarren(slot: JobSlot): void {
    const { address, hash } = copyAt(slot, 0);
    if (!this.installed.isShadow(address)) this.cache?.addBarren(hash, slot.head);
  }

  /** Writes what was compiled to where it is kept. Throws what the file system says. */
  save(): void {
    this.cache?.save();
  }

  // --- what is compiled ----------------------------------------------------------------------------------------------

  /** The compiler is there or on its way. */
  private get isStarted(): boolean {
    return this.compiler !== undefined || this.thread !== undefined;
  }

  /** Whether slots wait for a compiler that has not been started. `dispatch` is to be called from time to time. */
  get isWaiting(): boolean {
    return this.pending.length > 0 && !this.isStarted;
  }

  private isWorthStarting(): boolean {
    if (this.options.where === "here") return true;
    if (!this.hasEnough()) return false;
    // They may have waited long: a region that was kept may be there now, or their pages may be gone.
    const slots = new Set<number>();
    for (const hot of this.pending) this.look(hot);
    this.pending = this.pending.filter(({ slot }) => {
      if (slots.has(slot) || !this.installed.isInterpreted(slot)) return false;
      slots.add(slot);
      return true;
    });
    return this.hasEnough();
  }

  private hasEnough(): boolean {
    if (this.pending.length >= ENOUGH) return true;
    // Of a guest that an earlier run kept some of, much is not to be compiled any more.
    if (this.options.muchCode === true && this.total.kept === 0 && this.pending.length > 0) return true;
    const { view } = this.engine;
    const firstRegion = view.getInt32(GLOBAL.firstRegion, true);
    const enough = HOTTER * view.getInt32(GLOBAL.hot, true);
    return this.pending.some(({ slot }) => heatOf(view.getUint32(slot, true), firstRegion) >= enough);
  }

  /** Compiles what has become hot since the last call, or has it compiled. */
  dispatch(): void {
    if (this.isWaiting && this.isWorthStarting()) this.startCompiler();
    if (!this.isStarted || this.compiler === "loading") return;
    while (this.pending.length > 0 && this.running.size < JOBS_AHEAD) {
      if (this.installed.isFull(BATCH)) {
        this.engine.dropCode();
        return;
      }
      const copies = new Map<number, Uint32Array>();
      const slots = this.pending
        .splice(0, BATCH)
        .flatMap((hot) => this.snapshots.of(hot, this.missOften.has(hot.slot), copies) ?? []);
      if (slots.length === 0) continue;
      const job = { id: this.nextJob++, slots, dropped: this.dropped, found: this.found };
      this.dropped = [];
      this.found = [];
      this.running.set(job.id, { job, stale: new Set(), generation: this.generation });
      if (this.compiler) this.finished(this.compiler.run(job));
      else
        this.thread?.run(
          job,
          [...copies.values()].map(({ buffer }) => buffer as ArrayBuffer),
        );
    }
  }

  private finished(result: JobResult): void {
    const { id, regions, barren, module, wire, runtime, milliseconds } = result;
    const running = this.running.get(id) as Running;
    this.running.delete(id);
    this.total.milliseconds += milliseconds;
    if (running.generation !== this.generation) return;
    for (const slot of barren) this.keepBarren(running.job.slots[slot] as JobSlot);
    if (module === undefined) return;
    const exports = this.instantiate(module, runtime, wire.length);
    const keptRegions: KeptRegion[] = [];
    regions.forEach((region, i) => {
      const kept = this.keptOf(region, i, running.job);
      if (kept) keptRegions.push(kept);
      const slot = running.job.slots[region.slot] as JobSlot;
      const slots = slotsOf(slot, region);
      if (isStale(running, region)) {
        this.forget(slots);
        this.installed.cool(slots);
        return;
      }
      this.total.regions++;
      this.total.instructions += region.instructions;
      this.installed.add(exports[i], {
        slots,
        kept,
        instructions: region.instructions,
        pages: region.pages.map((distance) => addressAt(slot, distance)),
        runs: region.runs.map(({ distance, first, last }) => ({ page: addressAt(slot, distance), first, last })),
      });
    });
    if (keptRegions.length > 0) this.cache?.add({ module, exports, wire, runtime, regions: keptRegions });
  }
}
