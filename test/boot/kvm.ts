/** The KVM guest of firmware/kvm: its programs built, and what they print of a whole console. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const SOURCES = fileURLToPath(new URL("../../firmware/kvm", import.meta.url));
const FREESTANDING = [
  ...["-O2", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-fno-pic", "-no-pie", "-nostdlib", "-static"],
  ...["-mstrict-align", "-mgeneral-regs-only", "-fno-stack-protector"],
  ...["-Wl,--build-id=none", "-Wl,--no-warn-rwx-segments", "-T", "guest.ld", "-o", "guest.elf"],
];
const HOSTED = ["-O2", "-Wall", "-Wextra", "-Werror", "-static", "-pthread", "-o", "kvm-guest"];

/** The host program, a static Linux executable with its guest inside. */
export function buildKvmGuest(): Uint8Array {
  const directory = mkdtempSync(join(tmpdir(), "trapframe-kvm-"));
  try {
    cpSync(SOURCES, directory, { recursive: true });
    const run = (program: string, ...args: string[]) => execFileSync(program, args, { cwd: directory });
    run("aarch64-linux-gnu-gcc", ...FREESTANDING, "start.S", "guest.c", "console.c", "interrupts.c");
    run("aarch64-linux-gnu-objcopy", "-O", "binary", "guest.elf", "guest.bin");
    run("aarch64-linux-gnu-gcc", ...HOSTED, "main.c");
    return readFileSync(join(directory, "kvm-guest"));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** What dom0's shell does with it. */
export const KVM_COMMANDS =
  "dmesg | grep -o 'kvm.*mode initialized.*'; echo BEGIN; /kvm-guest; echo status $?; echo END";

/** The lines of the program and its guest. */
export function kvmLines(console: string): string[] {
  const lines = console.replaceAll("\r", "").split("\n");
  return lines.slice(lines.indexOf("BEGIN") + 1, lines.indexOf("END"));
}

export function expectedKvmLines(): string[] {
  const file = fileURLToPath(new URL("./expected/kvm-guest.txt", import.meta.url));
  return readFileSync(file, "utf8").trimEnd().split("\n");
}
