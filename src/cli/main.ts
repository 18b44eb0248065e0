#!/usr/bin/env node
/** The program `trapframe`: the command line on this process's own streams. */
import { loadBundle } from "../bundle/load.js";

const { runCli, loadMachine } =
  loadBundle<typeof import("./program.js")>("cli")?.exports ?? (await import("./program.js"));
const { stdin, stdout, stderr } = process;

// A reader of standard output or standard error that goes away is no reason for a stack trace.
for (const stream of [stdout, stderr]) {
  stream.on("error", () => {});
}

const status = await runCli(process.argv.slice(2), {
  stdin,
  stdout,
  stderr,
  loadMachine,
});
// Standard input may still be open, and would keep the process waiting for a key that means nothing any more.
stdout.write("", () => process.exit(status));
