/** Drivers of Debian's kernel that are modules: single .ko files out of the kernel's package, for an initramfs. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { type AptHost, PrivateApt, type Progress, unavailable } from "./apt.js";
import { cacheDirectory, install, withTemporary } from "./cache.js";

/**
 * @param release of the kernel they belong to, "6.1.0-44-arm64".
 * @param names as modprobe has them, with underscores: "gpio_keys".
 * @returns the files' contents by `NAME.ko`; from the cache where it has all of them, else from the archive.
 * @throws ConfigError GUEST_UNAVAILABLE.
 */
export async function fetchKernelModules(
  release: string,
  names: readonly string[],
  progress: Progress = () => {},
  host?: AptHost,
): Promise<Record<string, Uint8Array>> {
  const root = join(cacheDirectory(), "debian");
  const directory = join(root, `${release}-modules`);
  const missing = names.filter((name) => !existsSync(join(directory, name, `${name}.ko`)));
  if (missing.length > 0) {
    await withTemporary(root, async (temporary) => {
      const apt = new PrivateApt(temporary, progress, host);
      await apt.update();
      const unpacked = join(temporary, "unpacked");
      mkdirSync(unpacked);
      await unpack(await apt.download(`linux-image-${release}`), missing, unpacked);
      const found = new Map(
        readdirSync(unpacked, { recursive: true, encoding: "utf8" }).map((path) => [
          path.replace(/^.*\//, "").replaceAll("-", "_"),
          path,
        ]),
      );
      for (const name of missing) {
        const file = found.get(`${name}.ko`);
        if (file === undefined) throw unavailable(`linux-image-${release} has no module ${name}`);
        const finished = join(temporary, `finished-${name}`);
        mkdirSync(finished);
        renameSync(join(unpacked, file), join(finished, `${name}.ko`));
        install(finished, join(directory, name));
      }
    });
  }
  return Object.fromEntries(names.map((name) => [`${name}.ko`, readFileSync(join(directory, name, `${name}.ko`))]));
}

/** Files have dashes in their names where modprobe has underscores, or not; both are taken. */
function unpack(deb: string, names: readonly string[], directory: string): Promise<void> {
  const patterns = names.map((name) => `./lib/modules/*/${name.replaceAll("_", "[-_]")}.ko`);
  const source = spawn("dpkg-deb", ["--fsys-tarfile", deb], { stdio: ["ignore", "pipe", "ignore"] });
  const tar = spawn("tar", ["-x", "-C", directory, "--wildcards", ...patterns], {
    stdio: ["pipe", "ignore", "ignore"],
  });
  tar.stdin.on("error", () => {}); // what is missing is seen afterwards
  source.stdout.pipe(tar.stdin);
  return new Promise((resolve, reject) => {
    for (const child of [source, tar]) {
      child.on("error", (error) => reject(unavailable(`cannot unpack ${deb}: ${error.message}`)));
    }
    tar.on("close", () => resolve());
  });
}
