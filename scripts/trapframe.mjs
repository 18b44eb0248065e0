#!/usr/bin/env node
/** What npm links as `trapframe`. The program is made by the build, and a fresh checkout has none. */
import { existsSync } from "node:fs";

const program = new URL("../dist/cli/main.js", import.meta.url);
if (existsSync(program)) {
  await import(program.href);
} else {
  console.error("trapframe: this checkout is not built yet; in its directory: npm ci");
  process.exitCode = 1;
}
