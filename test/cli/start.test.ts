import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { parseArguments } from "../../src/cli/arguments.js";
import { start } from "../../src/cli/commands/start.js";
import { RAW_CODE } from "../machine/loaders/fixtures.js";
import { FakeFactory } from "./fake-machine.js";

/** A system without apt, and with nothing in the cache. */
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "trapframe-start-"));
  vi.stubEnv("PATH", directory);
  vi.stubEnv("TRAPFRAME_CACHE", join(directory, "cache"));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true });
});

async function startWith(bundled: string) {
  const factory = new FakeFactory();
  const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() };
  const invocation = await parseArguments(["start"]);
  if (invocation.command !== "start") {
    throw new Error("the arguments are not those of start");
  }
  const environment = { ...streams, loadMachine: async () => factory };
  const status = await start(invocation.arguments, environment, bundled);
  return { status, factory, stderr: (streams.stderr.read() as Buffer).toString() };
}

it("boots a guest of our own where Debian's cannot be had, and says why", async () => {
  const bundled = join(directory, "hello.bin");
  writeFileSync(bundled, RAW_CODE);
  const { status, factory, stderr } = await startWith(bundled);
  expect(status).toBe(0);
  expect(factory.created!.kernel).toMatchObject({ kind: "raw", name: bundled });
  expect(factory.created!.initrd).toBeUndefined();
  expect(stderr).toMatch(/^trapframe: cannot fetch a Debian guest: [^\n]+; give a kernel of your own: trapframe boot/);
  expect(stderr).toContain("trapframe: a small guest that comes with trapframe boots instead\n");
});

it("says how to give a kernel of one's own when there is none to fall back on", async () => {
  await expect(startWith(join(directory, "none"))).rejects.toThrow(
    /give a kernel of your own: trapframe boot --kernel/,
  );
});
