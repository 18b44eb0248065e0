/** Firmware with somebody at its console: what is typed follows from what it prints, so that a run can be repeated. */
import { readFileSync } from "node:fs";
import { type FirmwareName, fetchFirmware } from "../../src/guests/firmware.js";
import { loadMachineDescription, Machine, type MachineConfig } from "../../src/index.js";
import type { FlashImage } from "../../src/machine/boot.js";

/** Waits for a text at the console, then types the other. */
export type Dialogue = readonly (readonly [awaited: string | RegExp, typed: string])[];

export interface FirmwareOptions extends Partial<Omit<MachineConfig, "description" | "serial" | "flash">> {
  readonly flash: readonly FlashImage[];
  readonly dialogue: Dialogue;
  /** Virtual seconds. */
  readonly limit?: number;
}

export interface FirmwareRun {
  readonly console: string;
  /** What it printed after each line typed, up to the next text awaited. */
  readonly answers: readonly string[];
  readonly machine: Machine;
}

const UNITS_PER_SECOND = 250_000_000n;

export async function firmwareImage(name: FirmwareName): Promise<FlashImage> {
  const file = await fetchFirmware(name);
  return { name: file, bytes: readFileSync(file) };
}

/**
 * Runs until the guest ends the machine, or the last text of the dialogue has come if nothing is typed at it.
 * Throws with the console's end when it does not get there within `limit`.
 */
export async function runFirmware({ dialogue, limit = 120, ...options }: FirmwareOptions): Promise<FirmwareRun> {
  let type: (bytes: Uint8Array) => void = () => {};
  let console = "";
  let seen = 0;
  const answers: string[] = [];
  let machine: Machine | undefined;
  let hung = false;
  const step = (): void => {
    const next = dialogue[answers.length];
    if (next === undefined) return;
    const [awaited, typed] = next;
    const fresh = console.slice(seen);
    const found = typeof awaited === "string" ? fresh.includes(awaited) : awaited.test(fresh);
    if (!found) return;
    answers.push(fresh);
    seen = console.length;
    if (typed === "" && answers.length === dialogue.length) machine?.stop();
    else type(Buffer.from(typed, "latin1"));
  };
  machine = await Machine.create({
    description: loadMachineDescription("virt"),
    cpu: "cortex-a72",
    cpus: 1,
    memory: 1 << 30,
    serial: {
      transmit: (byte) => {
        console += String.fromCharCode(byte);
        step();
      },
      onReceive: (listener) => {
        type = listener;
      },
    },
    el2: "hosted",
    el3: "hosted",
    idle: "skip",
    noReboot: true,
    ...options,
  });
  const watch = setInterval(() => {
    if (machine.scheduler.now() < BigInt(limit) * UNITS_PER_SECOND) return;
    hung = true;
    machine.stop();
  }, 200);
  try {
    await machine.run();
  } finally {
    clearInterval(watch);
  }
  if (hung || answers.length < dialogue.length) {
    const awaited = dialogue[answers.length]?.[0] ?? "the end";
    throw new Error(`${awaited} does not come:\n${console.slice(-2000)}\n${machine.describeCores().join("\n")}`);
  }
  return { console, answers, machine };
}
