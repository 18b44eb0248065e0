/** Puts a profiler into a machine; what it gives at the end is the text of the file. */
import { DebugMemory } from "../debug/memory.js";
import { ConfigError } from "../errors.js";
import type { Machine } from "../machine.js";
import { formatFor } from "./formats.js";
import { Profiler } from "./profiler.js";
import { readSymbols, type SymbolTable } from "./symbols.js";

/** Files with names: `symbols` must have some, `kernel` may. */
export interface NameFiles {
  readonly symbols?: string | undefined;
  readonly kernel?: string | undefined;
}

/** @throws ConfigError when `symbols` has none. */
export function startProfile(machine: Machine, path: string, files: NameFiles): () => string {
  const profiler = new Profiler(new DebugMemory(machine), namesIn(files), machine.cores.length > 1);
  machine.scheduler.observer = profiler;
  const format = formatFor(path);
  return () => format(profiler.samples);
}

function namesIn({ symbols, kernel }: NameFiles): SymbolTable | undefined {
  if (symbols !== undefined) return readSymbols(symbols);
  if (kernel === undefined) return undefined;
  try {
    return readSymbols(kernel);
  } catch (error) {
    if (error instanceof ConfigError) return undefined;
    throw error;
  }
}
