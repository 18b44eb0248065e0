/**
 * Compiled regions kept in a file from one run to the next. The same kernel is booted again and again: what was hot in
 * it will be, and is compiled already when a page with the same content is executed again. Regions know their pages by
 * what these hold (CODE_PAGE.hash), so it does not matter where they are.
 *
 * A file is of one build of trapframe, one V8 and one model of CPU. It begins with MAGIC, the length and the SHA-1 of
 * an index in JSON, and the index; then come modules and V8's code of them, each pair with a SHA-1 of its own. What is
 * damaged or of somebody else is as good as not there.
 */
import { createHash, randomBytes } from "node:crypto";
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { countOptimized, moduleWithCode, serializedCode } from "../optimized-code.js";

/** A region of a kept module. Pages are named by their distance from the first one's. */
export interface KeptRegion {
  /** The module exports it under this number. */
  readonly number: number;
  /** What must be there: hexadecimal CODE_PAGE.hash by distance, the page of the head (distance 0) first. */
  readonly pages: readonly { readonly distance: number; readonly hash: string }[];
  /** Where it is entered, by entry number. */
  readonly entries: readonly { readonly distance: number; readonly slot: number }[];
  readonly instructions: number;
  /** RegionContext.touches. */
  readonly touches: boolean;
  /** RegionContext.flushes, where that matters to it. */
  readonly flushes?: boolean;
}

interface Blob {
  readonly at: number;
  readonly length: number;
}

interface KeptModule {
  /** How many of the regions there is optimised code of. */
  readonly optimized: number;
  /** Names of what it imports as "rt". */
  readonly runtime: readonly string[];
  readonly regions: readonly KeptRegion[];
  readonly wire: Blob;
  readonly code: Blob;
  /** SHA-1 of both, one behind the other. */
  readonly digest: string;
}

/** What a file begins with. */
interface Index {
  readonly modules: readonly KeptModule[];
  /** Slots at which nothing can begin, by CODE_PAGE.hash. */
  readonly barren: readonly (readonly [hash: string, slots: readonly number[]])[];
}

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

const MAGIC = Buffer.from("trapframe regions 4\n");
const DIGEST = 20;
/** Bytes of modules and code in a file; what was not used in the last runs goes first. */
const FILE_LIMIT = 96 << 20;
/**
 * New modules are always written: a program's hot loop is a small part of what its kernel has, and would be compiled in
 * each run. What was there is written again when V8 has optimised more than this part of its functions since.
 */
const OPTIMIZED_PART = 1 / 40;
/** Pages with slots at which nothing can begin in a file: those that were asked for last. */
const BARREN_PAGES = 4096;
/** Bytes of modules that a process holds to save them, without V8's code, which is up to twice as long. */
const ADDED_LIMIT = FILE_LIMIT / 3;
const SUFFIX = ".regions";
/** Files in a directory: those written last. */
const FILES = 6;

