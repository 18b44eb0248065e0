/**
 * Compiled regions of a running engine: hot slots come in, are compiled a batch to a module while the guest runs on, and
 * the slots at which a region is entered are pointed at its function. A page that is written drops the regions with
 * code of it; when there are too many, all go.
 */
import { Worker } from "node:worker_threads";
import { decodeIn } from "../../isa/decode.js";
import type { Engine } from "../engine.js";
import { FIRST_INSTRUCTION_HANDLER, HANDLER_UNDEFINED } from "../interpreter/code-pages.js";
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
  SLOT_SIZE,
  SLOTS_PER_PAGE,
} from "../layout.js";
import type { Compiler, CompilerTables, Job, JobResult, JobSlot, PageCopy } from "./compiler.js";
import type { HotSlot } from "./hot.js";

/** Functions of one module are compiled together (ARCHITECTURE.md, section 2: 16 is where the cost levels off). */
const BATCH = 16;
/** A slot's handler index has 16 bits. */
const TABLE_LIMIT = 0xf000;
/** Bytes of modules before all of them are dropped. */
const CODE_LIMIT = 96 << 20;
/** A call's return is a way into the region when it was branched to this often, as a part of what makes code hot. */
const WARM = 1 / 8;
/** Jobs that the compiler thread may have before it; what becomes hot meanwhile waits here. */
const JOBS_AHEAD = 2;

interface Installed {
  readonly index: number;
  readonly slots: readonly number[];
  readonly pages: readonly number[];
}

/** A job under way: its pages must not change until it is done. */
interface Running {
  readonly job: Job;
  /** Numbers of the job's slots whose pages were dropped meanwhile. */
  readonly stale: Set<number>;
  readonly generation: number;
}

/** How code is compiled: on a thread of its own while the guest runs on, or at once. */
export type CompileWhere = "thread" | "here";

export interface RegionStats {
  readonly regions: number;
  readonly instructions: number;
  readonly bytes: number;
  readonly milliseconds: number;
}

const buffersOf = ({ pages }: JobSlot): ArrayBuffer[] => pages.map(({ slots }) => slots.buffer as ArrayBuffer);

export class Regions {
  private readonly firstIndex: number;
  private nextIndex: number;
  private pending: HotSlot[] = [];
  private readonly running = new Map<number, Running>();
  private nextJob = 0;
  /** Counts `reset`: what was compiled before it is not installed after it. */
  private generation = 0;
  /** Regions by the predecode pages that they have code of. */
  private readonly byPage = new Map<number, Set<Installed>>();
  /** What the next job is told of pages dropped. */
  private dropped: number[] | "all" = [];
  private liveBytes = 0;
  private total = { regions: 0, instructions: 0, bytes: 0, milliseconds: 0 };
  private worker: Worker | undefined;
  private compiler: Compiler | undefined;

  constructor(
    private readonly engine: Engine,
    private readonly table: WebAssembly.Table,
    private readonly host: Readonly<Record<string, unknown>>,
    private readonly everything: boolean,
  ) {
    this.firstIndex = engine.view.getInt32(GLOBAL.firstRegion, true);
    this.nextIndex = this.firstIndex;
  }

  get stats(): RegionStats {
    return this.total;
  }

  /** Gets the compiler ready; until then hot slots wait. */
  async start(where: CompileWhere): Promise<void> {
    const tables = this.tables();
    if (where === "here") {
      const { Compiler } = await import("./compiler.js");
      this.compiler = new Compiler(tables);
      return;
    }
    this.worker = new Worker(new URL("./thread.js", import.meta.url), { workerData: tables });
    this.worker.unref();
    this.worker.on("message", (result: JobResult) => {
      this.finished(result);
      this.dispatch();
    });
    this.worker.on("error", (error) => {
      throw error;
    });
  }

  private tables(): CompilerTables {
    const { view } = this.engine;
    const copy = (from: number, to: number): Int32Array => new Int32Array(view.buffer.slice(from, to));
    return {
      decodeRoot: view.getInt32(GLOBAL.decodeRoot, true),
      decodeTree: copy(AREA.decodeTree, AREA.crcTables),
      sysregIndex: copy(AREA.sysregIndex, AREA.watches),
      firstRegion: this.firstIndex,
      warm: Math.floor(view.getInt32(GLOBAL.hot, true) * WARM),
    };
  }

  note(hot: HotSlot): void {
    this.pending.push(hot);
  }

  /** All decoded code was dropped: indices may be used again. */
  reset(): void {
    this.generation++;
    this.pending = [];
    this.dropped = "all";
    this.byPage.clear();
    for (let i = this.firstIndex; i < Math.min(this.nextIndex, this.table.length); i++) this.table.set(i, null);
    this.nextIndex = this.firstIndex;
    this.liveBytes = 0;
  }

  /** A predecode page is dropped: so are the regions that have code of it, and those about to. */
  dropPage(page: number): void {
    for (const { job, stale } of this.running.values()) {
      job.slots.forEach(({ pages }, i) => {
        if (pages.some(({ address }) => address === page)) stale.add(i);
      });
    }
    if (this.dropped !== "all") this.dropped.push(page);
    const regions = this.byPage.get(page);
    if (regions === undefined) return;
    const { view } = this.engine;
    for (const region of regions) {
      for (const slot of region.slots) if (view.getUint16(slot, true) === region.index) view.setUint32(slot, 0, true);
      for (const other of region.pages) if (other !== page) this.byPage.get(other)?.delete(region);
      this.table.set(region.index, null);
    }
    this.byPage.delete(page);
  }

