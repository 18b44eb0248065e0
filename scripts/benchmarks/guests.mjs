/**
 * The table of firmware and hypervisors whose boots are compared. A row has the same images for both machines, and
 *
 * - `what`: a few words for the report;
 * - `machine`: properties of QEMU's `virt` beside the GIC; `el2`, `el3`: the owner of a level on ours;
 * - `flash`, `drives` …: see `commandLines`;
 * - `dialogue`: waits for a text at the console, then types another; time runs from the start of the process to `end`.
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { dist } from "./dist.mjs";

const { fetchDebian } = await dist("guests/debian.js");
const { fetchFirmware } = await dist("guests/firmware.js");
const { cacheDirectory } = await dist("guests/cache.js");
const { buildInitramfs } = await dist("guests/initramfs.js");

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const END = "GUEST-END";

const PRELUDE = ["mount -t proc proc /proc", "mount -t sysfs sysfs /sys", "mount -t devtmpfs devtmpfs /dev"];
const initFor = (commands) =>
  [
    "#!/bin/busybox sh",
    "/bin/busybox --install -s /bin",
    ...PRELUDE,
    ...commands,
    `echo ${END}`,
    "poweroff -f",
    "",
  ].join("\n");

/** U-Boot's countdown, and its prompt. */
const STOP_AUTOBOOT = ["stop autoboot", "\r"];
const PROMPT = "=> ";
const BOOTI = [
  [PROMPT, "setenv bootargs console=ttyAMA0 quiet; qfw load $kernel_addr_r $ramdisk_addr_r\r"],
  [PROMPT, "booti $kernel_addr_r $ramdisk_addr_r:$filesize $fdtcontroladdr\r"],
];
const DOM0 = { kernel: 0x4900_0000, initrd: 0x4d00_0000, append: "console=hvc0 earlycon=xen" };
const XEN_APPEND = "dom0_mem=512M console=dtuart";

export const GUESTS = {
  "u-boot": { what: "U-Boot to its prompt", bios: "u-boot", dialogue: [STOP_AUTOBOOT], end: PROMPT },
  "u-boot-linux": {
    what: "U-Boot, Linux by booti",
    bios: "u-boot",
    linux: [],
    dialogue: [STOP_AUTOBOOT, ...BOOTI],
  },
  "edk2-shell": {
    what: "EDK2 to the UEFI shell",
    bios: "edk2",
    dialogue: [["in 5 seconds to skip", "\x1b"]],
    end: "Shell> ",
  },
  "edk2-linux": { what: "EDK2, Linux by its EFI stub", bios: "edk2", linux: [], append: "console=ttyAMA0 quiet" },
  "xen-1": { what: "Xen with dom0 to its shell, 1 vCPU", el2: "guest", xen: true },
  "xen-4": { what: "the same, 4 vCPUs", el2: "guest", xen: true, cpus: 4 },
  "kvm-nvhe": { what: "a KVM guest of our own, nVHE", el2: "guest", kvm: true },
  "kvm-vhe": { what: "the same, VHE on max", el2: "guest", kvm: true, cpu: "max" },
  "tf-a": {
    what: "TF-A, U-Boot to its prompt",
    el2: "guest",
    el3: "guest",
    tfa: true,
    dialogue: [STOP_AUTOBOOT],
    end: PROMPT,
  },
  "tf-a-linux": {
    what: "TF-A, U-Boot, Linux on 2 vCPUs",
    el2: "guest",
    el3: "guest",
    tfa: true,
    cpus: 2,
    linux: [],
    dialogue: [STOP_AUTOBOOT, ...BOOTI],
  },
};

