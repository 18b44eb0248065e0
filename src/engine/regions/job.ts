/**
 * What goes to the compiler and what comes back: apart from it, which is loaded late, and on a thread of its own.
 */
import { SLOT_SIZE } from "../layout.js";

/** What is the same for all jobs of a machine. */
export interface CompilerTables {
  /** RegionContext.onlyCpu. */
  readonly onlyCpu: number | undefined;
  /** Root of the decode tree, and its words. */
  readonly decodeRoot: number;
  readonly decodeTree: Int32Array;
  /** SYSREG_ENTRY rows by 15-bit encoding. */
  readonly sysregIndex: Int32Array;
  /** Handlers from this index on are regions. */
  readonly firstRegion: number;
  /** Size of the engine's memory, in WebAssembly's pages. */
  readonly memoryPages: number;
  /** Heat from which a call's return is a way into the region. */
  readonly warm: number;
}

/**
 * Where an indirect branch led, by the number (places.ts) of the instruction there, and how often; at most two of each.
 */
export interface BranchTarget {
  readonly slot: number;
  readonly at: number;
  readonly count: number;
}

/** A predecode page as it was: two words a slot. */
export interface PageCopy {
  readonly distance: number;
  readonly address: number;
  /** CODE_PAGE.hash. */
  readonly hash: bigint;
  readonly slots: Uint32Array;
  readonly targets: readonly BranchTarget[];
}

/** How often a slot was branched to while it was interpreted, by the first of its words. */
export const heatOf = (word: number, firstRegion: number): number => ((word & 0xffff) < firstRegion ? word >>> 16 : 0);

/** Where a region begins: addresses of slots. */
export interface Beginning {
  readonly slots: readonly number[];
  readonly instructions: number;
}

export interface JobSlot {
  /** Number of the hot slot in the page at distance 0. */
  readonly head: number;
  /** RegionContext.touches. */
  readonly touches: boolean;
  /** RegionContext.flushes. */
  readonly flushes: boolean;
  readonly pages: readonly PageCopy[];
}

export interface Job {
  readonly id: number;
  readonly slots: readonly JobSlot[];
  /** Slots at which regions that were dropped since the last job began; "all" for all there are. */
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
  /** CompiledRegion.seesFpMode. */
  readonly seesFpMode: boolean;
  /** Which these are: slots of those pages, the last of each run inclusive. */
  readonly runs: readonly Run[];
}

export interface Run {
  readonly distance: number;
  readonly first: number;
  readonly last: number;
}

export interface JobResult {
  readonly id: number;
  /** Regions in the order of their table indices. */
  readonly regions: readonly JobRegion[];
  /** Slots of the job at which nothing can begin: the instruction there is the interpreter's. */
  readonly barren: readonly number[];
  /** Absent when nothing could be compiled. */
  readonly module: WebAssembly.Module | undefined;
  /** What it was made from. */
  readonly wire: Uint8Array;
  /** Names of what the module imports as "rt". */
  readonly runtime: readonly string[];
  readonly milliseconds: number;
}

/** The job's copy of a page that it has. */
export const copyAt = ({ pages }: JobSlot, distance: number): PageCopy =>
  pages.find((page) => page.distance === distance) as PageCopy;

/** Address of the predecode page that it is a copy of. */
export const addressAt = (slot: JobSlot, distance: number): number => copyAt(slot, distance).address;

/** Addresses of the slots at which a region of a job is entered. */
export const slotsOf = (job: JobSlot, { entries }: JobRegion): number[] =>
  entries.map(({ distance, slot }) => addressAt(job, distance) + slot * SLOT_SIZE);
