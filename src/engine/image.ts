/**
 * Where the generated interpreter comes from: the file the build made, or, when running from sources (tests), a fresh
 * generation.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { InterpreterImage } from "./interpreter/generate.js";

export const PREBUILT_MODULE = "interpreter.wasm";
export const PREBUILT_TABLES = "interpreter.json";

let cached: InterpreterImage | undefined;

function prebuilt(): InterpreterImage | undefined {
  const here = (name: string): string => fileURLToPath(new URL(`./${name}`, import.meta.url));
  let module: Uint8Array;
  let text: string;
  try {
    module = readFileSync(here(PREBUILT_MODULE));
    text = readFileSync(here(PREBUILT_TABLES), "utf8");
  } catch {
    return undefined;
  }
  const tables = JSON.parse(text) as { root: number; words: number[]; handlers: InterpreterImage["handlers"] };
  return { module, tree: { root: tables.root, words: Int32Array.from(tables.words) }, handlers: tables.handlers };
}

/** The interpreter image of this process. */
export async function interpreterImage(): Promise<InterpreterImage> {
  cached ??= prebuilt() ?? (await import("./interpreter/generate.js")).generateInterpreter();
  return cached;
}
