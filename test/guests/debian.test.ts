import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type DebianRequest, fetchDebian, interactiveInitramfs } from "../../src/guests/debian.js";
import { ConfigError } from "../../src/machine/errors.js";

/** A Debian archive of our own on this disk: what apt does with it is real, and no network is needed. */
let directory: string;
let packages = "";

interface Package {
  readonly name: string;
  readonly version?: string;
  readonly depends?: string;
  readonly files?: Readonly<Record<string, string>>;
}

function addPackage({ name, version = "1.0", depends, files = {} }: Package): void {
  const root = join(directory, "build", name);
  mkdirSync(join(root, "DEBIAN"), { recursive: true });
  const control = [
    `Package: ${name}`,
    `Version: ${version}`,
    "Architecture: arm64",
    "Maintainer: nobody <nobody@example.org>",
    ...(depends ? [`Depends: ${depends}`] : []),
    "Description: a test",
  ].join("\n");
  writeFileSync(join(root, "DEBIAN/control"), `${control}\n`);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(root, path, ".."), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  const file = `${name}.deb`;
  execFileSync("dpkg-deb", ["--root-owner-group", "--build", root, join(directory, "archive", file)], {
    stdio: "ignore",
  });
  const deb = readFileSync(join(directory, "archive", file));
  const sha256 = createHash("sha256").update(deb).digest("hex");
  packages += `${control}\nFilename: ./${file}\nSize: ${deb.length}\nSHA256: ${sha256}\n\n`;
}

const kernel = (release: string) =>
  addPackage({ name: `linux-image-${release}`, files: { [`boot/vmlinuz-${release}`]: `kernel ${release}` } });

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "trapframe-debian-"));
  mkdirSync(join(directory, "archive/dists/bookworm/main/binary-arm64"), { recursive: true });
  mkdirSync(join(directory, "etc"));
  for (const release of [
    "6.1.0-9-arm64",
    "6.1.0-10-arm64",
    "6.12.9+deb12-arm64",
    "6.12.10+deb12-arm64",
    "6.12.10+deb12-arm64-16k",
    "6.12.11+deb12-cloud-arm64",
    "6.12.11+deb12-rt-arm64",
  ]) {
    kernel(release);
  }
  addPackage({ name: "linux-image-arm64", depends: "linux-image-6.1.0-10-arm64 (= 1.0)" });
  addPackage({
    name: "linux-image-6.1.0-10-arm64-dbg",
    files: { "usr/lib/debug/boot/vmlinux-6.1.0-10-arm64": "symbols" },
  });
  addPackage({ name: "busybox-static", version: "1:1.35.0-4~x", files: { "bin/busybox": "busybox" } });
  writeFileSync(join(directory, "archive/dists/bookworm/main/binary-arm64/Packages"), packages);
  writeFileSync(join(directory, "etc/sources.list"), `deb [trusted=yes] file:${directory}/archive bookworm main\n`);
  vi.stubEnv("TRAPFRAME_CACHE", join(directory, "cache"));
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true });
});

const host = () => ({ etc: join(directory, "etc"), codename: "bookworm" });
const nowhere = () => ({ etc: join(directory, "nowhere"), codename: "bookworm" });
const fetch = (request: DebianRequest) => fetchDebian(request, host());

describe("fetchDebian", () => {
  it("takes the kernel that linux-image-arm64 depends on, and busybox", async () => {
    const steps: string[] = [];
    const guest = await fetch({ progress: (what) => steps.push(what) });
    expect(guest.release).toBe("6.1.0-10-arm64");
    expect(readFileSync(guest.kernel, "utf8")).toBe("kernel 6.1.0-10-arm64");
    expect(readFileSync(guest.busybox, "utf8")).toBe("busybox");
    expect(steps.length).toBeGreaterThan(0);
  });

  it.each<[DebianRequest, string]>([
    [{ series: "6.12" }, "6.12.10+deb12-arm64"],
    [{ series: "6.12", pages: "16k" }, "6.12.10+deb12-arm64-16k"],
    [{ pages: "16k" }, "6.12.10+deb12-arm64-16k"],
  ])("takes the newest of what is asked for: %o", async (request, release) => {
    expect(readFileSync((await fetch(request)).kernel, "utf8")).toBe(`kernel ${release}`);
  });

  it("takes the symbols when they are wanted", async () => {
    expect(readFileSync((await fetch({ symbols: true })).symbols!, "utf8")).toBe("symbols");
  });

  it("asks nobody for what the cache has, and leaves nothing else in it", async () => {
    expect((await fetchDebian({ symbols: true }, nowhere())).release).toBe("6.1.0-10-arm64");
    expect((await fetchDebian({ series: "6.12" }, nowhere())).release).toBe("6.12.10+deb12-arm64");
    expect(readdirSync(join(directory, "cache/debian")).sort()).toEqual([
      "6.1.0-10-arm64",
      "6.1.0-10-arm64-dbg",
      "6.12.10+deb12-arm64",
      "6.12.10+deb12-arm64-16k",
      "busybox-1_1.35.0-4_x",
      "selected.json",
    ]);
  });

  it("makes the interactive initramfs once", async () => {
    const file = interactiveInitramfs(await fetch({}));
    expect(readFileSync(file).includes("trapframe: the shell is ready")).toBe(true);
  });

  it("says what it could not have, and what to do without", async () => {
    const failure = async (request: DebianRequest, from = host()) => {
      const error: unknown = await fetchDebian(request, from).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(ConfigError);
      const { message } = error as ConfigError;
      expect(message).toMatch(
        /^cannot fetch a Debian guest: [^\n]+; give a kernel of your own: trapframe boot --kernel FILE/,
      );
      return message;
    };
    expect(await failure({ series: "9.9" })).toContain("the archive has no linux-image-9.9…-arm64");
    expect(await failure({ refresh: true }, nowhere())).toContain(
      "there is no Debian release among the package sources",
    );
    vi.stubEnv("PATH", directory);
    expect(await failure({ refresh: true })).toContain("this system has no apt-get");
  });
});
