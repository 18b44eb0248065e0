/** The compiler on a thread of its own: its tables first, then jobs, each answered by its result. */
import { parentPort } from "node:worker_threads";
import { loadBundle } from "../../bundle/load.js";
import { setHostFlags } from "../host-flags.js";
import type { CompilerTables, Job } from "./job.js";

setHostFlags();
const { Compiler } = loadBundle<typeof import("./compiler.js")>("compiler")?.exports ?? (await import("./compiler.js"));
let compiler: InstanceType<typeof Compiler> | undefined;
parentPort?.on("message", (message: CompilerTables | Job) => {
  if ("decodeTree" in message) compiler = new Compiler(message);
  else parentPort?.postMessage(compiler?.run(message));
});
