/**
 * `--semihosting` on the command line: its options, and the process's own console where the serial line is elsewhere.
 */
import { statSync } from "node:fs";
import { ConfigError, systemReason } from "../machine/errors.js";
import type { SemihostingConsole, SemihostingOptions } from "../machine/semihosting/semihosting.js";
import type { StdioStreams } from "./serial/stdio.js";

export interface SemihostingArguments {
  readonly semihosting: boolean;
  readonly semihostingDir?: string | undefined;
  readonly semihostingArgs?: string | undefined;
  readonly kernel?: string | undefined;
  readonly append?: string | undefined;
}

/** @throws ConfigError when the directory is none. */
export function planSemihosting(args: SemihostingArguments): SemihostingOptions | undefined {
  const { semihosting, semihostingDir: directory, semihostingArgs, kernel, append } = args;
  if (!semihosting) {
    const given = directory !== undefined ? "dir" : semihostingArgs !== undefined ? "args" : undefined;
    if (given !== undefined) throw new ConfigError("USAGE", `--semihosting-${given} without --semihosting`);
    return undefined;
  }
  if (directory !== undefined) checkDirectory(directory);
  // QEMU's default: the kernel's name and its command line.
  const words = [kernel ?? "", append ?? ""].filter((word) => word !== "");
  return { commandLine: semihostingArgs ?? words.join(" "), ...(directory === undefined ? {} : { directory }) };
}

function checkDirectory(path: string): void {
  let isDirectory: boolean;
  try {
    isDirectory = statSync(path).isDirectory();
  } catch (error) {
    throw new ConfigError("FILE_UNREADABLE", `--semihosting-dir ${path}: ${systemReason(error)}`);
  }
  if (!isDirectory) throw new ConfigError("USAGE", `--semihosting-dir ${path}: it is not a directory`);
}

/** Standard input, output and error. Standard input is read once the guest wants some. */
export function processConsole({ stdin, stdout, stderr }: StdioStreams): SemihostingConsole & { close(): void } {
  const undo: (() => void)[] = [];
  const listen = (event: string, listener: (value: never) => void): void => {
    stdin.on(event, listener as () => void);
    undo.push(() => stdin.off(event, listener as () => void));
  };
  return {
    write: (bytes, stream) => void (stream === "error" ? stderr : stdout).write(bytes),
    onReceive(listener) {
      listen("data", (bytes: Uint8Array) => listener(bytes));
      listen("end", () => listener(undefined));
      listen("error", () => listener(undefined));
      stdin.resume();
    },
    close() {
      for (const stop of undo.splice(0)) stop();
      stdin.pause();
    },
  };
}
