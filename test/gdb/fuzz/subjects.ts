/** The machines that are fuzzed: the one of the packet tests, and the real one with a guest that counts. */

import { type ConsoleBackend, loadMachineDescription, Machine } from "../../../src/index.js";
import { MachineTarget } from "../../../src/machine/debug-target.js";
import { loadKernel } from "../../../src/machine/loaders/kernel.js";
import { FakeMachine } from "../fake-machine.js";
import type { Subject } from "./fuzzer.js";

/** With a program, as the sessions name it. */
class FakeWithProgram extends FakeMachine {
  readonly execFile = { path: "/machine/kernel.elf", bytes: Uint8Array.from({ length: 300 }, (_, n) => n & 0xff) };
}

export function fakeSubject(): Subject {
  const target = new FakeWithProgram({ pointKinds: ["software", "hardware", "write", "read", "access"] });
  return {
    target,
    turn: () => target.slice(),
    get over() {
      return target.log.length > 0;
    },
    adapt: (payload) => payload.replaceAll("4008", "4000"),
  };
}

/** ADR X1, . + 0x1000; then for ever ADD X0, X0, #1; STR X0, [X1]; LDR X2, [X1]; */
const GUEST = Uint32Array.of(0x10008001, 0x91000400, 0xf9000020, 0xf9400022, 0x17fffffd);

/**
 * Instructions that the guest makes between two looks at the event loop. Not as many as it can: a guest whose code or
 * tables a packet has overwritten takes one exception after the other, a hundred times as slow as others.
 */
const SLICE = 1_000n;

/**
 * The machine of the product, its vCPUs in turns of the event loop: by instructions, not by the clock, which would
 * give it eight milliseconds for each packet.
 */
export async function machineSubject(): Promise<Subject & { close(): Promise<void> }> {
  const serial: ConsoleBackend = { transmit() {}, onReceive() {} };
  const machine = await Machine.create({
    description: loadMachineDescription("virt"),
    cpu: "cortex-a72",
    cpus: 2,
    memory: 16 << 20,
    kernel: loadKernel(new Uint8Array(GUEST.buffer), "guest"),
    serial,
    el2: "hosted",
    el3: "hosted",
    idle: "skip",
    noReboot: false,
  });
  machine.scheduler.patience = 0;
  machine.scheduler.observer = { remaining: () => SLICE, sliceEnded() {} };
  const target = new MachineTarget(machine, { wait: true });
  const run = machine.run();
  return {
    target,
    turn: () => new Promise((resolve) => setImmediate(resolve)),
    get over() {
      return machine.ended !== undefined;
    },
    adapt: (payload) => payload,
    async close() {
      machine.stop();
      await run;
    },
  };
}
