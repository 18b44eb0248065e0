/**
 * The one door between a debugger and the machine. The stub knows nothing else of the machine, and the machine
 * nothing else of the stub.
 *
 * Both run on one thread: the machine executes in slices through the event loop, so every call below finds each
 * vCPU at an instruction boundary. Nothing here throws for what a debugger or a guest did; what cannot be done is a
 * returned `TargetError` whose text explains it.
 */

import type { AgentSupport, PointProgram } from "./agent/index.js";
import type { RegisterFeature } from "./description/feature.js";

/** Error numbers a GDB client knows ("Errno Values" in the GDB manual's File-I/O section, and POSIX). */
export const Errno = {
  EPERM: 1,
  ESRCH: 3,
  EINTR: 4,
  EIO: 5,
  EFAULT: 14,
  EBUSY: 16,
  EINVAL: 22,
  ENOSPC: 28,
  ENOTSUP: 95,
} as const;
export type Errno = (typeof Errno)[keyof typeof Errno];

/**
 * A refusal, for a person to read: what, where, why, what to try. ASCII, one line. For memory it names the stage, the
 * level and the descriptor that ended the walk.
 */
export class TargetError {
  constructor(
    readonly errno: Errno,
    readonly text: string,
  ) {}
}

/** A refusal for a client that may look and nothing else. */
export function observerRefusal(what: string): TargetError {
  return new TargetError(
    Errno.EPERM,
    `${what}: this client observes; another one controls the machine (see: monitor control)`,
  );
}

/** A vCPU as a debugger lists it. `id` counts from 0 and is its index in `DebugTarget.vcpus()`. */
export interface Vcpu {
  readonly id: number;
  /** "CPU0". */
  readonly name: string;
  /** What it is doing, in words: "EL1 running", "halted (PSCI off)". */
  readonly state: string;
}

/** What a point stops at; the index is the digit of the Z packet. The stub and the machine treat the first two alike. */
export const pointKinds = ["software", "hardware", "write", "read", "access"] as const;
export type PointKind = (typeof pointKinds)[number];
export type WatchKind = Exclude<PointKind, "software" | "hardware">;

/** A breakpoint or watchpoint, by virtual address. `length` is in bytes; for a breakpoint, that of the instruction. */
export interface Point {
  readonly kind: PointKind;
  readonly address: bigint;
  readonly length: number;
  /** What it asks and does before it stops. Only for a target with `agent`. */
  readonly program?: PointProgram;
}

/** What a vCPU is to do. A vCPU that a resumption does not name is held. */
export interface ResumeAction {
  readonly kind: "continue" | "step";
  /** A step goes on while pc is in [start, end). A target that reports the steps inside is told to go on each time. */
  readonly range?: { readonly start: bigint; readonly end: bigint };
  /** The signal a client passes with C or S, by GDB's number. A machine may have no use for it. */
  readonly signal?: number;
}

/** Why the machine stands. */
export type StopReason =
  /**
   * The instruction at pc has a breakpoint and has not executed. `text`, lines ended with "\n", is what the client could not
   * know of it.
   */
  | { readonly kind: "breakpoint"; readonly via: "software" | "hardware"; readonly text?: string }
  /**
   * The instruction at pc is about to access `address`, the first watched byte that it would touch. With `text`, lines
   * ended with "\n", there is more to it: something else has accessed it, a device, and that is done; or a condition that
   * the client has no part in could not be told.
   */
  | { readonly kind: "watchpoint"; readonly via: WatchKind; readonly address: bigint; readonly text?: string }
  /** One instruction has been executed. */
  | { readonly kind: "step" }
  /** Something that `monitor catch` names; the text, lines ended with "\n", says what and where. */
  | { readonly kind: "catch"; readonly text: string }
  /** A program calls its kernel, which is at the vector; or the call, by its number, has returned to the program. */
  | { readonly kind: "syscall"; readonly phase: "entry" | "return"; readonly number: number }
  /** `interrupt()` was called. */
  | { readonly kind: "interrupt" }
  /** It was told to stand, by `hold` or because another vCPU stopped. */
  | { readonly kind: "held" }
  /** At the first instruction: power-on with `--wait`, or a reset that was asked to stop. */
  | { readonly kind: "reset" }
  /**
   * The guest switched the machine off (PSCI SYSTEM_OFF: code 0), or it cannot go on, for what `text` says. Its state can
   * still be read.
   */
  | { readonly kind: "exited"; readonly code: number; readonly text?: string }
  /** The machine was ended from outside. */
  | { readonly kind: "killed" };

