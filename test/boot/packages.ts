/** Programs of Debian's arm64 packages that tests put into an initramfs or on a disk; kept in trapframe's cache. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { PrivateApt } from "../../src/guests/apt.js";
import { cacheDirectory, install, withTemporary } from "../../src/guests/cache.js";

/**
 * @param packages what is needed of them alone: their dependencies are not fetched.
 * @param names of files, without directories.
 * @returns the contents by name. Throws when a package or a file is not there.
 */
export async function packageFiles(
  packages: readonly string[],
  names: readonly string[],
): Promise<Record<string, Uint8Array>> {
  const root = join(cacheDirectory(), "packages");
  const missing = packages.filter((name) => !existsSync(join(root, name)));
  if (missing.length > 0) {
    await withTemporary(root, async (temporary) => {
      const apt = new PrivateApt(temporary, () => {});
      await apt.update();
      for (const name of missing) {
        const unpacked = join(temporary, `unpacked-${name}`);
        mkdirSync(unpacked);
        execFileSync("dpkg-deb", ["-x", await apt.download(name), unpacked]);
        install(unpacked, join(root, name));
      }
    });
  }
  const found = new Map<string, string>();
  for (const name of packages) {
    for (const path of readdirSync(join(root, name), { recursive: true, encoding: "utf8" })) {
      const file = join(root, name, path);
      const isFile = statSync(file, { throwIfNoEntry: false })?.isFile();
      if (isFile) found.set(path.replace(/^.*\//, ""), file);
    }
  }
  return Object.fromEntries(
    names.map((name) => {
      const file = found.get(name);
      if (file === undefined) throw new Error(`${name} is in none of ${packages.join(", ")}`);
      return [name, readFileSync(file)];
    }),
  );
}
