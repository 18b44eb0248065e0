/**
 * The library's API as the command line needs it: what `Machine.create` takes, what a machine can be told, what it
 * answers. Everything wrong with the options is a ConfigError from `create`, before anything has started.
 */

import type { FwCfgFile } from "../devices/fw-cfg/index.js";
import type { BlockBackend } from "../devices/virtio/index.js";
import type { Endpoint } from "../gdb/endpoint.js";
import type { FlashImage } from "../machine/boot.js";
import type { MachineDescription } from "../machine/description.js";
import type { Content } from "../machine/loaders/content.js";
import type { LoadedKernel } from "../machine/loaders/kernel.js";
import type { BootModule } from "../machine/loaders/modules.js";
import type { GdbOptions, MachineExit } from "../machine/machine.js";
import type { SemihostingOptions } from "../machine/semihosting/semihosting.js";
import type { MachineStats } from "../machine/stats.js";
import type { SerialBackend } from "./serial/backend.js";

export interface MachineOptions {
  readonly description: MachineDescription;
  /** A name from CPU_MODELS. */
  readonly cpu: string;
  readonly cpus: number;
  /** Bytes of RAM. */
  readonly memory: number;
  /** Handed over by fw_cfg when there is firmware in flash bank 0; without either the machine has nothing to run. */
  readonly kernel?: LoadedKernel;
  readonly initrd?: Content;
  /** By flash bank. */
  readonly flash?: readonly (FlashImage | undefined)[];
  /** The kernel command line. */
  readonly append?: string;
  /** What a hypervisor finds in RAM by /chosen. */
  readonly modules?: readonly BootModule[];
  /** Disks, for free slots of the machine's PCIe or virtio-mmio. */
  readonly drives?: readonly BlockBackend[];
  /** Further files of fw_cfg. */
  readonly fwCfg?: readonly FwCfgFile[];
  /** A device tree to use in place of the generated one; /chosen and /memory are patched. */
  readonly dtb?: Uint8Array;
  /** Whether firmware gets ACPI tables. Default true. */
  readonly acpi?: boolean;
  readonly serial: SerialBackend;
  readonly el2: "hosted" | "guest";
  readonly el3: "hosted" | "guest";
  /** Default "compile". */
  readonly engine?: "interpreter" | "compile" | "compile-all";
  readonly codeCache?: string;
  readonly idle: "realtime" | "skip";
  /** PSCI SYSTEM_RESET ends `run` rather than starting over. */
  readonly noReboot: boolean;
  readonly log?: { readonly categories: readonly string[]; write(line: string): void };
  readonly semihosting?: SemihostingOptions;
}

export type { GdbOptions, MachineExit, MachineStats };

export interface MachineInstance {
  /** Listens; resolves when it does, with the port really taken. EndpointError when it cannot. */
  listenGdb(address: Endpoint, options: GdbOptions): Promise<Endpoint>;
  run(): Promise<MachineExit>;
  /** `run` resolves soon after, with reason `stopped`. */
  stop(): void;
  /** A person presses the power key. False where the board has none. */
  pressPowerKey(): boolean;
  stats(): MachineStats;
  /**
   * Samples the guest from now on. Names come from `symbols`, an ELF file or a System.map, or from the kernel if that
   * is one; else there are addresses. The result gives the profile's text in the format that the extension of `path`
   * names. ConfigError when `symbols` cannot be used.
   */
  startProfile(
    path: string,
    names: { symbols?: string | undefined; kernel?: string | undefined },
  ): Promise<() => string>;
  /** Keeps compiled code for later runs. Throws what the file system says. */
  keepCode(): void;
  /** Closes the stub and whatever else keeps the process alive. The serial backend is the caller's. */
  close(): Promise<void>;
}

export interface MachineFactory {
  /** What `log.categories` may hold. */
  readonly logCategories: readonly string[];
  create(options: MachineOptions): Promise<MachineInstance>;
}
