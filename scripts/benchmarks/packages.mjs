/**
 * Programs from Debian's arm64 packages: each with what it depends on, unpacked once into a directory of the cache, and
 * from there the files that a guest needs to run it.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, renameSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { dist } from "./dist.mjs";

const { PrivateApt } = await dist("guests/apt.js");
const { cacheDirectory, install, withTemporary } = await dist("guests/cache.js");

/** A program: its package, its executable, and the directories it reads at run time (matched within the package). */
const PROGRAMS = {
  "lua5.4": { package: "lua5.4", executables: ["usr/bin/lua5.4"] },
  sqlite3: { package: "sqlite3", executables: ["usr/bin/sqlite3"] },
  python3: { package: "python3-minimal", executables: ["usr/bin/python3"], trees: /^usr\/lib\/python3[^/]*\// },
  perl: { package: "perl-base", executables: ["usr/bin/perl"], trees: /^usr\/lib\/[^/]+\/perl-base\// },
  openssl: { package: "openssl", executables: ["usr/bin/openssl"] },
  xz: { package: "xz-utils", executables: ["usr/bin/xz"] },
  gzip: { package: "gzip", executables: ["bin/gzip"] },
  zstd: { package: "zstd", executables: ["usr/bin/zstd"] },
};

/** Dependencies that run at installation, and documents. */
const NOT_NEEDED = /^(dpkg|install-info|debconf|media-types|.*-common|.*-doc|.*-base|.*-data)$/;
const LIBRARY_DIRECTORIES = [
  "lib/aarch64-linux-gnu",
  "usr/lib/aarch64-linux-gnu",
  "usr/lib/aarch64-linux-gnu/perl-base",
];

/** The files a guest needs for a program: path without a leading slash → bytes. */
export async function programFiles(name) {
  const { executables, trees } = PROGRAMS[name];
  const root = await unpacked(name);
  const files = {};
  const add = (path) => {
    const file = realpathSync(join(root, path));
    files[path] = readFileSync(file);
    return file;
  };
  const link = (path) => {
    for (const library of neededBy(add(path))) {
      const directory = library.startsWith("/")
        ? ""
        : LIBRARY_DIRECTORIES.find((d) => existsSync(join(root, d, library)));
      if (directory === undefined) throw new Error(`${name}: no package of it has ${library}`);
      const found = join(directory, library).replace(/^\//, "");
      if (!(found in files)) link(found);
    }
  };
  for (const executable of executables) link(executable);
  if (trees) {
    for (const path of filesBelow(root)) {
      if (trees.test(path) && !(path in files)) add(path);
    }
  }
  return files;
}

/** The directory with the program's packages, from the cache or by apt. */
async function unpacked(name) {
  const cache = join(cacheDirectory(), "packages");
  const place = join(cache, name);
  if (existsSync(place)) return place;
  return withTemporary(cache, async (directory) => {
    const apt = new PrivateApt(directory, () => {});
    await apt.update();
    const root = join(directory, "root");
    mkdirSync(root);
    const done = new Set();
    const take = async (packageName) => {
      if (done.has(packageName) || NOT_NEEDED.test(packageName)) return;
      done.add(packageName);
      execFileSync("dpkg-deb", ["-x", await apt.download(packageName), root]);
      const { Depends = "", "Pre-Depends": before = "" } = await apt.show(packageName);
      for (const dependency of `${Depends}, ${before}`.split(",")) {
        const first = /^\s*([a-z0-9][a-z0-9.+-]*)/.exec(dependency)?.[1];
        if (first) await take(first);
      }
    };
    const { package: wanted } = PROGRAMS[name];
    NOT_NEEDED.test(wanted) ? await takeAlone(wanted) : await take(wanted);
    async function takeAlone(packageName) {
      execFileSync("dpkg-deb", ["-x", await apt.download(packageName), root]);
      for (const library of ["libc6", "libcrypt1"]) await take(library);
    }
    mkdirSync(join(directory, "finished"));
    renameSync(root, join(directory, "finished", name));
    install(join(directory, "finished", name), place);
    return place;
  });
}

/** What the dynamic linker loads for an ELF file: its interpreter and DT_NEEDED. */
function neededBy(file) {
  const text = execFileSync("aarch64-linux-gnu-readelf", ["-dl", file], { encoding: "utf8" });
  const interpreter = /interpreter: (.*)\]/.exec(text)?.[1];
  const libraries = [...text.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, library]) => library);
  return [...(interpreter ? [interpreter] : []), ...libraries.filter((library) => !library.startsWith("ld-linux"))];
}

function* filesBelow(root, directory = root) {
  for (const entry of readdirSync(directory)) {
    const path = join(directory, entry);
    const status = statSync(path, { throwIfNoEntry: false });
    if (status?.isDirectory()) yield* filesBelow(root, path);
    else if (status?.isFile()) yield relative(root, path);
  }
}
