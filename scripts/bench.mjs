#!/usr/bin/env node
/**
 * Side by side with QEMU: every workload runs on both machines in turn, several times, with the same kernel, initramfs
 * and command line. What counts is wall time as a person has it. Prints medians and the ratio, ours ÷ QEMU: below 1 is
 * faster than QEMU. Needs `npm run build` and qemu-system-aarch64.
 *
 *   scripts/bench.mjs [--runs N] [--kernel FILE] [WORKLOAD…]
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { fetchDebian } from "../dist/guests/debian.js";
import { buildInitramfs } from "../dist/guests/initramfs.js";

const BEGIN = "BENCH-BEGIN";
const END = "BENCH-END";

/**
 * A row is one workload: what /init does, on how many vCPUs. Time runs from before the first command to behind the
 * last; without commands, from the start of the process to where the first would be.
 */
const WORKLOADS = {
  boot: { what: "process start to the first command of /init" },
  "boot-4": { what: "the same, 4 vCPUs", cpus: 4 },
  fork: {
    what: "fork, exec and exit, 500 times",
    commands: ["i=0; while [ $i -lt 500 ]; do /bin/busybox true; i=$((i+1)); done"],
  },
  procfs: {
    what: "small reads over procfs",
    commands: ["i=0; while [ $i -lt 60 ]; do /bin/busybox cat /proc/*/stat /proc/meminfo >/dev/null; i=$((i+1)); done"],
  },
  shell: {
    what: "arithmetic in the shell's interpreter",
    commands: ["i=0; s=0; while [ $i -lt 100000 ]; do s=$((s+i*i)); i=$((i+1)); done"],
  },
  sha256: {
    what: "SHA-256 over 32 MiB",
    commands: ["/bin/busybox head -c 33554432 /dev/zero | /bin/busybox sha256sum"],
  },
  gzip: {
    what: "gzip of 5 MB, and back",
    commands: ["b=/bin/busybox; $b cat $b $b $b | $b gzip | $b gunzip | $b md5sum"],
  },
};

const PRELUDE = ["/bin/busybox mount -t proc proc /proc", "/bin/busybox mount -t devtmpfs devtmpfs /dev"];

function initFor({ commands }) {
  const timed = commands ? [...PRELUDE, `echo ${BEGIN}`, ...commands] : [];
  return ["#!/bin/busybox sh", ...timed, `echo ${END}`, "/bin/busybox poweroff -f", ""].join("\n");
}

const TRAPFRAME = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));

/** The programs that are compared: a command line for a guest. */
const MACHINES = {
  trapframe: ({ kernel, initrd, append, cpus }) => [
    process.execPath,
    TRAPFRAME,
    "boot",
    ...["--kernel", kernel, "--initrd", initrd, "--append", append, "--cpus", String(cpus), "--memory", "1G"],
    ...["--idle", "realtime"],
  ],
  qemu: ({ kernel, initrd, append, cpus }) => [
    "qemu-system-aarch64",
    ...["-M", "virt,gic-version=3", "-cpu", "cortex-a72", "-smp", String(cpus), "-m", "1G", "-nographic"],
    ...["-nic", "none", "-kernel", kernel, "-initrd", initrd, "-append", append],
  ],
};

const TIME_LIMIT_SECONDS = 600;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { runs: { type: "string", default: "3" }, kernel: { type: "string" } },
});
const runs = Number(values.runs);
const names = positionals.length > 0 ? positionals : Object.keys(WORKLOADS);
const unknown = names.find((name) => !(name in WORKLOADS));
if (!Number.isInteger(runs) || runs < 1 || unknown !== undefined) {
  console.error(
    `bench: ${unknown ? `no workload "${unknown}"` : "--runs N"}; there is ${Object.keys(WORKLOADS).join(", ")}`,
  );
  process.exit(2);
}

const guest = await fetchDebian();
const kernel = values.kernel ?? guest.kernel;
const directory = mkdtempSync(join(tmpdir(), "trapframe-bench-"));
process.once("exit", () => rmSync(directory, { recursive: true, force: true }));

console.log(`kernel ${kernel}, medians of ${runs}`);
console.log(["workload", "trapframe", "QEMU", "ratio", "memory", "QEMU's"].map(column).join(""));
for (const name of names) {
  const workload = WORKLOADS[name];
  const initrd = join(directory, `${name}.cpio`);
  writeFileSync(initrd, buildInitramfs({ busybox: readFileSync(guest.busybox), init: initFor(workload) }));
  const guestOptions = { kernel, initrd, append: "console=ttyAMA0", cpus: workload.cpus ?? 1 };

  const results = { trapframe: [], qemu: [] };
  for (let run = 0; run < runs; run++) {
    for (const machine of Object.keys(MACHINES)) {
      results[machine].push(await measure(MACHINES[machine](guestOptions)));
    }
  }
  const seconds = (machine) => median(results[machine].map((result) => result.seconds));
  const memory = (machine) => median(results[machine].map((result) => result.megabytes));
  const [ours, theirs] = [seconds("trapframe"), seconds("qemu")];
  const cells = [
    name,
    `${ours.toFixed(2)} s`,
    `${theirs.toFixed(2)} s`,
    (ours / theirs).toFixed(2),
    `${memory("trapframe").toFixed(0)} MB`,
    `${memory("qemu").toFixed(0)} MB`,
  ];
  console.log(cells.map(column).join("") + workload.what);
}

/** Seconds from BEGIN (or the start) to END, and the peak resident memory until then. */
async function measure([program, ...args]) {
  const started = performance.now();
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  let console_ = "";
  let errors = "";
  let begin = started;
  let result;
  child.stderr.on("data", (text) => {
    errors += text;
  });
  child.stdout.on("data", (bytes) => {
    console_ += bytes.toString("latin1");
    if (begin === started && console_.includes(BEGIN)) {
      begin = performance.now();
    }
    if (!result && console_.includes(END)) {
      result = { seconds: (performance.now() - begin) / 1000, megabytes: peakMemory(child.pid) };
    }
  });
  const limit = setTimeout(() => child.kill("SIGKILL"), TIME_LIMIT_SECONDS * 1000);
  await new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  clearTimeout(limit);
  if (!result) {
    throw new Error(`${program} never got to ${END}:\n${console_.slice(-2000)}${errors.slice(-2000)}`);
  }
  return result;
}

function peakMemory(pid) {
  const kilobytes = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kilobytes) / 1024;
}

function median(values_) {
  const sorted = values_.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

function column(text) {
  return text.padEnd(12);
}
