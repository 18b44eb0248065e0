/** Build step: generates the interpreter and writes it next to the compiled code. */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { PREBUILT_MODULE, PREBUILT_TABLES } from "./image.js";
import { generateInterpreter } from "./interpreter/generate.js";

const image = generateInterpreter();
const here = (name: string): string => fileURLToPath(new URL(`./${name}`, import.meta.url));
writeFileSync(here(PREBUILT_MODULE), image.module);
const { root, words } = image.tree;
writeFileSync(here(PREBUILT_TABLES), JSON.stringify({ root, words: [...words], handlers: image.handlers }));
