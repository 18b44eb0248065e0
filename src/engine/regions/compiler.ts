/**
 * The compiler apart from the machine: jobs of a few hot slots come in with copies of all that is to be known, a module
 * with their regions comes out. So it can run on a thread of its own (thread.ts).
 */
import { decodeIn } from "../../isa/decode.js";
import type { Form } from "../../isa/pattern.js";
import { FIRST_INSTRUCTION_HANDLER, HANDLER_BREAKPOINT } from "../interpreter/code-pages.js";
import { allForms } from "../interpreter/forms.js";
import type { Callable, Linker } from "../ir/function.js";
import { AREA, SLOT_SIZE, SYSREG_ENTRY } from "../layout.js";
import { encodeModule, TypeTable } from "../wasm/encoder.js";
import { type CompiledRegion, compileRegion } from "./compile.js";
import type { KnownRegion, PageCode, Pages } from "./discover.js";
import {
  addressAt,
  type CompilerTables,
  heatOf,
  type Job,
  type JobRegion,
  type JobResult,
  type JobSlot,
  type PageCopy,
  slotsOf,
} from "./job.js";

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
   * The regions that begin at slots, by address: those on their way to the machine, too. One that is not there any more
   * must go, or its code would not be compiled again.
   */
  private readonly beginnings = new Map<number, KnownRegion>();

  constructor(private readonly tables: CompilerTables) {}

  run(job: Job): JobResult {
    const start = performance.now();
    const linker = new RegionLinker();
    const regions: JobRegion[] = [];
    const barren: number[] = [];
    const compiled: CompiledRegion[] = [];
    if (job.dropped === "all") this.beginnings.clear();
    else for (const slot of job.dropped) this.beginnings.delete(slot);
    for (const { slots, instructions } of job.found) this.note(slots, instructions);
    job.slots.forEach((slot, number) => {
      if (this.isBegun(slot)) return;
      const region = this.compile(slot, linker);
      if (region === undefined) {
        barren.push(number);
        return;
      }
      compiled.push(region);
      const { pages, instructions, seesFpMode, runs } = region;
      const entries = region.entries.map(({ page, slot: n }) => ({ distance: page, slot: n }));
      const placed = { slot: number, entries, pages, instructions, seesFpMode, runs };
      regions.push(placed);
      this.note(slotsOf(slot, placed), instructions);
    });
    const bytes = compiled.length === 0 ? undefined : this.encode(linker, compiled);
    return {
      id: job.id,
      regions,
      barren,
      module: bytes && new WebAssembly.Module(bytes),
      wire: bytes ?? new Uint8Array(),
      runtime: linker.imports.filter((f) => "build" in f).map((f) => f.name),
      milliseconds: performance.now() - start,
    };
  }

  /** A region is on its way to the machine, and entered at slots. */
  private note(slots: readonly number[], instructions: number): void {
    const region = { instructions };
    for (const slot of slots) this.beginnings.set(slot, region);
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
      // As large as it is and no larger: V8 looks again after each call for where a memory is that may have grown.
      memory: { initial: this.tables.memoryPages, maximum: this.tables.memoryPages },
    });
  }

  /** Whether a slot was compiled with another one while it waited. */
  private isBegun(slot: JobSlot): boolean {
    return this.beginnings.has(addressAt(slot, 0) + slot.head * SLOT_SIZE);
  }

  private compile({ head, touches, flushes, pages }: JobSlot, linker: RegionLinker): CompiledRegion | undefined {
    const { onlyCpu, warm, sysregIndex } = this.tables;
    const known = new Map(pages.map((page) => [page.distance, this.pageCode(page)]));
    const pageAt: Pages = (distance) => known.get(distance);
    return compileRegion(
      {
        pages: pageAt,
        head,
        onlyCpu,
        touches,
        flushes,
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

  private pageCode({ address, hash, slots, targets }: PageCopy): PageCode {
    const { beginnings } = this;
    const { firstRegion, decodeRoot, decodeTree } = this.tables;
    const tree = { root: decodeRoot, words: decodeTree };
    const word = (slot: number): number => (slots[slot * 2 + 1] ?? 0) | 0;
    const handler = (slot: number): number => (slots[slot * 2] ?? 0) & 0xffff;
    return {
      hash,
      word,
      form: (slot) => {
        const known = handler(slot);
        const decoded = known < firstRegion && known !== HANDLER_BREAKPOINT;
        const found = decoded ? known : decodeIn(tree, AREA.decodeTree, word(slot));
        return found === undefined ? undefined : this.forms[found - FIRST_INSTRUCTION_HANDLER];
      },
      isBreakpoint: (slot) => handler(slot) === HANDLER_BREAKPOINT,
      wasExecuted: (slot) => handler(slot) !== 0,
      heat: (slot) => heatOf(slots[slot * 2] ?? 0, firstRegion),
      isEntry: (slot) => handler(slot) >= firstRegion,
      targets: (slot) => targets.filter((target) => target.slot === slot),
      region: (slot) => {
        const known = beginnings.get(address + slot * SLOT_SIZE);
        return known && known.instructions >= WORTH_A_BRANCH ? known : undefined;
      },
    };
  }
}
