/** The real machine behind the command line's view of one. Heavy modules are loaded here and not before. */
import type { DebugTarget } from "../gdb/target.js";
import type { Machine } from "../machine/machine.js";
import type { MachineFactory, MachineInstance } from "./machine-api.js";

/** What machine/debug-target.ts exports: a target that stands at the first instruction when `wait` is set. */
interface DebugTargetModule {
  readonly MachineDebugTarget: new (machine: Machine, options: { readonly wait: boolean }) => DebugTarget;
}

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
    stats: () => machine.stats(),
    close: () => closeServer(),
    async listenGdb(endpoint, options) {
      const debugTarget: string = "../machine/debug-target.js";
      const [{ MachineDebugTarget }, { listenForGdb }] = await Promise.all([
        import(debugTarget) as Promise<DebugTargetModule>,
        import("../gdb/index.js"),
      ]);
      const server = await listenForGdb({
        target: new MachineDebugTarget(machine, options),
        endpoint,
        warn: options.warn,
      });
      closeServer = () => server.close();
      return server.endpoint;
    },
  };
}
