/**
 * The engine: one memory with all guest state, the interpreter module over it, and typed access for the rest of the
 * machine (docs/engine.md).
 */
import type { Feature } from "../isa/features.js";
import { writeCrcTables } from "./crypto/crc.js";
import { writeSubstitutionTables } from "./crypto/sbox.js";
import { bindFpExact } from "./fp/imports.js";
import { setHostFlags } from "./host-flags.js";
import { interpreterImage } from "./image.js";
import { FIRST_INSTRUCTION_HANDLER } from "./interpreter/code-pages.js";
import { KeptPages, type Origin } from "./kept-pages.js";
import {
  AREA,
  BANK,
  BANKS_PER_CPU,
  CODE_PAGE,
  CPU,
  CPU_BLOCK_SIZE,
  GLOBAL,
  HEARD_OF,
  MAX_REGIONS,
  PAGE_BITS,
  PAGE_FLAG,
  PAGE_SIZE,
  REGION,
  REGION_READ_ONLY,
  REGION_SECURE,
} from "./layout.js";
import type { CompilerThread } from "./regions/compiler-thread.js";
import { type HotSlot, hotSlotOf } from "./regions/hot.js";
import type { RegionOptions, RegionStats, Regions } from "./regions/regions.js";

/** RAM or ROM of the guest. Sizes and bases are multiples of the page size. */
export interface RegionSpec {
  readonly name: string;
  /** Guest physical address. */
  readonly base: bigint;
  readonly size: number;
  readonly readOnly?: boolean;
  /** Only in the Secure physical address space. */
  readonly secure?: boolean;
}

export interface Region extends RegionSpec {
  /** Offset in the engine's memory. */
  readonly host: number;
}

/** What TypeScript supplies to the running guest; the shapes are those of engine/imports.ts. */
export interface EngineHost {
  ioAccess(cpu: number, size: number, access: number): number;
  hostedAccess(cpu: number): number;
  sysregAccess(cpu: number, encoding: number, isRead: number, rt: number): void;
  shadowPage(cpu: number, page: bigint, shared: number): number;
  breakpointHit(cpu: number, pc: bigint, whose: number): number;
  watchAccess(cpu: number, va: bigint, access: number, row: number): void;
  guestWatch(cpu: number, va: bigint, access: number, user: number, n: number): number;
  pointAction(cpu: number, program: number): number;
  pointRead(cpu: number, kind: number, argument: bigint, size: number): bigint;
}

export interface EngineExports {
  run(cpu: number): number;
  raise(cpu: number, target: number, ec: number, iss: number, returnAddress: bigint): void;
  raiseWithFar(cpu: number, target: number, ec: number, iss: number, returnAddress: bigint, far: bigint): void;
  raiseUndefined(cpu: number): void;
  raiseDataAbort(cpu: number, va: bigint, fault: number, iss: number): void;
  takeException(cpu: number, target: number, kind: number, returnAddress: bigint): void;
  eret(cpu: number): void;
  switchStack(cpu: number, el: number, spSel: number): void;
  enterMode(cpu: number): void;
  contextChanged(cpu: number): void;
  flushCpu(cpu: number): void;
  flushBank(bank: number): void;
  forgetPage(cpu: number, va: bigint): void;
  invalidateAddress(cpu: number, va: bigint): void;
  walk(cpu: number, context: number, va: bigint, access: number): number;
  refill(cpu: number, context: number, va: bigint, access: number): number;
  codePageFor(hostPage: number): number;
  allocateCodePage(hostPage: number): number;
  aboutToWrite(host: number, size: number): void;
  hashPage(hostPage: number): bigint;
}

export interface EngineOptions {
  /** Compile hot code; or all code, before the guest goes on. The run is the same without. */
  readonly compile?: boolean | "all";
  /** Branches to a slot before it counts as hot. Tests, whose programs are short, have less than users. */
  readonly hot?: number;
  /** Regions fill the TLB themselves from the first, and not only where they miss often. For tests. */
  readonly touches?: boolean;
  /** A directory in which compiled code is kept from one run to the next. */
  readonly keepCode?: string | undefined;
  /**
   * The guest has so much code that the compiler's thread will be wanted, and soon, unless an earlier run kept some.
   */
  readonly muchCode?: boolean;
  readonly cpus: number;
  readonly regions: readonly RegionSpec[];
  readonly features: ReadonlySet<Feature>;
}

