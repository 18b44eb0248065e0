/** `trapframe boot`: plan, start, run to the end, and give everything back. */
import { closeSync, openSync, writeFileSync, writeSync } from "node:fs";
import { constants } from "node:os";
import { formatEndpoint } from "../../gdb/endpoint.js";
import { ConfigError, systemReason } from "../../machine/errors.js";
import type { BootArguments } from "../arguments.js";
import { type CliEnvironment, say } from "../environment.js";
import { listFlag } from "../flags.js";
import type { MachineFactory, MachineInstance, MachineOptions } from "../machine-api.js";
import { type BootPlan, planBoot } from "../plan.js";
import { openSerial } from "../serial/open.js";
import { formatStats } from "../stats.js";

/** Signals that end a process; the machine is stopped, so that terminal, statistics and log are as at any end. */
const ENDING_SIGNALS = ["SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT"] as const;

/** The process's exit status. @throws ConfigError before anything has started. */
export async function boot(args: BootArguments, environment: CliEnvironment): Promise<number> {
  const plan = planBoot(args, Boolean(environment.stdin.isTTY));
  if (args.dumpDtb !== undefined) {
    return dumpDeviceTree(plan, args.dumpDtb);
  }
  const factory = await environment.loadMachine();
  const log = openLog(args, factory, environment);
  try {
    return await runMachine(plan, args, environment, factory, log?.options);
  } finally {
    log?.close();
  }
}

async function runMachine(
  plan: BootPlan,
  args: BootArguments,
  environment: CliEnvironment,
  factory: MachineFactory,
  log: MachineOptions["log"],
): Promise<number> {
  let machine: MachineInstance | undefined;
  let status = 0;
  const stop = (with_: number) => {
    status = with_;
    machine?.stop();
  };
  const events = {
    onQuit: () => stop(0),
    onHangUp: () => {
      say(environment, "nobody reads standard output any more; the machine ends");
      stop(1);
    },
  };
  const serial = await openSerial(plan.serial, environment, events, (line) => say(environment, line));
  const releaseSignals = onEndingSignals((code) => stop(code));
  try {
    machine = await factory.create({ ...plan.options, serial, ...(log ? { log } : {}) });
    if (plan.gdb) {
      const address = await machine.listenGdb(plan.gdb, { wait: plan.wait });
      const where = formatEndpoint(address);
      say(environment, `GDB stub on ${where}; attach: gdb-multiarch -ex 'target remote ${where}'`);
    }
    await machine.run();
    return status;
  } finally {
    releaseSignals();
    await serial.close();
    await machine?.close();
    if (args.stats && machine) {
      environment.stderr.write(formatStats(machine.stats()));
    }
  }
}

/** A first signal asks the machine to stop; a second one does not wait for it. */
function onEndingSignals(stop: (status: number) => void): () => void {
  let asked = false;
  const handlers = ENDING_SIGNALS.map((signal) => {
    const status = 128 + constants.signals[signal];
    const handler = () => {
      if (asked) {
        process.exit(status);
      }
      asked = true;
      stop(status);
    };
    process.on(signal, handler);
    return () => process.off(signal, handler);
  });
  return () => {
    for (const release of handlers) {
      release();
    }
  };
}

async function dumpDeviceTree(plan: BootPlan, path: string): Promise<number> {
  const { prepareBoot } = await import("../../machine/boot.js");
  const { dtb } = prepareBoot(plan.options);
  try {
    writeFileSync(path, dtb);
  } catch (error) {
    throw new ConfigError("FILE_UNREADABLE", `${path}: cannot write the device tree there: ${systemReason(error)}`);
  }
  return 0;
}

function openLog(
  args: BootArguments,
  factory: MachineFactory,
  environment: CliEnvironment,
): { options: NonNullable<MachineOptions["log"]>; close(): void } | undefined {
  if (args.log === undefined) {
    if (args.logFile !== undefined) {
      throw new ConfigError("USAGE", `--log-file without --log: say what to log: ${factory.logCategories.join(", ")}`);
    }
    return undefined;
  }
  const categories = listFlag("log", args.log, factory.logCategories);
  if (args.logFile === undefined) {
    return { options: { categories, write: (line) => say(environment, line) }, close() {} };
  }
  let descriptor: number;
  try {
    descriptor = openSync(args.logFile, "w");
  } catch (error) {
    throw new ConfigError("FILE_UNREADABLE", `${args.logFile}: cannot write the log there: ${systemReason(error)}`);
  }
  let lines = "";
  const flush = () => {
    writeSync(descriptor, lines);
    lines = "";
  };
  const write = (line: string) => {
    lines += `${line}\n`;
    if (lines.length > 0x10000) {
      flush();
    }
  };
  return {
    options: { categories, write },
    close() {
      flush();
      closeSync(descriptor);
    },
  };
}
