/**
 * The machine as a debugger's target. vCPUs stop and go at instruction boundaries, all of them together; between a stop
 * and the next resumption virtual time stands still, and whose turn it is stays as it was, so that a guest that is only
 * looked at runs as it would alone.
 *
 * In non-stop mode each vCPU stands and goes by itself: one that stands is held, which is to say not scheduled, and
 * time goes on until all of them stand.
 *
 * A step executes one instruction of the vCPU's current context: interrupts that are pending wait until it continues,
 * WFI and WFE end at once, an exception that the instruction itself causes stops at the vector.
 */

import { resolve } from "node:path";
import { STEP_BITS } from "../gdb/commands/qemu.js";
import {
  type DebugTarget,
  Errno,
  type ExecFile,
  type FileRequest,
  type MemoryRegion,
  type MonitorClient,
  type OsTable,
  type Point,
  type PointKind,
  pointKinds,
  type ResumeAction,
  type Stop,
  type SystemCallSet,
  TargetError,
  type TargetListener,
  type Vcpu,
  type VirtualRange,
} from "../gdb/target.js";
import type { Breakpoints } from "./debug/breakpoints.js";
import { Catches } from "./debug/catch/catches.js";
import { type SystemCallStop, SystemCalls } from "./debug/catch/system-calls.js";
import { type Touched, touched } from "./debug/device-accesses.js";
import { ExitLog } from "./debug/exit-log.js";
import { DebugMemory } from "./debug/memory.js";
import { runMonitor } from "./debug/monitor/index.js";
import { osTables } from "./debug/os-tables.js";
import { MachineAgent } from "./debug/programs/agent.js";
import { memoryMap, rangeAt } from "./debug/regions.js";
import { DebugRegisters } from "./debug/registers.js";
import { SystemRegisters } from "./debug/system-registers.js";
import { listVcpus } from "./debug/vcpus.js";
import { type Watch, type WatchHit, type WatchPoint, Watchpoints } from "./debug/watchpoints.js";
import type { DebugHooks, Machine, MachineExit } from "./machine.js";
import type { Core, DebugEvent, TakenException } from "./scheduler.js";
import { DEFAULT_STEP_MODE } from "./step.js";

const INSTRUCTION_SIZE = 4n;
/** In bytes. */
const DOUBLEWORD = 8;

export class MachineTarget implements DebugTarget, DebugHooks {
  readonly pointKinds: ReadonlySet<PointKind> = new Set(pointKinds);
  standing: Stop | undefined;
  readonly engine: DebugHooks["engine"];
  private readonly listeners = new Set<TargetListener>();
  private readonly breakpoints: Breakpoints;
  private readonly watchpoints: Watchpoints;
  private readonly memory: DebugMemory;
  private readonly system: SystemRegisters;
  private readonly exits: ExitLog;
  private readonly catches: Catches;
  private readonly systemCalls: SystemCalls;
  /** What a vCPU is stopping for. */
  private systemCall: SystemCallStop | undefined;
  /** What a client has been asked for. */
  private fileRequest: FileRequest | undefined;
  /** Of vCPUs that step on while inside. */
  private readonly ranges = new Map<number, { readonly start: bigint; readonly end: bigint }>();
  private readonly registers: DebugRegisters;
  readonly agent: MachineAgent;
  private watchHit: WatchHit | undefined;
  /** What stopped a vCPU, until all of them stand and it is reported. */
  private pending: Stop | undefined;
  private interrupted = false;
  /** Non-stop mode: why each vCPU that stands does; undefined in all-stop mode. */
  private stops: Map<number, Stop> | undefined;
  /** How many clients want the machine kept once its guest has switched it off. */
  private keepers = 0;

  /** With `wait` the machine stands at its first instruction until a debugger lets it go. */
  constructor(
    private readonly machine: Machine,
    { wait, warn }: { readonly wait: boolean; readonly warn?: (line: string) => void },
  ) {
    this.breakpoints = machine.breakpoints;
    this.watchpoints = new Watchpoints(machine.watchTable);
    this.memory = new DebugMemory(machine);
    this.system = new SystemRegisters(machine);
    this.exits = new ExitLog(machine, this.system);
    this.catches = new Catches(machine, this.system, (facts) => this.exits.exception(facts));
    this.systemCalls = new SystemCalls(machine);
    this.registers = new DebugRegisters(machine, this.system);
    this.engine = {
      stopsAt: (pc) => this.pointAt(pc) !== undefined,
      watchAccess: (_cpu, va, _access, row) => {
        this.watchHit = this.watchpoints.hit(row, va);
      },
      pointAction: (cpu, program) => this.agent.act(cpu, program),
      pointRead: (cpu, kind, argument, size) => this.agent.read(cpu, kind, argument, size),
    };
    this.agent = new MachineAgent(
      machine,
      this.registers,
      this.system,
      (text) => this.print(text, warn),
      () => {
        this.watchpoints.reprogram((point) => this.agent.programOf(point));
      },
    );
    machine.debug = this;
    if (machine.semihosting !== undefined) machine.semihosting.debugger = (request) => this.askForFile(request);
    if (wait) {
      machine.setPaused(true);
      this.standing = { vcpu: 0, reason: { kind: "reset" } };
    }
  }

