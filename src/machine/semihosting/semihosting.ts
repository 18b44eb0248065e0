/**
 * Semihosting of a machine (`--semihosting`): HLT #0xF000 above EL0 asks for an operation (calls.ts). A call that has
 * to wait, for input or for a debugger's file, keeps its vCPU from being scheduled until it is answered.
 */
import type { Vcpu } from "../../cpu/vcpu.js";
import { type FileRequest, TargetError } from "../../gdb/target.js";
import type { DebugMemory } from "../debug/memory.js";
import type { Core } from "../scheduler.js";
import { type CallContext, type Caller, LATER, type Operation, operationOf, perform } from "./calls.js";
import { ERRNO, SemihostingError } from "./errors.js";
import { HostFiles, type OpenFile } from "./files.js";
import { type AskDebugger, callDebugger, RemoteFile } from "./remote.js";
import type { ConsoleStreams } from "./streams.js";

export interface SemihostingOptions {
  /** Files are below it; without it there are none. It exists. */
  readonly directory?: string;
  /** What SYS_GET_CMDLINE gives. */
  readonly commandLine: string;
  /** Where the console is, if not on the machine's serial line. */
  readonly console?: SemihostingConsole;
}

/** The process's own console. */
export interface SemihostingConsole {
  write(bytes: Uint8Array, stream: "output" | "error"): void;
  /** `undefined`: the input has ended. */
  onReceive(listener: (bytes: Uint8Array | undefined) => void): void;
}

/** The rest of the machine. */
export interface SemihostingPort {
  readonly memory: DebugMemory;
  readonly console: ConsoleStreams;
  readonly epoch: number;
  /** Nanoseconds of virtual time. */
  now(): bigint;
  heap(): { readonly base: bigint; readonly limit: bigint };
  exit(status: number): void;
  /** A vCPU that was blocked may go on. */
  answered(): void;
  log(line: () => string): void;
}

/** Operations whose first field is a handle. */
const OF_HANDLES: ReadonlySet<string> = new Set([
  "SYS_CLOSE",
  "SYS_WRITE",
  "SYS_READ",
  "SYS_ISTTY",
  "SYS_SEEK",
  "SYS_FLEN",
]);

const INSTRUCTION_SIZE = 4n;

export class Semihosting {
  private readonly context: CallContext;
  /** Calls that wait for input, in order. */
  private readonly waiting: { readonly core: Core; readonly operation: Operation; readonly caller: Caller }[] = [];
  /** Calls are numbered so that an answer to one from before a reset is nobody's. */
  private era = 0;
  /** A debugger that may have files; it is asked of each call. */
  debugger: AskDebugger | undefined;
  /** False: it is not asked. What it has open already stays with it. */
  debuggersFiles = true;

  constructor(
    options: SemihostingOptions,
    private readonly port: SemihostingPort,
  ) {
    const { console, epoch } = port;
    this.context = {
      files: new HostFiles(options.directory),
      console,
      handles: new Map<number, OpenFile>(),
      commandLine: options.commandLine,
      epoch,
      now: () => port.now(),
      heap: () => port.heap(),
      exit: (status) => port.exit(status),
      errno: 0,
    };
  }

  /** Carries out the call of a vCPU that has just executed the HLT; or blocks it. */
  call(core: Core): void {
    const { vcpu } = core;
    const number = Number(vcpu.x(0) & 0xffff_ffffn);
    const operation = operationOf(number);
    if (operation === undefined) {
      this.port.log(() => `CPU${core.index}: no operation 0x${number.toString(16)}; PC 0x${vcpu.pc.toString(16)}`);
      this.context.errno = ERRNO.ENOSYS;
      vcpu.setX(0, BigInt.asUintN(64, -1n));
      return;
    }
    const caller = this.callerOf(vcpu);
    if (this.debugger !== undefined && this.askDebugger(this.debugger, core, operation, caller)) return;
    this.attempt(core, operation, caller);
  }

