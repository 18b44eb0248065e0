/** A guest on the real engine behind hosted EL2 (guest.s): what it saw, and the exits it made. */
import { readFileSync } from "node:fs";
import { beforeAll, expect, it } from "vitest";
import type { VcpuExit } from "../../src/hosted/el2/exits.js";
import { loadMachineDescription } from "../../src/machine/description.js";
import { loadKernel } from "../../src/machine/loaders/kernel.js";
import { Machine } from "../../src/machine/machine.js";

/** Offsets of labels in the guest. */
const RESULTS = 0xae0;
const SECOND = 0x19c;
const ENTRY = 0x4008_0000;

const seen: bigint[] = [];
const exits: { cpu: number; exit: VcpuExit }[] = [];
let reason: string;

beforeAll(async () => {
  const words = readFileSync(new URL("guest.hex", import.meta.url), "utf8")
    .trim()
    .split("\n");
  const image = new Uint8Array(Uint32Array.from(words, (word) => Number.parseInt(word, 16)).buffer);
  const machine = await Machine.create({
    description: loadMachineDescription("virt"),
    cpu: "cortex-a72",
    cpus: 2,
    memory: 64 << 20,
    kernel: loadKernel(image, "guest.hex"),
    serial: { transmit: () => {}, onReceive: () => {} },
    el2: "hosted",
    el3: "hosted",
    idle: "skip",
    noReboot: true,
  });
  machine.hosted.hypervisor?.observers.push((cpu, exit) => exits.push({ cpu, exit }));
  const timeout = setTimeout(() => machine.stop(), 5000);
  reason = (await machine.run()).reason;
  clearTimeout(timeout);
  const host = machine.engine.hostAddress(BigInt(ENTRY)) as number;
  for (let n = 0; n < 64; n++) seen.push(machine.engine.view.getBigUint64(host + RESULTS + 8 * n, true));
});

it("runs to its end", () => {
  expect(reason).toBe("system-off");
});

it("begins at EL1 with the device tree in X0", () => {
  expect(seen[0]).toBeGreaterThan(0x4000_0000n);
  expect(seen[1]).toBe(4n);
});

it("loads and stores pairs, pre- and post-index and SIMD registers of a device", () => {
  expect(seen.slice(2, 10)).toEqual([0x11n, 0x10n, 0x11n, 0x34n, 0xfe8n, 0x10n, 0x12n, 0x34n]);
});

it("takes an external abort where nothing answers, and for an exclusive of a device", () => {
  const esr = (0x25n << 26n) | (1n << 25n) | 0x10n;
  expect(seen.slice(10, 16)).toEqual([esr, 0x0b00_0000n, 0n, esr, 0x0900_0000n, 4n]);
});

it("gets its answers from the firmware", () => {
  expect(seen.slice(16, 19)).toEqual([0x1_0001n, 0x1_0002n, 0xffff_ffff_ffff_ffffn]);
});

it("takes its timer, starts the other vCPU, takes its SGI and sees it off", () => {
  expect(seen.slice(19, 26)).toEqual([27n, 0n, 0n, 3n, 0n, 0x55n, 0x8000_0001n]);
});

it("made the exits one expects of it, in order", () => {
  const ofFirmware = exits.filter(({ exit }) => !/Mmio|Unsyndromed|Hypercall|Nothing/.test(exit.reason));
  expect(ofFirmware).toEqual([
    { cpu: 0, exit: { reason: "SecureMonitorCall", nr: 0x8000_0000n, args: expect.anything() } },
    { cpu: 0, exit: { reason: "ExternalInterrupt", vector: 27 } },
    { cpu: 0, exit: { reason: "CpuUp", targetCpu: 1n, entryPoint: BigInt(ENTRY + SECOND), arg: 0x55n } },
    {
      cpu: 1,
      exit: { reason: "SendIPI", targetCpu: 0n, targets: [0n], sendToAll: false, sendToSelf: false, vector: 3 },
    },
    expect.anything(),
    expect.anything(),
    { cpu: 0, exit: { reason: "SystemDown" } },
  ]);
  // The SGI and CPU_OFF happen on different vCPUs: either may come first.
  expect(ofFirmware).toContainEqual({ cpu: 0, exit: { reason: "ExternalInterrupt", vector: 3 } });
  expect(ofFirmware).toContainEqual({ cpu: 1, exit: { reason: "CpuDown" } });
});
