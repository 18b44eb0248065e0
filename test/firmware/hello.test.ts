/** The guest that `npm start` falls back to is in the checkout, and is what its source says. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { loadKernelFile, loadMachineDescription, Machine } from "../../src/index.js";

const BINARY = "firmware/hello/hello.bin";

it("is built from its source", () => {
  const directory = mkdtempSync(join(tmpdir(), "trapframe-hello-"));
  try {
    execFileSync("scripts/build-firmware", [directory, "hello"]);
    expect(readFileSync(BINARY).equals(readFileSync(join(directory, "hello.bin")))).toBe(true);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

it.each([
  ["hosted", 1],
  ["guest", 2],
] as const)("greets, echoes and switches off with el2 %s", async (el2, level) => {
  let type: (bytes: Uint8Array) => void = () => {};
  let console = "";
  const machine = await Machine.create({
    description: loadMachineDescription("virt"),
    cpu: "cortex-a72",
    cpus: 1,
    memory: 64 << 20,
    kernel: loadKernelFile(BINARY),
    serial: {
      transmit: (byte) => {
        console += String.fromCharCode(byte);
      },
      onReceive: (listener) => {
        type = listener;
      },
    },
    el2,
    el3: "hosted",
    idle: "skip",
    noReboot: true,
  });
  type(Buffer.from("hi\rq"));
  expect(await machine.run()).toEqual({ reason: "system-off" });
  expect(console).toContain(`CurrentEL  ${level}\r\nMIDR_EL1   0x410fd083\r\nCNTFRQ_EL0 0x3b9aca0 Hz\r\n`);
  expect(console).toMatch(/off\.\r\nhi\r\n\r\nPSCI SYSTEM_OFF\r\n$/);
});