  // --- what the machine calls ----------------------------------------------------------------------------------------

  debugStop(core: Core, event: DebugEvent): void {
    const range = this.ranges.get(core.index);
    if (event === "step" && range !== undefined && core.vcpu.pc >= range.start && core.vcpu.pc < range.end) return;
    const stop = { vcpu: core.index, reason: this.reasonOf(core, event) };
    if (this.stops !== undefined) {
      this.standAlone(stop);
      return;
    }
    this.pending ??= stop;
    this.machine.setPaused(true);
  }

  private reasonOf({ index, vcpu }: Core, event: DebugEvent): Stop["reason"] {
    if (event === "watchpoint" && this.watchHit !== undefined) {
      const { kind, ...found } = this.watchHit;
      const failure = this.agent.conditions.failure({ address: found.address, length: 1 }, this.agent.context(index));
      return { kind: "watchpoint", via: kind, ...(failure && { text: failure }), ...found };
    }
    if (event === "catch" && this.systemCall !== undefined) {
      const call = this.systemCall;
      this.systemCall = undefined;
      return { kind: "syscall", ...call };
    }
    if (event === "catch") return { kind: "catch", text: this.catches.report };
    if (event !== "breakpoint") return { kind: "step" };
    const point = this.pointAt(vcpu.pc);
    const asked = point?.program === undefined ? point : undefined;
    const failure = asked && this.agent.conditions.failure(asked, this.agent.context(index));
    return {
      kind: "breakpoint",
      via: point?.kind === "software" ? "software" : "hardware",
      ...(failure && { text: failure }),
    };
  }

  /** The breakpoint of a client at an address; the guest's own are not the debugger's. */
  private pointAt(pc: bigint): Point | undefined {
    return this.breakpoints.at(pc).find((point): point is Point => "kind" in point);
  }

  caught(core: Core, exception: TakenException): boolean {
    if (this.catches.exception(core, exception)) return true;
    this.systemCall = this.systemCalls.entered(core, exception);
    return this.systemCall !== undefined;
  }

  returned(core: Core): boolean {
    this.systemCall = this.systemCalls.returned(core);
    return this.systemCall !== undefined;
  }

  sysregCaught(core: Core, encoding: number, isRead: boolean, rt: number): boolean {
    return this.catches.access(core, encoding, isRead, rt);
  }

  watches(isWrite: boolean): boolean {
    return this.watchpoints.watching(isWrite).length > 0;
  }

  /** The write has been made, the vCPU that told the device to make it ends its instruction. */
  deviceAccess(address: number, size: number, isWrite: boolean, by = "a device"): void {
    const watches = this.watchpoints.watching(isWrite);
    if (watches.length === 0 || this.machine.isPaused) return;
    for (const watch of watches) {
      const hit = this.deviceHit(watch, address, size);
      if (hit === undefined) continue;
      const { core, va, pa } = hit;
      const { point } = watch;
      const stored = isWrite ? this.valueAt(pa, point.length) : 0n;
      if (!this.agent.stopsForDevice(core.index, point, stored)) continue;
      const text = `${by} has ${isWrite ? "written" : "read"} ${size} bytes at physical 0x${address.toString(16)}\n`;
      this.watchHit = { kind: point.kind, address: va, text };
      this.debugStop(core, "watchpoint");
      return;
    }
  }

  /** The number in memory at a physical address, little endian; of a longer range, its first doubleword. */
  private valueAt(pa: bigint, length: number): bigint {
    const { engine } = this.machine;
    const host = engine.hostAddress(pa);
    if (host === undefined) return 0n;
    const bytes = engine.bytes.subarray(host, host + Math.min(length, DOUBLEWORD));
    return bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  }

