/**
 * The compiler apart from the machine: jobs of a few hot slots come in with copies of all that is to be known, a module
 * with their regions comes out. So it can run on a thread of its own (thread.ts).
 */
import { decodeIn } from "../../isa/decode.js";
import type { Form } from "../../isa/pattern.js";
import { FIRST_INSTRUCTION_HANDLER } from "../interpreter/code-pages.js";
import { allForms } from "../interpreter/forms.js";
import type { Callable, Linker } from "../ir/function.js";
import { AREA, SYSREG_ENTRY } from "../layout.js";
import { encodeModule, TypeTable } from "../wasm/encoder.js";
import { type CompiledRegion, compileRegion } from "./compile.js";
import type { PageCode, Pages } from "./discover.js";

/** What is the same for all jobs of a machine. */
export interface CompilerTables {
  /** Root of the decode tree, and its words. */
  readonly decodeRoot: number;
  readonly decodeTree: Int32Array;
  /** SYSREG_ENTRY rows by 15-bit encoding. */
  readonly sysregIndex: Int32Array;
  /** Handlers from this index on are regions. */
  readonly firstRegion: number;
  /** Heat from which a call's return is a way into the region. */
  readonly warm: number;
}

/** A predecode page as it was: two words a slot. */
export interface PageCopy {
  readonly distance: number;
  readonly address: number;
  /** CODE_PAGE.hash. */
  readonly hash: bigint;
  readonly slots: Uint32Array;
}

/** Where a region begins. */
export interface Beginning {
  /** The predecode page, and the number of the slot. */
  readonly page: number;
  readonly slot: number;
  readonly instructions: number;
}

export interface JobSlot {
  /** Number of the hot slot in the page at distance 0. */
  readonly head: number;
  readonly pages: readonly PageCopy[];
}

export interface Job {
  readonly id: number;
  readonly slots: readonly JobSlot[];
  /** Predecode pages of which all regions were dropped since the last job; "all" for all pages. */
  readonly dropped: readonly number[] | "all";
  /** Regions that came to the machine from elsewhere since then. */
  readonly found: readonly Beginning[];
}

export interface JobRegion {
  /** Which slot of the job it is of. */
  readonly slot: number;
  /** Where it is entered, by entry number; pages by their distance from the slot's. */
  readonly entries: readonly { readonly distance: number; readonly slot: number }[];
  /** Distances of the pages of which it has code. */
  readonly pages: readonly number[];
  readonly instructions: number;
}

export interface JobResult {
  readonly id: number;
  /** Regions in the order of their table indices. */
  readonly regions: readonly JobRegion[];
  /** Absent when nothing could be compiled. */
  readonly module: WebAssembly.Module | undefined;
  /** What it was made from. */
  readonly wire: Uint8Array;
  /** Names of what the module imports as "rt". */
  readonly runtime: readonly string[];
  readonly milliseconds: number;
}

class RegionLinker implements Linker {
  readonly types = new TypeTable();
  readonly imports: Callable[] = [];
  functionIndex(callee: Callable): number {
    const known = this.imports.indexOf(callee);
    return known >= 0 ? known : this.imports.push(callee) - 1;
  }
}

/** A region of so many instructions is gone to where it begins; what is smaller is compiled into others again. */
const WORTH_A_BRANCH = 24;

export class Compiler {
  private readonly forms: readonly Form[] = allForms();
  /**
   * Slots at which regions begin, by predecode page, and how many instructions they have: those on their way to the
   * machine, too. That some are not there (any more) does no harm.
   */
  private readonly beginnings = new Map<number, Map<number, number>>();

  constructor(private readonly tables: CompilerTables) {}

