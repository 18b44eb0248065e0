/** The real LLDB on the real machine: threads, frames, breakpoints, steps, registers, watchpoints, memory regions. */
import { spawn, spawnSync } from "node:child_process";
import { expect, it } from "vitest";
import { FirmwareSessions, type Session } from "./session.js";

const there = spawnSync("lldb", ["--version"]).status === 0;
if (!there) console.warn("LLDB is not installed: its sessions with the stub are NOT tested (scripts/install-tools)");

const firmware = new FirmwareSessions();

/** What LLDB prints for these commands, after it has connected. */
async function lldb(commands: readonly string[]): Promise<{ text: string; session: Session }> {
  const session = await firmware.start({ cpus: 2 });
  const before = ["settings set target.load-script-from-symbol-file false", `gdb-remote ${session.place}`];
  const args = [...before, ...commands].flatMap((command) => ["-o", command]);
  const child = spawn("lldb", ["-x", "-b", firmware.file, ...args], { stdio: ["ignore", "pipe", "ignore"] });
  const patience = setTimeout(() => child.kill("SIGKILL"), 60_000);
  const heard: Buffer[] = [];
  child.stdout.on("data", (bytes: Buffer) => heard.push(bytes));
  await new Promise((resolve) => child.on("close", resolve));
  clearTimeout(patience);
  return { text: Buffer.concat(heard).toString(), session };
}

it.skipIf(!there)("breaks, unwinds, steps, shows variables and source", async () => {
  const { text } = await lldb([
    "b fib",
    "continue",
    "bt",
    "si",
    "frame variable",
    "p n + 1",
    "breakpoint delete -f",
    "finish",
  ]);
  expect(text).toMatch(/stop reason = breakpoint 1\.1\s+frame #0: 0x\w+ firmware\.elf`fib\(n=10\) at main\.c/);
  expect(text).toMatch(
    /frame #0: .*fib\(n=10\)[\s\S]*frame #1: .*main at main\.c[\s\S]*frame #2: .*_start at start\.S/,
  );
  expect(text).toContain("stop reason = instruction step into");
  expect(text).toContain("(int) n = 10");
  expect(text).toContain("(int) $0 = 11");
  expect(text).toMatch(/stop reason = step out[\s\S]*Return value: \(u64\) \$1 = 55/);
});

it.skipIf(!there)("lists vCPUs as threads, and stops at what either of them does", async () => {
  const { text, session } = await lldb([
    "b worker",
    "continue",
    "continue",
    "thread list",
    "thread backtrace all",
    "breakpoint delete -f",
    "watchpoint set variable rounds[1]",
    "continue",
    "detach",
  ]);
  expect(text).toMatch(/thread #1: tid = 0x0001, .*worker\(cpu=0\).*name = 'CPU0 EL1 running'/);
  expect(text).toMatch(/thread #2: tid = 0x0002, .*worker\(cpu=1\).*name = 'CPU1 EL1 running'/);
  expect(text).toMatch(/frame #1: .*`main at main\.c[\s\S]*frame #1: .*`_start at start\.S/);
  expect(text).toMatch(/Watchpoint 1 hit:\s+old value: 0\s+new value: 1/);
  expect(text).toContain("Process 1 detached");
  expect(session.machine.isPaused).toBe(false);
});

it.skipIf(!there)("reads and writes registers and memory, and knows the regions", async () => {
  const { text } = await lldb([
    "register read pc SCTLR_EL1",
    "register write x5 77",
    "p/x $x5",
    "register read v3",
    "memory write 0x40001000 0x12 0x34",
    "memory read -c 2 0x40001000",
    "memory region $pc",
    "memory region 0x9000000",
    "memory region 0x100000000000",
    "memory read 0x100000000000",
  ]);
  expect(text).toMatch(/pc = 0x\w+ {2}firmware\.elf`_start\s+SCTLR_EL1 = 0x\w{16}/);
  expect(text).toContain("0x000000000000004d");
  expect(text).toMatch(/v3 = \{(0x00 ?){16}\}/);
  expect(text).toContain("0x40001000: 12 34");
  expect(text).toMatch(/\[0x0000000040000000-0x0000000041000000\) rwx ram/);
  expect(text).toMatch(/\[0x0000000009000000-0x0000000009001000\) rw- uart0/);
  expect(text).toMatch(/\[0x0000000041000000-0x0000000000000000\) ---|\[0x[0-9a-f]+-0x[0-9a-f]+\) ---/);
});
