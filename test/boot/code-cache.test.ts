/** The command line, as it was built: a second run takes what the first has compiled, and is the same run. */
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fetchDebian } from "../../src/guests/debian.js";
import { buildInitramfs } from "../../src/guests/initramfs.js";
import { initScript } from "./guest.js";

const MAIN = new URL("../../dist/cli/main.js", import.meta.url).pathname;

let directory: string;
let kernel: string;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "trapframe-kept-"));
  const guest = await fetchDebian({});
  kernel = guest.kernel;
  const init = initScript("head -c 300000 /bin/busybox | gzip -c | sha256sum; cat /proc/uptime /proc/interrupts");
  writeFileSync(join(directory, "initrd"), buildInitramfs({ busybox: readFileSync(guest.busybox), init }));
});
afterAll(() => rmSync(directory, { recursive: true }));

async function run(...options: string[]) {
  const boot = ["boot", "--kernel", kernel, "--initrd", join(directory, "initrd"), "--append", "console=ttyAMA0"];
  const argv = [MAIN, ...boot, "--idle", "skip", "--stats", ...options];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, argv, { encoding: "latin1" });
  const counted = (name: string): number =>
    Number(new RegExp(`^ *${name} +([\\d,]+)`, "m").exec(stderr)?.[1]?.replaceAll(",", ""));
  return { stdout, stderr, instructions: counted("instructions"), kept: counted("kept from earlier runs") };
}

describe("compiled code kept between runs", () => {
  const code = (): string => join(directory, "code");

  it("is taken by the next run, which is the same, also when it is damaged or there is none", async () => {
    const first = await run("--code-cache", code());
    const second = await run("--code-cache", code());
    expect(first.kept).toBe(0);
    expect(second.kept).toBeGreaterThan(150);
    expect(second.stdout).toContain("Run /init");
    expect(second.stdout).toBe(first.stdout);
    expect(second.instructions).toBe(first.instructions);

    const file = join(code(), readdirSync(code())[0] as string);
    const bytes = readFileSync(file);
    for (let at = bytes.length >> 1; at < bytes.length; at += 1000) bytes[at] = (bytes[at] as number) ^ 0xff;
    writeFileSync(file, bytes);
    const third = await run("--code-cache", code());
    const fourth = await run("--code-cache", "none", "--engine", "interpreter");
    expect(third.kept).toBeLessThan(second.kept);
    for (const { stdout, instructions } of [third, fourth]) {
      expect(stdout).toBe(first.stdout);
      expect(instructions).toBe(first.instructions);
    }
  });

  it("is no reason to fail where it cannot be written", async () => {
    writeFileSync(join(directory, "file"), "");
    const { stdout, stderr } = await run("--code-cache", join(directory, "file"));
    expect(stdout).toContain("Run /init");
    expect(stderr).toContain("compiled code is not kept for later runs");
  });
});