  run(job: Job): JobResult {
    const start = performance.now();
    const linker = new RegionLinker();
    const regions: JobRegion[] = [];
    const compiled: CompiledRegion[] = [];
    if (job.dropped === "all") this.beginnings.clear();
    else for (const page of job.dropped) this.beginnings.delete(page);
    for (const beginning of job.found) this.noteBeginning(beginning);
    job.slots.forEach((slot, number) => {
      const region = this.compile(slot, linker);
      if (region === undefined) return;
      compiled.push(region);
      const address = (distance: number): number =>
        (slot.pages.find((page) => page.distance === distance) as PageCopy).address;
      regions.push({
        slot: number,
        entries: region.entries.map(({ page, slot: n }) => ({ distance: page, slot: n })),
        pages: region.pages,
        instructions: region.instructions,
      });
      const { instructions } = region;
      for (const { page, slot: n } of region.entries)
        this.noteBeginning({ page: address(page), slot: n, instructions });
    });
    const bytes = compiled.length === 0 ? undefined : this.encode(linker, compiled);
    return {
      id: job.id,
      regions,
      module: bytes && new WebAssembly.Module(bytes),
      wire: bytes ?? new Uint8Array(),
      runtime: linker.imports.filter((f) => "build" in f).map((f) => f.name),
      milliseconds: performance.now() - start,
    };
  }

  /** A module that exports its regions by number. */
  private encode(linker: RegionLinker, regions: readonly CompiledRegion[]): Uint8Array {
    const functions = regions.map(({ body }) => body);
    return encodeModule(linker.types, {
      functionImports: linker.imports.map((f) => ({
        module: "build" in f ? "rt" : "host",
        name: f.name,
        signature: f.signature,
      })),
      functions,
      exports: functions.map((_, i) => ({ name: String(i), index: linker.imports.length + i })),
      table: [],
      memory: { initial: 1, maximum: 65536 },
    });
  }

  private noteBeginning({ page, slot, instructions }: Beginning): void {
    const known = this.beginnings.get(page);
    if (known) known.set(slot, instructions);
    else this.beginnings.set(page, new Map([[slot, instructions]]));
  }

  private compile({ head, pages }: JobSlot, linker: RegionLinker): CompiledRegion | undefined {
    // Compiled with another one while it waited.
    const own = pages.find(({ distance }) => distance === 0) as PageCopy;
    if (this.beginnings.get(own.address)?.has(head)) return undefined;
    const { warm, sysregIndex } = this.tables;
    const known = new Map(pages.map((page) => [page.distance, this.pageCode(page)]));
    const pageAt: Pages = (distance) => known.get(distance);
    return compileRegion(
      {
        pages: pageAt,
        head,
        warm,
        sysregEntry: (encoding) => {
          const at = encoding * SYSREG_ENTRY.size;
          const word = (offset: number): number => sysregIndex[(at + offset) >> 2] ?? 0;
          return {
            flags: word(SYSREG_ENTRY.flags),
            offset: word(SYSREG_ENTRY.offset),
            readTraps: word(SYSREG_ENTRY.readTraps),
            writeTraps: word(SYSREG_ENTRY.writeTraps),
          };
        },
      },
      linker,
    );
  }

  private pageCode({ address, hash, slots }: PageCopy): PageCode {
    const beginnings = this.beginnings.get(address);
    const { firstRegion, decodeRoot, decodeTree } = this.tables;
    const tree = { root: decodeRoot, words: decodeTree };
    const word = (slot: number): number => (slots[slot * 2 + 1] ?? 0) | 0;
    const handler = (slot: number): number => (slots[slot * 2] ?? 0) & 0xffff;
    return {
      hash,
      word,
      form: (slot) => {
        const known = handler(slot);
        const found = known < firstRegion ? known : decodeIn(tree, AREA.decodeTree, word(slot));
        return found === undefined ? undefined : this.forms[found - FIRST_INSTRUCTION_HANDLER];
      },
      wasExecuted: (slot) => handler(slot) !== 0,
      heat: (slot) => (handler(slot) < firstRegion ? (slots[slot * 2] ?? 0) >>> 16 : 0),
      isRegion: (slot) => (beginnings?.get(slot) ?? 0) >= WORTH_A_BRANCH,
    };
  }
}
