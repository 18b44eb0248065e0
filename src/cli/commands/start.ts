/** `trapframe start`, which `npm start` runs: a Debian kernel and a shell without a word of configuration. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ConfigError } from "../../machine/errors.js";
import type { BootArguments } from "../arguments.js";
import { type CliEnvironment, say } from "../environment.js";
import { boot } from "./boot.js";
import { fetchGuest } from "./fetch.js";

/** A raw binary of our own, which needs nothing from anywhere. */
export const BUNDLED_FIRMWARE = fileURLToPath(new URL("../../../firmware/hello/hello.bin", import.meta.url));

const DEFAULTS = { cpus: "2", gdb: ["127.0.0.1:1234"] };

/** @param bundled the raw binary to boot where no Debian guest can be had. */
export async function start(
  args: BootArguments,
  environment: CliEnvironment,
  bundled = BUNDLED_FIRMWARE,
): Promise<number> {
  const withDefaults = { ...args, cpus: args.cpus ?? DEFAULTS.cpus, gdb: args.gdb ?? DEFAULTS.gdb };
  const guest = args.kernel === undefined ? await debianOrFirmware(args, environment, bundled) : {};
  return boot({ ...withDefaults, ...guest }, environment);
}

async function debianOrFirmware(
  args: BootArguments,
  environment: CliEnvironment,
  bundled: string,
): Promise<Partial<BootArguments>> {
  try {
    const { kernel, initrd } = await fetchGuest({}, environment, args.drive !== undefined && args.initrd === undefined);
    return { kernel, initrd: args.initrd ?? initrd, append: args.append ?? "console=ttyAMA0" };
  } catch (error) {
    if (!(error instanceof ConfigError) || !existsSync(bundled)) {
      throw error;
    }
    say(environment, error.message);
    say(environment, "a small guest that comes with trapframe boots instead");
    return { kernel: bundled };
  }
}