const WASM_PAGE = 0x10000;
/**
 * Branches to a slot before it counts as hot, and before what an earlier run compiled of its page is looked for. What
 * is compiled too early keeps what is really hot waiting, and V8's optimiser busy (docs/performance.md).
 */
const HOT = 2400;
const LOOK = 2;
/** Room for predecoded code; when it is used up, all of it is dropped. */
const CODE_POOL = 96 << 20;
const MEMORY_LIMIT = 0x1_0000_0000;

/** Vitest runs the sources, which Node cannot start a thread with. */
const HAS_THREADS = import.meta.url.endsWith(".js");

const alignUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit;

/** The regions do not fit beside the engine's own structures in 4 GiB. */
export class MemoryTooLarge extends Error {
  readonly code = "MEMORY_TOO_LARGE";
}

export class Engine {
  /** Counts `dropCode`: who keeps addresses of predecode pages must forget them when it has changed. */
  codeGeneration = 0;
  /** Compiled code knows which registers are plain to access; while a debugger catches some, there is none. */
  private interpretOnly = false;
  private compiler: Regions | "loading" | undefined;
  private closed = false;
  readonly view: DataView;
  readonly bytes: Uint8Array;
  private readonly kept: KeptPages;

  private constructor(
    readonly memory: WebAssembly.Memory,
    readonly exports: EngineExports,
    readonly cpuBases: readonly number[],
    readonly regions: readonly Region[],
    private readonly codeStart: number,
    private readonly hot: HotSlot[],
    private readonly missOften: number[],
    private readonly imports: Readonly<Record<string, unknown>>,
    private readonly compileAll: boolean,
    private readonly regionOptions: Pick<RegionOptions, "keep" | "thread" | "muchCode">,
  ) {
    this.view = new DataView(memory.buffer);
    this.bytes = new Uint8Array(memory.buffer);
    this.kept = new KeptPages(this.bytes, this.view);
  }

