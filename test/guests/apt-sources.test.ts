import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { debianSources, formatSources, parseDeb822 } from "../../src/guests/apt-sources.js";

let etc: string;
beforeEach(() => {
  etc = mkdtempSync(join(tmpdir(), "trapframe-apt-"));
  mkdirSync(join(etc, "sources.list.d"));
});
afterEach(() => rmSync(etc, { recursive: true }));

const write = (name: string, ...lines: string[]) => writeFileSync(join(etc, name), `${lines.join("\n")}\n`);

describe("debianSources", () => {
  it("reads one-line sources with options and comments", () => {
    write(
      "sources.list",
      "# the mirror",
      "deb [arch=amd64 signed-by=/usr/share/keyrings/debian.gpg] http://mirror.test/debian bookworm main contrib # here",
      "deb-src http://mirror.test/debian bookworm main",
      "  deb http://mirror.test/debian-security bookworm-security main",
      "deb cdrom:[Debian]/ bookworm main",
    );
    expect(debianSources(etc, "bookworm")).toEqual([
      {
        Types: "deb",
        URIs: "http://mirror.test/debian",
        Suites: "bookworm",
        Components: "main",
        "Signed-By": "/usr/share/keyrings/debian.gpg",
      },
      { Types: "deb", URIs: "http://mirror.test/debian-security", Suites: "bookworm-security", Components: "main" },
    ]);
  });

  it("reads deb822 sources, a key within the file included, and writes them so that they read the same", () => {
    write(
      "sources.list.d/debian.sources",
      "Types: deb deb-src",
      "# snapshot",
      "URIs: http://mirror.test/debian",
      "Suites: bookworm bookworm-updates bookworm-backports",
      "Components: main non-free-firmware",
      "Architectures: amd64",
      "signed-by:",
      " -----BEGIN PGP PUBLIC KEY BLOCK-----",
      " .",
      " abc",
      " -----END PGP PUBLIC KEY BLOCK-----",
      "",
      "Enabled: no",
      "Types: deb",
      "URIs: http://off.test/debian",
      "Suites: bookworm",
      "Components: main",
    );
    const sources = debianSources(etc, "bookworm");
    expect(sources).toEqual([
      {
        Types: "deb",
        URIs: "http://mirror.test/debian",
        Suites: "bookworm bookworm-updates bookworm-backports",
        Components: "main",
        "Signed-By": "-----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n -----END PGP PUBLIC KEY BLOCK-----",
      },
    ]);
    expect(parseDeb822(formatSources(sources))).toEqual(sources);
  });

  it("leaves other people's repositories alone", () => {
    write("sources.list.d/node.list", "deb http://node.test/ nodistro main");
    write("sources.list.d/database.list", "deb http://database.test/ bookworm-database main");
    write(
      "sources.list.d/cloud.sources",
      "Types: deb",
      "URIs: http://c.test",
      "Suites: cloud-bookworm",
      "Components: main",
    );
    write("sources.list.d/ignored.save", "deb http://mirror.test/debian bookworm main");
    expect(debianSources(etc, "bookworm")).toEqual([]);
  });

  it("takes a release by its role, and does without sources at all", () => {
    write("sources.list", "deb http://mirror.test/debian stable/updates main");
    expect(debianSources(etc, "bookworm")).toHaveLength(1);
    expect(debianSources(join(etc, "missing"), "bookworm")).toEqual([]);
  });
});
