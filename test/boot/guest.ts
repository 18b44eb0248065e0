/** Boots Debian's kernel with an /init of the test's, in this process, to the end of the machine. */
import { readFileSync } from "node:fs";
import { type DebianRequest, fetchDebian } from "../../src/guests/debian.js";
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

export interface GuestOptions
  extends Partial<Pick<MachineConfig, "cpu" | "cpus" | "memory" | "el2" | "el3" | "engine">> {
  readonly kernel?: DebianRequest;
  /** Shell commands between mounting /proc and /sys and switching off. */
  readonly commands: string;
  readonly append?: string;
  /** Virtual seconds after which the boot counts as hung. */
  readonly limit?: number;
}

const init = (commands: string): string => `#!/bin/busybox sh
export PATH=/bin
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
${commands}
poweroff -f
`;

const UNITS_PER_SECOND = 250_000_000n;

/** Throws with the console's end when the guest neither switches off nor resets within `limit`. */
export async function bootLinux(options: GuestOptions): Promise<GuestRun> {
  const guest = await fetchDebian(options.kernel ?? {});
  const initrd = buildInitramfs({ busybox: readFileSync(guest.busybox), init: init(options.commands) });
  const bytes: number[] = [];
  const machine = await Machine.create({
    description: loadMachineDescription("virt"),
    cpu: options.cpu ?? "cortex-a72",
    cpus: options.cpus ?? 1,
    memory: options.memory ?? 512 << 20,
    kernel: loadKernelFile(guest.kernel),
    initrd,
    append: `console=ttyAMA0 panic=-1 ${options.append ?? ""}`,
    serial: { transmit: (byte) => bytes.push(byte), onReceive() {} },
    el2: options.el2 ?? "hosted",
    el3: options.el3 ?? "hosted",
    ...(options.engine === undefined ? {} : { engine: options.engine }),
    idle: "skip",
    noReboot: true,
  });
  const text = (): string => Buffer.from(bytes).toString("latin1");
  const limit = BigInt(options.limit ?? 120) * UNITS_PER_SECOND;
  const watch = setInterval(() => {
    if (machine.scheduler.now() > limit) machine.stop();
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
