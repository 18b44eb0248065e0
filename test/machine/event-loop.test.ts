/**
 * A guest that does nothing but poll a device: the event loop has its turns all the same, and the run does not change.
 */
import { afterEach, describe, expect, it, vi } from "vitest";
import { loadKernelFile, loadMachineDescription, Machine } from "../../src/index.js";
import { assemble } from "./debug-rig.js";

/** Reads the PL011's flag register 5,000 times, adding the counter to X3, then PSCI SYSTEM_OFF by HVC or SMC. */
const poller = (call: "hvc" | "smc") => `
  mov x0, #0x09000000
  mov x1, #5000
1: ldr w2, [x0, #0x18]
  mrs x4, cntvct_el0
  add x3, x3, x4
  subs x1, x1, #1
  b.ne 1b
  mov w0, #0x0008
  movk w0, #0x8400, lsl #16
  ${call} #0
`;

/** Its final state, and how often the event loop had its turn, when a look at the clock takes `tick` milliseconds. */
async function run(el2: "hosted" | "guest", tick: number): Promise<{ hash: string; turns: number }> {
  const machine = await Machine.create({
    description: loadMachineDescription("virt"),
    cpu: "cortex-a72",
    cpus: 1,
    memory: 16 << 20,
    kernel: loadKernelFile(assemble(poller(el2 === "hosted" ? "hvc" : "smc")).file),
    el2,
    el3: "hosted",
    engine: "interpreter",
    idle: "skip",
    noReboot: true,
    serial: { transmit() {}, onReceive() {} },
  });
  let now = 0;
  vi.spyOn(performance, "now").mockImplementation(() => {
    now += tick;
    return now;
  });
  let turns = 0;
  let running = true;
  const count = (): void => {
    turns++;
    if (running) setImmediate(count);
  };
  setImmediate(count);
  const { reason } = await machine.run();
  running = false;
  expect(reason).toBe("system-off");
  return { hash: machine.stateHash(), turns };
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe.each(["hosted", "guest"] as const)("with EL2 %s", (el2) => {
  it("is not kept waiting by a guest that polls a device, which runs as if nobody looked", async () => {
    const unhurried = await run(el2, 0);
    const hurried = await run(el2, 1);
    expect(unhurried.turns).toBeLessThan(3);
    // One look in 64 exits, eight looks to a turn.
    expect(hurried.turns).toBeGreaterThan(5000 / 64 / 16);
    expect(hurried.hash).toBe(unhurried.hash);
  });
});