  /** Input has come, or has ended. */
  inputArrived(): void {
    for (const { core, operation, caller } of this.waiting.splice(0)) {
      core.blocked = false;
      this.attempt(core, operation, caller);
      if (!core.blocked) this.port.answered();
    }
  }

  /** Somebody waits for input. */
  get wantsInput(): boolean {
    return this.waiting.length > 0;
  }

  /** Files are closed, calls forgotten. */
  reset(): void {
    this.era++;
    for (const { core } of this.waiting.splice(0)) core.blocked = false;
    for (const file of this.context.handles.values()) file.close();
    this.context.handles.clear();
    this.context.errno = 0;
  }

  /** Whether a debugger carries it out. Its answer comes at once or later. */
  private askDebugger(ask: AskDebugger, core: Core, operation: Operation, caller: Caller): boolean {
    const { era } = this;
    if (!this.debuggersFiles && !this.hasOpen(operation, caller)) return false;
    core.blocked = true;
    const answer = (result: bigint, errno: number): void => {
      if (era === this.era) this.answer(core, result, errno);
    };
    const interrupted = (): void => {
      if (era === this.era) this.again(core);
    };
    try {
      const request = (wanted: Omit<FileRequest, "vcpu">): boolean => ask({ ...wanted, vcpu: core.index });
      if (callDebugger(operation, caller, this.context, request, answer, interrupted)) return true;
    } catch (error) {
      if (!(error instanceof SemihostingError)) throw error;
    }
    core.blocked = false;
    return false;
  }

  /** Whether the call is for a file that the debugger has opened. */
  private hasOpen({ name }: Operation, caller: Caller): boolean {
    if (!OF_HANDLES.has(name)) return false;
    try {
      const handle = Buffer.from(caller.read(caller.argument, 8)).readBigUInt64LE();
      return this.context.handles.get(Number(handle)) instanceof RemoteFile;
    } catch {
      return false;
    }
  }

  private attempt(core: Core, operation: Operation, caller: Caller): void {
    const readings: { readonly address: bigint; readonly length: number }[] = [];
    const heard: Caller = {
      ...caller,
      read(address, length) {
        const bytes = caller.read(address, length);
        readings.push({ address, length });
        return bytes;
      },
    };
    const result = perform(operation, heard, this.context);
    if (result === LATER) {
      core.blocked = true;
      this.waiting.push({ core, operation, caller });
      return;
    }
    core.vcpu.setX(0, BigInt.asUintN(64, result));
    // A machine that has ended stands already.
    if (operation.name.startsWith("SYS_EXIT")) return;
    for (const { address, length } of readings) this.port.memory.haveRead(core.vcpu, address, length);
  }

  private answer(core: Core, result: bigint, errno: number): void {
    if (errno !== 0) this.context.errno = errno;
    core.vcpu.setX(0, BigInt.asUintN(64, result));
    core.blocked = false;
    this.port.answered();
  }

  /** The vCPU makes the call once more when it goes on. */
  private again(core: Core): void {
    core.vcpu.pc -= INSTRUCTION_SIZE;
    core.blocked = false;
    this.port.answered();
  }

  private callerOf(vcpu: Vcpu): Caller {
    const { memory } = this.port;
    const read = (address: bigint, length: number): Uint8Array => {
      const bytes = length === 0 ? new Uint8Array(0) : memory.read(vcpu, BigInt.asUintN(64, address), length);
      if (bytes instanceof TargetError || bytes.length < length) throw new SemihostingError(ERRNO.EFAULT);
      return bytes;
    };
    return {
      argument: vcpu.x(1),
      read,
      peek: read,
      write(address, bytes) {
        if (bytes.length > 0 && memory.write(vcpu, BigInt.asUintN(64, address), bytes) instanceof TargetError) {
          throw new SemihostingError(ERRNO.EFAULT);
        }
      },
    };
  }
}
