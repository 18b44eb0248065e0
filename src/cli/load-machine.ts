/** The real machine behind the command line's view of one. Heavy modules are loaded here and not before. */
import type { Machine } from "../machine/machine.js";
import type { MachineFactory, MachineInstance } from "./machine-api.js";

export async function loadMachine(): Promise<MachineFactory> {
  const { LOG_CATEGORIES, Machine } = await import("../index.js");
  return {
    logCategories: LOG_CATEGORIES,
    create: async (options) => withDebugger(await Machine.create(options)),
  };
}

function withDebugger(machine: Machine): MachineInstance {
  let closeServer = async (): Promise<void> => {};
  return {
    run: () => machine.run(),
    stop: () => machine.stop(),
    pressPowerKey: () => machine.pressPowerKey(),
    stats: () => machine.stats(),
    keepCode: () => machine.keepCode(),
    startProfile: async (path, names) =>
      (await import("../machine/profile/start.js")).startProfile(machine, path, names),
    async close() {
      await closeServer();
      await machine.close();
    },
    async listenGdb(endpoint, { wait, warn }) {
      const [{ MachineTarget }, { listenForGdb }] = await Promise.all([
        import("../machine/debug-target.js"),
        import("../gdb/index.js"),
      ]);
      const server = await listenForGdb({ target: new MachineTarget(machine, { wait }), endpoint, warn });
      closeServer = () => server.close();
      return server.endpoint;
    },
  };
}
