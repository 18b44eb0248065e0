/** Semihosting: the guest in firmware/semihosting on ours and on QEMU, and what only ours has to keep to. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { loadKernelFile, loadMachineDescription, Machine, type MachineExit } from "../../src/index.js";
import { HostFiles } from "../../src/machine/semihosting/files.js";
import { freeMemory } from "../../src/machine/semihosting/heap.js";
import { assemble } from "../machine/debug-rig.js";
import { buildGuest, haveQemu } from "./guests.js";

const IMAGE = fileURLToPath(new URL("../../.cache/firmware/semihosting.bin", import.meta.url));
beforeAll(() => buildGuest("semihosting"), 60_000);

function directory(): string {
  const path = mkdtempSync(join(tmpdir(), "trapframe-semihosting-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

interface Run {
  readonly exit: MachineExit;
  readonly uart: string;
  readonly output: string;
  readonly error: string;
}

interface RunOptions {
  readonly directory?: string;
  readonly input?: string;
  readonly el2?: "hosted" | "guest";
  readonly on?: boolean;
}

async function run(
  kernel: string,
  { directory: path, input, el2 = "hosted", on = true }: RunOptions = {},
): Promise<Run> {
  const uart: number[] = [];
  const streams = { output: "", error: "" };
  const console = {
    write(bytes: Uint8Array, stream: "output" | "error"): void {
      streams[stream] += Buffer.from(bytes).toString("latin1");
    },
    onReceive(listener: (bytes: Uint8Array | undefined) => void): void {
      if (input === undefined) return;
      // In two pieces, and some time after the guest has asked.
      setTimeout(() => listener(Buffer.from(input.slice(0, 2))), 30);
      setTimeout(() => listener(Buffer.from(input.slice(2))), 60);
      setTimeout(() => listener(undefined), 90);
    },
  };
  const machine = await Machine.create({
    description: loadMachineDescription("virt"),
    cpu: "cortex-a72",
    cpus: 1,
    memory: 128 << 20,
    kernel: loadKernelFile(kernel),
    serial: { transmit: (byte) => uart.push(byte), onReceive() {} },
    el2,
    el3: "hosted",
    idle: "skip",
    noReboot: true,
    ...(on
      ? { semihosting: { commandLine: "program one two", console, ...(path === undefined ? {} : { directory: path }) } }
      : {}),
  });
  const exit = await machine.run();
  return { exit, uart: Buffer.from(uart).toString("latin1"), ...streams };
}

const printable = (text: string): string => text.replaceAll(/[^ -~]/g, " ");

/** Lines of ours in which QEMU 7.2 does something else, at their places. */
const DEVIATIONS: readonly { readonly ours: string; readonly theirs: string; readonly why: string }[] = [
  { ours: "flen = 18", theirs: "flen = 13", why: "it opens files to append without O_APPEND" },
  { ours: "r+ read = 187", theirs: "r+ read = 192", why: "as above" },
  { ours: 'read ", there/more/"', theirs: 'read ", there/     "', why: "as above" },
  { ours: "flen of the new name = 18", theirs: "flen of the new name = 13", why: "as above" },
  { ours: "  errno = 9", theirs: "  errno = 2", why: "a failed read or write leaves errno as it was" },
  { ours: "istty = 1", theirs: "istty = 0", why: "its console is the process's standard output, here a pipe" },
  {
    ours: "heap is not the program = 1",
    theirs: "heap is not the program = 0",
    why: "it does not look for raw binaries",
  },
];