const digestOf = (...parts: readonly Uint8Array[]): Buffer => {
  const hash = createHash("sha1");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** Whether there is a file in a directory, of whatever build. */
export function hasKeptCode(directory: string): boolean {
  try {
    return readdirSync(directory).some((name) => name.endsWith(SUFFIX));
  } catch {
    return false;
  }
}

export class CodeCache {
  private file: number | undefined;
  /** Where the blobs begin in the file. */
  private blobsAt = 0;
  private kept: readonly KeptModule[] = [];
  private readonly byHash = new Map<string, Found[]>();
  /** Kept modules that are in use; undefined for those that turned out to be damaged. */
  private readonly loaded = new Map<number, LiveModule | undefined>();
  private readonly added: LiveModule[] = [];
  private addedBytes = 0;
  private readonly withdrawn = new Set<KeptRegion>();
  private readonly barren = new Map<string, Set<number>>();
  private barrenAdded = false;

  private constructor(private readonly path: string) {}

  /** The cache in `directory` for those who have the same `key`. Makes nothing until `save`. */
  static open(directory: string, key: string): CodeCache {
    const name = createHash("sha1").update(key).digest("hex").slice(0, 16);
    const cache = new CodeCache(join(directory, `${name}${SUFFIX}`));
    try {
      cache.file = openSync(cache.path, "r");
      cache.readIndex();
    } catch {
      cache.close();
    }
    return cache;
  }

  /** Bytes of the file; undefined where it ends before. */
  private read({ at, length }: Blob): Buffer | undefined {
    const bytes = Buffer.allocUnsafeSlow(length);
    const got = this.file === undefined ? 0 : readSync(this.file, bytes, 0, length, at);
    return got === length ? bytes : undefined;
  }

  private readIndex(): void {
    const head = this.read({ at: 0, length: MAGIC.length + 4 + DIGEST });
    if (!head?.subarray(0, MAGIC.length).equals(MAGIC)) throw new Error("no file of compiled regions");
    const length = head.readUInt32LE(MAGIC.length);
    const index = this.read({ at: head.length, length });
    if (index === undefined || !digestOf(index).equals(head.subarray(MAGIC.length + 4)))
      throw new Error("a damaged index");
    const { modules, barren } = JSON.parse(index.toString()) as Index;
    this.kept = modules;
    for (const [hash, slots] of barren) this.barren.set(hash, new Set(slots));
    this.blobsAt = head.length + length;
    this.kept.forEach(({ regions }, module) => {
      for (const region of regions) {
        const hash = region.pages[0]?.hash ?? "";
        const there = this.byHash.get(hash);
        if (there) there.push({ region, module });
        else this.byHash.set(hash, [{ region, module }]);
      }
    });
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
      const blobs = this.blobsOf(kept);
      if (blobs === undefined) return undefined;
      const { wire, code } = blobs;
      const optimized = code.length > 0 ? moduleWithCode(wire, code) : undefined;
      const module = optimized ?? new WebAssembly.Module(wire);
      return { module, exports: instantiate(module, runtime, wire.length), wire, runtime, regions };
    } catch {
      return undefined;
    }
  }

  /** A module and its code; undefined when they are damaged. */
  private blobsOf({ wire, code, digest }: KeptModule): { wire: Buffer; code: Buffer } | undefined {
    const [wireBytes, codeBytes] = [wire, code].map(({ at, length }) => this.read({ at: at + this.blobsAt, length }));
    if (wireBytes === undefined || codeBytes === undefined) return undefined;
    if (digestOf(wireBytes, codeBytes).toString("hex") !== digest) return undefined;
    return { wire: wireBytes, code: codeBytes };
  }

  /** To be kept, too, unless there are as many already as the file has room for. */
  add(module: LiveModule): void {
    if (this.addedBytes > ADDED_LIMIT) return;
    this.added.push(module);
    this.addedBytes += module.wire.length;
  }

  /**
   * Writes what is in use, with all the code that V8 has made by now, and as much of the rest as there is room for.
   * Does nothing when there is nothing new. Throws what the file system says.
   */
  save(): void {
    const live = [...this.loaded.values()].filter((module) => module !== undefined);
    if (!this.isWorthSaving(live)) return;
    const modules: KeptModule[] = [];
    const blobs: Uint8Array[] = [];
    let at = 0;
    const keep = (
      from: Pick<KeptModule, "runtime" | "regions" | "optimized">,
      wire: Uint8Array,
      code: Uint8Array,
    ): void => {
      const digest = digestOf(wire, code).toString("hex");
      const place = (bytes: Uint8Array): Blob => {
        const blob = { at, length: bytes.length };
        blobs.push(bytes);
        at += bytes.length;
        return blob;
      };
      const { runtime, optimized } = from;
      const regions = from.regions.filter((region) => !this.isWithdrawn(region));
      if (regions.length === 0) return;
      modules.push({ runtime, regions, optimized, wire: place(wire), code: place(code), digest });
    };
    for (const one of [...this.added, ...live]) {
      if (at >= FILE_LIMIT) break;
      const functions = Object.values(one.exports);
      keep({ ...one, optimized: countOptimized(functions) }, one.wire, serializedCode(one.module, functions));
    }
    this.kept.forEach((module, number) => {
      if (this.loaded.has(number) || at + module.wire.length + module.code.length > FILE_LIMIT) return;
      // What is damaged must not get a new digest.
      const there = this.blobsOf(module);
      if (there) keep(module, there.wire, there.code);
    });
    const index: Index = { modules, barren: this.barrenToKeep() };
    this.write(Buffer.from(JSON.stringify(index)), blobs);
  }

  private barrenToKeep(): Index["barren"] {
    return [...this.barren].slice(-BARREN_PAGES).map(([hash, slots]) => [hash, [...slots]]);
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

  /** Whoever reads meanwhile has the old file or the new one. */
  private write(index: Uint8Array, blobs: readonly Uint8Array[]): void {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(index.length);
    mkdirSync(dirname(this.path), { recursive: true });
    // Should the process be killed here, it is an old file one day.
    const temporary = `${this.path}.${process.pid}-${randomBytes(4).toString("hex")}${SUFFIX}`;
    try {
      writeFileSync(temporary, Buffer.concat([MAGIC, length, digestOf(index), index, ...blobs]), { mode: 0o600 });
      renameSync(temporary, this.path);
      this.removeOld();
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
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
    if (this.file !== undefined) closeSync(this.file);
    this.file = undefined;
  }
}