  /** Lays out the memory, instantiates the interpreter. Throws MemoryTooLarge. */
  static async create(options: EngineOptions, host: EngineHost): Promise<Engine> {
    let next: number = AREA.dynamic;
    const cpuStride = alignUp(CPU_BLOCK_SIZE, PAGE_SIZE);
    const cpuBases = Array.from({ length: options.cpus }, (_, i) => AREA.dynamic + i * cpuStride);
    next += options.cpus * cpuStride;
    const bankBase = next;
    next = alignUp(next + options.cpus * BANKS_PER_CPU * BANK.size, PAGE_SIZE);
    const codeStart = next;
    next = alignUp(next + CODE_POOL, PAGE_SIZE);
    const codeEnd = next;
    const regions: Region[] = [];
    for (const spec of options.regions) {
      regions.push({ ...spec, host: next });
      next = alignUp(next + spec.size, PAGE_SIZE);
    }
    if (next > MEMORY_LIMIT - WASM_PAGE) {
      const limit = Math.floor((MEMORY_LIMIT - codeEnd - WASM_PAGE) / (1 << 20));
      throw new MemoryTooLarge(
        `guest memory is too large: beside what ${options.cpus} CPUs need, RAM and ROM together can have ${limit} MiB`,
      );
    }
    if (regions.length > MAX_REGIONS) throw new MemoryTooLarge(`more than ${MAX_REGIONS} RAM and ROM regions`);
    const pages = alignUp(next, WASM_PAGE) / WASM_PAGE;
    // A host that has no room for it says so before there is a thread to end.
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    const thread = await compilerAhead(options);
    const image = await interpreterImage();
    const view = new DataView(memory.buffer);

    view.setInt32(GLOBAL.cpuCount, options.cpus, true);
    view.setInt32(GLOBAL.cpuBase, AREA.dynamic, true);
    view.setInt32(GLOBAL.cpuStride, cpuStride, true);
    view.setInt32(GLOBAL.bankBase, bankBase, true);
    view.setInt32(GLOBAL.codeStart, codeStart, true);
    view.setInt32(GLOBAL.codeNext, codeStart, true);
    view.setInt32(GLOBAL.codeFresh, codeStart, true);
    view.setInt32(GLOBAL.codeEnd, codeEnd, true);
    view.setInt32(GLOBAL.decodeRoot, image.tree.root, true);
    view.setInt32(GLOBAL.regionCount, regions.length, true);
    regions.forEach((r, i) => {
      const row = GLOBAL.regions + i * REGION.rowSize;
      view.setBigUint64(row + REGION.base, r.base, true);
      view.setBigUint64(row + REGION.size, BigInt(r.size), true);
      view.setUint32(row + REGION.host, r.host, true);
      view.setInt32(row + REGION.flags, (r.readOnly ? REGION_READ_ONLY : 0) | (r.secure ? REGION_SECURE : 0), true);
    });
    cpuBases.forEach((base, i) => {
      view.setInt32(base + CPU.index, i, true);
      for (let bank = 0; bank < BANKS_PER_CPU; bank++) {
        view.setBigInt64(bankBase + (i * BANKS_PER_CPU + bank) * BANK.size + BANK.key, -1n, true);
      }
    });
    writeCrcTables(memory.buffer);
    writeSubstitutionTables(memory.buffer);
    writeDecodeTree(view, image.tree.words, image.handlers, options.features);

    view.setInt32(GLOBAL.firstRegion, image.handlers.length, true);
    const { compile, keepCode: directory } = options;
    const keep =
      compile === true && directory !== undefined && image.build !== undefined
        ? { directory, build: image.build }
        : undefined;
    const hotAt = compile === "all" ? 1 : (options.hot ?? HOT);
    view.setInt32(GLOBAL.hot, hotAt, true);
    view.setInt32(GLOBAL.look, keep ? LOOK : hotAt, true);
    const hot: HotSlot[] = [];
    const missOften: number[] = [];
    let dropRegions = (_page: number): void => {};
    let look = (_slot: HotSlot): void => {};
    let saveKept = (_host: number, _size: number): void => {};
    const imports = {
      fpExact: bindFpExact(memory.buffer),
      hotSlot: (cpu: number, slot: number) => {
        if (!compile) return;
        const here = hotSlotOf(view, cpu, slot);
        const found = options.touches === true ? { ...here, misses: true } : here;
        if (view.getUint16(found.slot + 2, true) === hotAt) hot.push(found);
        else look(found);
      },
      missesOften: (slot: number) => missOften.push(slot >>> 0),
      dropRegions: (page: number) => dropRegions(page),
      saveKept: (host: number, size: number) => saveKept(host, size),
      ...host,
    } as unknown as WebAssembly.ModuleImports;
    setHostFlags();
    const module = image.optimized?.() ?? (await WebAssembly.compile(image.module));
    const wasm = await WebAssembly.instantiate(module, { env: { memory }, host: imports });
    const exports = wasm.exports as unknown as EngineExports;
    const engine = new Engine(
      memory,
      exports,
      cpuBases,
      regions,
      codeStart,
      hot,
      missOften,
      imports,
      compile === "all",
      { keep, thread, muchCode: options.muchCode === true },
    );
    dropRegions = (page) => {
      if (engine.compiler !== "loading") engine.compiler?.dropPage(page >>> 0);
    };
    look = (slot) => engine.look(slot);
    saveKept = (host, size) => engine.kept.save(host >>> 0, size);
    return engine;
  }

  /** Compiles what has become hot, or has it compiled. Cheap when there is nothing; called between slices. */
  compileHot(): void {
    if (this.interpretOnly || this.closed) this.hot.length = 0;
    if (this.closed) return;
    const isWaiting = typeof this.compiler === "object" && this.compiler.isWaiting;
    if (this.hot.length === 0 && this.missOften.length === 0 && !isWaiting) return;
    const regions = this.loadedRegions();
    if (regions === undefined) return;
    for (const slot of this.missOften.splice(0)) regions.noteMisses(slot);
    for (const slot of this.hot.splice(0)) regions.note(slot);
    regions.dispatch();
  }

  private look(slot: HotSlot): void {
    if (!this.interpretOnly) this.loadedRegions()?.look(slot);
  }

