/**
 * A program in one piece. Hundreds of modules take longer to find, read and compile than a small guest takes to run, so
 * the build (build.ts) puts all modules of a program into one script, and keeps beside it the code that V8 had made of
 * that script by the end of a run. V8 takes code only of its own version, under the same flags, and of a source of the
 * same length; else it compiles the script as any other.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { Script } from "node:vm";
import { showSources } from "./stack.js";

/** A bundle's files: NAME.cjs, NAME.cjs.map and NAME.code. */
export const bundleFile = (name: string, ending: "cjs" | "cjs.map" | "code"): string =>
  fileURLToPath(new URL(`./${name}.${ending}`, import.meta.url));

/** What a bundle's modules have of their surroundings: names of CommonJS, and where the modules were before. */
const PARAMETERS = "exports, module, require, moduleUrl";

export interface Bundle<Exports> {
  readonly exports: Exports;
  readonly script: Script;
}

function tryToRead(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}

/** The bundle of that name, its modules evaluated; undefined where the build has made none. */
export function loadBundle<Exports>(name: string): Bundle<Exports> | undefined {
  const source = tryToRead(bundleFile(name, "cjs"));
  if (source === undefined) return undefined;
  const cachedData = tryToRead(bundleFile(name, "code"));
  // Kept code has the name that the script had when it was kept, wherever it is now.
  const filename = `trapframe/${name}.cjs`;
  // The build writes ASCII, which is decoded faster as this.
  const text = `(function (${PARAMETERS}) {${source.toString("latin1")}\n})`;
  const script = new Script(text, { filename, ...(cachedData === undefined ? {} : { cachedData }) });
  showSources(filename, () => readFileSync(bundleFile(name, "cjs.map"), "utf8"));
  const module = { exports: {} };
  const moduleUrl = (path: string): string => new URL(`../${path}`, import.meta.url).href;
  script.runInThisContext()(module.exports, module, createRequire(import.meta.url), moduleUrl);
  return { exports: module.exports as Exports, script };
}
