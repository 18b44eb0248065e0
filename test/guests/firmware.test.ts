import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { fetchFirmware } from "../../src/guests/firmware.js";
import { ConfigError } from "../../src/machine/errors.js";

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "trapframe-firmware-"));
  vi.stubEnv("TRAPFRAME_CACHE", directory);
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true });
});

/** A host without any package source: whatever is asked of the archive fails. */
const nowhere = { etc: "/nowhere", codename: "bookworm" };

describe("fetchFirmware", () => {
  it("takes an image from the cache without asking anybody", async () => {
    const file = join(directory, "firmware/u-boot/u-boot.bin");
    mkdirSync(join(file, ".."), { recursive: true });
    writeFileSync(file, "code");
    expect(await fetchFirmware("u-boot", undefined, nowhere)).toBe(file);
  });

  it("says what is missing where there is no archive", async () => {
    const error = await fetchFirmware("edk2", undefined, nowhere).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).message).toContain("/nowhere");
  });
});
