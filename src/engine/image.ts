/**
 * Where the generated interpreter comes from: the file the build made, or, when running from sources (tests), a fresh
 * generation.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { InterpreterImage } from "./interpreter/generate.js";
import { CODE_MAKER, moduleWithCode } from "./optimized-code.js";

export const PREBUILT_MODULE = "interpreter.wasm";
export const PREBUILT_TABLES = "interpreter.json";
export const PREBUILT_CODE = "interpreter.code";

/** What PREBUILT_TABLES holds. */
export interface Tables {
  readonly root: number;
  readonly words: readonly number[];
  readonly handlers: InterpreterImage["handlers"];
  /** CODE_MAKER of PREBUILT_CODE. */
  readonly codeMaker: string | undefined;
  /** Of all that compiled code is made with. */
  readonly build: string;
}

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
  const { root, words, handlers, codeMaker, build } = JSON.parse(text) as Tables;
  const image = { module, tree: { root, words: Int32Array.from(words) }, handlers, build };
  if (codeMaker !== CODE_MAKER) return image;
  return { ...image, optimized: () => moduleWithCode(module, readFileSync(here(PREBUILT_CODE))) };
}

/** The interpreter image of this process. */
export async function interpreterImage(): Promise<InterpreterImage> {
  cached ??= prebuilt() ?? (await import("./interpreter/generate.js")).generateInterpreter();
  return cached;
}
