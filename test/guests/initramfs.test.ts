import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { writeCpio } from "../../src/guests/cpio.js";
import { buildInitramfs } from "../../src/guests/initramfs.js";

/** What cpio(1) says is in an archive: mode, owner, links, size or device, name. */
function listing(archive: Uint8Array): string[] {
  const text = execFileSync("cpio", ["--list", "--verbose", "--numeric-uid-gid", "--quiet"], {
    input: archive,
    env: { ...process.env, TZ: "UTC", LC_ALL: "C" },
  });
  return text
    .toString()
    .trim()
    .split("\n")
    .map((line) => line.replaceAll(/\s+/g, " "));
}

describe("writeCpio", () => {
  it("writes what cpio reads: every kind of entry, any length", () => {
    const archive = writeCpio([
      { path: "d", kind: "directory" },
      { path: "d/one", kind: "file", content: "1", permissions: 0o640 },
      { path: "d/link", kind: "symlink", content: "one", permissions: 0o777 },
      { path: "console", kind: "character-device", device: { major: 5, minor: 1 }, permissions: 0o600 },
    ]);
    expect(archive.length % 4).toBe(0);
    expect(listing(archive)).toEqual([
      "drwxr-xr-x 2 0 0 0 Jan 1 1970 d",
      "-rw-r----- 1 0 0 1 Jan 1 1970 d/one",
      "lrwxrwxrwx 1 0 0 3 Jan 1 1970 d/link -> one",
      "crw------- 1 0 0 5, 1 Jan 1 1970 console",
    ]);
  });

  it("keeps content byte for byte", () => {
    const directory = mkdtempSync(join(tmpdir(), "trapframe-cpio-"));
    try {
      const content = Uint8Array.from({ length: 1023 }, (_, index) => index & 0xff);
      const archive = writeCpio([{ path: "file", kind: "file", content, permissions: 0o755 }]);
      execFileSync("cpio", ["--extract", "--quiet"], { input: archive, cwd: directory });
      expect(new Uint8Array(readFileSync(join(directory, "file")))).toEqual(content);
      expect(statSync(join(directory, "file")).mode & 0o777).toBe(0o755);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describe("buildInitramfs", () => {
  it("has what a kernel and /init need, and files in directories of their own", () => {
    const names = listing(
      buildInitramfs({ busybox: new Uint8Array(10), init: "#!/bin/sh\n", files: { "opt/a/b": "x", "bin/c": "y" } }),
    ).map((line) => line.split(" ").at(-1));
    expect(names).toEqual(
      expect.arrayContaining(["dev/console", "bin/busybox", "init", "opt", "opt/a", "opt/a/b", "bin/c"]),
    );
    expect(names.indexOf("opt")).toBeLessThan(names.indexOf("opt/a"));
    expect(new Set(names).size).toBe(names.length);
  });

  it("is the same every time", () => {
    const busybox = new Uint8Array(100);
    expect(buildInitramfs({ busybox })).toEqual(buildInitramfs({ busybox }));
  });
});