describe("the guest", () => {
  it("finds every operation as QEMU has it", async () => {
    if (!haveQemu()) throw new Error("qemu-system-aarch64 is not installed: scripts/install-tools says how to get it");
    const ours = directory();
    const theirs = directory();
    const { exit, uart, output, error } = await run(IMAGE, { directory: ours });
    expect(exit).toEqual({ reason: "exit", status: 42 });
    const args = [
      "-M",
      "virt,gic-version=3",
      "-cpu",
      "cortex-a72",
      "-m",
      "128M",
      "-display",
      "none",
      "-monitor",
      "none",
    ];
    const semihosting = "enable=on,target=native,arg=program,arg=one,arg=two";
    const qemu = spawnSync(
      "qemu-system-aarch64",
      [...args, "-nic", "none", "-serial", "stdio", "-semihosting-config", semihosting, "-kernel", IMAGE],
      { cwd: theirs, timeout: 20_000, input: "" },
    );
    expect(qemu.status).toBe(42);
    // QEMU's console is the standard output that its UART is on.
    const lines = qemu.stdout.toString("latin1").replace("to standard output\n", "").split("\n");
    const known = DEVIATIONS.map((row) => [row.ours, printable(row.theirs)]);
    const differing = uart
      .split("\n")
      .flatMap((line, i) => (line === lines[i] ? [] : [[line, printable(lines[i] ?? "")]]));
    expect(differing.filter(([line, other]) => !known.some(([a, b]) => a === line && b === other))).toEqual([]);
    expect(lines.length).toBe(uart.split("\n").length);
    expect(readdirSync(ours)).toEqual(["second.txt"]);
    expect(readFileSync(join(ours, "second.txt"), "utf8")).toBe("HELLO, there\nmore\n");
    expect(readFileSync(join(theirs, "second.txt"), "utf8")).toBe("HELLO, there\n");
    expect(output).toMatch(/^to standard output\n!a string of some length, .* the end\n$/);
    expect(error).toBe("to standard error\n");
  });

  it("is the same at EL2, and has no files without a directory", async () => {
    const { exit, uart } = await run(IMAGE, { el2: "guest" });
    expect(exit.status).toBe(42);
    expect(uart).toContain("open w is a handle = 0\n");
    expect(uart).toContain("tickfreq = 1000000000\n");
  });
});

/** Assembly around `CALL number`: HLT with X1 as it is. */
const program = (text: string): string =>
  assemble(
    `${text.replaceAll(/^\s*CALL (\w+)$/gm, "mov w0, #$1\nhlt #0xf000")}\nb .\n.balign 8\nblock: .space 64\nbuffer: .space 64`,
  ).file;

const EXIT = "adr x1, block\nldr x3, =0x20026\nstr x3, [x1]\nstr x2, [x1, #8]\nCALL 0x18";

