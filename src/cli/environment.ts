/** What a command may touch outside of itself, so that a test can stand in for all of it. */
import type { MachineFactory } from "./machine-api.js";
import type { StdioStreams } from "./serial/stdio.js";

export interface CliEnvironment extends StdioStreams {
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean };
  /** Loads the machine's code, which is heavy, when it is needed. */
  loadMachine(): Promise<MachineFactory>;
}

/** One line to the person at the terminal. In raw mode a new line alone would not return the carriage. */
export function say(environment: CliEnvironment, line: string): void {
  const end = environment.stderr.isTTY ? "\r\n" : "\n";
  environment.stderr.write(`trapframe: ${line}${end}`);
}
