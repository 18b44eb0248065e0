import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { arm64Image } from "../machine/loaders/fixtures.js";

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "trapframe-pipes-"));
  writeFileSync(join(directory, "Image"), arm64Image());
});
afterAll(() => rmSync(directory, { recursive: true }));

/** Runs the program with a fake machine within a shell's line, where it is `$PROGRAM`. */
function shell(line: string): { status: number | null; stdout: string; stderr: string } {
  const program = `node_modules/.bin/vite-node test/cli/fake-main.ts boot --kernel ${directory}/Image`;
  const { status, stdout, stderr } = spawnSync("bash", ["-c", line], {
    env: { ...process.env, PROGRAM: program },
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
  return { status, stdout, stderr };
}

it("runs with standard input closed", () => {
  const { status, stdout, stderr } = shell('FAKE_POWER_OFF=1 $PROGRAM <&-; echo "status $?"');
  expect([status, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/^pid \d+\nready\nstatus 0\n$/);
});

it("runs with a directory for standard input, and standard output closed", () => {
  const { stderr, stdout } = shell('FAKE_POWER_OFF=1 $PROGRAM </tmp >&-; echo "status $?"');
  expect([stderr, stdout]).toEqual(["", "status 0\n"]);
});

it("ends when nobody reads its output any more", () => {
  const input = "(while sleep 0.1; do echo more; done)";
  const { stdout, stderr } = shell(`${input} | $PROGRAM | head --lines=2; echo "status \${PIPESTATUS[1]}"`);
  expect(stdout).toMatch(/^pid \d+\nready\nstatus 1\n$/);
  expect(stderr).toContain("trapframe: nobody reads standard output any more; the machine ends\n");
});