/** System calls by their numbers. */
export type SystemCallSet = ReadonlySet<number> | "all";

export interface Stop {
  /** The vCPU the stop is about; in non-stop mode the only one that stands for it. */
  readonly vcpu: number;
  readonly reason: StopReason;
}

export interface Inbox {
  readonly address: bigint;
  readonly bytes: Uint8Array;
}

/** A vCPU's semihosting call for a file of the client's: "write,FD,ADDRESS,LENGTH" (File-I/O). */
export interface FileRequest {
  readonly vcpu: number;
  readonly call: string;
  /** For what the call reads to no memory of the guest's: what the client writes at its address is put into it. */
  readonly inbox?: Inbox;
  /** Called once: what the call returned, and the protocol's error number. */
  done(result: bigint, errno: number): void;
}

export interface TargetListener {
  /** Gives whether its client has the file: then the machine stands until `done`, without a stop. */
  fileRequest?(request: FileRequest): boolean;
  /**
   * Every vCPU now stands, and `standing` is this stop; in non-stop mode the stop's vCPU stands. Called from the event
   * loop: never inside `resume`, possibly inside `interrupt`, `hold` or `reset`. The listener may resume the machine
   * before it returns.
   */
  stopped(stop: Stop): void;
  /** An agent expression prints while the machine runs. Gives whether anybody was shown it. */
  printed?(text: string): boolean;
}

/** A range of the physical memory map, for a target whose addresses need no translation. Addresses and lengths in bytes. */
export type MemoryRegion =
  | { readonly kind: "ram" | "rom"; readonly start: bigint; readonly length: bigint }
  | { readonly kind: "flash"; readonly start: bigint; readonly length: bigint; readonly blockSize: number };

/** A range of virtual addresses that is mapped alike, or a hole. */
export interface VirtualRange {
  readonly start: bigint;
  readonly size: bigint;
  /** What the current Exception level may do, of "rwx"; undefined where nothing is mapped. */
  readonly permissions?: string;
  /** Of the memory or device that is there, where it is one. */
  readonly name?: string;
}

/** The program that the machine was started with, as a debugger reads it. */
export interface ExecFile {
  /** Absolute. */
  readonly path: string;
  /** The whole ELF file. */
  readonly bytes: Uint8Array;
}

/** A table of `info os`. Every row has the same columns. */
export interface OsTable {
  readonly type: string;
  readonly title: string;
  readonly description: string;
  rows(): readonly Readonly<Record<string, string>>[];
}

/** Who gives a `monitor` command, as far as one may ask. */
export interface MonitorClient {
  /** It may look and change nothing. */
  readonly observes: boolean;
  /** False once it has detached, or has killed the machine: its connection has outlived that. */
  readonly attached: boolean;
  /** Makes an observer the client that controls, where there is none. Gives whether this one does now. */
  takeControl(): boolean;
  readonly points: ClientPoints;
}

/** Breakpoints and watchpoints by who has set them. */
export interface ClientPoints {
  /** Of the client that controls. */
  readonly set: readonly Point[];
  /** Left in the machine by clients that are gone, because their commands are to go on without them. */
  readonly left: readonly Point[];
  /** Tracepoints of the trace run that is on. */
  readonly traced: readonly { readonly number: number; readonly address: bigint; readonly hits: number }[];
  /** Removes what was left, at one address or everywhere. Gives how many that were. */
  removeLeft(address?: bigint): number;
}

/** The machine under the debugger. `vcpu` arguments are ids of `vcpus()`; the stub never passes another. */
export interface DebugTarget {
  /**
   * The registers there are: `coreFeature` and `fpuFeature` first, then any others. GDB numbers registers in this
   * order; `g` carries the features marked `general`.
   */
  readonly features: readonly RegisterFeature[];

  /** The kinds of points `insertPoint` takes; the packets of the others are answered as unknown. */
  readonly pointKinds: ReadonlySet<PointKind>;

  /** The stop it stands for; undefined while any vCPU runs, and in non-stop mode until the machine has ended. */
  readonly standing: Stop | undefined;

  /** Why a vCPU stands, in either mode; undefined while it runs. */
  stopOf(vcpu: number): Stop | undefined;

  /**
   * Non-stop mode: each vCPU stops and goes by itself, and one that stands is not scheduled. Switched on while the
   * machine stands, it leaves the vCPU of the stop standing and lets the others run: GDB 13 aborts when more than one
   * stands as it connects. Switched off, the machine stands at once. Off again after `detach`.
   */
  nonStop: boolean;

  /** All vCPUs, those that are switched off included. The number of them does not change. */
  vcpus(): readonly Vcpu[];

