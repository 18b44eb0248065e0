/** Linux's own debugger and counters: ptrace's hardware breakpoints, watchpoints and steps, and perf_event_open. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { bootLinux } from "./guest.js";

const directory = mkdtempSync(join(tmpdir(), "trapframe-programs-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** A static program of test/boot/programs. */
function program(name: string): Uint8Array {
  const file = join(directory, name);
  execFileSync("aarch64-linux-gnu-gcc", ["-static", "-O1", "-Wall", "-o", file, `test/boot/programs/${name}.c`]);
  return readFileSync(file);
}

/** The same as on QEMU 7.2 and a Cortex-A72. */
const DEBUGGER = [
  "breakpoints 6",
  "watchpoints 4",
  ...Array.from({ length: 3 }, () => "signal 5 code 4 at target pc target"),
  ...Array.from({ length: 3 }, () => "signal 5 code 4 at watched+8 pc elsewhere"),
  "stepped to target: yes",
  "signal 5 code 4 at target pc target",
  "exit 12",
];

describe.each([
  { el2: "hosted", cpu: "cortex-a72", cpus: 2 },
  { el2: "guest", cpu: "max", cpus: 1 },
] as const)("Linux with el2 $el2 on $cpu", (options) => {
  it("debugs and counts its processes", async () => {
    const { console, exit } = await bootLinux({
      ...options,
      commands: "echo begin; debug; perf; echo end",
      append: "quiet",
      files: { "bin/debug": program("debug"), "bin/perf": program("perf") },
    });
    const lines = console.split(/\r?\n/);
    const said = lines.slice(lines.indexOf("begin") + 1, lines.indexOf("end"));
    expect(said.slice(0, DEBUGGER.length)).toEqual(DEBUGGER);
    const counts = said.slice(DEBUGGER.length);
    expect(counts.map((line) => line.replace(/^.*: /, ""))).toEqual(Array.from({ length: 6 }, () => "as expected"));
    expect(exit).toEqual({ reason: "system-off" });
  });
});
