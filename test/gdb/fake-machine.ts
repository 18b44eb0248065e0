/**
 * A machine small enough to see through: RAM at one place, vCPUs that know NOP, B, ADD (immediate) and HVC. It keeps to
 * the contract of `DebugTarget` as the real one must, and is what the stub's tests debug.
 */

import { CORE, CoreRegister, coreFeature } from "../../src/gdb/description/core.js";
import { fpuFeature } from "../../src/gdb/description/fpu.js";
import {
  type DebugTarget,
  Errno,
  type MemoryRegion,
  type MonitorClient,
  type Point,
  type PointKind,
  type ResumeAction,
  type Stop,
  type StopReason,
  TargetError,
  type TargetListener,
  type Vcpu,
} from "../../src/gdb/target.js";

export const RAM = 0x4000_0000n;
export const RAM_SIZE = 0x2_0000;

export const Code = {
  NOP: 0xd503201f,
  /** ADD Xd, Xd, #1. */
  increment: (d: number) => (0x91000400 | (d << 5) | d) >>> 0,
  /** B to `words` instructions from itself. */
  B: (words: number) => (0x14000000 | (words & 0x03ff_ffff)) >>> 0,
  /** HVC #0: the machine goes off. */
  HVC: 0xd4000002,
} as const;

interface FakeVcpu {
  readonly registers: Uint8Array[][];
  on: boolean;
}

export interface FakeOptions {
  readonly vcpus?: number;
  /** Words at the start of RAM, where every vCPU begins. */
  readonly code?: readonly number[];
  /** Whether it stands at its first instruction, as with `--wait`. Default true. */
  readonly standing?: boolean;
  /** Whether slices run by themselves through the event loop. Default false: the test calls `slice`. */
  readonly automatic?: boolean;
  readonly pointKinds?: readonly PointKind[];
  readonly memoryMap?: readonly MemoryRegion[];
}

const QUANTUM = 50;

export class FakeMachine implements DebugTarget {
  readonly features = [coreFeature, fpuFeature];
  readonly pointKinds: ReadonlySet<PointKind>;
  readonly ram = new Uint8Array(RAM_SIZE);
  readonly points: Point[] = [];
  readonly memoryMap?: () => readonly MemoryRegion[];
  /** What was asked of it and left no other trace. */
  readonly log: string[] = [];
  standing: Stop | undefined;
  retired = 0;
  memoryReads = 0;
  #vcpus: FakeVcpu[] = [];
  #plan = new Map<number, ResumeAction>();
  #interrupted = false;
  /** Non-stop mode: why each vCPU that stands does. */
  #stops: Map<number, Stop> | undefined;
  /** How many clients keep it beyond its end. */
  keepers = 0;
  /** Counts slices, so that each vCPU comes first in its turn. */
  #turn = -1;
  #scheduled: NodeJS.Immediate | undefined;
  readonly #listeners = new Set<TargetListener>();
  readonly #automatic: boolean;
  readonly #count: number;