  /** Compiles what has become hot since the last call, or has it compiled. */
  dispatch(): void {
    while (this.pending.length > 0 && (this.compiler || this.worker) && this.running.size < JOBS_AHEAD) {
      if (this.nextIndex + BATCH > TABLE_LIMIT || this.liveBytes > CODE_LIMIT) {
        this.engine.dropCode();
        return;
      }
      const slots = this.pending.splice(0, BATCH).flatMap((hot) => this.snapshot(hot) ?? []);
      if (slots.length === 0) continue;
      const job = { id: this.nextJob++, firstIndex: this.nextIndex, slots, dropped: this.dropped };
      this.dropped = [];
      this.nextIndex += slots.length;
      this.running.set(job.id, { job, stale: new Set(), generation: this.generation });
      if (this.compiler) this.finished(this.compiler.run(job));
      else this.worker?.postMessage(job, slots.flatMap(buffersOf));
    }
  }

  private finished({ id, regions, module, bytes, runtime, milliseconds }: JobResult): void {
    const { job, stale, generation } = this.running.get(id) as Running;
    this.running.delete(id);
    this.total.milliseconds += milliseconds;
    if (module === undefined || generation !== this.generation) return;
    const needed = job.firstIndex + regions.length - this.table.length;
    if (needed > 0) this.table.grow(needed);
    const { exports } = this.engine as unknown as { exports: Record<string, unknown> };
    // Regions do not import the table: V8 would write every entry of it to every instance that does.
    const instance = new WebAssembly.Instance(module, {
      env: { memory: this.engine.memory },
      rt: Object.fromEntries(runtime.map((name) => [name, exports[`rt.${name}`]])) as WebAssembly.ModuleImports,
      host: this.host as WebAssembly.ModuleImports,
    });
    this.total.bytes += bytes;
    this.liveBytes += bytes;
    const { view } = this.engine;
    regions.forEach(({ slot, entries, pages, instructions }, i) => {
      const index = job.firstIndex + i;
      if (stale.has(slot)) return;
      this.table.set(index, instance.exports[i]);
      this.total.regions++;
      this.total.instructions += instructions;
      entries.forEach((entry, number) => {
        view.setUint16(entry, index, true);
        view.setUint16(entry + 2, number, true);
      });
      const installed = { index, slots: entries, pages };
      for (const page of pages) {
        const there = this.byPage.get(page);
        if (there) there.add(installed);
        else this.byPage.set(page, new Set([installed]));
      }
    });
  }

  private predecodePage(slot: number): number {
    const start = this.engine.view.getUint32(GLOBAL.codeStart, true);
    return start + Math.floor((slot - start) / CODE_PAGE.size) * CODE_PAGE.size;
  }

  /** The pages round a hot slot; undefined when the slot was dropped or compiled meanwhile. */
  private snapshot({ slot, page, bank }: HotSlot): JobSlot | undefined {
    const { view, bytes } = this.engine;
    const handler = view.getUint16(slot, true);
    if (handler < FIRST_INSTRUCTION_HANDLER || handler >= this.firstIndex) return undefined;
    const usable = (address: number): boolean => {
      const host = view.getUint32(address + CODE_PAGE.host, true);
      const flags = bytes[AREA.pageFlags + (host >>> PAGE_BITS)] ?? 0;
      return view.getUint32(address + CODE_PAGE.isShadow, true) === 0 && (flags & PAGE_FLAG.hasCode) !== 0;
    };
    const own = this.predecodePage(slot);
    const pages = [0, -1, 1].flatMap((distance): PageCopy[] => {
      const address = distance === 0 ? own : this.pageAt(page + BigInt(distance * PAGE_SIZE), bank);
      if (address === undefined || !usable(address)) return [];
      // A write to it while the job is under way must be heard of.
      view.setUint32(address + CODE_PAGE.hasRegions, 1, true);
      const hash = this.engine.exports.hashPage(view.getInt32(address + CODE_PAGE.host, true));
      view.setBigInt64(address + CODE_PAGE.hash, hash, true);
      return [{ distance, address, hash, slots: this.copy(address) }];
    });
    if (pages[0]?.distance !== 0) return undefined;
    return { head: (slot - own) / SLOT_SIZE, pages };
  }

  /** The predecode page of a virtual page, if the fetch TLB knows it. */
  private pageAt(va: bigint, bank: number): number | undefined {
    const { view } = this.engine;
    const page = BigInt.asUintN(64, va);
    const index = Number((page >> BigInt(PAGE_BITS)) & BigInt(FETCH_ENTRIES - 1));
    const entry = bank + BANK.fetch + index * FETCH_ENTRY.size;
    if (view.getBigUint64(entry + FETCH_ENTRY.tag, true) !== page) return undefined;
    return view.getUint32(entry + FETCH_ENTRY.codePage, true);
  }

  private copy(address: number): Uint32Array {
    const { view, bytes } = this.engine;
    const slots = new Uint32Array(bytes.slice(address, address + CODE_PAGE.sentinel).buffer);
    if (!this.everything) return slots;
    // What was never executed is to be compiled too.
    const host = view.getUint32(address + CODE_PAGE.host, true);
    const words = new Int32Array(view.buffer, AREA.decodeTree, (AREA.crcTables - AREA.decodeTree) / 4);
    const tree = { root: view.getInt32(GLOBAL.decodeRoot, true), words };
    for (let n = 0; n < SLOTS_PER_PAGE; n++) {
      if (((slots[n * 2] ?? 0) & 0xffff) !== 0) continue;
      const word = view.getInt32(host + n * 4, true);
      slots[n * 2] = decodeIn(tree, AREA.decodeTree, word) ?? HANDLER_UNDEFINED;
      slots[n * 2 + 1] = word;
    }
    return slots;
  }
}
