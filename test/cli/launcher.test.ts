/**
 * What npm does with a checkout: `bin` (scripts/trapframe.mjs) and `prepare` (scripts/prepare.mjs), each in a small
 * one.
 */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";

const SCRIPTS = fileURLToPath(new URL("../../scripts", import.meta.url));

/** Files by their paths in a directory that goes when the test is over, and the two scripts of ours in it. */
class Checkout {
  readonly directory = mkdtempSync(join(tmpdir(), "trapframe-checkout-"));

  constructor(files: Readonly<Record<string, string>> = {}) {
    onTestFinished(() => rmSync(this.directory, { recursive: true }));
    for (const [path, text] of Object.entries(files)) this.write(path, text);
    for (const name of ["trapframe.mjs", "prepare.mjs"]) {
      mkdirSync(this.path("scripts"), { recursive: true });
      copyFileSync(join(SCRIPTS, name), this.path(`scripts/${name}`));
    }
  }

  path(path: string): string {
    return join(this.directory, path);
  }

  write(path: string, text: string, mode = 0o644): void {
    mkdirSync(dirname(this.path(path)), { recursive: true });
    writeFileSync(this.path(path), text);
    chmodSync(this.path(path), mode);
  }

  /** As if it had been written so many seconds ago. */
  age(path: string, seconds: number): void {
    const then = Date.now() / 1000 - seconds;
    utimesSync(this.path(path), then, then);
  }

  run(program: string, args: readonly string[] = []) {
    const PATH = `${this.path("bin")}:${process.env.PATH}`;
    const { status, stdout, stderr } = spawnSync(program, args, {
      cwd: tmpdir(),
      encoding: "utf8",
      env: { ...process.env, PATH },
    });
    return { status, stdout, stderr };
  }
}

describe("the launcher", () => {
  const MAIN = 'console.log(process.argv.slice(2).join("|"));\nprocess.exitCode = 7;\n';

  it("says in one line that nothing is built", () => {
    const checkout = new Checkout();
    const { status, stdout, stderr } = checkout.run(process.execPath, [checkout.path("scripts/trapframe.mjs"), "boot"]);
    expect(status).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/^trapframe: this checkout is not built yet; .*npm ci\n$/);
  });

  it("runs the program with its arguments and its exit status, through npm's link as well", () => {
    const checkout = new Checkout({ "package.json": '{"type":"module"}', "dist/cli/main.js": MAIN });
    mkdirSync(checkout.path("bin"));
    symlinkSync("../scripts/trapframe.mjs", checkout.path("bin/trapframe"));
    // The copy has the mode that the file has here, without which npm's link could not be called.
    const answer = { status: 7, stdout: "boot|--append|a b\n", stderr: "" };
    expect(checkout.run(checkout.path("bin/trapframe"), ["boot", "--append", "a b"])).toEqual(answer);
    expect(checkout.run(process.execPath, [checkout.path("scripts/trapframe.mjs"), "boot", "--append", "a b"])).toEqual(
      answer,
    );
  });

  it("fails as the program does", () => {
    const checkout = new Checkout({ "dist/cli/main.js": 'throw new Error("no machine");\n' });
    const { status, stderr } = checkout.run(process.execPath, [checkout.path("scripts/trapframe.mjs")]);
    expect(status).toBe(1);
    expect(stderr).toContain("no machine");
    expect(stderr).not.toContain("not built");
  });
});

describe("npm's prepare", () => {
  /** What the build writes last. */
  const PRODUCT = "dist/bundle/compiler.code";

  /** Built an hour after its sources were written, an hour ago; npm is a stand-in that notes how it is called. */
  function built(): Checkout {
    const files = { "package.json": "{}", "tsconfig.json": "{}", "src/index.ts": "", "src/deep/er/file.ts": "" };
    const checkout = new Checkout({ ...files, [PRODUCT]: "", "node_modules/there": "" });
    checkout.write("bin/npm", `#!/bin/sh\necho "$PWD: $*" >> "${checkout.path("calls")}"\n`, 0o755);
    for (const file of Object.keys(files)) checkout.age(file, 7200);
    checkout.age(PRODUCT, 3600);
    return checkout;
  }

  function prepare(checkout: Checkout): { status: number | null; calls: string } {
    const { status } = checkout.run(process.execPath, [checkout.path("scripts/prepare.mjs")]);
    const calls = existsSync(checkout.path("calls")) ? readFileSync(checkout.path("calls"), "utf8") : "";
    return { status, calls };
  }

  it("builds nothing where the product is newer than its sources", () => {
    expect(prepare(built())).toEqual({ status: 0, calls: "" });
  });

  it.each(["src/deep/er/file.ts", "package.json", "tsconfig.json"])("builds what is older than %s", (file) => {
    const checkout = built();
    checkout.age(file, 60);
    expect(prepare(checkout)).toEqual({ status: 0, calls: `${checkout.directory}: run build\n` });
  });

  it("builds a fresh checkout, and one whose build did not come to its end", () => {
    const checkout = built();
    rmSync(checkout.path(PRODUCT));
    expect(prepare(checkout)).toEqual({ status: 0, calls: `${checkout.directory}: run build\n` });
    rmSync(checkout.path("dist"), { recursive: true });
    expect(prepare(checkout).calls.split("\n")).toHaveLength(3);
  });

  it("leaves alone what has nothing to build with", () => {
    const checkout = built();
    rmSync(checkout.path("dist"), { recursive: true });
    rmSync(checkout.path("node_modules"), { recursive: true });
    expect(prepare(checkout)).toEqual({ status: 0, calls: "" });
  });

  it("fails where the build fails", () => {
    const checkout = built();
    checkout.age("package.json", 60);
    checkout.write("bin/npm", "#!/bin/sh\nexit 3\n", 0o755);
    expect(prepare(checkout).status).not.toBe(0);
  });
});
