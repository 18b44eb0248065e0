/** The compiler on a thread of its own: tables first, then jobs, each answered by its result. */
import { parentPort, workerData } from "node:worker_threads";
import { Compiler } from "./compiler.js";
import type { CompilerTables, Job } from "./job.js";

const compiler = new Compiler(workerData as CompilerTables);
parentPort?.on("message", (job: Job) => parentPort?.postMessage(compiler.run(job)));