  /** The vCPU for which the device has touched what is watched, and the first byte of it. */
  private deviceHit({ point, physical }: Watch, at: number, size: number): ({ core: Core } & Touched) | undefined {
    const { address, length } = point;
    const range = { first: address, last: address + BigInt(length) - 1n };
    if (physical) {
      const start = BigInt(at);
      const pa = start > range.first ? start : range.first;
      const core = this.machine.cores.find(({ state }) => state !== "off");
      return core && pa <= range.last && pa < start + BigInt(size) ? { core, va: pa, pa } : undefined;
    }
    for (const core of this.machine.cores) {
      const found = core.state === "off" ? undefined : touched(this.machine, core.vcpu, range, at, size);
      if (found !== undefined) return { core, ...found };
    }
    return undefined;
  }

  powerChanged(core: Core, change: "on" | "off" | "reset"): void {
    // What the debugger itself does while the machine stands is no news to it.
    if (!this.machine.isPaused && this.catches.power(core, change)) this.debugStop(core, "catch");
  }

  paused(): void {
    const stop = this.pending ?? (this.interrupted ? this.interruption() : undefined);
    if (this.standing === undefined && stop !== undefined) this.stand(stop);
  }

  /** Ctrl-C: shown is the vCPU whose turn is next, so that stepping it goes on where the machine stands. */
  private interruption(): Stop {
    const { cores, scheduler } = this.machine;
    const shown = scheduler.upNext() ?? cores.find(({ state, held }) => state !== "off" && !held);
    return { vcpu: shown?.index ?? 0, reason: { kind: "interrupt" } };
  }

  ended({ reason, status = 0, what }: MachineExit): void {
    const byGuest = reason !== "killed" && reason !== "stopped";
    const vcpu = this.standing?.vcpu ?? this.pending?.vcpu ?? 0;
    const text = what === undefined ? {} : { text: `the machine cannot go on: ${what}\n` };
    this.stand({ vcpu, reason: byGuest ? { kind: "exited", code: status, ...text } : { kind: "killed" } });
  }

  keeps({ reason }: MachineExit): boolean {
    return this.keepers > 0 && reason !== "killed" && reason !== "stopped";
  }

  /** Every vCPU stands: the machine's end and a reset are everybody's stop in non-stop mode too. */
  private stand(stop: Stop): void {
    this.pending = undefined;
    this.interrupted = false;
    this.release();
    const ended = stop.reason.kind === "exited" || stop.reason.kind === "killed";
    if (this.stops === undefined || ended) {
      this.standing = stop;
      this.tell(stop);
    } else {
      this.standing = undefined;
      this.standAlone(stop);
    }
  }

  private tell(stop: Stop): void {
    for (const listener of this.listeners) listener.stopped(stop);
  }

  // --- non-stop mode -------------------------------------------------------------------------------------------------

  get nonStop(): boolean {
    return this.stops !== undefined;
  }

  set nonStop(on: boolean) {
    if (on === this.nonStop || this.machine.ended !== undefined) return;
    if (on) {
      const { standing } = this;
      this.standing = undefined;
      this.stops = new Map(standing && [[standing.vcpu, standing]]);
      this.settle();
      return;
    }
    const [shown] = this.stops?.values() ?? [];
    this.stops = undefined;
    this.release();
    this.standing = shown ?? { vcpu: 0, reason: { kind: "held" } };
    this.machine.setPaused(true);
  }

  stopOf(vcpu: number): Stop | undefined {
    if (this.standing === undefined) return this.stops?.get(vcpu);
    return this.standing.vcpu === vcpu ? this.standing : { vcpu, reason: { kind: "held" } };
  }

  hold(vcpus: Iterable<number>): void {
    for (const vcpu of vcpus) {
      if (this.stops !== undefined && !this.stops.has(vcpu)) this.standAlone({ vcpu, reason: { kind: "held" } });
    }
  }

  private standAlone(stop: Stop): void {
    this.core(stop.vcpu).stepping = false;
    this.stops?.set(stop.vcpu, stop);
    this.settle();
    this.tell(stop);
  }

  /** Holds the vCPUs that stand. When no other is on, time stands still. */
  private settle(): void {
    if (this.stops === undefined) return;
    for (const core of this.machine.cores) core.held = this.stops.has(core.index);
    const still = this.machine.cores.every(({ held, state }) => held || state === "off");
    if (still !== this.machine.isPaused) this.machine.setPaused(still);
  }

  private resumeSome(stops: Map<number, Stop>, actions: ReadonlyMap<number, ResumeAction>): void {
    for (const [vcpu, { kind }] of actions) {
      this.core(vcpu).stepping = kind === "step";
      stops.delete(vcpu);
    }
    this.settle();
  }

