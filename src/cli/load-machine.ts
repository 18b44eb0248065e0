/** The real machine behind the command line's view of one. Heavy modules are loaded here and not before. */
import type { Machine } from "../machine/machine.js";
import type { MachineFactory, MachineInstance } from "./machine-api.js";

export async function loadMachine(): Promise<MachineFactory> {
  const { LOG_CATEGORIES, Machine } = await import("../index.js");
  return {
    logCategories: LOG_CATEGORIES,
    create: async (options) => instanceOf(await Machine.create(options)),
  };
}

function instanceOf(machine: Machine): MachineInstance {
  return {
    run: () => machine.run(),
    stop: () => machine.stop(),
    pressPowerKey: () => machine.pressPowerKey(),
    stats: () => machine.stats(),
    keepCode: () => machine.keepCode(),
    startProfile: async (path, names) =>
      (await import("../machine/profile/start.js")).startProfile(machine, path, names),
    close: () => machine.close(),
    listenGdb: (endpoint, options) => machine.listenGdb(endpoint, options),
  };
}
