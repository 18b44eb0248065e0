#!/usr/bin/env node
/**
 * The stub side by side with QEMU's: the same guest, the same gdb-multiarch, the same script, both machines in turn, several
 * times. A row gives the medians and how many times ours is faster, next to what it is meant to be.
 *
 *   scripts/bench-stub [--runs N] [ROW…]
 *
 * Needs gdb-multiarch (with Python, for its clock), qemu-system-aarch64 and aarch64-linux-gnu-as.
 */
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { DIST } from "./benchmarks/dist.mjs";

/** The MMU on with RAM as normal memory, 64 MiB of numbers that do not compress, then a loop that counts in memory. */
const GUEST = `
.equ DUMPED, 0x44000000
.global _start
_start:
  .include "mmu-on.s"
  mmu_on table
  mov x0, #DUMPED
  mov x1, #DUMPED + 0x4000000
  ldr x2, =88172645463325252
fill:
  eor x2, x2, x2, lsl #13
  eor x2, x2, x2, lsr #7
  eor x2, x2, x2, lsl #17
  str x2, [x0], #8
  cmp x0, x1
  b.ne fill
  mov x0, #0
  adrp x1, page
  adr x3, elsewhere
ready:
  nop
loop:
  add x0, x0, #1
store:
  str x0, [x1]
  ldr x2, [x1, #8]
  add x2, x2, #1
  str x2, [x1, #8]
  b loop
never:
  nop
  b loop
.balign 4096
page:
counter: .quad 0
other: .quad 0
.skip 1024
unused: .quad 0
.balign 4096
elsewhere: .quad 0
.balign 4096
table: .quad 0, 0x40000000 + BLOCK
.skip 4080
`;
/** What guests include. */
const RUNTIME = fileURLToPath(new URL("../firmware/runtime", import.meta.url));
const DUMP_SIZE = 64 << 20;

/** How much each side is given to do, so that it takes seconds. */
const ROWS = {
  "conditional breakpoint": {
    unit: "evaluations/s",
    goal: 500,
    amount: { trapframe: 20_000_000, qemu: 8_000 },
    script: (n) => [`break *store if $x0 == ${n}`, ...timed(n, "continue")],
  },
  "conditional watchpoint": {
    unit: "evaluations/s",
    goal: 500,
    amount: { trapframe: 10_000_000, qemu: 4_000 },
    // GDB does not send the conditions of watchpoints. To our stub they are told by a command of its own.
    script: (n, machine) => [
      machine === "qemu" ? `watch *(long *) &counter if *(long *) &counter == ${n}` : "watch *(long *) &counter",
      ...(machine === "qemu" ? [] : [`eval "monitor condition 0x%lx $new == ${n}", (long) &counter`]),
      ...timed(n, "continue"),
    ],
  },
  "the same, asked by GDB": {
    unit: "evaluations/s",
    amount: { trapframe: 4_000, qemu: 4_000 },
    script: (n) => [`watch *(long *) &counter if *(long *) &counter == ${n}`, ...timed(n, "continue")],
  },
  stepi: {
    unit: "steps/s",
    goal: 1.5,
    amount: { trapframe: 10_000, qemu: 10_000 },
    script: (n) => timed(n, `stepi ${n}`),
  },
  "dump memory, empty": {
    unit: "MB/s",
    goal: 5,
    amount: { trapframe: DUMP_SIZE / 1e6, qemu: DUMP_SIZE / 1e6 },
    script: (n, _machine, directory) => timed(n, dumpCommand(directory, 0x48000000)),
  },
  // Numbers that do not repeat: nearly all of the time is GDB's own, for two characters a byte.
  "dump memory, random": {
    unit: "MB/s",
    goal: 5,
    amount: { trapframe: DUMP_SIZE / 1e6, qemu: DUMP_SIZE / 1e6 },
    script: (n, _machine, directory) => timed(n, dumpCommand(directory, 0x44000000)),
  },
  "watchpoint in a hot page": {
    unit: "iterations/s",
    goal: 5,
    amount: { trapframe: 20_000_000, qemu: 2_000_000 },
    // Nothing touches what is watched. Ctrl-C after two seconds; the guest has counted.
    script: (n) => ["watch *(long *) &unused", "set var $x0 = 0", ...timed(n, "python pause(2)", "$x0")],
  },
  // Nobody comes by the breakpoint.
  "breakpoint in a hot page": {
    unit: "iterations/s",
    goal: 1,
    amount: { trapframe: 20_000_000, qemu: 2_000_000 },
    script: (n) => ["break *never", "set var $x0 = 0", ...timed(n, "python pause(2)", "$x0")],
  },
  "attach to prompt": { unit: "attachments/s", goal: 1, amount: { trapframe: 1, qemu: 1 }, attach: true },
};

function dumpCommand(directory, start) {
  const hex = (address) => `0x${address.toString(16)}`;
  return `dump binary memory ${join(directory, "dump")} ${hex(start)} ${hex(start + DUMP_SIZE)}`;
}

/** Prints how often a second something was done: a number of times, or as often as a register says afterwards. */
function timed(count, command, counter = count) {
  return [
    "python import time; start = time.time()",
    command,
    "python seconds = time.time() - start",
    `python print("RATE", int(gdb.parse_and_eval("${counter}")) / seconds)`.replace(/int\(gdb.*\)\)(?= \/)/, (whole) =>
      typeof counter === "number" ? String(counter) : whole,
    ),
  ];
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { runs: { type: "string", default: "3" }, help: { type: "boolean" } },
});
const names = positionals.length > 0 ? positionals : Object.keys(ROWS);
const runs = Number(values.runs);
const unknown = names.find((name) => !(name in ROWS));
if (values.help || unknown !== undefined || !(runs >= 1)) {
  console.error(`usage: scripts/bench-stub [--runs N] [ROW...]; rows: ${Object.keys(ROWS).join(", ")}`);
  process.exit(values.help ? 0 : 2);
}

