/**
 * The compiler's thread (thread.ts) from outside. To start it takes 0.1 to 0.2 s and nothing of a machine, so that it
 * can be on its way before there is one.
 */
import { Worker } from "node:worker_threads";
import type { CompilerTables, Job, JobResult } from "./job.js";

/**
 * A thread has the options of the process's command line, and Node refuses --input-type, which comes with --eval, where
 * a file is to be run: then it has none of them.
 */
const OPTIONS = process.execArgv.some((option) => option.startsWith("--input-type")) ? { execArgv: [] } : {};

export class CompilerThread {
  private readonly worker = new Worker(new URL("./thread.js", import.meta.url), OPTIONS);

  constructor() {
    this.worker.on("error", (error) => {
      throw error;
    });
    this.worker.unref();
  }

  /** To be called once, before the first job. */
  begin(tables: CompilerTables, finished: (result: JobResult) => void): void {
    this.worker.on("message", finished);
    // A listener for messages would keep the process alive again.
    this.worker.unref();
    this.worker.postMessage(tables);
  }

  /** What it is at comes to nothing. */
  end(): void {
    void this.worker.terminate();
  }

  /** What the job has in `buffers` is the thread's from now on. */
  run(job: Job, buffers: readonly ArrayBuffer[]): void {
    this.worker.postMessage(job, buffers);
  }
}
