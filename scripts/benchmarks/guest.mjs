/** From a row of the table to an initramfs that runs it. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { dist } from "./dist.mjs";

const { buildInitramfs } = await dist("guests/initramfs.js");

export const BEGIN = "BENCH-BEGIN";
export const END = "BENCH-END";

const PROGRAMS = fileURLToPath(new URL("programs", import.meta.url));
const PRELUDE = [
  "export PATH=/bin:/usr/bin:/sbin:/usr/sbin HOME=/tmp LC_ALL=C",
  "/bin/busybox --install -s 2> /dev/null",
  "mount -t proc proc /proc",
  "mount -t sysfs sysfs /sys",
  "mount -t devtmpfs devtmpfs /dev",
  "mount -t tmpfs tmpfs /tmp",
];

/** Writes the initramfs of a workload to `file`. */
export async function writeGuest(file, workload, { busybox, directory }) {
  const files = {};
  for (const name of workload.packages ?? []) {
    const { programFiles } = await import("./packages.mjs");
    Object.assign(files, await programFiles(name));
  }
  for (const name of workload.programs ?? []) {
    files[`bin/${name}`] = compiled(name, directory, workload.flags);
  }
  for (const name of workload.scripts ?? []) files[`bench/${name}`] = readFileSync(join(PROGRAMS, name));
  writeFileSync(file, buildInitramfs({ busybox: readFileSync(busybox), init: initFor(workload), files }));
}

function initFor({ run, setup = [] }) {
  // Without -f, poweroff asks an init program that is not there.
  const timed = run ? [...PRELUDE, ...setup, `echo ${BEGIN}`, ...run] : [];
  return ["#!/bin/busybox sh", ...timed, `echo ${END}`, "/bin/busybox poweroff -f", ""].join("\n");
}

function compiled(name, directory, flags = []) {
  const output = join(directory, name);
  const source = join(PROGRAMS, `${name}.c`);
  const options = ["-O2", "-static", "-march=armv8-a+crypto+crc", ...flags, "-o", output, source, "-lm"];
  execFileSync("aarch64-linux-gnu-gcc", options, { stdio: ["ignore", "inherit", "inherit"] });
  return readFileSync(output);
}
