/** Debian's own arm64 kernel and static busybox, fetched as packages once and kept in the cache. */
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type AptHost, extract, PrivateApt, type Progress, unavailable } from "./apt.js";
import { cacheDirectory, install, readJson, withTemporary, writeWhole } from "./cache.js";
import { buildInitramfs } from "./initramfs.js";

export interface DebianRequest {
  /** A kernel series that Debian has beside its default one, as "6.12"; without it what linux-image-arm64 is. */
  readonly series?: string;
  /** The kernel's page size: its translation granule. */
  readonly pages?: "4k" | "16k";
  /** The vmlinux with DWARF as well; a download of some 800 MB. */
  readonly symbols?: boolean;
  /** Ask for newer packages even if the cache has some. */
  readonly refresh?: boolean;
  readonly progress?: Progress;
}

/** Paths of what was fetched. */
export interface DebianGuest {
  /** The kernel's release, as `uname -r` says it. */
  readonly release: string;
  readonly kernel: string;
  readonly busybox: string;
  readonly symbols?: string;
}

/**
 * From the cache when it is there, and then without any network; else by apt.
 * @throws ConfigError GUEST_UNAVAILABLE: what was missing, and how to do without.
 */
export async function fetchDebian(request: DebianRequest = {}, host?: AptHost): Promise<DebianGuest> {
  const root = join(cacheDirectory(), "debian");
  const cached = request.refresh ? undefined : fromCache(root, request);
  return cached ?? withTemporary(root, (directory) => fromArchive(root, directory, request, host));
}

/** What a request names in `selected.json`: "linux", "linux-6.12", "linux-6.12-16k". */
function selectionName({ series, pages }: DebianRequest): string {
  return ["linux", series, pages === "16k" ? pages : undefined].filter(Boolean).join("-");
}

type Selection = Readonly<Record<string, string>>;

function selection(root: string): Selection {
  const json = readJson(join(root, "selected.json"));
  return typeof json === "object" && json !== null ? (json as Selection) : {};
}

function fromCache(root: string, request: DebianRequest): DebianGuest | undefined {
  const selected = selection(root);
  const release = selected[selectionName(request)];
  const busybox = selected.busybox;
  if (!release || !busybox) {
    return undefined;
  }
  const guest = guestAt(root, release, busybox, request);
  const files = [guest.kernel, guest.busybox, ...(guest.symbols ? [guest.symbols] : [])];
  return files.every((file) => existsSync(file)) ? guest : undefined;
}

function guestAt(root: string, release: string, busybox: string, { symbols }: DebianRequest): DebianGuest {
  return {
    release,
    kernel: join(root, release, "vmlinuz"),
    busybox: join(root, `busybox-${busybox}`, "busybox"),
    ...(symbols ? { symbols: join(root, `${release}-dbg`, "vmlinux") } : {}),
  };
}

async function fromArchive(
  root: string,
  directory: string,
  request: DebianRequest,
  host?: AptHost,
): Promise<DebianGuest> {
  const apt = new PrivateApt(directory, request.progress ?? (() => {}), host);
  await apt.update();
  const kernelPackage = await kernelPackageFor(apt, request);
  const release = kernelPackage.replace(/^linux-image-/, "");
  const busyboxVersion = (await apt.show("busybox-static")).Version;
  if (!busyboxVersion) {
    throw unavailable("the archive has no busybox-static");
  }
  // A version has characters (`:`, `~`) that other file systems and shells trip over.
  const busybox = busyboxVersion.replaceAll(/[^\w.+-]/g, "_");
  const guest = guestAt(root, release, busybox, request);

  const take = async (file: string, name: string, ...members: string[]) => {
    if (existsSync(file)) {
      return;
    }
    const unpacked = await extract(await apt.download(name), members, join(directory, `unpacked-${name}`));
    const finished = join(directory, `finished-${name}`);
    mkdirSync(finished);
    renameSync(unpacked, join(finished, basename(file)));
    install(finished, dirname(file));
  };
  await take(guest.kernel, kernelPackage, `./boot/vmlinuz-${release}`);
  await take(guest.busybox, "busybox-static", "./bin/busybox", "./usr/bin/busybox");
  if (guest.symbols) {
    await take(guest.symbols, `${kernelPackage}-dbg`, `./usr/lib/debug/boot/vmlinux-${release}`);
  }
  const selected = { ...selection(root), [selectionName(request)]: release, busybox };
  writeWhole(join(root, "selected.json"), `${JSON.stringify(selected, null, 2)}\n`);
  return guest;
}

async function kernelPackageFor(apt: PrivateApt, { series, pages }: DebianRequest): Promise<string> {
  const flavour = pages === "16k" ? "arm64-16k" : "arm64";
  if (series === undefined && pages !== "16k") {
    const depends = (await apt.show("linux-image-arm64")).Depends ?? "";
    const name = /linux-image-\d[\w.+~-]*-arm64/.exec(depends)?.[0];
    if (!name) {
      throw unavailable("the archive has no linux-image-arm64 with a kernel behind it");
    }
    return name;
  }
  const version = series?.replaceAll(".", "\\.") ?? "[0-9]+";
  const pattern = new RegExp(`^linux-image-${version}\\.\\d[\\w.+~-]*-${flavour}$`);
  const names = (await apt.names(`^linux-image-${version}`)).filter(
    (name) => pattern.test(name) && !/-(cloud|rt)-/.test(name),
  );
  const newest = names.sort((a, b) => a.localeCompare(b, "en", { numeric: true })).at(-1);
  if (!newest) {
    throw unavailable(`the archive has no linux-image-${series ?? ""}…-${flavour}`);
  }
  return newest;
}

/** The initramfs that ends in a shell, made once for each busybox; its path. */
export function interactiveInitramfs({ busybox }: DebianGuest): string {
  const file = join(dirname(busybox), "initramfs.cpio");
  const archive = buildInitramfs({ busybox: readFileSync(busybox) });
  if (!existsSync(file) || !readFileSync(file).equals(archive)) {
    writeWhole(file, archive);
  }
  return file;
}
