/** Kernel modules of Debian's kernel that drive the machine's virtio devices: for tests and initramfs archives. */
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { basename, join } from "node:path";
import { type AptHost, PrivateApt, unavailable, unpack } from "./apt.js";
import { cacheDirectory, install, withTemporary } from "./cache.js";
import type { DebianGuest } from "./debian.js";

/** Below kernel/drivers of the package, in an order in which insmod takes them; the rest of virtio is built in. */
const VIRTIO_MODULES = [
  "virtio/virtio_pci_modern_dev.ko",
  "virtio/virtio_pci_legacy_dev.ko",
  "virtio/virtio_pci.ko",
  "virtio/virtio_mmio.ko",
  "block/virtio_blk.ko",
  "char/hw_random/virtio-rng.ko",
  "char/virtio_console.ko",
] as const;

/**
 * The modules for `guest`, by path in an initramfs, in the order of insmod. From the cache when they are there, and then
 * without any network; else by apt. For Debian 12's own series: later ones compress them.
 * @throws ConfigError GUEST_UNAVAILABLE.
 */
export async function fetchVirtioModules(
  { release }: DebianGuest,
  host?: AptHost,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const root = join(cacheDirectory(), "debian");
  const directory = join(root, `${release}-virtio`);
  if (!existsSync(directory)) {
    await withTemporary(root, async (temporary) => {
      const apt = new PrivateApt(temporary, () => {}, host);
      await apt.update();
      const name = `linux-image-${release}`;
      const members = VIRTIO_MODULES.map((path) => `./lib/modules/${release}/kernel/drivers/${path}`);
      const unpacked = join(temporary, "unpacked");
      if (!(await unpack(await apt.download(name), members, unpacked))) {
        throw unavailable(`${name} does not hold ${members.join(", ")}`);
      }
      const finished = join(temporary, "finished");
      mkdirSync(finished);
      for (const member of members) renameSync(join(unpacked, member), join(finished, basename(member)));
      install(finished, directory);
    });
  }
  return new Map(
    VIRTIO_MODULES.map((path) => [`modules/${basename(path)}`, readFileSync(join(directory, basename(path)))]),
  );
}