  /**
   * Instructions of a shadow get breakpoints or lose them: compiled code that has them is dropped. The guest stands.
   */
  dropInstructions(page: number, slots: readonly number[]): void {
    if (this.compiler !== "loading") this.compiler?.dropInstructions(page, slots);
  }

  /** Writes what was compiled to where it is kept, if it is. Throws what the file system says. */
  saveCode(): void {
    if (this.compiler !== "loading") this.compiler?.save();
  }

  /** Ends the compiler's thread: what becomes hot from now on stays interpreted. */
  close(): void {
    this.closed = true;
    // The compiler has the thread, if it is there.
    if (typeof this.compiler === "object") this.compiler.close();
    else this.regionOptions.thread?.end();
  }

  /**
   * SYSREG_ENTRY rows are not as they were: what was compiled is dropped, and nothing is compiled until they are again.
   */
  setInterpretOnly(on: boolean): void {
    this.interpretOnly = on;
    this.dropCode();
  }

  /** They are loaded when first wanted, and there some time after that. */
  private loadedRegions(): Regions | undefined {
    if (this.compiler === undefined) {
      this.compiler = "loading";
      void this.loadRegions();
    }
    return this.compiler === "loading" ? undefined : this.compiler;
  }

  private async loadRegions(): Promise<void> {
    const { Regions } = await import("./regions/regions.js");
    if (this.closed) return;
    const { table } = this.exports as unknown as { table: WebAssembly.Table };
    const where = HAS_THREADS && !this.compileAll ? "thread" : "here";
    const { compileAll: everything, regionOptions } = this;
    this.compiler = new Regions(this, table, this.imports, { where, everything, ...regionOptions });
  }

  /** Regions compiled so far, their instructions, the bytes of their modules, and how long it took. */
  get compiled(): RegionStats {
    const compiler = this.compiler === "loading" ? undefined : this.compiler;
    return compiler?.stats ?? { regions: 0, kept: 0, droppedForMisses: 0, instructions: 0, bytes: 0, milliseconds: 0 };
  }

  /** The region of a guest physical address, or undefined. */
  regionAt(pa: bigint): Region | undefined {
    return this.regions.find((r) => pa >= r.base && pa < r.base + BigInt(r.size));
  }

  /** Offset in the engine's memory of a guest physical address, or undefined where no RAM or ROM is. */
  hostAddress(pa: bigint): number | undefined {
    const region = this.regionAt(pa);
    return region ? region.host + Number(pa - region.base) : undefined;
  }

  /** Writes guest memory from outside (loader, debugger, device). @throws RangeError as `toBeWritten` does. */
  writePhysical(pa: bigint, bytes: Uint8Array): void {
    this.toBeWritten(pa, bytes.length).set(bytes);
  }

  /** Guest memory that will be written now. @throws RangeError when [pa, pa + size) is not all in one region. */
  toBeWritten(pa: bigint, size: number): Uint8Array {
    const host = this.placeOf(pa, size);
    this.aboutToWrite(host, size);
    return this.bytes.subarray(host, host + size);
  }

  private placeOf(pa: bigint, size: number): number {
    const region = this.regionAt(pa);
    const offset = region ? Number(pa - region.base) : 0;
    if (!region || offset + size > region.size) {
      throw new RangeError(`no memory at 0x${pa.toString(16)}, ${size} bytes`);
    }
    return region.host + offset;
  }

  /**
   * What memory holds now it shall hold after each `restoreMemory`. No TLB entry may let it be written already.
   * `origin` has the first bytes of it, all that there are.
   */
  keepMemory(pa: bigint, size: number, origin?: Origin): void {
    this.kept.keep(this.placeOf(pa, size), size, origin);
  }

  /**
   * Throws what an origin does that has not any more what it had: `restoreMemory` would not make memory what it was.
   */
  checkMemory(): void {
    this.kept.check();
  }

  /**
   * Makes memory what it was at each `keepMemory`. `dropCode` must follow before the guest runs, also when it throws.
   */
  restoreMemory(): void {
    this.kept.restore();
  }