const directory = mkdtempSync(join(tmpdir(), "trapframe-stub-"));
process.once("exit", () => rmSync(directory, { recursive: true, force: true }));
const guest = buildGuest();

const MACHINES = {
  trapframe: (port) => [
    process.execPath,
    [
      join(DIST, "cli/main.js"),
      "boot",
      "--kernel",
      guest,
      "--memory",
      "256M",
      "--serial",
      "null",
      "--gdb",
      port,
      "--wait",
    ],
  ],
  qemu: (port) => [
    "qemu-system-aarch64",
    ["-M", "virt,gic-version=3", "-cpu", "cortex-a72", "-m", "256M", "-display", "none", "-serial", "null"].concat([
      "-monitor",
      "none",
      "-nic",
      "none",
      "-kernel",
      guest,
      "-gdb",
      `tcp:127.0.0.1:${port}`,
      "-S",
    ]),
  ],
};

console.log(
  `${new Date().toISOString().slice(0, 10)}, medians of ${runs}, ${version("gdb-multiarch")}, ${version("qemu-system-aarch64")}`,
);
print("row", "trapframe", "QEMU", "ratio", "goal", "");
for (const name of names) {
  const row = ROWS[name];
  const rates = { trapframe: [], qemu: [] };
  for (let run = 0; run < runs; run++) {
    for (const machine of Object.keys(MACHINES)) rates[machine].push(await measure(machine, row));
  }
  const [ours, theirs] = [median(rates.trapframe), median(rates.qemu)];
  const ratio = ours / theirs;
  const goal = row.goal === undefined ? "" : `${row.goal}`;
  print(name, round(ours), round(theirs), ratio >= 100 ? ratio.toFixed(0) : ratio.toFixed(2), goal, row.unit);
}

async function measure(machine, row) {
  const port = await freePort();
  const [program, args] = MACHINES[machine](String(port));
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"] });
  try {
    await listening(port, child);
    const output = row.attach
      ? await attach(port)
      : // The guest gets ready first; a hardware breakpoint finds it there.
        debug(port, ["hbreak *ready", "continue", "delete", ...row.script(row.amount[machine], machine, directory)]);
    const rate = /^RATE (\S+)$/m.exec(output)?.[1];
    if (rate === undefined) throw new Error(`${machine} gave no figure:\n${output}`);
    return Number(rate);
  } finally {
    child.kill("SIGKILL");
  }
}

/** The first attachment to a machine that stands since two seconds, by GDB's own clock. */
async function attach(port) {
  await new Promise((resolve) => setTimeout(resolve, 2000));
  const commands = timed(1, `target remote 127.0.0.1:${port}`);
  return execFileSync("gdb-multiarch", ["-nx", "-batch", guest, ...commands.flatMap((line) => ["-ex", line])], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
}

function debug(port, commands) {
  const pause =
    "python import threading, os, signal\n" +
    "def pause(seconds):\n" +
    "  threading.Timer(seconds, lambda: os.kill(os.getpid(), signal.SIGINT)).start()\n" +
    "  gdb.execute('continue')\n";
  const file = join(directory, "pause.py");
  writeFileSync(file, pause.replace("python ", ""));
  const lines = ["set pagination off", "set confirm off", `target remote 127.0.0.1:${port}`, ...commands, "kill"];
  const needsPause = commands.some((line) => line.includes("pause("));
  const options = [...(needsPause ? ["-x", file] : []), ...lines.flatMap((line) => ["-ex", line])];
  return execFileSync("gdb-multiarch", ["-nx", "-batch", guest, ...options], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 300_000,
  });
}

function version(program) {
  return execFileSync(program, ["--version"], { encoding: "utf8" })
    .split("\n")[0]
    .replace(/ \(Debian.*?\)/, "");
}

function buildGuest() {
  const path = (name) => join(directory, name);
  writeFileSync(path("guest.s"), GUEST);
  execFileSync("aarch64-linux-gnu-as", ["-I", RUNTIME, "-o", path("guest.o"), path("guest.s")]);
  execFileSync("aarch64-linux-gnu-ld", ["-N", "-Ttext=0x40080000", "-o", path("guest.elf"), path("guest.o")], {
    stdio: ["ignore", "ignore", "ignore"],
  });
  return path("guest.elf");
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Waits until the stub listens, without connecting: QEMU would take that for a debugger that came and went. */
async function listening(port, child) {
  const entry = port.toString(16).toUpperCase().padStart(4, "0");
  for (const end = performance.now() + 30_000; performance.now() < end; ) {
    if (readFileSync("/proc/net/tcp", "utf8").includes(`0100007F:${entry} 00000000:0000 0A`)) return;
    if (child.exitCode !== null) throw new Error(`${child.spawnfile} ended: ${child.stderr.read()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`nobody listens on port ${port}`);
}

function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

function round(value) {
  return value >= 100 ? Math.round(value).toLocaleString("en") : value.toPrecision(3);
}

function print(name, ...cells) {
  const [ours, theirs, ratio, goal, unit] = cells;
  console.log(`${name.padEnd(26) + [ours, theirs, ratio, goal].map((cell) => cell.padStart(13)).join("")}  ${unit}`);
}
