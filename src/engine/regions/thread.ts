/** The compiler on a thread of its own: tables first, then jobs, each answered by its result. */
import { parentPort, workerData } from "node:worker_threads";
import { loadBundle } from "../../bundle/load.js";
import { setHostFlags } from "../host-flags.js";
import type { CompilerTables, Job } from "./job.js";

setHostFlags();
const { Compiler } = loadBundle<typeof import("./compiler.js")>("compiler")?.exports ?? (await import("./compiler.js"));
const compiler = new Compiler(workerData as CompilerTables);
parentPort?.on("message", (job: Job) => parentPort?.postMessage(compiler.run(job)));
