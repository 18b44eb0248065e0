/** The command line's grammar, in GNU style: what can be said, not what it means. Scripts of others rely on it. */
import yargs, { type Argv } from "yargs";
import { ConfigError } from "../machine/errors.js";

/** The values of `boot` and `start` as given; undefined where nothing was said. */
export interface BootArguments {
  readonly machine: string;
  readonly cpu?: string | undefined;
  readonly cpus?: string | undefined;
  readonly memory?: string | undefined;
  readonly kernel?: string | undefined;
  readonly initrd?: string | undefined;
  readonly bios?: string | undefined;
  readonly flash0?: string | undefined;
  readonly flash1?: string | undefined;
  readonly append?: string | undefined;
  readonly fwCfg?: readonly string[] | undefined;
  readonly module?: readonly string[] | undefined;
  readonly drive?: readonly string[] | undefined;
  readonly acpi?: string | undefined;
  readonly dtb?: string | undefined;
  readonly dumpDtb?: string | undefined;
  readonly gdb?: readonly string[] | undefined;
  readonly wait: boolean;
  readonly serial: string;
  readonly el2?: string | undefined;
  readonly el3: string;
  readonly reboot: boolean;
  readonly engine?: string | undefined;
  readonly codeCache?: string | undefined;
  readonly idle?: string | undefined;
  readonly semihosting: boolean;
  readonly semihostingDir?: string | undefined;
  readonly semihostingArgs?: string | undefined;
  readonly stats: boolean;
  readonly profile?: string | undefined;
  readonly symbols?: string | undefined;
  readonly log?: string | undefined;
  readonly logFile?: string | undefined;
}

export interface FetchArguments {
  readonly guest: string;
  readonly series?: string | undefined;
  readonly pages: string;
  readonly symbols?: boolean | undefined;
  readonly refresh?: boolean | undefined;
}

export type Invocation =
  | { readonly command: "boot" | "start"; readonly arguments: BootArguments }
  | { readonly command: "fetch"; readonly arguments: FetchArguments }
  | { readonly command: "machines" }
  /** --help or --version: the text has to be printed. */
  | { readonly command: "print"; readonly text: string };

const OWN_KERNEL = `Without a Debian package client, or for a kernel of your own:
  npm start -- --kernel Image --initrd initramfs.cpio --append console=ttyAMA0
takes an arm64 Image (plain, gzip'd or EFI zboot), an AArch64 ELF file or a raw binary.`;

const BOOT_NOTES = `On a terminal Ctrl-C goes to the guest; Ctrl-A x ends the machine, Ctrl-A p presses its power key,
Ctrl-A h helps.
Exit status: 0 the guest powered off, 1 a failure of trapframe, 2 wrong usage.`;

type Option = {
  readonly describe: string;
  readonly default?: string;
  readonly flag?: true;
  /** May be said more than once; of the others the last one counts. */
  readonly repeatable?: true;
};

