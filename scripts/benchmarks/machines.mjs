/** The programs that are compared, and one measured run of one of them. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DIST } from "./dist.mjs";
import { BEGIN, END } from "./guest.mjs";

const qemu =
  (...accelerator) =>
  ({ kernel, initrd, append, cpus }) => [
    "qemu-system-aarch64",
    ...["-M", "virt,gic-version=3", "-cpu", "cortex-a72", "-smp", String(cpus), "-m", "1G", "-nographic"],
    ...accelerator,
    ...["-nic", "none", "-kernel", kernel, "-initrd", initrd, "-append", append],
  ];

/** Command lines for a guest. */
export const MACHINES = {
  trapframe: ({ kernel, initrd, append, cpus, ours }) => [
    process.execPath,
    ...ours.node,
    join(DIST, "cli/main.js"),
    "boot",
    ...["--kernel", kernel, "--initrd", initrd, "--append", append, "--cpus", String(cpus), "--memory", "1G"],
    ...["--idle", "realtime"],
    ...ours.options,
  ],
  qemu: qemu(),
  qemuSingle: qemu("-accel", "tcg,thread=single"),
};

const TIME_LIMIT_SECONDS = 600;

/**
 * One run: wall and CPU seconds from BEGIN (or the start) to END, resident memory (now, and at most) when END came, what the commands
 * printed, and what the program said on standard error.
 */
export async function measure([program, ...args]) {
  const started = performance.now();
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  let errors = "";
  let begin = { seconds: started / 1000, cpuSeconds: 0 };
  let begun = false;
  let result;
  child.stderr.on("data", (bytes) => {
    errors += bytes;
  });
  child.stdout.on("data", (bytes) => {
    const now = { seconds: performance.now() / 1000, cpuSeconds: cpuSecondsOf(child.pid) };
    text += bytes.toString("latin1");
    if (!begun && text.includes(BEGIN)) {
      begun = true;
      begin = now;
    }
    if (!result && text.includes(END)) {
      const { seconds, cpuSeconds } = begin;
      result = { seconds: now.seconds - seconds, cpuSeconds: now.cpuSeconds - cpuSeconds, ...memoryOf(child.pid) };
    }
  });
  const limit = setTimeout(() => child.kill("SIGKILL"), TIME_LIMIT_SECONDS * 1000);
  await new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  clearTimeout(limit);
  if (!result) throw new Error(`${program} never got to ${END}:\n${text.slice(-2000)}${errors.slice(-2000)}`);
  return { ...result, output: outputOf(text), errors };
}

/** What the commands printed, without the kernel's own lines. */
function outputOf(text) {
  const from = text.indexOf(BEGIN);
  if (from < 0) return "";
  const lines = text.slice(from + BEGIN.length, text.indexOf(END)).split(/\r?\n/);
  return lines.filter((line) => line !== "" && !/^\[ *\d+\.\d+\]/.test(line)).join("\n");
}

/** proc(5): utime and stime, in clock ticks of a hundredth. */
export function cpuSecondsOf(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function memoryOf(pid) {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const megabytes = (field) => Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024;
  return { megabytes: megabytes("VmRSS"), peakMegabytes: megabytes("VmHWM") };
}