  /** To be called before bytes [host, host + size) are written behind the engine's back. */
  aboutToWrite(host: number, size: number): void {
    for (let at = host; at < host + size; ) {
      const end = Math.min((Math.floor(at / PAGE_SIZE) + 1) * PAGE_SIZE, host + size);
      const flags = this.bytes[AREA.pageFlags + Math.floor(at / PAGE_SIZE)] ?? 0;
      if (flags & HEARD_OF) this.exports.aboutToWrite(at | 0, end - at);
      at = end;
    }
  }

  /** Takes a region out of the guest's sight, or back: while it is out, accesses there are a device's. */
  setRegionPresent(region: Region, present: boolean): void {
    const at = GLOBAL.regions + this.regions.indexOf(region) * REGION.rowSize + REGION.size;
    const size = present ? BigInt(region.size) : 0n;
    if (this.view.getBigUint64(at, true) === size) return;
    this.view.setBigUint64(at, size, true);
    for (const cpu of this.cpuBases) this.exports.flushCpu(cpu);
  }

  /** Drops all decoded code and what points to it. Guest state is untouched. */
  dropCode(): void {
    this.codeGeneration++;
    this.hot.length = 0;
    this.missOften.length = 0;
    if (this.compiler !== "loading") this.compiler?.reset();
    // Slots will be used again, for other branches.
    this.bytes.fill(0, AREA.branchTargets, AREA.pageWriters);
    const used = this.view.getUint32(GLOBAL.codeNext, true);
    for (let page = this.codeStart; page < used; page += CODE_PAGE.size) {
      const number = this.view.getUint32(page + CODE_PAGE.host, true) >>> PAGE_BITS;
      this.view.setUint32(AREA.codePages + number * 4, 0, true);
      const flagAt = AREA.pageFlags + number;
      this.bytes[flagAt] = (this.bytes[flagAt] ?? 0) & ~PAGE_FLAG.hasCode;
    }
    this.view.setUint32(GLOBAL.codeNext, this.codeStart, true);
    for (const cpu of this.cpuBases) this.exports.flushCpu(cpu);
  }
}

/**
 * The compiler's thread, on its way while the machine is built. It is there when the guest's first code is hot, where
 * it would be 0.2 s later: 20 million instructions of a kernel that boots (docs/performance.md).
 */
async function compilerAhead({ compile, muchCode, keepCode }: EngineOptions): Promise<CompilerThread | undefined> {
  if (compile !== true || muchCode !== true || !HAS_THREADS) return undefined;
  if (keepCode !== undefined && (await import("./regions/code-cache.js")).hasKeptCode(keepCode)) return undefined;
  return new (await import("./regions/compiler-thread.js")).CompilerThread();
}

/**
 * Stores the tree without the rows of features the CPU lacks: a word of theirs is what they are declared to win over (a
 * hint stays a NOP), else UNDEFINED.
 */
function writeDecodeTree(
  view: DataView,
  words: Int32Array,
  handlers: readonly { readonly features: readonly Feature[] }[],
  features: ReadonlySet<Feature>,
): void {
  const missing = handlers.map((h) => h.features.some((f) => !features.has(f)));
  const copy = Int32Array.from(words);
  // Leaves are found by walking the nodes once each.
  const seen = new Set<number>();
  const visit = (at: number): void => {
    if (seen.has(at)) return;
    seen.add(at);
    if ((copy[at] ?? 0) >= 0) {
      for (let i = 0; i <= (copy[at + 1] ?? 0); i++) visit(((copy[at + 2 + i] ?? 0) - AREA.decodeTree) >> 2);
      return;
    }
    for (let i = 0; i < (copy[at + 1] ?? 0); i++) {
      const cell = at + 4 + i * 3;
      const handler = copy[cell] ?? 0;
      if (handler < FIRST_INSTRUCTION_HANDLER || !missing[handler]) continue;
      // No word masked by 0 is 1.
      copy[cell - 2] = 0;
      copy[cell - 1] = 1;
    }
  };
  visit((view.getInt32(GLOBAL.decodeRoot, true) - AREA.decodeTree) >> 2);
  if (AREA.decodeTree + copy.length * 4 > AREA.crcTables) throw new Error("the decode tree is larger than its area");
  new Int32Array(view.buffer, AREA.decodeTree, copy.length).set(copy);
}