  /** No vCPU is held or stepped any more. */
  private release(): void {
    for (const core of this.machine.cores) {
      core.held = false;
      core.stepping = false;
    }
  }

  // --- running -------------------------------------------------------------------------------------------------------

  resume(actions: ReadonlyMap<number, ResumeAction>): void {
    if (this.machine.ended !== undefined) return;
    this.systemCalls.resumed();
    for (const [vcpu, { range }] of actions) {
      if (range === undefined) this.ranges.delete(vcpu);
      else this.ranges.set(vcpu, range);
    }
    if (this.stops !== undefined) {
      this.resumeSome(this.stops, actions);
      return;
    }
    for (const core of this.machine.cores) {
      const action = actions.get(core.index)?.kind;
      core.held = action === undefined;
      core.stepping = action === "step";
    }
    this.standing = undefined;
    this.machine.setPaused(false);
  }

  interrupt(vcpu = 0): void {
    if (this.standing !== undefined) return;
    if (this.stops !== undefined) {
      if (!this.stops.has(vcpu)) this.standAlone({ vcpu, reason: { kind: "interrupt" } });
      return;
    }
    this.interrupted = true;
    this.machine.setPaused(true);
  }

  detach(): void {
    // The guest asks again: whoever comes next, or this process.
    this.fileRequest?.done(-1n, Errno.EINTR);
    this.memory.view = "current";
    this.catches.clear();
    this.systemCalls.caught = undefined;
    this.systemCalls.resumed();
    this.machine.scheduler.stepMode = DEFAULT_STEP_MODE;
    this.pending = undefined;
    this.interrupted = false;
    this.stops = undefined;
    if (this.machine.ended !== undefined) return;
    this.release();
    this.standing = undefined;
    this.machine.setPaused(false);
  }

  keep(on: boolean): void {
    this.keepers += on ? 1 : -1;
    // A machine that was kept for the last of them ends now.
    this.machine.setPaused(this.machine.isPaused);
  }

  resetRefusal(): TargetError | undefined {
    const refusal = this.machine.resetRefusal();
    return refusal === undefined ? undefined : new TargetError(Errno.EIO, refusal);
  }

  reset(): void {
    const { ended } = this.machine;
    if (ended !== undefined && !this.keeps(ended)) return;
    this.startOver();
    this.stand({ vcpu: 0, reason: { kind: "reset" } });
  }

  /** A machine that runs while no client is attached does so again from power-on. */
  private resetRunning(): void {
    this.startOver();
    this.machine.setPaused(false);
  }

  /** Power-on, where the machine is held. */
  private startOver(): void {
    this.machine.setPaused(true);
    this.machine.reset();
  }

  /** A semihosting call: the machine stands until the client has answered, or is gone. */
  private askForFile(request: FileRequest): boolean {
    const asked: FileRequest = {
      ...request,
      done: (result, errno) => {
        if (this.fileRequest !== asked) return;
        this.fileRequest = undefined;
        request.done(result, errno);
        // Unless that asked for more.
        if (this.fileRequest === undefined) this.machine.setPaused(false);
      },
    };
    this.fileRequest = asked;
    for (const listener of this.listeners) {
      if (!listener.fileRequest?.(asked)) continue;
      this.machine.setPaused(true);
      return true;
    }
    this.fileRequest = undefined;
    return false;
  }

  catchSystemCalls(set: SystemCallSet | undefined): void {
    this.systemCalls.caught = set;
  }

  kill(): void {
    setImmediate(() => this.machine.end({ reason: "killed" }));
  }

  /** What an agent expression prints: to the clients, or where warnings go when there is none. */
  private print(text: string, warn?: (line: string) => void): void {
    let shown = false;
    for (const listener of this.listeners) shown = listener.printed?.(text) === true || shown;
    if (!shown) warn?.(text.replace(/\n$/, ""));
  }

