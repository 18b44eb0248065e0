/**
 * Bare-metal guests of firmware/ on our machine and on the reference, QEMU's `virt` board: the same binary, entered at
 * the same level, and what it wrote to the console until it ended.
 */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { loadKernelFile, loadMachineDescription, Machine, type MachineExit } from "../../src/index.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const BUILT = `${ROOT}.cache/firmware`;

/** How a guest is started. */
export interface GuestOptions {
  /** The level of its first instruction. */
  readonly level: 1 | 2 | 3;
  readonly cpu: "cortex-a72" | "max";
  readonly cpus?: number;
  /** It starts from flash, at level 3, and switches the board off itself. */
  readonly flash?: boolean;
  /** SYSTEM_RESET starts over; it ends the machine otherwise. */
  readonly reboots?: boolean;
  /** A file of fw_cfg by its name, and the text in it. */
  readonly file?: { readonly name: string; readonly text: string };
  /** Default: code that is hot is compiled. */
  readonly engine?: "interpreter" | "compile";
}

export interface GuestRun {
  readonly console: string;
  readonly reason: MachineExit["reason"];
}

/** What a guest at EL3 writes last, having no firmware to end the machine. */
const END_OF_TRANSMISSION = 4;
const MEMORY = 128 << 20;
/** Of a guest on QEMU, in milliseconds: a machine with other work is slow. */
const LONGEST_RUN = 50_000;

/** Builds a guest with Debian's cross tools. Throws with the tools' own words when it does not build. */
export function buildGuest(name: string): void {
  execFileSync(`${ROOT}scripts/build-firmware`, [BUILT, name], { stdio: "pipe" });
}

/** At EL3 the ELF file that leaves room for what QEMU puts in front of it; else the raw binary. */
function guestFile(name: string, { level }: GuestOptions): string {
  return `${BUILT}/${name}${level === 3 ? "-high.elf" : ".bin"}`;
}

export async function runOnOurs(name: string, options: GuestOptions): Promise<GuestRun> {
  const bytes: number[] = [];
  const target: { machine?: Machine } = {};
  const machine = await Machine.create({
    description: loadMachineDescription("virt"),
    cpu: options.cpu,
    cpus: options.cpus ?? 1,
    memory: MEMORY,
    ...(options.flash
      ? { flash: [{ name, bytes: readFileSync(`${BUILT}/${name}.flash`) }] }
      : { kernel: loadKernelFile(guestFile(name, options)) }),
    serial: {
      transmit(byte) {
        if (byte === END_OF_TRANSMISSION) target.machine?.stop();
        else bytes.push(byte);
      },
      onReceive() {},
    },
    el2: options.level === 1 ? "hosted" : "guest",
    el3: options.level === 3 ? "guest" : "hosted",
    idle: "skip",
    ...(options.file ? { fwCfg: [{ name: options.file.name, bytes: Buffer.from(options.file.text) }] } : {}),
    ...(options.engine ? { engine: options.engine } : {}),
    noReboot: options.reboots !== true,
  });
  target.machine = machine;
  const { reason, what } = await machine.run();
  if (what !== undefined) throw new Error(what);
  return { console: Buffer.from(bytes).toString("latin1"), reason };
}

export function haveQemu(): boolean {
  const path = process.env.PATH ?? "";
  return path.split(":").some((directory) => existsSync(`${directory}/qemu-system-aarch64`));
}

export async function runOnQemu(name: string, options: GuestOptions): Promise<string> {
  const { level, cpu, cpus = 1 } = options;
  const board = [
    "virt",
    "gic-version=3",
    ...(level >= 2 ? ["virtualization=on"] : []),
    ...(level === 3 ? ["secure=on"] : []),
  ];
  const file = guestFile(name, options);
  const args = ["-M", board.join(","), "-cpu", cpu, "-smp", String(cpus), "-m", "128M"];
  if (options.reboots !== true) args.push("-no-reboot");
  if (options.file) args.push("-fw_cfg", `name=${options.file.name},string=${options.file.text}`);
  args.push("-display", "none", "-monitor", "none", "-serial", "stdio", "-nic", "none");
  if (options.flash) args.push("-bios", `${BUILT}/${name}.flash`);
  else args.push(...(level === 3 ? ["-device", `loader,file=${file},cpu-num=0`] : ["-kernel", file]));
  const qemu = spawn("qemu-system-aarch64", args, { stdio: ["ignore", "pipe", "pipe"] });
  let complaints = "";
  qemu.stderr.on("data", (chunk: Buffer) => {
    complaints += chunk.toString();
  });
  const chunks: Buffer[] = [];
  qemu.stdout.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    if (chunk.includes(END_OF_TRANSMISSION)) qemu.kill();
  });
  let late = false;
  const limit = setTimeout(() => {
    late = true;
    qemu.kill();
  }, LONGEST_RUN);
  const status = await new Promise((resolve) => qemu.once("close", resolve));
  clearTimeout(limit);
  if (late) throw new Error(`QEMU has not come to the end of ${name} in ${LONGEST_RUN / 1000} seconds`);
  if (typeof status === "number" && status !== 0) throw new Error(`QEMU does not run ${name}: ${complaints}`);
  const all = Buffer.concat(chunks).toString("latin1");
  return all.replace(String.fromCharCode(END_OF_TRANSMISSION), "");
}
