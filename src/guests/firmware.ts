/** Debian's builds of firmware for the virt board, and of Xen, fetched as packages once and kept in the cache. */
import { existsSync, mkdirSync, renameSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type AptHost, extract, PrivateApt, type Progress } from "./apt.js";
import { cacheDirectory, install, withTemporary } from "./cache.js";

/** What can be fetched: the package, and the file in it. */
const IMAGES = {
  "u-boot": { package: "u-boot-qemu", member: "./usr/lib/u-boot/qemu_arm64/u-boot.bin" },
  xen: { package: "xen-hypervisor-4.17-arm64", member: "./boot/xen-4.17-arm64" },
  edk2: { package: "qemu-efi-aarch64", member: "./usr/share/qemu-efi-aarch64/QEMU_EFI.fd" },
  "edk2-code": { package: "qemu-efi-aarch64", member: "./usr/share/AAVMF/AAVMF_CODE.fd" },
  "edk2-variables": { package: "qemu-efi-aarch64", member: "./usr/share/AAVMF/AAVMF_VARS.fd" },
} as const;

export type FirmwareName = keyof typeof IMAGES;

/**
 * The path of the image; from the cache when it is there, and then without any network; else by apt.
 * @throws ConfigError GUEST_UNAVAILABLE.
 */
export async function fetchFirmware(
  name: FirmwareName,
  progress: Progress = () => {},
  host?: AptHost,
): Promise<string> {
  const root = join(cacheDirectory(), "firmware");
  const { package: packageName, member } = IMAGES[name];
  const file = join(root, name, basename(member));
  if (existsSync(file)) return file;
  return withTemporary(root, async (directory) => {
    const apt = new PrivateApt(directory, progress, host);
    await apt.update();
    const unpacked = await extract(await apt.download(packageName), [member], join(directory, "unpacked"));
    const finished = join(directory, "finished");
    mkdirSync(finished);
    renameSync(unpacked, join(finished, basename(member)));
    install(finished, dirname(file));
    return file;
  });
}
