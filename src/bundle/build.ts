/** Build step: the bundles that load.ts loads, and V8's code of them. */
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { build, type Plugin } from "esbuild";
import { setHostFlags, unsetHostFlags } from "../engine/host-flags.js";
import { exerciseCompiler, exerciseProgram } from "./exercise.js";
import { bundleFile, loadBundle } from "./load.js";

/** Milliseconds; the build takes ten seconds on a machine that does nothing else. */
const EXERCISE_LIMIT = 300_000;
const DIST = fileURLToPath(new URL("../", import.meta.url));

/** Every module keeps its own URL: files are looked for beside it. */
const ownUrls: Plugin = {
  name: "own-urls",
  setup({ onLoad }) {
    onLoad({ filter: /\.m?js$/ }, async ({ path }) => {
      const source = await readFile(path, "utf8");
      const url = `moduleUrl(${JSON.stringify(relative(DIST, path))})`;
      return { contents: source.replaceAll("import.meta.url", url), loader: "js" };
    });
  },
};

async function bundle(name: string, entry: string): Promise<void> {
  const code = bundleFile(name, "code");
  // Code of another source with the same length would be taken for this one's.
  rmSync(code, { force: true });
  await build({
    entryPoints: [fileURLToPath(new URL(`../${entry}`, import.meta.url))],
    outfile: bundleFile(name, "cjs"),
    absWorkingDir: DIST,
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node20",
    charset: "ascii",
    minifyWhitespace: true,
    lineLimit: 120,
    sourcemap: "external",
    sourcesContent: false,
    // Modules that are imported late are part of the script; the others are Node's.
    supported: { "dynamic-import": false },
    plugins: [ownUrls],
    logLevel: "warning",
  });
}

/**
 * Writes the code that V8 has of a bundle when `exercise` has used what it exports, under the flags that it is loaded
 * under.
 */
async function keepCode<Exports>(
  name: string,
  setFlags: () => void,
  exercise: (exports: Exports) => Promise<void>,
): Promise<void> {
  setFlags();
  // Else what did not run for a while is dropped.
  setFlagsFromString("--no-flush-bytecode");
  const loaded = loadBundle<Exports>(name);
  if (loaded === undefined) throw new Error(`${bundleFile(name, "cjs")} was not written`);
  await exercise(loaded.exports);
  // V8 takes code under the flags only that it was kept under.
  setFlagsFromString("--flush-bytecode");
  setFlags();
  const partial = `${bundleFile(name, "code")}.new`;
  writeFileSync(partial, loaded.script.createCachedData());
  renameSync(partial, bundleFile(name, "code"));
}

/** A guest that an engine in the making does not bring to its end would keep the build going for ever. */
setTimeout(() => {
  throw new Error("the guest of the build has not come to its end: the engine that was built does not run it");
}, EXERCISE_LIMIT).unref();

if (process.stderr.isTTY)
  console.error("Putting the program in one piece, and running small guests for V8's code of it ...");
await bundle("cli", "cli/program.js");
await bundle("compiler", "engine/regions/compiler.js");
await keepCode("cli", unsetHostFlags, exerciseProgram);
await keepCode("compiler", setHostFlags, exerciseCompiler);
