/** `trapframe boot`: plan, start, run to the end, and give everything back. */
import { writeFileSync } from "node:fs";
import { constants } from "node:os";
import { formatEndpoint } from "../../gdb/endpoint.js";
import { ConfigError, systemReason } from "../../machine/errors.js";
import type { BootArguments } from "../arguments.js";
import { type CliEnvironment, say } from "../environment.js";
import { listFlag } from "../flags.js";
import { LogFile, type LogOutput } from "../log-output.js";
import type { MachineFactory, MachineInstance } from "../machine-api.js";
import { type BootPlan, planBoot } from "../plan.js";
import { openProfile, type ProfileFile } from "../profile.js";
import { processConsole } from "../semihosting.js";
import { openSerial } from "../serial/open.js";
import { formatStats } from "../stats.js";

/** Signals that end a process; the machine is stopped, so that terminal, statistics and log are as at any end. */
const ENDING_SIGNALS = ["SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT"] as const;

interface Log {
  readonly categories: readonly string[];
  readonly output: LogOutput;
}

/** What is written when the machine has ended. */
interface Reports {
  readonly stats: boolean;
  readonly profile: ProfileFile | undefined;
}

/** The process's exit status. @throws ConfigError before anything has started. */
export async function boot(args: BootArguments, environment: CliEnvironment): Promise<number> {
  const plan = planBoot(args, Boolean(environment.stdin.isTTY), (line) => say(environment, line));
  if (args.dumpDtb !== undefined) {
    return dumpDeviceTree(plan, args.dumpDtb);
  }
  const factory = await environment.loadMachine();
  const log = openLog(args, factory, environment);
  const reports = { stats: args.stats, profile: openProfile(args) };
  try {
    return await runMachine(plan, reports, environment, factory, log);
  } finally {
    log?.output.close();
  }
}

async function runMachine(
  plan: BootPlan,
  { stats, profile }: Reports,
  environment: CliEnvironment,
  factory: MachineFactory,
  log: Log | undefined,
): Promise<number> {
  let machine: MachineInstance | undefined;
  /** The exit status, once something outside of the guest has ended the machine, maybe before it was there. */
  let ended: number | undefined;
  const end = (status: number) => {
    ended ??= status;
    machine?.stop();
  };
  const events = {
    onQuit: () => end(0),
    onPowerKey: () => {
      if (machine?.pressPowerKey() === false) say(environment, "this machine has no power key");
    },
    onHangUp: () => {
      say(environment, "nobody reads standard output any more; the machine ends");
      end(1);
    },
  };
  let console: ReturnType<typeof processConsole> | undefined;
  const serial = await openSerial(plan.serial, environment, events, (line) => say(environment, line));
  const releaseSignals = onEndingSignals(end);
  try {
    const logOption = log
      ? { log: { categories: log.categories, write: (line: string) => log.output.write(line) } }
      : {};
    const { semihosting } = plan.options;
    if (semihosting !== undefined && plan.serial.kind !== "stdio") console = processConsole(environment);
    const calls = semihosting && console ? { semihosting: { ...semihosting, console } } : {};
    machine = await factory.create({ ...plan.options, serial, ...logOption, ...calls });
    await profile?.start(machine);
    for (const place of plan.gdb) {
      const warn = (line: string) => say(environment, line);
      const where = formatEndpoint(await machine.listenGdb(place, { wait: plan.wait, warn }));
      say(environment, `GDB stub on ${where}; attach: gdb-multiarch -ex 'target remote ${where}'`);
    }
    if (ended === undefined) {
      const { status = 0, reason, what } = await machine.run();
      if (what !== undefined) say(environment, what);
      // GDB asks before it kills, but not every time: a second `target` command does it too, and -batch answers by
      // itself.
      if (reason === "killed") say(environment, "a debugger has ended the machine");
      ended ??= status;
    }
    return ended;
  } finally {
    releaseSignals();
    await serial.close();
    console?.close();
    if (machine) keepCode(machine, environment);
    await machine?.close();
    profile?.finish();
    if (stats && machine) {
      environment.stderr.write(formatStats(machine.stats()));
    }
  }
}

/** What goes wrong with that does not matter to the guest, nor to the exit status. */
function keepCode(machine: MachineInstance, environment: CliEnvironment): void {
  try {
    machine.keepCode();
  } catch (error) {
    say(environment, `compiled code is not kept for later runs: ${(error as Error).message}`);
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

function openLog(args: BootArguments, factory: MachineFactory, environment: CliEnvironment): Log | undefined {
  if (args.log === undefined) {
    if (args.logFile !== undefined) {
      throw new ConfigError("USAGE", `--log-file without --log: say what to log: ${factory.logCategories.join(", ")}`);
    }
    return undefined;
  }
  const categories = listFlag("log", args.log, factory.logCategories);
  const warn = (line: string) => say(environment, line);
  const output = args.logFile === undefined ? { write: warn, close() {} } : new LogFile(args.logFile, warn);
  return { categories, output };
}
