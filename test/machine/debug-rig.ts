/** Bare-metal guests in assembly on the real machine, with a debugger's hands on it. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { CORE, CoreRegister, type DebugTarget, type Stop, TargetError } from "../../src/gdb/index.js";
import {
  bytesOf,
  type ConsoleBackend,
  loadKernelFile,
  loadMachineDescription,
  Machine,
  type MachineConfig,
  type MachineExit,
} from "../../src/index.js";
import { MachineTarget } from "../../src/machine/debug-target.js";

const TOOLS = "aarch64-linux-gnu-";
/** What guests include. */
const RUNTIME = fileURLToPath(new URL("../../firmware/runtime", import.meta.url));
/** Where the guests are linked to. */
export const TEXT = 0x4008_0000n;

/** Translation tables of the tests; and for them TCR_EL1: 4 KiB granule, 39-bit ranges, cacheable walks. */
export const TABLE = 0x4020_0000n;
export const TCR = 0xb519_3519n;

export interface Program {
  /** An ELF file. */
  readonly file: string;
  /** Address of a label. */
  at(label: string): bigint;
}

/** Assembles and links a guest; its first instruction is where it begins. The files go when the test is over. */
export function assemble(source: string): Program {
  const directory = mkdtempSync(join(tmpdir(), "trapframe-guest-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const path = (name: string): string => join(directory, name);
  writeFileSync(path("guest.s"), `.arch armv8.5-a\n.text\n.global _start\n_start:\n${source}\n`);
  execFileSync(`${TOOLS}as`, ["-I", RUNTIME, "-o", path("guest.o"), path("guest.s")]);
  execFileSync(`${TOOLS}ld`, [
    "-N",
    "--no-warn-rwx-segments",
    `-Ttext=0x${TEXT.toString(16)}`,
    "-o",
    path("guest.elf"),
    path("guest.o"),
  ]);
  const names = execFileSync(`${TOOLS}nm`, [path("guest.elf")], { encoding: "utf8" });
  const labels = new Map(
    names.split("\n").map((line): [string, bigint] => {
      const [address, , name] = line.split(" ");
      return [name ?? "", BigInt(`0x${address || 0}`)];
    }),
  );
  return {
    file: path("guest.elf"),
    at(label) {
      const address = labels.get(label);
      if (address === undefined) throw new Error(`the guest has no label ${label}`);
      return address;
    },
  };
}

export type RigOptions = Partial<
  Pick<MachineConfig, "cpu" | "cpus" | "el2" | "el3" | "idle" | "noReboot" | "semihosting">
> & {
  /** Whether it stands at its first instruction. Default true. */
  readonly wait?: boolean;
};

/** A machine that runs a program: one vCPU below hosted levels, its console nowhere, unless `config` says otherwise. */
export function machineFor(program: Program, config: Partial<MachineConfig>): Promise<Machine> {
  return Machine.create({
    description: loadMachineDescription("virt"),
    cpu: "cortex-a72",
    cpus: 1,
    memory: 16 << 20,
    kernel: loadKernelFile(program.file),
    serial: { transmit() {}, onReceive() {} },
    el2: "hosted",
    el3: "hosted",
    idle: "skip",
    noReboot: true,
    ...config,
  });
}

export class Rig {
  readonly target: DebugTarget;
  readonly stops: Stop[] = [];
  readonly ended: Promise<MachineExit>;
  private heard: ((stop: Stop) => void) | undefined;

  static async create(program: Program, options: RigOptions = {}): Promise<Rig> {
    const { wait = true, ...config } = options;
    const output: number[] = [];
    const backend: ConsoleBackend = { transmit: (byte) => output.push(byte), onReceive() {} };
    const machine = await machineFor(program, { serial: backend, ...config });
    return new Rig(machine, program, output, wait);
  }

  private constructor(
    readonly machine: Machine,
    readonly program: Program,
    private readonly output: readonly number[],
    wait: boolean,
  ) {
    this.target = new MachineTarget(machine, { wait });
    this.target.listen({
      stopped: (stop) => {
        this.stops.push(stop);
        this.heard?.(stop);
      },
    });
    this.ended = machine.run();
    onTestFinished(async () => {
      machine.stop();
      await this.ended;
    });
  }

  get console(): string {
    return Buffer.from(this.output).toString("latin1");
  }

  /** The next stop. It must come later than this call. */
  nextStop(): Promise<Stop> {
    return new Promise((resolve) => {
      this.heard = (stop) => {
        this.heard = undefined;
        resolve(stop);
      };
    });
  }

  /** All vCPUs continue, to the next stop. */
  continue(): Promise<Stop> {
    const stop = this.nextStop();
    this.target.resume(new Map(this.machine.cores.map(({ index }) => [index, { kind: "continue" }])));
    return stop;
  }

  /** One instruction of a vCPU, the others held unless told to run. */
  step(vcpu = 0, others: "held" | "running" = "held"): Promise<Stop> {
    const stop = this.nextStop();
    const cores = this.machine.cores.filter(({ index }) => index === vcpu || others === "running");
    this.target.resume(new Map(cores.map(({ index }) => [index, { kind: index === vcpu ? "step" : "continue" }])));
    return stop;
  }

  /** A breakpoint at a label or address; what removes it. */
  break(where: string | bigint, kind: "software" | "hardware" = "software"): () => void {
    const address = typeof where === "string" ? this.program.at(where) : where;
    return this.point({ kind, address, length: 4 });
  }

  /** Sets a point; what removes it. */
  point(point: Parameters<DebugTarget["insertPoint"]>[0]): () => void {
    const refusal = this.target.insertPoint(point);
    if (refusal !== undefined) throw new Error(refusal.text);
    return () => void this.target.removePoint(point);
  }

  /** A core register by GDB's number: x0–x30, sp, pc, cpsr. */
  register(index: number, vcpu = 0): bigint {
    return number(this.target.readRegister(vcpu, CORE, index));
  }

  pc(vcpu = 0): bigint {
    return this.register(CoreRegister.pc, vcpu);
  }

  x(n: number, vcpu = 0): bigint {
    return this.register(n, vcpu);
  }

  /** Writes a core register; what it is refused with. */
  setRegister(index: number, value: bigint, vcpu = 0): string | undefined {
    return this.target.writeRegister(vcpu, CORE, index, bytes(value, index === CoreRegister.cpsr ? 4 : 8))?.text;
  }

  /** Memory as a vCPU sees it, as a little-endian number, or the text of the error. */
  memory(address: bigint, length: number, vcpu = 0): bigint | string {
    const got = this.target.readMemory(vcpu, address, length);
    return got instanceof TargetError ? got.text : number(got);
  }

  /** Writes memory; what it is refused with. */
  setMemory(address: bigint, value: bigint, length: number, vcpu = 0): string | undefined {
    return this.target.writeMemory(vcpu, address, bytes(value, length))?.text;
  }

  /** The MMU on, with RAM as normal memory at its own address; and FP allowed. */
  cacheRam(vcpu = 0): void {
    const { machine } = this;
    machine.engine.writePhysical(TABLE + 8n, bytes(0x40000701n, 8));
    const core = machine.cores[vcpu]?.vcpu;
    if (core === undefined) throw new Error(`no vCPU ${vcpu}`);
    for (const [name, value] of Object.entries({
      TTBR0_EL1: TABLE,
      TCR_EL1: TCR,
      MAIR_EL1: 0xffn,
      CPACR_EL1: 3n << 20n,
      SCTLR_EL1: core.sysreg("SCTLR_EL1") | 1n,
    })) {
      core.setSysreg(name, value);
    }
    core.recomputeModes();
    machine.engine.exports.flushCpu(core.base);
  }

  /** All of the program's text and data as it is in RAM now, and as it was loaded. */
  image(): { readonly now: Uint8Array; readonly loaded: Uint8Array } {
    const segment = loadKernelFile(this.program.file).segments[0];
    const host = this.machine.engine.hostAddress(TEXT) ?? 0;
    const loaded = segment ? bytesOf(segment.bytes) : readFileSync(this.program.file);
    return { now: this.machine.engine.bytes.slice(host, host + loaded.length), loaded };
  }
}

function number(value: Uint8Array | TargetError): bigint {
  if (value instanceof TargetError) throw new Error(value.text);
  return value.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

function bytes(value: bigint, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}
