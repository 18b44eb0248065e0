/** Debian's Xen with Debian's kernel as its dom0: what a machine needs to boot them. */
import { readFileSync } from "node:fs";
import { fetchDebian } from "../../src/guests/debian.js";
import { fetchFirmware } from "../../src/guests/firmware.js";
import { buildInitramfs } from "../../src/guests/initramfs.js";
import { bytesOf, loadKernelFile, type MachineConfig } from "../../src/index.js";
import { initScript } from "./guest.js";

/** QEMU's guest loader is told addresses, and Xen prints them: both machines have the same. */
export const DOM0_KERNEL = { address: 0x4900_0000, append: "console=hvc0 earlycon=xen" } as const;
export const DOM0_INITRD = 0x4d00_0000;
export const XEN_APPEND = "dom0_mem=512M console=dtuart loglvl=all guest_loglvl=all";

export interface XenGuest {
  /** Shell commands of dom0, between mounting the usual and switching off. */
  readonly commands: string;
  readonly files?: Readonly<Record<string, Uint8Array>>;
}

/** The paths of Xen and of dom0's kernel, and dom0's initramfs. */
export async function xenFiles({ commands, files = {} }: XenGuest) {
  const { kernel, busybox } = await fetchDebian();
  const initrd = buildInitramfs({ busybox: readFileSync(busybox), init: initScript(commands), files });
  return { xen: await fetchFirmware("xen"), kernel, initrd };
}

/** As the command line makes it of --el2 guest --kernel XEN --append … --module … --module …. */
export async function xenConfig(
  guest: XenGuest,
): Promise<
  Pick<MachineConfig, "el2" | "memory" | "append" | "modules"> & { kernel: NonNullable<MachineConfig["kernel"]> }
> {
  const { xen, kernel, initrd } = await xenFiles(guest);
  const image = bytesOf(loadKernelFile(kernel).segments[0]!.bytes);
  return {
    el2: "guest",
    memory: 1 << 30,
    kernel: loadKernelFile(xen),
    append: XEN_APPEND,
    modules: [
      { name: "dom0's kernel", kind: "kernel", bytes: image, ...DOM0_KERNEL },
      { name: "dom0's initrd", kind: "ramdisk", bytes: initrd, address: DOM0_INITRD },
    ],
  };
}
