/**
 * Collects functions into one module. A function is declared once as a value (`defineFunction`) and pulled in by
 * whoever calls it first; imports are declared the same way (`importFunction`).
 */
import { encodeModule, type FunctionBody, TypeTable } from "../wasm/encoder.js";
import type { TypeLetter } from "../wasm/opcodes.js";
import { emitFunction } from "./emit.js";
import { type Callable, FunctionBuilder, type Linker } from "./function.js";
import type { Value, ValueOf } from "./value.js";

type ValuesOf<P extends string> = P extends `${infer H extends TypeLetter}${infer Rest}`
  ? [ValueOf[H], ...ValuesOf<Rest>]
  : [];

export interface DefinedFunction<P extends string = string, R extends string = string> extends Callable<P, R> {
  readonly build: (fb: FunctionBuilder) => void;
}

/** A function of the module. `write` gets the builder and the parameters and must return on every path. */
export function defineFunction<const P extends string, const R extends string>(
  name: string,
  params: P,
  result: R,
  write: (fb: FunctionBuilder, ...params: ValuesOf<P>) => void,
): DefinedFunction<P, R> {
  return {
    name,
    signature: { params, result },
    build: (fb) => write(fb, ...([...params].map((_, i) => fb.param(i)) as Value[] as ValuesOf<P>)),
  };
}

/** A function the host supplies as "host.name". */
export function importFunction<const P extends string, const R extends string>(
  name: string,
  params: P,
  result: R,
): Callable<P, R> {
  return { name, signature: { params, result } };
}

export class ModuleBuilder implements Linker {
  readonly types = new TypeTable();
  private readonly imports: Callable[];
  private readonly indices = new Map<Callable, number>();
  private readonly queue: DefinedFunction[] = [];
  private readonly bodies: FunctionBody[] = [];
  private readonly exports: { name: string; callee: Callable }[] = [];

  /** Imports come before all functions in wasm's numbering, so they are named up front. */
  constructor(
    imports: readonly Callable[],
    readonly portable = true,
  ) {
    this.imports = [...imports];
    this.imports.forEach((f, i) => {
      this.indices.set(f, i);
    });
  }

  functionIndex(callee: Callable): number {
    const known = this.indices.get(callee);
    if (known !== undefined) return known;
    if (!("build" in callee)) throw new Error(`import ${callee.name} was not declared to the module`);
    const index = this.imports.length + this.queue.length;
    this.queue.push(callee as DefinedFunction);
    this.indices.set(callee, index);
    return index;
  }

  /** Bodies of a kind of their own (instruction handlers) override this. */
  protected buildFunction(f: DefinedFunction): FunctionBody {
    const fb = new FunctionBuilder(this, f.signature.params, f.signature.result);
    f.build(fb);
    return emitFunction(fb);
  }

  export(callee: Callable, name = callee.name): void {
    this.functionIndex(callee);
    this.exports.push({ name, callee });
  }

  /** Exports every function pulled in so far or later, except those left out, under "rt." and its name. */
  exportRuntime(except: ReadonlySet<DefinedFunction>): void {
    this.runtimeExcept = except;
  }
  private runtimeExcept: ReadonlySet<DefinedFunction> | undefined;

  /** Builds everything reachable. `table` fills table 0. */
  finish(table: readonly Callable[], memory: { initial: number; maximum: number; shared?: boolean }): Uint8Array {
    const tableIndices = table.map((f) => this.functionIndex(f));
    for (let i = 0; i < this.queue.length; i++) {
      this.bodies.push(this.buildFunction(this.queue[i] as DefinedFunction));
    }
    const { runtimeExcept } = this;
    if (runtimeExcept) {
      for (const f of this.queue) if (!runtimeExcept.has(f)) this.exports.push({ name: `rt.${f.name}`, callee: f });
      const names = this.exports.map((e) => e.name);
      const twice = names.find((name, i) => names.indexOf(name) !== i);
      if (twice !== undefined) throw new Error(`two functions are called ${twice}`);
    }
    return encodeModule(this.types, {
      functionImports: this.imports.map((f) => ({ module: "host", name: f.name, signature: f.signature })),
      functions: this.bodies,
      exports: this.exports.map((e) => ({ name: e.name, index: this.functionIndex(e.callee) })),
      table: tableIndices,
      memory,
      names: this.queue.map((f) => f.name),
    });
  }
}
