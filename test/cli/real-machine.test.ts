/** The command line with the machine itself behind it, on guests of a few instructions. */
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { runCli } from "../../src/cli/cli.js";
import { loadMachine } from "../../src/cli/load-machine.js";
import { packet, payloads } from "../gdb/wire.js";

const UART = 0x0900_0000;
const SYSTEM_OFF = 0x8400_0008;
const SYSTEM_RESET = 0x8400_0009;

const movz = (register: number, value: number, shift: 0 | 16) =>
  (0xd2800000 | ((shift / 16) << 21) | (value << 5) | register) >>> 0;
const movk = (register: number, value: number, shift: 0 | 16) => (movz(register, value, shift) | 0x20000000) >>> 0;
const load = (register: number, value: number) => [
  movz(register, value & 0xffff, 0),
  movk(register, Math.floor(value / 0x10000), 16),
];
/** str w2, [x1] */
const STR_W2_X1 = 0xb9000022;
const HVC_0 = 0xd4000002;

/** A raw binary that prints a text on the UART and then makes a PSCI call. */
function guest(text: string, psciCall: number): Buffer {
  const print = [...text].flatMap((character) => [movz(2, character.charCodeAt(0), 0), STR_W2_X1]);
  const words = [...load(1, UART), ...print, ...load(0, psciCall), HVC_0];
  const code = Buffer.alloc(words.length * 4);
  for (const [index, word] of words.entries()) {
    code.writeUInt32LE(word, index * 4);
  }
  return code;
}

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "trapframe-real-"));
  writeFileSync(join(directory, "off"), guest("Hello.\n", SYSTEM_OFF));
  writeFileSync(join(directory, "reset"), guest("again\n", SYSTEM_RESET));
});
afterAll(() => rmSync(directory, { recursive: true }));

async function run(kernel: string, ...options: string[]) {
  const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() };
  const argv = ["boot", "--kernel", join(directory, kernel), "--memory", "16M", ...options];
  const status = await runCli(argv, { ...streams, loadMachine });
  const text = (stream: PassThrough) => (stream.read() as Buffer | null)?.toString() ?? "";
  return { status, stdout: text(streams.stdout), stderr: text(streams.stderr) };
}

describe("a guest on the real machine", () => {
  it("prints, switches off, and its end is status 0", async () => {
    expect(await run("off")).toEqual({ status: 0, stdout: "Hello.\n", stderr: "" });
  });

  it("writes, reads a file and ends with the status it wants by semihosting", async () => {
    // SYS_WRITE0 of the text behind the code, SYS_EXIT of the block behind that.
    const HLT_F000 = 0xd45e0000;
    const at = 0x4008_0000;
    const code = [...load(1, at + 0x40), movz(0, 4, 0), HLT_F000, ...load(1, at + 0x60), movz(0, 0x18, 0), HLT_F000];
    const image = Buffer.alloc(0x70);
    for (const [index, word] of code.entries()) image.writeUInt32LE(word, index * 4);
    image.write("semihosted\n\0", 0x40);
    image.writeBigUInt64LE(0x20026n, 0x60);
    image.writeBigUInt64LE(9n, 0x68);
    writeFileSync(join(directory, "exit"), image);
    expect(await run("exit", "--semihosting")).toEqual({ status: 9, stdout: "semihosted\n", stderr: "" });
    expect(await run("exit", "--semihosting", "--serial", "null")).toMatchObject({ status: 9, stdout: "semihosted\n" });
  });

  it("ends at a reset with --no-reboot", async () => {
    expect(await run("reset", "--no-reboot")).toEqual({ status: 0, stdout: "again\n", stderr: "" });
  });

  it("has one debugger that controls, whichever of its sockets another one comes by", async () => {
    const places = ["one", "two"].map((name) => join(directory, `${name}.socket`));
    const ended = run("off", "--wait", ...places.flatMap((place) => ["--gdb", `unix:${place}`]));
    await vi.waitUntil(() => places.every(existsSync), { timeout: 20_000 });
    const [one, two] = places.map((place) => connect(place)) as [Socket, Socket];
    const ask = async (socket: Socket, question: string): Promise<string | undefined> => {
      socket.write(packet(question));
      let heard = "";
      while (!/#[0-9a-f]{2}$/.test(heard)) heard += (await once(socket, "data")).toString();
      return payloads(heard)[0];
    };
    expect(await ask(one, "?")).toMatch(/^T05thread:1;/);
    expect(await ask(two, "qSupported:qRelocInsn+")).toContain("PacketSize");
    expect(await ask(two, "vMustReplyEmpty")).toBe("");
    expect(await ask(two, "Z0,40080000,4")).toMatch(/^E\.Z: this client observes/);
    expect(await ask(one, "Z0,40080000,4")).toBe("OK");
    one.write(packet("k"));
    expect((await ended).stderr).toMatch(/a debugger has ended the machine\n$/);
    for (const socket of [one, two]) socket.destroy();
  });

  it("is counted", async () => {
    const { stderr } = await run("off", "--stats");
    // 2 + 7 × 2 + 2 + 1, of which the HVC may or may not be counted as retired.
    expect(stderr).toMatch(/^instructions +1[89]$/m);
    expect(stderr).toMatch(/^exits +\d+$/m);
  });

  it("is profiled, or told why not before it starts", async () => {
    const file = join(directory, "profile");
    expect(await run("off", "--profile", file)).toMatchObject({ status: 0, stdout: "Hello.\n", stderr: "" });
    // Too short for a sample.
    expect(readFileSync(file, "utf8")).toBe("");
    const wrong = await run("off", "--profile", join(directory, "no/profile"));
    expect(wrong).toMatchObject({ status: 2, stdout: "" });
    expect(wrong.stderr).toMatch(/cannot write the profile there: no such file or directory\n$/);
    expect(await run("off", "--profile", file, "--symbols", join(directory, "off"))).toMatchObject({
      status: 2,
      stdout: "",
    });
    expect(await run("off", "--symbols", file)).toMatchObject({ status: 2, stdout: "" });
  });

  it("writes its console to a file", async () => {
    const file = join(directory, "console");
    expect(await run("off", "--serial", `file:${file}`)).toMatchObject({ status: 0, stdout: "" });
    expect(readFileSync(file, "utf8")).toBe("Hello.\n");
  });

  it.each([
    [["--memory", "3G", "--cpus", "124"], "124 CPUs: virt has from 1 to 123"],
    [["--el2", "hosted", "--el3", "guest"], "--el2 hosted with --el3 guest"],
    [["--log", "everything"], '--log "everything" is not one of exceptions, '],
  ])("is refused with %o", async (options, message) => {
    const { status, stdout, stderr } = await run("off", ...options);
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/^trapframe: [^\n]+\n$/);
    expect(stderr).toContain(message);
  });
});
