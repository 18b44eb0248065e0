/** At a reset, memory that was loaded from a file is read from it again. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { type LoadedKernel, loadKernelFile, loadMachineDescription, Machine } from "../../src/index.js";
import { MachineTarget } from "../../src/machine/debug-target.js";
import { arm64Image } from "./loaders/fixtures.js";

const PAGE = 0x1000;
const PAGES = 5;
/** The branch over the header, and what stores. */
const STEPS = 5;
/** Where it is loaded. */
const LOADED = 0x4020_0000n;

/** An Image of some pages that stores a word into its second page and one into its third, and does something more. */
function image(...rest: readonly number[]): Buffer {
  const code = Buffer.alloc(PAGES * PAGE + 100, 0xa5);
  // adrp x0, +1 page; str x0, [x0, #8]; add x1, x0, #0x1000; str w0, [x1]
  const words = [0xb0000000, 0xf9000400, 0x91400401, 0xb9000020, ...rest];
  for (const [i, word] of words.entries()) code.writeUInt32LE(word >>> 0, i * 4);
  return arm64Image({ imageSize: BigInt(code.length + 64) }, code);
}
/** b . */
const STAY = [0x14000000];
/** mov w0, #9; movk w0, #0x8400, lsl #16; hvc #0: PSCI SYSTEM_RESET. */
const RESET = [0x52800120, 0x72b08000, 0xd4000002];

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

async function booted(content: Buffer) {
  const directory = mkdtempSync(join(tmpdir(), "trapframe-reset-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "kernel");
  writeFileSync(path, content);
  return started(loadKernelFile(path), path, content);
}

async function started(kernel: LoadedKernel, path: string, content: Buffer) {
  const machine = await Machine.create({
    description: loadMachineDescription("virt"),
    cpu: "cortex-a72",
    cpus: 1,
    memory: 16 << 20,
    kernel,
    serial: { transmit() {}, onReceive() {} },
    el2: "hosted",
    el3: "hosted",
    idle: "skip",
    noReboot: false,
  });
  onTestFinished(() => machine.close());
  /** As text: what differs is short. */
  const held = (): string => {
    const host = machine.engine.hostAddress(LOADED) as number;
    return hexOf(machine.engine.bytes.subarray(host, host + content.length));
  };
  return { machine, kernel, path, held };
}

/** With a debugger, for some steps: what the guest writes is written. */
async function written(content: Buffer) {
  const guest = await booted(content);
  const target = new MachineTarget(guest.machine, { wait: true });
  const ended = guest.machine.run();
  onTestFinished(async () => {
    guest.machine.stop();
    await ended;
  });
  for (let n = 0; n < STEPS; n++) {
    target.resume(new Map([[0, { kind: "step" }]]));
    await new Promise<void>((resolve) => target.listen({ stopped: () => resolve() }));
  }
  guest.machine.engine.writePhysical(LOADED + BigInt(PAGES * PAGE - 2), Uint8Array.of(1, 2, 3, 4));
  expect(guest.held()).not.toBe(hexOf(content));
  return { ...guest, target };
}

it("holds what the file does, as often as it is reset", async () => {
  const content = image(...STAY);
  const { machine, target, held } = await written(content);
  for (let n = 0; n < 2; n++) {
    target.reset();
    expect(held()).toBe(hexOf(content));
    machine.engine.writePhysical(LOADED + BigInt(PAGE + n), Uint8Array.of(1));
  }
});

it("holds what was loaded when another file has its name now", async () => {
  const content = image(...STAY);
  const { path, target, held } = await written(content);
  writeFileSync(`${path}.new`, image(...RESET));
  renameSync(`${path}.new`, path);
  expect(target.resetRefusal()).toBeUndefined();
  target.reset();
  expect(held()).toBe(hexOf(content));
});

it("is not reset when the file was written to", async () => {
  const { machine, path, target, held } = await written(image(...STAY));
  const before = held();
  writeFileSync(path, image(...RESET));
  const refusal = `${path}: cannot reset the kernel: it was written to since it was loaded`;
  expect(target.monitor("reset", 0)).toMatchObject({ text: expect.stringContaining(refusal) });
  expect(held()).toBe(before);
  expect(machine.isPaused).toBe(true);
});

it("is one of two machines of the same kernel, each with the file it found", async () => {
  const content = image(...STAY);
  const first = await written(content);
  const other = image(...RESET);
  writeFileSync(`${first.path}.new`, other);
  renameSync(`${first.path}.new`, first.path);
  const second = await started(first.kernel, first.path, other);
  await second.machine.close();
  expect(first.target.resetRefusal()).toBeUndefined();
  first.target.reset();
  expect(first.held()).toBe(hexOf(content));
  expect(second.held()).toBe(hexOf(other));
});

it("ends the machine when its guest wants that", async () => {
  const { machine, path } = await booted(image(...RESET));
  writeFileSync(path, image(...STAY));
  const what = expect.stringContaining("it was written to since it was loaded");
  expect(await machine.run()).toEqual({ reason: "failed", status: 1, what });
});
