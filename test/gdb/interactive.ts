/** A gdb-multiarch that is spoken to line by line, as a person does: it hears of what happens between commands. */

import { type ChildProcess, spawn } from "node:child_process";

const PATIENCE_MS = 30_000;

export class InteractiveGdb {
  private readonly child: ChildProcess;
  private closed = false;
  /** All that it has printed and no `until` has taken. */
  private heard = "";

  constructor(settings: readonly string[]) {
    const before = ["set pagination off", "set confirm off", "set width 0", "set architecture aarch64", ...settings];
    const args = ["-nx", "-q", ...before.flatMap((line) => ["-ex", line])];
    this.child = spawn("sh", ["-c", 'exec gdb-multiarch "$@" 2>&1', "sh", ...args], {
      stdio: ["pipe", "pipe", "ignore"],
    });
    this.child.stdout?.on("data", (bytes: Buffer) => {
      this.heard += bytes.toString();
    });
    this.child.on("close", () => {
      this.closed = true;
    });
  }

  /** Gives a command, waits for `pattern` in what is printed from then on, and takes all up to its end. */
  async say(command: string, pattern: RegExp): Promise<string> {
    this.heard = "";
    this.child.stdin?.write(`${command}\n`);
    return this.until(pattern);
  }

  async until(pattern: RegExp): Promise<string> {
    const end = Date.now() + PATIENCE_MS;
    for (;;) {
      const found = pattern.exec(this.heard);
      if (found !== null) {
        const length = found.index + found[0].length;
        const taken = this.heard.slice(0, length);
        this.heard = this.heard.slice(length);
        return taken;
      }
      if (this.closed || Date.now() > end) throw new Error(`GDB did not say ${pattern}, but: ${this.heard}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Ctrl-C. */
  interrupt(): void {
    this.child.kill("SIGINT");
  }

  /** Without a word to the stub. */
  async kill(): Promise<void> {
    if (this.closed) return;
    const gone = new Promise((resolve) => this.child.on("close", resolve));
    this.child.kill("SIGKILL");
    await gone;
  }
}
