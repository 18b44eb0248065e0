import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { arm64Image } from "../machine/loaders/fixtures.js";

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "trapframe-terminal-"));
  writeFileSync(join(directory, "Image"), arm64Image());
});
afterAll(() => rmSync(directory, { recursive: true }));

const program = `node_modules/.bin/vite-node test/cli/fake-main.ts boot --kernel`;

/**
 * The program on a terminal of its own (script(1) makes one). When it prints "ready", `act` does something to it.
 * Afterwards the shell prints the exit status and what the terminal's modes are then.
 */
async function onTerminal(act: (terminal: ChildProcess, pid: number) => void): Promise<string> {
  const shell = `${program} ${directory}/Image; echo "[status $?]"; stty -a`;
  const terminal = spawn("script", ["--quiet", "--flush", "--command", shell, "/dev/null"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  let output = "";
  let acted = false;
  terminal.stdout!.setEncoding("latin1").on("data", (text: string) => {
    output += text;
    if (!acted && output.includes("ready")) {
      acted = true;
      act(terminal, Number(/pid (\d+)/.exec(output)![1]));
    }
  });
  await new Promise((resolve) => terminal.on("close", resolve));
  return output;
}

it.each([
  ["Ctrl-A x", (terminal: ChildProcess) => terminal.stdin!.write("\x03\x01x"), "<^C>", 0],
  ["the guest's power-off", (terminal: ChildProcess) => terminal.stdin!.write("off"), "<off>", 0],
  ["a failure of ours", (terminal: ChildProcess) => terminal.stdin!.write("crash"), "this is a bug", 1],
  ["SIGTERM", (_: ChildProcess, pid: number) => process.kill(pid, "SIGTERM"), "ready", 143],
  ["SIGINT from elsewhere", (_: ChildProcess, pid: number) => process.kill(pid, "SIGINT"), "ready", 130],
])("puts the terminal back after %s", async (_, act, printed, status) => {
  const output = await onTerminal(act);
  expect(output).toContain(printed);
  expect(output).toContain(`[status ${status}]`);
  expect(output).toMatch(/[^-]isig/);
  expect(output).toMatch(/[^-]icanon/);
  expect(output).toMatch(/[^-]echo /);
});
