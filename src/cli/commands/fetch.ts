/** `trapframe fetch`: guest images and firmware into the cache, their paths to standard output. */
import type { DebianGuest, DebianRequest } from "../../guests/debian.js";
import type { FirmwareName } from "../../guests/firmware.js";
import { ConfigError } from "../../machine/errors.js";
import type { FetchArguments } from "../arguments.js";
import type { CliEnvironment } from "../environment.js";
import { choiceFlag } from "../flags.js";
import { terminalProgress } from "../progress.js";

/** What a name on the command line fetches, beside "debian". */
const FIRMWARE: Readonly<Record<string, readonly FirmwareName[]>> = {
  "u-boot": ["u-boot"],
  edk2: ["edk2", "edk2-code", "edk2-variables"],
  xen: ["xen"],
};

export async function fetch(args: FetchArguments, environment: CliEnvironment): Promise<number> {
  const firmware = FIRMWARE[args.guest];
  if (firmware) {
    return fetchImages(firmware, environment);
  }
  if (args.guest !== "debian") {
    const names = ["debian", ...Object.keys(FIRMWARE)].join(", ");
    throw new ConfigError("USAGE", `there is no guest "${args.guest}" to fetch; there is ${names}`);
  }
  const pages = choiceFlag("pages", args.pages, ["4k", "16k"]);
  if (args.series !== undefined && !/^\d+\.\d+$/.test(args.series)) {
    throw new ConfigError("USAGE", `--series "${args.series}" is no kernel series; write it as 6.12`);
  }
  const { symbols = false, refresh = false, series } = args;
  const guest = await fetchGuest({ pages, symbols, refresh, ...(series ? { series } : {}) }, environment);
  const { stdout } = environment;
  stdout.write(`kernel   ${guest.kernel}\ninitrd   ${guest.initrd}\nbusybox  ${guest.busybox}\n`);
  if (guest.symbols) {
    stdout.write(`symbols  ${guest.symbols}\n`);
  }
  return 0;
}

async function fetchImages(names: readonly FirmwareName[], environment: CliEnvironment): Promise<number> {
  const { fetchFirmware } = await import("../../guests/firmware.js");
  const { progress, done } = terminalProgress(environment.stderr);
  try {
    for (const name of names) {
      environment.stdout.write(`${name.padEnd(14)}  ${await fetchFirmware(name, progress)}\n`);
    }
  } finally {
    done();
  }
  return 0;
}

/** Debian's kernel with an initramfs that ends in a shell; with what disks need, where the machine has some. */
export async function fetchGuest(
  request: DebianRequest,
  environment: CliEnvironment,
  disks = false,
): Promise<DebianGuest & { readonly initrd: string }> {
  const { fetchDebian, interactiveInitramfs } = await import("../../guests/debian.js");
  const { progress, done } = terminalProgress(environment.stderr);
  try {
    const guest = await fetchDebian({ ...request, progress });
    if (!disks) return { ...guest, initrd: interactiveInitramfs(guest) };
    const { disksInitramfs } = await import("../../guests/drivers.js");
    return { ...guest, initrd: await disksInitramfs(guest, progress) };
  } finally {
    done();
  }
}