describe("a call", () => {
  it("waits for input, byte by byte and in pieces, to its end", async () => {
    // READC twice, then READ of ":tt" until nothing is read; the sum of what READ left is the status.
    const source = `
      mov x19, #2
1:
      CALL 7
      adr x1, buffer
      strb w0, [x1]
      CALL 3
      subs x19, x19, #1
      b.ne 1b
      adr x1, block
      adr x2, name
      str x2, [x1]
      str xzr, [x1, #8]
      mov x2, #3
      str x2, [x1, #16]
      CALL 1
      mov x20, x0
2:
      adr x1, block
      str x20, [x1]
      adr x2, buffer
      str x2, [x1, #8]
      mov x2, #50
      str x2, [x1, #16]
      CALL 6
      add x19, x19, x0
      cmp x0, #50
      b.ne 2b
      mov x2, x19
      ${EXIT}
      b .
name: .asciz ":tt"
      .balign 4`;
    const { exit, output } = await run(program(source), { input: "abcde\n" });
    expect([output, exit.status]).toEqual(["ab", 46 + 50]);
  });

  it("that reads a character is told of the end of the input", async () => {
    const source = `CALL 7\nmov x19, x0\nCALL 7\ncmn x0, #1\ncset x2, eq\nCALL 0x13\nadd x2, x2, x0, lsl #1\n${EXIT}`;
    const { exit } = await run(program(source), { input: "a" });
    // -1, and EIO.
    expect(exit).toEqual({ reason: "exit", status: 1 + 2 * 5 });
  });

  it.each([
    [
      "SYS_SYSTEM, which is refused",
      "adr x1, block\nCALL 0x12\ncmn x0, #1\ncset x2, eq\nCALL 0x13\nadd x2, x2, x0, lsl #4",
      0x11,
    ],
    ["an operation that there is not", "CALL 0x99\ncmn x0, #1\ncset x2, eq", 1],
    ["an exit by another reason", "mov x2, #5", 5],
    [
      "memory that is not there",
      "mov x1, #0x0c000000\nCALL 0x01\ncmn x0, #1\ncset x2, eq\nCALL 0x13\nadd x2, x2, x0, lsl #4",
      0xe1,
    ],
    ["a write of a wrong length", "adr x1, block\nmov x3, #1\nstr x3, [x1]\nCALL 0x05\nmov x2, #3", 3],
  ])("survives %s", async (_what, code, status) => {
    const { exit } = await run(program(`${code}\n${EXIT}`), { directory: directory() });
    expect(exit).toEqual({ reason: "exit", status });
  });

  it("ends with status 1 for a reason that is no program's exit", async () => {
    const { exit } = await run(program("adr x1, block\nldr x3, =0x20024\nstr x3, [x1]\nCALL 0x20"));
    expect(exit).toEqual({ reason: "exit", status: 1 });
  });

  it("is UNDEFINED without --semihosting, and from EL0", async () => {
    const undefinedThere = (enter: string): string =>
      program(
        `adr x0, base\nmsr vbar_el1, x0\n${enter}\nCALL 0x31\n.balign 2048\nbase: .space 0x200\nb 1f\n.balign 512\n1: mrs x2, esr_el1\nlsr x2, x2, #24\nldr w0, =0x84000008\nhvc #0`,
      );
    const user = "adr x0, 2f\nmsr elr_el1, x0\nmsr spsr_el1, xzr\neret\n2:";
    expect((await run(undefinedThere("nop"), { on: false })).exit.reason).toBe("system-off");
    expect((await run(undefinedThere(user))).exit.reason).toBe("system-off");
  });
});

describe("files", () => {
  it("are below the directory, whatever they are called", () => {
    const outer = directory();
    const root = join(outer, "root");
    execFileSync("mkdir", ["-p", join(root, "sub")]);
    writeFileSync(join(outer, "secret"), "x");
    symlinkSync(outer, join(root, "out"));
    symlinkSync(join(outer, "secret"), join(root, "link"));
    const files = new HostFiles(root);
    const errno = (name: string, mode = 0): number => {
      try {
        files.open(name, mode).close();
        return 0;
      } catch (error) {
        return (error as { errno: number }).errno;
      }
    };
    expect(errno("../secret")).not.toBe(0);
    expect(errno("out/secret")).toBe(13);
    expect(errno("link")).not.toBe(0);
    expect(errno("/etc/hostname")).not.toBe(0);
    expect([errno("sub/../new", 4), errno("/sub/abs", 4), errno(join(root, "own"), 4), errno("", 0)]).toEqual([
      0, 0, 0, 2,
    ]);
    expect(readdirSync(root).sort()).toEqual(["link", "new", "out", "own", "sub"]);
    expect(readdirSync(outer).sort()).toEqual(["root", "secret"]);
  });
});

describe("the heap", () => {
  it("is the largest part of RAM in which nothing is", () => {
    const ram = { base: 0x1000, size: 0x100000 };
    expect(freeMemory(ram, [])).toEqual({ base: 0x1000n, limit: 0x101000n });
    expect(
      freeMemory(ram, [
        { address: 0x1800, length: 0x100 },
        { address: 0x80000, length: 0x9000 },
      ]),
    ).toEqual({
      base: 0x2000n,
      limit: 0x80000n,
    });
    expect(freeMemory(ram, [{ address: 0, length: 0x200000 }]).base).toBe(0x1000n);
  });
});