const BOOT_OPTIONS: Readonly<Record<string, Option>> = {
  machine: { describe: "NAME or FILE of a machine (trapframe machines)", default: "virt" },
  cpu: { describe: "CPU model: cortex-a72, max" },
  cpus: { describe: "Number of vCPUs" },
  memory: { describe: "SIZE of RAM: 512M, 2G" },
  kernel: { describe: "FILE to boot: arm64 Image, gzip'd or EFI zboot Image, ELF, raw binary" },
  initrd: { describe: "FILE with the initial RAM disk" },
  bios: { describe: "FILE with firmware: the same as --flash0 FILE. It gets --kernel and --initrd through fw_cfg" },
  flash0: { describe: "FILE[,rw] in flash bank 0, where the machine then starts; ,rw keeps in it what is written" },
  flash1: { describe: "FILE[,rw] in flash bank 1: the firmware's variables" },
  append: { describe: "TEXT of the kernel command line" },
  drive: {
    describe: "FILE[,readonly] as a virtio disk: a raw image, in which is kept what is written. Again for each disk",
    repeatable: true,
  },
  module: {
    describe:
      "FILE[,addr=ADDRESS],kernel|ramdisk|dtb|xsm|module|bytes[,append=TEXT] in RAM for a hypervisor, which finds it in " +
      "/chosen (Xen's dom0). Again for each module; TEXT is the rest, commas included",
    repeatable: true,
  },
  "fw-cfg": {
    describe: "NAME,file=FILE or NAME,string=TEXT: a file of fw_cfg, as opt/org.example/key. Again for each",
    repeatable: true,
  },
  acpi: {
    describe: "on, off: whether firmware gets ACPI tables, which EDK2 gives to Linux in the device tree's place",
  },
  dtb: { describe: "FILE with a device tree, in place of the generated one" },
  "dump-dtb": { describe: "Write the device tree to FILE and exit" },
  gdb: {
    describe: "GDB stub: [HOST:]PORT (0: any), unix:PATH. Again for each place; none: not at those before",
    repeatable: true,
  },
  wait: { describe: "Stand at the first instruction until a debugger continues", flag: true },
  serial: { describe: "stdio, null, file:PATH, tcp:[HOST:]PORT", default: "stdio" },
  el2: { describe: "Who owns EL2: hosted, guest (without: hosted, or guest when EL3 is the guest's)" },
  el3: { describe: "Who owns EL3: hosted, guest", default: "hosted" },
  "no-reboot": { describe: "Exit when the guest resets", flag: true },
  engine: {
    describe:
      "How guest code runs: compile (what is hot becomes WebAssembly), interpreter, compile-all; the run is the same",
  },
  "code-cache": {
    describe: "DIRECTORY where compiled code is kept from one run to the next (in trapframe's cache), or none",
  },
  idle: { describe: "An idle guest waits in real time, or skips to its next event: realtime, skip" },
  semihosting: { describe: "HLT #0xF000 above EL0 calls the host: console, time, exit status", flag: true },
  "semihosting-dir": { describe: "DIRECTORY below which the guest's semihosting calls find and make files" },
  "semihosting-args": {
    describe: "TEXT of the guest's semihosting command line (without: the kernel's name and --append)",
  },
  stats: { describe: "Print statistics to stderr at exit", flag: true },
  profile: { describe: "FILE for where guest time goes: .cpuprofile for Chrome's DevTools, else collapsed stacks" },
  symbols: {
    describe: "FILE with names for --profile: an ELF file (vmlinux) or a System.map; without: the kernel, if ELF",
  },
  log: { describe: "CATEGORY[,CATEGORY…] to log" },
  "log-file": { describe: "FILE for the log, in place of stderr" },
};

const FETCH_OPTIONS: Readonly<Record<string, Option>> = {
  series: { describe: "A kernel series beside the release's own, as 6.12" },
  pages: { describe: "The kernel's page size: 4k, 16k", default: "4k" },
  symbols: { describe: "The vmlinux with debug information as well (800 MB to download)", flag: true },
  refresh: { describe: "Look for newer packages even if the cache has some", flag: true },
};

