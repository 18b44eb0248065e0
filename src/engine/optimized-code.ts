/**
 * V8's optimised code of a WebAssembly module, kept in a file from one process to the next. Node offers no way to do
 * that, but V8 has one, which it calls from its own tests as natives. What they take differs between versions of V8,
 * and a wrong call ends the process: code is used only by the very version that made it. V8 itself refuses code of
 * another processor or other flags. Whatever is missing, the module is compiled as any other.
 *
 * Measured: an interpreter that begins optimised instead of as Liftoff's code, 5 ms to load (docs/performance.md).
 */
import { setFlagsFromString } from "node:v8";

/** By whom code was made: nobody else may load it. */
export const CODE_MAKER = `${process.versions.v8} ${process.arch} ${process.platform}`;

/** Lets `use` call what `source` says of natives of V8; throws where this V8 has none of them. */
function withNatives<T>(source: string, use: (native: (a: unknown, b?: unknown) => unknown) => T): T {
  // Functions are compiled when they are first called, and until then must be understood.
  setFlagsFromString("--allow-natives-syntax");
  try {
    return use(new Function("a", "b", source) as (a: unknown, b?: unknown) => unknown);
  } finally {
    setFlagsFromString("--no-allow-natives-syntax");
  }
}

/** Optimises every function that the instance exports or has in its exported table, and returns all code. */
export function optimizedCode(module: WebAssembly.Module, instance: WebAssembly.Instance): Uint8Array {
  const functions = new Set<unknown>();
  for (const exported of Object.values(instance.exports)) {
    if (typeof exported === "function") functions.add(exported);
    if (!(exported instanceof WebAssembly.Table)) continue;
    for (let i = 0; i < exported.length; i++) functions.add(exported.get(i));
  }
  functions.delete(null);
  optimize([...functions]);
  return serializedCode(module, [...functions]);
}

/** Has V8 optimise functions, whether they were called or not, one after the other until so much time has passed. */
export function optimize(functions: readonly unknown[], milliseconds = Number.POSITIVE_INFINITY): void {
  const end = performance.now() + milliseconds;
  const rest = withNatives("return %IsTurboFanFunction(a)", (isOptimized) => functions.filter((f) => !isOptimized(f)));
  withNatives("%WasmTierUpFunction(a)", (tierUp) => {
    for (const f of rest) {
      if (performance.now() >= end) return;
      tierUp(f);
    }
  });
}

/** How many of these functions V8 has optimised by now. */
export function countOptimized(functions: readonly unknown[]): number {
  return withNatives("return %IsTurboFanFunction(a)", (isOptimized) => functions.filter((f) => isOptimized(f)).length);
}

/** The optimised code that V8 has by now of a module and these functions of it; empty where it has none. */
export function serializedCode(module: WebAssembly.Module, functions: readonly unknown[]): Uint8Array {
  // V8 takes it for a bug when it is asked for code of which there is none.
  if (countOptimized(functions) === 0) return new Uint8Array();
  return withNatives("return %SerializeWasmModule(a)", (serialize) => new Uint8Array(serialize(module) as ArrayBuffer));
}

/** The buffer of an array that has one of its own, else a copy. */
function bufferOf(bytes: Uint8Array): ArrayBufferLike {
  return bytes.length === bytes.buffer.byteLength ? bytes.buffer : bytes.slice().buffer;
}

/** The module of these bytes with code that `optimizedCode` gave; undefined when V8 will not have it. */
export function moduleWithCode(bytes: Uint8Array, code: Uint8Array): WebAssembly.Module | undefined {
  try {
    return withNatives("return %DeserializeWasmModule(a, b)", (deserialize) => deserialize(bufferOf(code), bytes)) as
      | WebAssembly.Module
      | undefined;
  } catch {
    return undefined;
  }
}