  constructor(options: FakeOptions = {}) {
    const { vcpus = 2, code = [Code.NOP, Code.increment(0), Code.B(-2)], standing = true } = options;
    this.pointKinds = new Set(options.pointKinds ?? ["software", "hardware"]);
    if (options.memoryMap !== undefined) this.memoryMap = () => options.memoryMap ?? [];
    this.#automatic = options.automatic ?? false;
    this.#count = vcpus;
    const view = new DataView(this.ram.buffer);
    for (const [index, word] of code.entries()) view.setUint32(index * 4, word, true);
    this.#powerOn();
    if (!standing) this.resume(this.#everything());
  }

  #powerOn(): void {
    this.#turn = -1;
    this.#vcpus = Array.from({ length: this.#count }, () => ({
      registers: this.features.map(({ registers }) => registers.map(({ bits }) => new Uint8Array(bits / 8))),
      on: true,
    }));
    for (const vcpu of this.#vcpus) {
      this.#set(vcpu, CoreRegister.pc, RAM);
      this.#set(vcpu, CoreRegister.sp, RAM + BigInt(RAM_SIZE));
      vcpu.registers[CORE]![CoreRegister.cpsr]!.set([0xc5, 0x03, 0, 0]);
    }
    const stop: Stop = { vcpu: 0, reason: { kind: "reset" } };
    if (this.#stops === undefined) this.standing = stop;
    else this.#stop(stop.vcpu, stop.reason);
  }

  get nonStop(): boolean {
    return this.#stops !== undefined;
  }

  set nonStop(on: boolean) {
    if (on === this.nonStop) return;
    if (on) {
      const standing = this.standing;
      this.#stops = new Map(standing && [[standing.vcpu, standing]]);
      this.#plan = this.#everything();
      this.standing = undefined;
      this.#schedule();
      return;
    }
    const [first] = this.#stops?.values() ?? [];
    this.#stops = undefined;
    this.standing = first ?? { vcpu: 0, reason: { kind: "held" } };
  }

  stopOf(vcpu: number): Stop | undefined {
    if (this.standing === undefined) return this.#stops?.get(vcpu);
    return this.standing.vcpu === vcpu ? this.standing : { vcpu, reason: { kind: "held" } };
  }

  hold(vcpus: Iterable<number>): void {
    for (const vcpu of vcpus) if (!this.#stops!.has(vcpu)) this.#stop(vcpu, { kind: "held" });
  }

  keep(on: boolean): void {
    this.keepers += on ? 1 : -1;
  }

  vcpus(): Vcpu[] {
    return this.#vcpus.map(({ on }, id) => ({ id, name: `CPU${id}`, state: on ? "EL1 running" : "halted (PSCI off)" }));
  }

  switchOff(vcpu: number): void {
    this.#vcpus[vcpu]!.on = false;
  }

  readRegister(vcpu: number, feature: number, index: number): Uint8Array | TargetError {
    return this.#vcpus[vcpu]!.registers[feature]![index]!.slice();
  }

  writeRegister(vcpu: number, feature: number, index: number, value: Uint8Array): TargetError | undefined {
    if (feature === CORE && index === CoreRegister.cpsr && (value[0]! & 0x10) !== 0) {
      return new TargetError(Errno.EINVAL, "cpsr.nRW = 1: this machine has no AArch32");
    }
    this.#vcpus[vcpu]!.registers[feature]![index]!.set(value);
    return undefined;
  }

  readMemory(_vcpu: number, address: bigint, length: number): Uint8Array | TargetError {
    this.memoryReads++;
    const offset = Number(address - RAM);
    if (offset < 0 || offset >= RAM_SIZE) return this.#noMemory(address);
    return this.ram.slice(offset, offset + length);
  }

  writeMemory(_vcpu: number, address: bigint, bytes: Uint8Array): TargetError | undefined {
    const offset = Number(address - RAM);
    if (offset < 0 || offset + bytes.length > RAM_SIZE) return this.#noMemory(address);
    this.ram.set(bytes, offset);
    return undefined;
  }

  #noMemory(address: bigint): TargetError {
    return new TargetError(
      Errno.EFAULT,
      `0x${address.toString(16)}: stage 1 level 1 descriptor at TTBR0_EL1 is invalid`,
    );
  }

  insertPoint(point: Point): TargetError | undefined {
    if (point.address % 4n !== 0n) return new TargetError(Errno.EINVAL, "A64 instructions are 4-byte aligned");
    this.points.push(point);
    return undefined;
  }

  removePoint(point: Point): TargetError | undefined {
    this.points.splice(this.points.indexOf(point), 1);
    return undefined;
  }

  resume(actions: ReadonlyMap<number, ResumeAction>): void {
    this.standing = undefined;
    if (this.#stops === undefined) this.#plan = new Map(actions);
    else {
      for (const [vcpu, action] of actions) {
        this.#plan.set(vcpu, action);
        this.#stops.delete(vcpu);
      }
    }
    this.#schedule();
  }

  interrupt(vcpu = 0): void {
    if (this.#stops === undefined) this.#interrupted = true;
    else if (!this.#stops.has(vcpu)) this.#stop(vcpu, { kind: "interrupt" });
  }

  /** What was loaded is gone. */
  refusal: TargetError | undefined;
  resetRefusal(): TargetError | undefined {
    return this.refusal;
  }

  reset(): void {
    if (this.standing?.reason.kind === "exited" && this.keepers === 0) return;
    this.#powerOn();
  }

  detach(): void {
    this.#interrupted = false;
    this.#stops = undefined;
    if (this.standing?.reason.kind !== "exited") this.resume(this.#everything());
  }

  kill(): void {
    this.log.push("kill");
  }

  monitor(command: string, vcpu: number, client?: MonitorClient): string | TargetError {
    if (command === "control")
      return client?.takeControl() ? "this client controls\n" : new TargetError(Errno.EBUSY, "another has it");
    if (command === "where" && client?.observes) return `CPU${vcpu} seen\n`;
    if (command === "where") return `CPU${vcpu} of ${this.#count}\nnaïve\n`;
    if (command === "flood") return "0123456789abcdef".repeat(0x2000);
    if (command === "crash") throw new Error("a bug");
    return new TargetError(Errno.EINVAL, `no monitor command "${command}"`);
  }

  listen(listener: TargetListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  pc(vcpu: number): bigint {
    return this.#get(this.#vcpus[vcpu]!, CoreRegister.pc);
  }

  x(vcpu: number, register: number): bigint {
    return this.#get(this.#vcpus[vcpu]!, register);
  }

  /** One turn of every vCPU that may run. */
  slice(): void {
    if (this.standing !== undefined) return;
    // Steps first: a vCPU that continues must not keep another from its step.
    const stop = this.#interrupted ? this.#interruption() : (this.#stepAny() ?? this.#continueAll());
    if (stop !== undefined) this.#stop(stop.vcpu, stop.reason);
    if (this.standing === undefined) this.#schedule();
  }

  #interruption(): Stop {
    return { vcpu: this.#plan.keys().next().value ?? 0, reason: { kind: "interrupt" } };
  }

  #allowed(kind: ResumeAction["kind"]): number[] {
    return [...this.#plan]
      .filter(([id, action]) => action.kind === kind && this.#vcpus[id]!.on && !this.#stops?.has(id))
      .map(([id]) => id);
  }

  #stepAny(): Stop | undefined {
    const vcpu = this.#allowed("step")[0];
    return vcpu === undefined ? undefined : { vcpu, reason: this.#execute(this.#vcpus[vcpu]!) ?? { kind: "step" } };
  }

  #continueAll(): Stop | undefined {
    const ids = this.#allowed("continue");
    this.#turn++;
    for (const [n] of ids.entries()) {
      const id = ids[(n + this.#turn) % ids.length]!;
      const vcpu = this.#vcpus[id]!;
      for (let count = 0; count < QUANTUM; count++) {
        const reason = this.#breakpointAt(this.#get(vcpu, CoreRegister.pc)) ?? this.#execute(vcpu);
        if (reason !== undefined) return { vcpu: id, reason };
      }
    }
    return undefined;
  }

  /** A stop out of the blue, as a watchpoint or another debugger would cause. */
  stopWith(vcpu: number, reason: StopReason): void {
    this.#stop(vcpu, reason);
  }

  /** No slice will run by itself any more. */
  dispose(): void {
    clearImmediate(this.#scheduled);
  }

  #schedule(): void {
    if (!this.#automatic) return;
    clearImmediate(this.#scheduled);
    this.#scheduled = setImmediate(() => this.slice());
  }

  #stop(vcpu: number, reason: StopReason): void {
    this.#interrupted = false;
    const stop = { vcpu, reason };
    if (this.#stops === undefined || reason.kind === "exited") this.standing = stop;
    else this.#stops.set(vcpu, stop);
    for (const listener of this.#listeners) listener.stopped(stop);
  }

  #breakpointAt(pc: bigint): StopReason | undefined {
    const point = this.points.find(
      ({ kind, address }) => address === pc && (kind === "software" || kind === "hardware"),
    );
    return point && { kind: "breakpoint", via: point.kind as "software" | "hardware" };
  }

  #execute(vcpu: FakeVcpu): StopReason | undefined {
    const pc = this.#get(vcpu, CoreRegister.pc);
    const offset = Number(BigInt.asUintN(64, pc - RAM));
    // Where there is no memory, it stands still.
    if (offset > RAM_SIZE - 4) return undefined;
    const word = new DataView(this.ram.buffer).getUint32(offset, true);
    this.retired++;
    let next = pc + 4n;
    if (word >>> 26 === 0x05) next = pc + BigInt((word << 6) >> 4);
    if (word >>> 22 === 0x244) {
      const d = word & 31;
      this.#set(vcpu, d, BigInt.asUintN(64, this.#get(vcpu, (word >>> 5) & 31) + BigInt((word >>> 10) & 0xfff)));
    }
    this.#set(vcpu, CoreRegister.pc, next);
    return word === Code.HVC ? { kind: "exited", code: 0 } : undefined;
  }

  #everything(): Map<number, ResumeAction> {
    return new Map(this.#vcpus.map((_, id) => [id, { kind: "continue" }]));
  }

  #get(vcpu: FakeVcpu, register: number): bigint {
    return Buffer.from(vcpu.registers[CORE]![register]!).readBigUInt64LE();
  }

  #set(vcpu: FakeVcpu, register: number, value: bigint): void {
    new DataView(vcpu.registers[CORE]![register]!.buffer).setBigUint64(0, value, true);
  }
}
