/** Runs the real `gdb-multiarch` in batch mode against a server of this process. */

import { spawn } from "node:child_process";

/** How long one session may take, in milliseconds. */
const PATIENCE_MS = 20_000;

export interface GdbRun {
  /** Standard output and error together, as a user would see them. */
  readonly text: string;
  readonly code: number | null;
}

/** Connects to `place` and carries out `commands`, each as `-ex`. Ctrl-C comes `interruptAfterMs` after `Continuing.` */
export function gdb(place: string, commands: readonly string[], interruptAfterMs?: number): Promise<GdbRun> {
  const before = ["set pagination off", "set confirm off", "set architecture aarch64", `target remote ${place}`];
  const args = ["-nx", "-batch", ...[...before, ...commands].flatMap((line) => ["-ex", line])];
  return new Promise((resolve, reject) => {
    const child = spawn("gdb-multiarch", args, { stdio: ["ignore", "pipe", "pipe"] });
    const patience = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
    let text = "";
    let interrupting = interruptAfterMs !== undefined;
    const heard = (chunk: Buffer): void => {
      text += chunk.toString();
      if (!interrupting || !text.includes("Continuing.")) return;
      interrupting = false;
      setTimeout(() => child.kill("SIGINT"), interruptAfterMs);
    };
    child.stdout.on("data", heard);
    child.stderr.on("data", heard);
    child.on("error", reject);
    child.on("close", (code) => {
      clearTimeout(patience);
      resolve({ text, code });
    });
  });
}
