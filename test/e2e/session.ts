/** A machine of this process behind the stub, and real GDB sessions with it. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll } from "vitest";
import { formatEndpoint, parseEndpoint } from "../../src/gdb/index.js";
import {
  type LoadedKernel,
  loadKernelFile,
  loadMachineDescription,
  Machine,
  type MachineConfig,
  type MachineExit,
} from "../../src/index.js";
import { type GdbOptions, gdb } from "../gdb/gdb-client.js";

/**
 * A session with a whole boot in it, on a machine that others use too: Xen with dom0 takes half a minute, and beside
 * other work has taken more than two. Less than the test's own limit, which does not say how far GDB had come.
 */
const PATIENCE_MS = 270_000;

const SOURCES = fileURLToPath(new URL("./firmware", import.meta.url));

/** Builds the firmware, with debug information; its ELF file. `dispose` takes it away. */
function buildFirmware(): { readonly file: string; readonly directory: string; dispose(): void } {
  const directory = mkdtempSync(join(tmpdir(), "trapframe-firmware-"));
  const file = join(directory, "firmware.elf");
  const flags = ["-g", "-O0", "-ffreestanding", "-fno-pic", "-no-pie", "-nostdlib", "-static", "-mstrict-align"];
  const link = ["-Wl,-Ttext=0x40080000", "-Wl,-N", "-Wl,--no-warn-rwx-segments", "-Wl,--build-id=none"];
  const sources = ["start.S", "main.c"].map((name) => join(SOURCES, name));
  execFileSync("aarch64-linux-gnu-gcc", [...flags, ...link, "-o", file, ...sources]);
  return { file, directory, dispose: () => rmSync(directory, { recursive: true }) };
}

export type SessionOptions = Partial<
  Pick<MachineConfig, "cpus" | "memory" | "el2" | "idle" | "initrd" | "append" | "dtb" | "modules">
> & {
  readonly kernel: LoadedKernel;
  /** ELF file with symbols that GDB loads. */
  readonly symbols: string;
  readonly wait?: boolean;
};

export class Session {
  private constructor(
    readonly machine: Machine,
    readonly place: string,
    readonly symbols: string,
    readonly ended: Promise<MachineExit>,
    private readonly bytes: readonly number[],
  ) {}

  static async start({ kernel, symbols, wait = true, ...options }: SessionOptions): Promise<Session> {
    const bytes: number[] = [];
    const machine = await Machine.create({
      description: loadMachineDescription("virt"),
      cpu: "cortex-a72",
      cpus: 1,
      memory: 512 << 20,
      kernel,
      serial: { transmit: (byte) => bytes.push(byte), onReceive() {} },
      el2: "hosted",
      el3: "hosted",
      idle: "skip",
      noReboot: true,
      ...options,
    });
    const endpoint = await machine.listenGdb(parseEndpoint("0"), { wait });
    return new Session(machine, formatEndpoint(endpoint), symbols, machine.run(), bytes);
  }

  get console(): string {
    return Buffer.from(this.bytes).toString("latin1");
  }

  /** One run of gdb-multiarch with the symbols, from attaching to its quitting: all that a user would see. */
  gdb(commands: readonly string[], options?: GdbOptions): Promise<string> {
    return gdb(this.place, commands, { symbols: this.symbols, patience: PATIENCE_MS, ...options });
  }

  /** A condition: a debugger has had the machine stand, has let it go on, and `more` is true. Polled. */
  resumed(more: () => boolean = () => true): () => boolean {
    let stood = false;
    return () => {
      stood ||= this.machine.isPaused;
      return stood && !this.machine.isPaused && more();
    };
  }

  async close(): Promise<void> {
    this.machine.stop();
    await this.ended;
    await this.machine.close();
  }
}

/**
 * Sessions with the firmware for the tests of a file: it is built before them, and what a test has started ends with
 * it.
 */
export class FirmwareSessions {
  private firmware = { file: "", directory: "", dispose: (): void => {} };
  private readonly closing: (() => unknown)[] = [];

  constructor() {
    beforeAll(() => {
      this.firmware = buildFirmware();
    });
    afterEach(async () => {
      for (const close of this.closing.splice(0).reverse()) await close();
    });
    afterAll(() => this.firmware.dispose());
  }

  /** The firmware's ELF file. */
  get file(): string {
    return this.firmware.file;
  }

  /** A directory that lasts as long as the file's tests. */
  get directory(): string {
    return this.firmware.directory;
  }

  /** A machine of one vCPU at its first instruction, unless told otherwise. */
  async start(options: Partial<SessionOptions> = {}): Promise<Session> {
    const { file } = this;
    const session = await Session.start({ kernel: loadKernelFile(file), symbols: file, memory: 16 << 20, ...options });
    this.closing.push(() => session.close());
    return session;
  }

  /** What is to be done at the end of the test, the last first. */
  finally(close: () => unknown): void {
    this.closing.push(close);
  }
}
