/**
 * What Debian's kernel needs for the machine's virtio devices and their file systems: modules, in the order of insmod.
 */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Progress } from "./apt.js";
import { writeWhole } from "./cache.js";
import type { DebianGuest } from "./debian.js";
import { buildInitramfs, interactiveInit } from "./initramfs.js";
import { fetchKernelModules } from "./kernel-modules.js";

const VIRTIO = [
  "virtio_pci_modern_dev",
  "virtio_pci_legacy_dev",
  "virtio_pci",
  "virtio_mmio",
  "virtio_blk",
  "virtio_rng",
  "virtio_console",
];
const FILE_SYSTEMS = ["crc32c_generic", "crc16", "mbcache", "jbd2", "ext4", "nls_cp437", "nls_ascii", "fat", "vfat"];

/** Those that drive virtio devices, or also those of the file systems that disks have. */
export type Drivers = "virtio" | "disks";

/** Modules as files of an initramfs, and the shell commands that load them: a line each. */
export interface DriverFiles {
  readonly files: Readonly<Record<string, Uint8Array>>;
  readonly load: string;
}

/**
 * For Debian 12's own series: later ones compress their modules.
 * @throws ConfigError GUEST_UNAVAILABLE.
 */
export async function fetchDrivers(
  { release }: DebianGuest,
  which: Drivers,
  progress?: Progress,
): Promise<DriverFiles> {
  const names = which === "virtio" ? VIRTIO : [...VIRTIO, ...FILE_SYSTEMS];
  const modules = await fetchKernelModules(release, names, progress);
  return {
    files: Object.fromEntries(Object.entries(modules).map(([file, bytes]) => [`modules/${file}`, bytes])),
    load: names.map((name) => `insmod /modules/${name}.ko\n`).join(""),
  };
}

/** The path of an initramfs that ends in a shell, with disks there and their file systems known. */
export async function disksInitramfs(guest: DebianGuest, progress?: Progress): Promise<string> {
  const { files, load } = await fetchDrivers(guest, "disks", progress);
  const archive = buildInitramfs({ busybox: readFileSync(guest.busybox), init: interactiveInit(load), files });
  const file = join(dirname(guest.kernel), "initramfs-disks.cpio");
  if (!existsSync(file) || !readFileSync(file).equals(archive)) writeWhole(file, archive);
  return file;
}
