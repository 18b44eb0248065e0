/**
 * When the compiler's thread is started ahead of the guest: as built, by the threads of the process at its first
 * output.
 */
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const SMALL = join(ROOT, "firmware/hello/hello.bin");

let directory: string;
let large: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "trapframe-ahead-"));
  large = join(directory, "large.bin");
  writeFileSync(large, Buffer.concat([readFileSync(SMALL), Buffer.alloc(1 << 20)]));
});
afterAll(() => rmSync(directory, { recursive: true }));

async function threadsOf(kernel: string, codeCache: string): Promise<number> {
  const argv = [join(ROOT, "dist/cli/main.js"), "boot", "--kernel", kernel, "--code-cache", codeCache];
  const child = spawn(process.execPath, argv, { stdio: ["pipe", "pipe", "inherit"] });
  await new Promise((resolve) => child.stdout.once("data", resolve));
  const { length } = readdirSync(`/proc/${child.pid}/task`);
  child.stdin.write("q");
  await new Promise((resolve) => child.once("close", resolve));
  return length;
}

describe("the compiler's thread", () => {
  it("is there at the first output of a large guest of which nothing was kept", async () => {
    const used = join(directory, "used");
    mkdirSync(used);
    writeFileSync(join(used, "of-another-build.regions"), "");
    const without = await threadsOf(SMALL, "none");
    expect(await threadsOf(large, used)).toBe(without);
    expect(await threadsOf(large, "none")).toBe(without + 1);
    expect(await threadsOf(large, join(directory, "none-yet"))).toBe(without + 1);
  });

  it("ends with its machine", () => {
    const program = `
      import { readdirSync } from "node:fs";
      import { loadKernelFile, loadMachineDescription, Machine } from ${JSON.stringify(join(ROOT, "dist/index.js"))};
      const kernel = loadKernelFile(${JSON.stringify(large)});
      const description = loadMachineDescription("virt");
      const serial = { transmit() {}, onReceive() {} };
      const levels = { el2: "hosted", el3: "hosted", idle: "skip", noReboot: false };
      const threads = () => readdirSync("/proc/self/task").length;
      const machine = await Machine.create({ description, cpu: "max", cpus: 1, memory: 1 << 26, kernel, serial, ...levels });
      // It has begun by then.
      await new Promise((resolve) => setTimeout(resolve, 1000));
      const before = threads();
      await machine.close();
      for (let i = 0; i < 500 && threads() === before; i++) await new Promise((resolve) => setTimeout(resolve, 20));
      console.log(before - threads());
    `;
    const said = execFileSync(process.execPath, ["--input-type=module", "--eval", program], { encoding: "utf8" });
    expect(said).toBe("1\n");
  });
});