/** @throws ConfigError USAGE: one line. */
export async function parseArguments(argv: readonly string[]): Promise<Invocation> {
  const result: { invocation?: Invocation } = {};
  let printed = "";
  const choose = (invocation: Invocation) => {
    result.invocation = invocation;
  };
  await yargs()
    .scriptName("trapframe")
    .locale("en")
    .usage("$0 <command> [options]\n\nA whole AArch64 machine, with a GDB stub as its front door.")
    .command(
      "boot",
      "Boot a kernel",
      (args) => options(args, BOOT_OPTIONS).epilogue(BOOT_NOTES),
      (args) => choose({ command: "boot", arguments: bootArguments(args) }),
    )
    .command(
      "start",
      "Fetch Debian's kernel, boot it with 2 vCPUs to a shell, GDB stub on port 1234",
      (args) => options(args, BOOT_OPTIONS).epilogue(`${OWN_KERNEL}\n\n${BOOT_NOTES}`),
      (args) => choose({ command: "start", arguments: bootArguments(args) }),
    )
    .command(
      "fetch <guest>",
      "Fetch guest images: debian, u-boot, edk2, xen",
      (args) =>
        options(args.positional("guest", { type: "string", describe: "debian, u-boot, edk2, xen" }), FETCH_OPTIONS),
      (args) => choose({ command: "fetch", arguments: lastOnes(args, FETCH_OPTIONS) as unknown as FetchArguments }),
    )
    .command("machines", "List the machine files", {}, () => choose({ command: "machines" }))
    .demandCommand(1, "no command was given")
    .strict()
    .parserConfiguration({
      "boolean-negation": false,
      "camel-case-expansion": false,
      "dot-notation": false,
      "duplicate-arguments-array": true,
      "greedy-arrays": false,
      "parse-numbers": false,
      "parse-positional-numbers": false,
      "short-option-groups": false,
    })
    .wrap(Math.min(120, process.stdout.columns || 100))
    .exitProcess(false)
    .fail((message, error) => {
      throw new ConfigError("USAGE", `${oneLine(message ?? error.message)}; see ${helpFor(argv)}`);
    })
    .parseAsync([...argv], {}, (_error, _args, output) => {
      printed = output;
    });
  return result.invocation ?? { command: "print", text: printed };
}

function options(args: Argv, table: Readonly<Record<string, Option>>): Argv {
  return args.options(
    Object.fromEntries(
      Object.entries(table).map(([name, { describe, default: value, flag }]) => [
        name,
        flag
          ? { describe, type: "boolean" as const }
          : {
              describe,
              type: "string" as const,
              requiresArg: true,
              ...(value === undefined ? {} : { default: value }),
            },
      ]),
    ),
  );
}

/** Of an option said more than once the last one counts, as in other programs; a repeatable one is always a list. */
function lastOnes(args: Record<string, unknown>, table: Readonly<Record<string, Option>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(args).map(([name, value]) => {
      if (table[name]?.repeatable) return [name, value === undefined ? undefined : [value].flat()];
      return [name, name in table && Array.isArray(value) ? value.at(-1) : value];
    }),
  );
}

function bootArguments(given: Record<string, unknown>): BootArguments {
  const args = lastOnes(given, BOOT_OPTIONS);
  const { "dump-dtb": dumpDtb, "log-file": logFile, "no-reboot": noReboot, "fw-cfg": fwCfg, ...rest } = args;
  const {
    "semihosting-dir": semihostingDir,
    "semihosting-args": semihostingArgs,
    "code-cache": codeCache,
    ...others
  } = rest;
  const semihosting = Boolean(args.semihosting);
  const flags = { wait: Boolean(args.wait), stats: Boolean(args.stats), reboot: !noReboot, semihosting };
  return {
    ...others,
    dumpDtb,
    fwCfg,
    logFile,
    semihostingDir,
    semihostingArgs,
    codeCache,
    ...flags,
  } as unknown as BootArguments;
}

/** yargs' own wording, which is made for a usage text above it. */
function oneLine(message: string): string {
  const text = message.replaceAll(/\s*\n\s*/g, " ");
  if (text.startsWith("Not enough non-option arguments")) {
    return "an argument is missing";
  }
  const match = /^(Unknown|Not enough) arguments?(?: following)?: (.*)$/.exec(text);
  if (!match) {
    return text.charAt(0).toLowerCase() + text.slice(1);
  }
  const [, kind, names] = match;
  return kind === "Unknown" ? `there is no option or argument "${names}"` : `--${names} needs a value`;
}

function helpFor(argv: readonly string[]): string {
  const command = ["boot", "start", "fetch", "machines"].find((name) => name === argv[0]);
  return `trapframe ${command ? `${command} ` : ""}--help`;
}
