/** Boots Debian's kernel with an /init of the test's, in this process, to the end of the machine. */
import { readFileSync } from "node:fs";
import { type DebianRequest, fetchDebian } from "../../src/guests/debian.js";
import { fetchDrivers } from "../../src/guests/drivers.js";
import { buildInitramfs } from "../../src/guests/initramfs.js";
import {
  loadKernelFile,
  loadMachineDescription,
  Machine,
  type MachineConfig,
  type MachineExit,
} from "../../src/index.js";

export interface GuestRun {
  readonly console: string;
  readonly exit: MachineExit;
  readonly machine: Machine;
}

export interface GuestOptions extends Omit<RunOptions, "kernel" | "initrd"> {
  readonly kernel?: DebianRequest;
  /** Shell commands between mounting /proc and /sys and switching off. */
  readonly commands: string;
  /** Debian's virtio drivers are loaded before the commands. */
  readonly virtio?: boolean;
  /** Files of the initramfs beside busybox. */
  readonly files?: Readonly<Record<string, Uint8Array | string>>;
}

export const initScript = (commands: string): string => `#!/bin/busybox sh
export PATH=/bin
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
${commands}
poweroff -f
`;

const UNITS_PER_SECOND = 250_000_000n;

export type RunOptions = Partial<Omit<MachineConfig, "serial">> & {
  /** Virtual seconds after which the run counts as hung. */
  readonly limit?: number;
  /** Called with all that the console has said so far, whenever it says more. */
  readonly onConsole?: (text: string, machine: Machine) => void;
};

/** Throws with the console's end when the guest neither switches off nor resets within `limit`. */
export async function bootLinux(options: GuestOptions): Promise<GuestRun> {
  const { kernel, commands, append = "", virtio, files = {}, ...rest } = options;
  const guest = await fetchDebian(kernel ?? {});
  const drivers = virtio ? await fetchDrivers(guest, "virtio") : { files: {}, load: "" };
  return runMachine({
    kernel: loadKernelFile(guest.kernel),
    initrd: buildInitramfs({
      busybox: readFileSync(guest.busybox),
      init: initScript(`${drivers.load}${commands}`),
      files: { ...drivers.files, ...files },
    }),
    append: `console=ttyAMA0 panic=-1 ${append}`,
    ...rest,
  });
}

/** Runs a machine to its end, with one vCPU and 512 MiB unless told otherwise. Throws as `bootLinux` does. */
export async function runMachine({ limit = 120, onConsole, ...options }: RunOptions): Promise<GuestRun> {
  const bytes: number[] = [];
  const text = (): string => Buffer.from(bytes).toString("latin1");
  const machine: Machine = await Machine.create({
    description: loadMachineDescription("virt"),
    cpu: "cortex-a72",
    cpus: 1,
    memory: 512 << 20,
    serial: {
      transmit: (byte) => {
        bytes.push(byte);
        onConsole?.(text(), machine);
      },
      onReceive() {},
    },
    el2: "hosted",
    el3: "hosted",
    idle: "skip",
    noReboot: true,
    ...options,
  });
  const end = BigInt(limit) * UNITS_PER_SECOND;
  const watch = setInterval(() => {
    if (machine.scheduler.now() > end) machine.stop();
  }, 200);
  try {
    const exit = await machine.run();
    if (exit.reason === "stopped")
      throw new Error(`the guest hangs:\n${text().slice(-2000)}\n${machine.describeCores()}`);
    return { console: text(), exit, machine };
  } finally {
    clearInterval(watch);
  }
}
