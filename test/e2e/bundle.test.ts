/** The program in one piece, as it was built: V8 takes the code that is kept of it, and nothing is lost without. */
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** A copy of the build that a test may damage. */
let copy: string;
beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), "trapframe-bundle-"));
  cpSync(join(ROOT, "dist"), join(copy, "dist"), { recursive: true });
  for (const name of ["node_modules", "machines", "firmware", "package.json"])
    symlinkSync(join(ROOT, name), join(copy, name));
});
afterAll(() => rmSync(copy, { recursive: true }));

const node = (...args: string[]) => promisify(execFile)(process.execPath, args, { cwd: copy });
const machines = () => node("dist/cli/main.js", "machines");

/** Runs statements that have `load`, which loads a bundle of the copy, and its `setHostFlags`. */
async function withLoad(statements: string): Promise<string> {
  const url = (path: string): string => JSON.stringify(pathToFileURL(join(copy, "dist", path)).href);
  const script = `import { loadBundle as load } from ${url("bundle/load.js")};
    import { setHostFlags } from ${url("engine/host-flags.js")};
    ${statements}`;
  return (await node("--input-type=module", "--eval", script)).stdout.trim();
}

describe("the program in one piece", () => {
  it.each([
    ["cli", "in a process as it begins", ""],
    ["compiler", "under the engine's flags", "setHostFlags();"],
  ])("is taken with its code: %s, %s", async (name, _when, before) => {
    expect(await withLoad(`${before} console.log(load("${name}").script.cachedDataRejected)`)).toBe("false");
  });

  it("names sources in the trace of a bug", async () => {
    const broken = `
      const { runCli, loadMachine } = load("cli").exports;
      const stdout = { write() { throw new Error("what a bug"); } };
      const { stdin, stderr } = process;
      await runCli(["machines"], { stdin, stdout, stderr: { write: (text) => console.log(text) }, loadMachine });`;
    const trace = await withLoad(broken);
    expect(trace).toContain("this is a bug of trapframe, not of the guest: Error: what a bug");
    const line =
      1 +
      readFileSync(join(ROOT, "src/cli/commands/machines.ts"), "utf8")
        .split("\n")
        .findIndex((text) => text.includes("stdout.write"));
    expect(trace).toContain(`src/cli/commands/machines.ts:${line}:`);
    expect(trace).not.toContain("cli.cjs");
  });

  it("does the same with other code or none, and as modules", async () => {
    const { stdout } = await machines();
    expect(stdout).toContain("virt");
    const code = join(copy, "dist/bundle/cli.code");
    const bytes = readFileSync(code);
    // Where V8 says what version made it, and under which flags.
    bytes.fill(0x55, 4, 12);
    writeFileSync(code, bytes);
    expect(await withLoad(`console.log(load("cli").script.cachedDataRejected)`)).toBe("true");
    expect((await machines()).stdout).toBe(stdout);
    rmSync(code);
    expect((await machines()).stdout).toBe(stdout);
    rmSync(join(copy, "dist/bundle/cli.cjs"));
    expect((await machines()).stdout).toBe(stdout);
  });
});
