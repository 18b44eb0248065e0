/** `trapframe start`, which `npm start` runs: a Debian kernel and a shell without a word of configuration. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ConfigError } from "../../machine/errors.js";
import type { BootArguments } from "../arguments.js";
import { type CliEnvironment, say } from "../environment.js";
import { boot } from "./boot.js";
import { fetchGuest } from "./fetch.js";

/** What boots where no Debian guest can be had: a raw binary of our own. */
const BUNDLED_FIRMWARE = fileURLToPath(new URL("../../../firmware/hello/hello.bin", import.meta.url));

const DEFAULTS = { cpus: "2", gdb: "127.0.0.1:1234" };

export async function start(args: BootArguments, environment: CliEnvironment): Promise<number> {
  const withDefaults = { ...args, cpus: args.cpus ?? DEFAULTS.cpus, gdb: args.gdb ?? DEFAULTS.gdb };
  const guest = args.kernel === undefined ? await debianOrFirmware(args, environment) : {};
  return boot({ ...withDefaults, ...guest }, environment);
}

async function debianOrFirmware(args: BootArguments, environment: CliEnvironment): Promise<Partial<BootArguments>> {
  try {
    const { kernel, initrd } = await fetchGuest({}, environment);
    return { kernel, initrd: args.initrd ?? initrd, append: args.append ?? "console=ttyAMA0" };
  } catch (error) {
    if (!(error instanceof ConfigError) || !existsSync(BUNDLED_FIRMWARE)) {
      throw error;
    }
    say(environment, error.message);
    say(environment, "a small guest that comes with trapframe boots instead");
    return { kernel: BUNDLED_FIRMWARE };
  }
}
