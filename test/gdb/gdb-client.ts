/** Runs the real `gdb-multiarch` in batch mode against a server of this process. */

import { spawn } from "node:child_process";

export interface GdbOptions {
  /** Ctrl-C is pressed once this has become true. */
  readonly interruptWhen?: () => boolean;
  /** How to connect; "target remote" unless told otherwise. */
  readonly connect?: string;
  /** Settings that must be there before the connection is. */
  readonly settings?: readonly string[];
  /** An ELF file to load before that. */
  readonly symbols?: string;
  /** How long the session may take, in milliseconds; 40 s without. */
  readonly patience?: number;
}

/**
 * Connects to `place`, carries out `commands`, each as `-ex`, and gives all a user would see, errors included. Rejects with
 * what there is of it when that takes too long.
 */
export function gdb(place: string, commands: readonly string[], options: GdbOptions = {}): Promise<string> {
  const { interruptWhen, connect = "target remote", settings = [], symbols, patience: limit = 40_000 } = options;
  const file = symbols === undefined ? [] : [`file ${symbols}`];
  const before = [
    "set pagination off",
    "set confirm off",
    "set architecture aarch64",
    ...file,
    ...settings,
    `${connect} ${place}`,
  ];
  const args = ["-nx", "-batch", ...[...before, ...commands].flatMap((line) => ["-ex", line])];
  return new Promise((resolve, reject) => {
    // One pipe for both streams, so that errors stand where they belong.
    const child = spawn("sh", ["-c", 'exec gdb-multiarch "$@" 2>&1', "sh", ...args], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    let late = false;
    const patience = setTimeout(() => {
      late = true;
      child.kill("SIGKILL");
    }, limit);
    const watch = setInterval(() => {
      if (!interruptWhen?.()) return;
      clearInterval(watch);
      child.kill("SIGINT");
    }, 50);
    const heard: Buffer[] = [];
    child.stdout.on("data", (bytes: Buffer) => heard.push(bytes));
    child.on("error", reject);
    child.on("close", () => {
      clearTimeout(patience);
      clearInterval(watch);
      const text = Buffer.concat(heard).toString();
      if (late) reject(new Error(`GDB was not done after ${limit / 1000} s. It had said:\n${text.slice(-4000)}`));
      else resolve(text);
    });
  });
}
