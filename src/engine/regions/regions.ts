/**
 * Compiled regions of a running engine: hot slots come in, are compiled a batch to a module between slices, and their
 * slots are pointed at the new functions. Dropping a page's slots drops its regions.
 */
import { decodeIn } from "../../isa/decode.js";
import type { Form } from "../../isa/pattern.js";
import type { Engine } from "../engine.js";
import { FIRST_INSTRUCTION_HANDLER } from "../interpreter/code-pages.js";
import { allForms } from "../interpreter/forms.js";
import type { Callable, Linker } from "../ir/function.js";
import { AREA, CODE_PAGE, GLOBAL, PAGE_BITS, PAGE_FLAG, SLOT_SIZE } from "../layout.js";
import { encodeModule, type FunctionBody, TypeTable } from "../wasm/encoder.js";
import { compileRegion } from "./compile.js";

/** Functions of one module are compiled together (ARCHITECTURE.md, section 2: 16 is where the cost levels off). */
const BATCH = 16;
/** A slot's handler index has 16 bits. */
const TABLE_LIMIT = 0xf000;

class RegionLinker implements Linker {
  readonly types = new TypeTable();
  readonly imports: Callable[] = [];
  functionIndex(callee: Callable): number {
    const known = this.imports.indexOf(callee);
    return known >= 0 ? known : this.imports.push(callee) - 1;
  }
}

export class Regions {
  private readonly forms: readonly Form[] = allForms();
  private readonly tree: Int32Array;
  private readonly root: number;
  private readonly firstIndex: number;
  private nextIndex: number;
  private pending: number[] = [];
  compiled = 0;
  codeBytes = 0;

  constructor(
    private readonly engine: Engine,
    private readonly table: WebAssembly.Table,
    private readonly host: Readonly<Record<string, unknown>>,
  ) {
    const { view } = engine;
    this.root = view.getInt32(GLOBAL.decodeRoot, true);
    this.tree = new Int32Array(view.buffer, AREA.decodeTree, (AREA.dynamic - AREA.decodeTree) / 4);
    this.firstIndex = table.length;
    this.nextIndex = table.length;
  }

  /** A slot has become hot. */
  note(slot: number): void {
    this.pending.push(slot);
  }

  /** All decoded code was dropped: indices may be used again. */
  reset(): void {
    this.pending = [];
    this.nextIndex = this.firstIndex;
  }

  /** Compiles what has become hot since the last call. Called between slices. */
  compilePending(): void {
    while (this.pending.length > 0) {
      if (this.nextIndex + BATCH > TABLE_LIMIT) {
        this.engine.dropCode();
        return;
      }
      this.compileBatch(this.pending.splice(0, BATCH));
    }
  }

  private compileBatch(slots: readonly number[]): void {
    const linker = new RegionLinker();
    const functions: FunctionBody[] = [];
    const heads: number[] = [];
    for (const slot of slots) {
      const body = this.compile(slot >>> 0, linker);
      if (body === undefined) continue;
      functions.push(body);
      heads.push(slot >>> 0);
    }
    if (functions.length === 0) return;
    const bytes = encodeModule(linker.types, {
      functionImports: linker.imports.map((f) => ({
        module: "build" in f ? "rt" : "host",
        name: f.name,
        signature: f.signature,
      })),
      functions,
      exports: functions.map((_, i) => ({ name: `r${i}`, index: linker.imports.length + i })),
      table: [],
      memory: { initial: 1, maximum: 65536 },
    });
    const { exports } = this.engine as unknown as { exports: Record<string, unknown> };
    const runtime = Object.fromEntries(linker.imports.map((f) => [f.name, exports[`rt.${f.name}`]]));
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
      env: { memory: this.engine.memory },
      rt: runtime,
      host: this.host as WebAssembly.ModuleImports,
    });
    this.codeBytes += bytes.length;
    this.compiled += functions.length;
    if (this.nextIndex + functions.length > this.table.length) {
      this.table.grow(this.nextIndex + functions.length - this.table.length);
    }
    heads.forEach((slot, i) => {
      const index = this.nextIndex++;
      this.table.set(index, instance.exports[`r${i}`]);
      this.engine.view.setUint32(slot, index, true);
      this.engine.view.setUint32(this.pageOf(slot) + CODE_PAGE.hasRegions, 1, true);
    });
  }

  private pageOf(slot: number): number {
    const start = this.engine.view.getUint32(GLOBAL.codeStart, true);
    return start + Math.floor((slot - start) / CODE_PAGE.size) * CODE_PAGE.size;
  }

  /** The region of a slot; undefined when the slot was dropped meanwhile, is compiled already, or cannot be. */
  private compile(slot: number, linker: RegionLinker): FunctionBody | undefined {
    const { view, bytes } = this.engine;
    const handler = view.getUint16(slot, true);
    if (handler < FIRST_INSTRUCTION_HANDLER || handler >= this.firstIndex) return undefined;
    const page = this.pageOf(slot);
    const host = view.getUint32(page + CODE_PAGE.host, true);
    const flags = bytes[AREA.pageFlags + (host >>> PAGE_BITS)] ?? 0;
    if (view.getUint32(page + CODE_PAGE.isShadow, true) !== 0 || (flags & PAGE_FLAG.hasCode) === 0) return undefined;
    const tree = { root: this.root, words: this.tree };
    return compileRegion(
      {
        word: (n) => view.getInt32(host + n * 4, true),
        form: (word) => {
          const found = decodeIn(tree, AREA.decodeTree, word);
          return found === undefined ? undefined : this.forms[found - FIRST_INSTRUCTION_HANDLER];
        },
      },
      (slot - page) / SLOT_SIZE,
      linker,
    );
  }
}
