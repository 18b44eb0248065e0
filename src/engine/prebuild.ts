/**
 * Build step: generates the interpreter and writes it next to the compiled code, with V8's code of it where it can be
 * had.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { setHostFlags } from "./host-flags.js";
import { PREBUILT_CODE, PREBUILT_MODULE, PREBUILT_TABLES, type Tables } from "./image.js";
import { generateInterpreter } from "./interpreter/generate.js";
import { CODE_MAKER, optimizedCode } from "./optimized-code.js";

/** Instantiated for its functions only: nothing of it runs. */
function codeOf(bytes: Uint8Array): Uint8Array {
  const module = new WebAssembly.Module(bytes);
  const host = Object.fromEntries(WebAssembly.Module.imports(module).map(({ name }) => [name, () => 0]));
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536 });
  return optimizedCode(module, new WebAssembly.Instance(module, { env: { memory }, host }));
}

if (process.stderr.isTTY) console.error("Generating the interpreter, and V8's best code of it ...");
setHostFlags();
/** Of everything that has a part in what code is compiled to. */
function digestOfBuild(): string {
  const hash = createHash("sha1");
  for (const part of ["engine", "isa", "mmu", "cpu"]) {
    const directory = fileURLToPath(new URL(`../${part}/`, import.meta.url));
    const files = readdirSync(directory, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".js"));
    for (const name of files.sort()) hash.update(name).update(readFileSync(join(directory, name)));
  }
  return hash.digest("hex");
}

const { module, tree, handlers } = generateInterpreter();
const write = (name: string, content: Uint8Array | string): void =>
  writeFileSync(fileURLToPath(new URL(`./${name}`, import.meta.url)), content);
let codeMaker: string | undefined;
try {
  write(PREBUILT_CODE, codeOf(module));
  codeMaker = CODE_MAKER;
} catch (error) {
  console.error(`The interpreter is not compiled ahead of time, so every start takes longer to get fast: ${error}`);
}
write(PREBUILT_MODULE, module);
const tables: Tables = { root: tree.root, words: [...tree.words], handlers, codeMaker, build: digestOfBuild() };
write(PREBUILT_TABLES, JSON.stringify(tables));
