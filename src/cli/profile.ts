/** `--profile FILE`: opened before anything starts, so that a profile is not lost to a wrong path at the end. */
import { closeSync, openSync, writeFileSync } from "node:fs";
import { ConfigError, systemReason } from "../machine/errors.js";
import type { BootArguments } from "./arguments.js";
import type { MachineInstance } from "./machine-api.js";

export interface ProfileFile {
  /** Samples the machine from now on. */
  start(machine: MachineInstance): Promise<void>;
  /** Writes what was sampled. */
  finish(): void;
}

/** @throws ConfigError USAGE, FILE_UNREADABLE */
export function openProfile({ profile, symbols, kernel }: BootArguments): ProfileFile | undefined {
  if (profile === undefined) {
    if (symbols !== undefined) throw new ConfigError("USAGE", "--symbols names what --profile samples: give both");
    return undefined;
  }
  let file: number;
  try {
    file = openSync(profile, "w");
  } catch (error) {
    throw new ConfigError("FILE_UNREADABLE", `${profile}: cannot write the profile there: ${systemReason(error)}`);
  }
  let text = (): string => "";
  return {
    async start(machine) {
      text = await machine.startProfile(profile, { symbols, kernel });
    },
    finish() {
      writeFileSync(file, text());
      closeSync(file);
    },
  };
}