/** The KVM program of firmware/kvm, static. */
function kvmProgram(directory) {
  const sources = join(directory, "kvm");
  cpSync(join(ROOT, "firmware/kvm"), sources, { recursive: true });
  const run = (program, args) => execFileSync(program, args, { cwd: sources, stdio: ["ignore", "inherit", "inherit"] });
  const bare = ["-O2", "-ffreestanding", "-fno-pic", "-no-pie", "-nostdlib", "-static", "-mstrict-align"];
  const more = ["-mgeneral-regs-only", "-fno-stack-protector", "-Wl,--build-id=none", "-Wl,--no-warn-rwx-segments"];
  const guest = ["-T", "guest.ld", "-o", "guest.elf", "start.S", "guest.c", "console.c", "interrupts.c"];
  run("aarch64-linux-gnu-gcc", [...bare, ...more, ...guest]);
  run("aarch64-linux-gnu-objcopy", ["-O", "binary", "guest.elf", "guest.bin"]);
  run("aarch64-linux-gnu-gcc", ["-O2", "-static", "-pthread", "-o", "kvm-guest", "main.c"]);
  return readFileSync(join(sources, "kvm-guest"));
}

async function tfaImage() {
  const directory = join(cacheDirectory(), "tf-a");
  const image = join(directory, "flash.bin");
  if (!existsSync(image)) {
    mkdirSync(directory, { recursive: true });
    execFileSync(join(ROOT, "scripts/build-tf-a"), [directory, await fetchFirmware("u-boot")], { stdio: "pipe" });
  }
  return image;
}

/** The command lines of a row without the programs' names: { ours, qemu }. Images go into `directory`. */
export async function commandLines(row, directory) {
  const { el2, el3, cpu = "cortex-a72", cpus = 1, append } = row;
  const debian = await fetchDebian();
  const initrd = join(directory, "initrd");
  const writeInitrd = (commands, files = {}) =>
    writeFileSync(initrd, buildInitramfs({ busybox: readFileSync(debian.busybox), init: initFor(commands), files }));
  const ours = ["--cpu", cpu, "--cpus", String(cpus), "--memory", "1G", "--gdb", "none", "--idle", "realtime"];
  const board = ["virt", "gic-version=3"];
  if (el2) {
    ours.push("--el2", el2);
    board.push("virtualization=on");
  }
  if (el3) {
    ours.push("--el3", el3);
    board.push("secure=on");
  }
  const qemu = ["-M", board.join(","), "-cpu", cpu, "-smp", String(cpus), "-m", "1G", "-nographic", "-nic", "none"];
  const both = (option, value) => {
    ours.push(`--${option}`, value);
    qemu.push(`-${option}`, value);
  };
  if (row.bios || row.tfa) {
    const image = join(directory, "flash.bin");
    copyFileSync(row.tfa ? await tfaImage() : await fetchFirmware(row.bios), image);
    both("bios", image);
  }
  if (row.linux) {
    writeInitrd(row.linux);
    both("kernel", debian.kernel);
    both("initrd", initrd);
    if (append) both("append", append);
  }
  if (row.kvm) {
    writeInitrd(["/kvm-guest > /dev/null", "echo status $?"], { "kvm-guest": kvmProgram(directory) });
    both("kernel", debian.kernel);
    both("initrd", initrd);
    both("append", "console=ttyAMA0 quiet");
  }
  if (row.xen) {
    writeInitrd(["cat /sys/hypervisor/type"]);
    both("kernel", await fetchFirmware("xen"));
    both("append", XEN_APPEND);
    const place = (address) => `0x${address.toString(16)}`;
    ours.push("--module", `${debian.kernel},addr=${place(DOM0.kernel)},kernel,append=${DOM0.append}`);
    ours.push("--module", `${initrd},addr=${place(DOM0.initrd)},ramdisk`);
    const guestLoader = (what) => qemu.push("-device", `guest-loader,${what}`);
    guestLoader(`addr=${place(DOM0.kernel)},kernel=${debian.kernel},bootargs=${DOM0.append}`);
    guestLoader(`addr=${place(DOM0.initrd)},initrd=${initrd}`);
  }
  return { ours, qemu, dialogue: row.dialogue ?? [], end: row.end ?? END };
}