  listen(listener: TargetListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  // --- state ---------------------------------------------------------------------------------------------------------

  private core(vcpu: number): Core {
    return this.machine.cores[vcpu] as Core;
  }

  vcpus(): Vcpu[] {
    return listVcpus(this.machine.cores);
  }

  get features(): DebugTarget["features"] {
    return this.registers.described;
  }

  readRegister(vcpu: number, feature: number, index: number): Uint8Array | TargetError {
    return this.registers.read(this.core(vcpu).vcpu, feature, index);
  }

  readGeneral(vcpu: number): Uint8Array {
    return this.registers.readGeneral(this.core(vcpu).vcpu);
  }

  writeRegister(vcpu: number, feature: number, index: number, value: Uint8Array): TargetError | undefined {
    return this.registers.write(this.core(vcpu).vcpu, feature, index, value);
  }

  get physicalMemory(): boolean {
    return this.memory.view === "pa";
  }

  set physicalMemory(on: boolean) {
    this.memory.view = on ? "pa" : "current";
  }

  get stepBits(): number {
    const { interrupts, timers } = this.machine.scheduler.stepMode;
    const bits = { complete: STEP_BITS.RETURN, mask: STEP_BITS.NOIRQ, land: 0 } as const;
    return STEP_BITS.ENABLE | bits[interrupts] | (timers ? 0 : STEP_BITS.NOTIMER);
  }

  set stepBits(bits: number) {
    const { scheduler } = this.machine;
    const interrupts = bits & STEP_BITS.NOIRQ ? "mask" : bits & STEP_BITS.RETURN ? "complete" : "land";
    scheduler.stepMode = { ...scheduler.stepMode, interrupts, timers: (bits & STEP_BITS.NOTIMER) === 0 };
  }

  readMemory(vcpu: number, address: bigint, length: number): Uint8Array | TargetError {
    return this.memory.read(this.core(vcpu).vcpu, address, length);
  }

  writeMemory(vcpu: number, address: bigint, bytes: Uint8Array): TargetError | undefined {
    const inbox = this.fileRequest?.inbox;
    if (inbox !== undefined && address === inbox.address) {
      inbox.bytes.set(bytes.subarray(0, inbox.bytes.length));
      return undefined;
    }
    return this.memory.write(this.core(vcpu).vcpu, address, bytes);
  }

  memoryMap(): readonly MemoryRegion[] {
    return memoryMap(this.machine);
  }

  memoryRegion(vcpu: number, address: bigint): VirtualRange {
    return rangeAt(this.machine, this.core(vcpu).vcpu, address);
  }

  /** With firmware in flash the kernel is not what runs first, nor need it run where it is linked. */
  get execFile(): ExecFile | undefined {
    const { kernel, flash } = this.machine.config;
    if (kernel?.elf === undefined || flash?.[0] !== undefined) return undefined;
    return { path: resolve(kernel.name), bytes: kernel.elf };
  }

  osTables(): OsTable[] {
    return osTables(this.machine);
  }

  // --- points --------------------------------------------------------------------------------------------------------

  insertPoint(point: Point): TargetError | undefined {
    if (isWatch(point)) {
      if (point.length === 0) return new TargetError(Errno.EINVAL, "a watchpoint has at least one byte");
      const program = this.agent.programOf(point);
      if (!this.watchpoints.insert({ point, program, physical: this.physicalMemory })) {
        return new TargetError(Errno.ENOSPC, "too many watchpoints; delete some");
      }
    } else {
      const { address } = point;
      if (address % INSTRUCTION_SIZE !== 0n) {
        const text = `breakpoint at 0x${address.toString(16)}: A64 instructions are at multiples of 4`;
        return new TargetError(Errno.EINVAL, text);
      }
      this.breakpoints.insert(point);
    }
    this.agent.inserted(point);
    return undefined;
  }

  removePoint(point: Point): TargetError | undefined {
    if (isWatch(point)) this.watchpoints.remove(point);
    else this.breakpoints.remove(point);
    this.agent.removed(point);
    return undefined;
  }

  // --- monitor -------------------------------------------------------------------------------------------------------

  monitor(command: string, vcpu: number, client?: MonitorClient): string | TargetError {
    const output = runMonitor(command, {
      machine: this.machine,
      client,
      evaluate: (expression) => this.agent.conditions.value(expression, this.agent.context(vcpu)),
      vcpu,
      system: this.system,
      memory: this.memory,
      exits: this.exits,
      catches: this.catches,
      registers: this.registers,
      conditions: this.agent.conditions,
      reset: () => {
        const { ended } = this.machine;
        if (ended !== undefined && !this.keeps(ended)) {
          return new TargetError(Errno.EPERM, "reset: the machine has ended");
        }
        const refusal = this.resetRefusal();
        if (refusal !== undefined) return refusal;
        // Another client may have attached since.
        const alone = this.listeners.size <= 1;
        if (client?.attached === false && alone && this.standing === undefined) this.resetRunning();
        else this.reset();
        return undefined;
      },
    });
    // It may have switched a vCPU on or off.
    this.settle();
    return output;
  }
}

function isWatch(point: Point): point is WatchPoint {
  return point.kind !== "software" && point.kind !== "hardware";
}
