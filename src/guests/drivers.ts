/** Kernel modules of Debian's kernel for the machine's disks, from its package: they are no part of the kernel itself. */
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type AptHost, PrivateApt, type Progress, unavailable, unpack } from "./apt.js";
import { cacheDirectory, install, withTemporary, writeWhole } from "./cache.js";
import type { DebianGuest } from "./debian.js";
import { buildInitramfs, interactiveInit } from "./initramfs.js";

/** Below kernel/ of the package, in an order in which insmod takes them. */
const VIRTIO = [
  "drivers/virtio/virtio_pci_modern_dev.ko",
  "drivers/virtio/virtio_pci_legacy_dev.ko",
  "drivers/virtio/virtio_pci.ko",
  "drivers/virtio/virtio_mmio.ko",
  "drivers/block/virtio_blk.ko",
  "drivers/char/hw_random/virtio-rng.ko",
  "drivers/char/virtio_console.ko",
];
const FILE_SYSTEMS = [
  "crypto/crc32c_generic.ko",
  "lib/crc16.ko",
  "fs/mbcache.ko",
  "fs/jbd2/jbd2.ko",
  "fs/ext4/ext4.ko",
  "fs/nls/nls_cp437.ko",
  "fs/nls/nls_ascii.ko",
  "fs/fat/fat.ko",
  "fs/fat/vfat.ko",
];
const ALL = [...VIRTIO, ...FILE_SYSTEMS];

/** Which modules: those that drive virtio devices, or also those of the file systems that disks have. */
export type Modules = "virtio" | "disks";

interface Fetching {
  readonly progress?: Progress;
  readonly host?: AptHost;
}

/**
 * Modules for `guest`, by path in an initramfs, in the order of insmod. From the cache when they are there, and then
 * without any network; else by apt. For Debian 12's own series: later ones compress them.
 * @throws ConfigError GUEST_UNAVAILABLE.
 */
export async function fetchModules(
  { release }: DebianGuest,
  which: Modules,
  { progress = () => {}, host }: Fetching = {},
): Promise<ReadonlyMap<string, Uint8Array>> {
  const root = join(cacheDirectory(), "debian");
  const directory = join(root, `${release}-disk-modules`);
  if (!existsSync(directory)) {
    await withTemporary(root, async (temporary) => {
      const apt = new PrivateApt(temporary, progress, host);
      await apt.update();
      const name = `linux-image-${release}`;
      const members = ALL.map((path) => `./lib/modules/${release}/kernel/${path}`);
      const unpacked = join(temporary, "unpacked");
      if (!(await unpack(await apt.download(name), members, unpacked))) {
        throw unavailable(`${name} does not hold all of ${members.join(", ")}`);
      }
      const finished = join(temporary, "finished");
      mkdirSync(finished);
      for (const member of members) renameSync(join(unpacked, member), join(finished, basename(member)));
      install(finished, directory);
    });
  }
  const names = (which === "virtio" ? VIRTIO : ALL).map((path) => basename(path));
  return new Map(names.map((name) => [`modules/${name}`, readFileSync(join(directory, name))]));
}

/** The shell commands that load modules, a line each. */
export function loadCommands(modules: ReadonlyMap<string, Uint8Array>): string {
  return [...modules.keys()].map((path) => `insmod /${path}\n`).join("");
}

/** The path of an initramfs that ends in a shell, with disks there and their file systems known. */
export async function disksInitramfs(guest: DebianGuest, fetching: Fetching = {}): Promise<string> {
  const modules = await fetchModules(guest, "disks", fetching);
  const archive = buildInitramfs({
    busybox: readFileSync(guest.busybox),
    init: interactiveInit(loadCommands(modules)),
    files: Object.fromEntries(modules),
  });
  const file = join(dirname(guest.kernel), "initramfs-disks.cpio");
  if (!existsSync(file) || !readFileSync(file).equals(archive)) writeWhole(file, archive);
  return file;
}