  /**
   * Reads one register: the one at `index` of `features[feature].registers`. Little endian, of exactly the length
   * its `bits` say.
   */
  readRegister(vcpu: number, feature: number, index: number): Uint8Array | TargetError;

  /**
   * The registers of the features marked `general`, each in that form, one behind the other: what a client reads whenever
   * the machine stands. Left out where some of them may be refused.
   */
  readGeneral?(vcpu: number): Uint8Array;

  /** Writes one register, same form, with its architectural side effects; or says why not. */
  writeRegister(vcpu: number, feature: number, index: number, value: Uint8Array): TargetError | undefined;

  /**
   * Reads virtual memory as the vCPU's current translation has it, without side effects on devices, TLB, access flags.
   * Gives at least one byte: the readable ones before the first that is not, up to `length` (never 0), or the error of
   * the first byte. Addresses wrap at 2^64.
   */
  readMemory(vcpu: number, address: bigint, length: number): Uint8Array | TargetError;

  /**
   * Whether `readMemory` and `writeMemory` take physical addresses (QEMU's `Qqemu.PhyMemMode`). Left out where there is
   * no such mode. Off again after `detach`.
   */
  physicalMemory?: boolean;

  /** What a step does besides its instruction (STEP_BITS of commands/qemu.ts). Left out where that cannot be chosen. */
  stepBits?: number;

  /** Writes virtual memory, all or nothing, whatever the page's permissions; code made from those bytes is dropped. */
  writeMemory(vcpu: number, address: bigint, bytes: Uint8Array): TargetError | undefined;

  /**
   * Sets a point on every vCPU, outside guest memory. It holds before and after the MMU comes on and over a reset.
   * A client inserts each (kind, address, length) once, and removes the very objects that it inserted.
   */
  insertPoint(point: Point): TargetError | undefined;
  removePoint(point: Point): TargetError | undefined;

  /**
   * Lets vCPUs run. A step executes exactly one instruction, even one that has a breakpoint; a continue stops at a
   * breakpoint even at the first instruction. The first stop of any vCPU stops all and is reported to the listeners. In
   * non-stop mode vCPUs that are not named go on as they are.
   */
  resume(actions: ReadonlyMap<number, ResumeAction>): void;

  /**
   * Asks a running machine to stop. A stop follows: reason `interrupt`, or whichever came first. In non-stop mode it is
   * for `vcpu` alone, which stands when this returns.
   */
  interrupt(vcpu?: number): void;

  /** Non-stop mode: those of these vCPUs that run stand when this returns, for reason `held`. */
  hold(vcpus: Iterable<number>): void;

  /**
   * Back to power-on, points kept; it stands at the first instruction for reason `reset` when this returns. A machine
   * that has ended starts again if it was kept (`keep`), else nothing happens. Not to be called where `resetRefusal` gives
   * something.
   */
  reset(): void;

  /** Why `reset` cannot be: what was loaded is not there any more. */
  resetRefusal(): TargetError | undefined;

  /** Until called with false: a machine that its guest switches off does not end, and `reset` may start it again. */
  keep(on: boolean): void;

  /** No debugger any more: every vCPU runs, held ones too; unfinished steps and an unanswered interrupt are forgotten. */
  detach(): void;

  /**
   * Stops at these system calls of programs, and at their returns; undefined for none. None again after `detach`. Left
   * out where nothing is known of programs.
   */
  catchSystemCalls?(set: SystemCallSet | undefined): void;

  /** Ends the machine. Takes effect after the current turn of the event loop, so that a last reply still gets out. */
  kill(): void;

  /**
   * Carries out a `monitor` command and gives what is to be printed, lines ended with "\n". For a client that observes,
   * only one that changes nothing.
   */
  monitor(command: string, vcpu: number, client?: MonitorClient): string | TargetError;

  /** The memory map for `qXfer:memory-map`. It leaves nothing out: GDB takes every address outside for unreadable. */
  memoryMap?(): readonly MemoryRegion[];

  /** The range around an address, as the vCPU's current translation has it. */
  memoryRegion?(vcpu: number, address: bigint): VirtualRange;

  /** Left out where the program is nothing that a debugger can read symbols from. */
  readonly execFile?: ExecFile | undefined;

  /** What `info os` can show. */
  osTables?(): readonly OsTable[];

  /** Agent expressions: conditions and commands of points, tracepoints. Left out where there are none. */
  readonly agent?: AgentSupport;

  /** Hears of stops until the returned function is called. Several may listen. */
  listen(listener: TargetListener): () => void;
}
