/** From the words of the command line to machine options: files read, numbers checked, nothing started. */
import { join } from "node:path";
import type { Endpoint } from "../gdb/endpoint.js";
import { cacheDirectory } from "../guests/cache.js";
import { CPU_MODELS } from "../machine/cpu-models.js";
import { loadMachineDescription } from "../machine/description.js";
import { readFdt } from "../machine/device-tree/fdt.js";
import { ConfigError } from "../machine/errors.js";
import { bytesOf, FileContent } from "../machine/loaders/content.js";
import { loadKernelFile } from "../machine/loaders/kernel.js";
import type { BootArguments } from "./arguments.js";
import { openDrive } from "./drive.js";
import { choiceFlag, countFlag, gdbFlag, type SerialChoice, serialFlag, sizeFlag } from "./flags.js";
import { openFlashBanks } from "./flash.js";
import { openFwCfgFile } from "./fw-cfg.js";
import type { MachineOptions } from "./machine-api.js";
import { openModule } from "./module.js";
import { planSemihosting } from "./semihosting.js";

export interface BootPlan {
  readonly options: Omit<MachineOptions, "serial" | "log">;
  readonly serial: SerialChoice;
  /** Where the stub listens: nowhere, at one place or at several. */
  readonly gdb: readonly Endpoint[];
  readonly wait: boolean;
}

/**
 * @param warn gets what the user should know later, while the machine runs: a line each.
 * @throws ConfigError for the first thing that is wrong.
 */
export function planBoot(args: BootArguments, onTerminal: boolean, warn: (line: string) => void): BootPlan {
  const description = loadMachineDescription(args.machine);
  const serial = serialFlag(args.serial);
  const gdb = gdbFlag(args.gdb ?? []);
  if (args.wait && gdb.length === 0) {
    throw new ConfigError("USAGE", "--wait waits for a debugger, and there is none without --gdb");
  }
  if (args.bios !== undefined && args.flash0 !== undefined) {
    throw new ConfigError("USAGE", "--bios and --flash0 are the same flash bank: give one of them");
  }
  const firmware = args.flash0 ?? args.bios;
  if (args.kernel === undefined && firmware === undefined && args.dumpDtb === undefined) {
    throw new ConfigError(
      "USAGE",
      "nothing to boot: give --kernel FILE or --bios FILE (or 'trapframe start' for Debian's kernel)",
    );
  }
  const semihosting = planSemihosting(args);
  const el3 = choiceFlag("el3", args.el3, ["hosted", "guest"]);
  const kernel = args.kernel === undefined ? undefined : loadKernelFile(args.kernel);
  if (el3 === "guest" && firmware === undefined && (kernel?.kind === "image" || kernel?.kind === "vmlinux")) {
    warn(
      `${kernel.name}: begins at EL3 with --el3 guest, where Linux's boot protocol has an Image begin at EL2 or EL1; ` +
        "use --el2 guest alone, or --bios with firmware that starts it from there",
    );
  }
  const idle = args.idle ?? (onTerminal && serial.kind === "stdio" ? "realtime" : "skip");
  return {
    serial,
    gdb,
    wait: args.wait,
    options: {
      description,
      cpu: choiceFlag("cpu", args.cpu ?? description.cpu.default, CPU_MODELS),
      cpus: countFlag("cpus", args.cpus ?? "1"),
      memory: args.memory === undefined ? description.ram.default : sizeFlag("memory", args.memory),
      // A level above ours cannot be the guest's, so its EL3 takes EL2 along.
      el2: choiceFlag("el2", args.el2 ?? el3, ["hosted", "guest"]),
      el3,
      engine: choiceFlag("engine", args.engine ?? "compile", ["compile", "interpreter", "compile-all"]),
      idle: choiceFlag("idle", idle, ["realtime", "skip"]),
      noReboot: !args.reboot,
      ...(args.codeCache === "none" ? {} : { codeCache: args.codeCache ?? join(cacheDirectory(), "code") }),
      ...(semihosting === undefined ? {} : { semihosting }),
      ...(args.append === undefined ? {} : { append: args.append }),
      ...(args.drive === undefined ? {} : { drives: args.drive.map((drive) => openDrive(drive, warn)) }),
      acpi: choiceFlag("acpi", args.acpi ?? "on", ["on", "off"]) === "on",
      ...(args.fwCfg === undefined ? {} : { fwCfg: args.fwCfg.map(openFwCfgFile) }),
      ...(args.module === undefined ? {} : { modules: args.module.map(openModule) }),
      ...(args.dtb === undefined ? {} : { dtb: openDeviceTree(args.dtb) }),
      ...(args.initrd === undefined ? {} : { initrd: FileContent.open(args.initrd, "the initrd") }),
      ...(kernel === undefined ? {} : { kernel }),
      ...(firmware === undefined && args.flash1 === undefined
        ? {}
        : { flash: openFlashBanks([firmware, args.flash1], warn) }),
    },
  };
}

/** @throws ConfigError FILE_UNREADABLE, BAD_DEVICE_TREE: with the file's name, which the machine does not know. */
function openDeviceTree(file: string): Uint8Array {
  const bytes = bytesOf(FileContent.open(file, "the device tree"));
  readFdt(bytes, file);
  return bytes;
}
