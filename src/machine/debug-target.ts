/**
 * The machine as a debugger's target. vCPUs stop and go at instruction boundaries, all of them together; between a stop
 * and the next resumption virtual time stands still, and whose turn it is stays as it was, so that a guest that is only
 * looked at runs as it would alone.
 *
 * A step executes one instruction of the vCPU's current context: interrupts that are pending wait until it continues,
 * WFI and WFE end at once, an exception that the instruction itself causes stops at the vector.
 */

import {
  type DebugTarget,
  Errno,
  type Point,
  type PointKind,
  pointKinds,
  type ResumeAction,
  type Stop,
  TargetError,
  type TargetListener,
  type Vcpu,
} from "../gdb/target.js";
import type { Breakpoints } from "./debug/breakpoints.js";
import { ExitLog } from "./debug/exit-log.js";
import { DebugMemory } from "./debug/memory.js";
import { runMonitor } from "./debug/monitor/index.js";
import { DebugRegisters } from "./debug/registers.js";
import { SystemRegisters } from "./debug/system-registers.js";
import { listVcpus } from "./debug/vcpus.js";
import { type WatchHit, type WatchPoint, Watchpoints } from "./debug/watchpoints.js";
import type { DebugHooks, Machine, MachineExit } from "./machine.js";
import type { Core, DebugEvent } from "./scheduler.js";

const INSTRUCTION_SIZE = 4n;

export class MachineTarget implements DebugTarget, DebugHooks {
  readonly features: DebugTarget["features"];
  readonly pointKinds: ReadonlySet<PointKind> = new Set(pointKinds);
  standing: Stop | undefined;
  readonly engine: DebugHooks["engine"];
  private readonly listeners = new Set<TargetListener>();
  private readonly breakpoints: Breakpoints;
  private readonly watchpoints: Watchpoints;
  private readonly memory: DebugMemory;
  private readonly system: SystemRegisters;
  private readonly exits: ExitLog;
  private readonly registers: DebugRegisters;
  private watchHit: WatchHit | undefined;
  /** What stopped a vCPU, until all of them stand and it is reported. */
  private pending: Stop | undefined;
  private interrupted = false;

  /** With `wait` the machine stands at its first instruction until a debugger lets it go. */
  constructor(
    private readonly machine: Machine,
    { wait }: { readonly wait: boolean },
  ) {
    this.breakpoints = machine.breakpoints;
    this.watchpoints = new Watchpoints(machine.watchTable);
    this.memory = new DebugMemory(machine);
    this.system = new SystemRegisters(machine);
    this.exits = new ExitLog(machine);
    this.registers = new DebugRegisters(machine, this.system);
    this.features = this.registers.features;
    this.engine = {
      stopsAt: (pc) => this.pointAt(pc) !== undefined,
      watchAccess: (_cpu, va, _access, row) => {
        this.watchHit = this.watchpoints.hit(row, va);
      },
      pointAction: () => 1,
      pointRead: () => 0n,
    };
    machine.debug = this;
    if (wait) {
      machine.setPaused(true);
      this.standing = { vcpu: 0, reason: { kind: "reset" } };
    }
  }

  // --- what the machine calls -----------------------------------------------------------------------------------------

  debugStop(core: Core, event: DebugEvent): void {
    this.pending ??= { vcpu: core.index, reason: this.reasonOf(core, event) };
    this.machine.setPaused(true);
  }

  private reasonOf({ vcpu }: Core, event: DebugEvent): Stop["reason"] {
    if (event === "watchpoint" && this.watchHit !== undefined) {
      return { kind: "watchpoint", via: this.watchHit.kind, address: this.watchHit.address };
    }
    if (event !== "breakpoint") return { kind: "step" };
    return { kind: "breakpoint", via: this.pointAt(vcpu.pc)?.kind === "software" ? "software" : "hardware" };
  }

  /** The breakpoint of a client at an address; the guest's own are not the debugger's. */
  private pointAt(pc: bigint): Point | undefined {
    return this.breakpoints.at(pc).find((point): point is Point => "kind" in point);
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

  ended({ reason }: MachineExit): void {
    const byGuest = reason === "system-off" || reason === "system-reset";
    const vcpu = this.standing?.vcpu ?? this.pending?.vcpu ?? 0;
    this.stand({ vcpu, reason: byGuest ? { kind: "exited", code: 0 } : { kind: "killed" } });
  }

  private stand(stop: Stop): void {
    this.pending = undefined;
    this.interrupted = false;
    this.release();
    this.standing = stop;
    for (const listener of this.listeners) listener.stopped(stop);
  }

  /** No vCPU is held or stepped any more. */
  private release(): void {
    for (const core of this.machine.cores) {
      core.held = false;
      core.stepping = false;
    }
  }

  // --- running --------------------------------------------------------------------------------------------------------

  resume(actions: ReadonlyMap<number, ResumeAction>): void {
    if (this.machine.ended !== undefined) return;
    for (const core of this.machine.cores) {
      const action = actions.get(core.index)?.kind;
      core.held = action === undefined;
      core.stepping = action === "step";
    }
    this.standing = undefined;
    this.machine.setPaused(false);
  }

  interrupt(): void {
    if (this.standing !== undefined) return;
    this.interrupted = true;
    this.machine.setPaused(true);
  }

  detach(): void {
    this.memory.view = "current";
    this.pending = undefined;
    this.interrupted = false;
    if (this.machine.ended !== undefined) return;
    this.release();
    this.standing = undefined;
    this.machine.setPaused(false);
  }

  reset(): void {
    if (this.machine.ended !== undefined) return;
    this.machine.setPaused(true);
    this.machine.reset();
    this.stand({ vcpu: 0, reason: { kind: "reset" } });
  }

  kill(): void {
    setImmediate(() => this.machine.end({ reason: "killed" }));
  }

  listen(listener: TargetListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  // --- state ----------------------------------------------------------------------------------------------------------

  private core(vcpu: number): Core {
    return this.machine.cores[vcpu] as Core;
  }

  vcpus(): Vcpu[] {
    return listVcpus(this.machine.cores);
  }

  readRegister(vcpu: number, feature: number, index: number): Uint8Array | TargetError {
    return this.registers.read(this.core(vcpu).vcpu, feature, index);
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

  readMemory(vcpu: number, address: bigint, length: number): Uint8Array | TargetError {
    return this.memory.read(this.core(vcpu).vcpu, address, length);
  }

  writeMemory(vcpu: number, address: bigint, bytes: Uint8Array): TargetError | undefined {
    return this.memory.write(this.core(vcpu).vcpu, address, bytes);
  }

  // --- points ---------------------------------------------------------------------------------------------------------

  insertPoint(point: Point): TargetError | undefined {
    if (isWatch(point)) {
      if (point.length === 0) return new TargetError(Errno.EINVAL, "a watchpoint has at least one byte");
      if (!this.watchpoints.insert(point)) return new TargetError(Errno.ENOSPC, "too many watchpoints; delete some");
    } else {
      const { address } = point;
      if (address % INSTRUCTION_SIZE !== 0n) {
        const text = `breakpoint at 0x${address.toString(16)}: A64 instructions are at multiples of 4`;
        return new TargetError(Errno.EINVAL, text);
      }
      this.breakpoints.insert(point);
    }
    return undefined;
  }

  removePoint(point: Point): TargetError | undefined {
    if (isWatch(point)) this.watchpoints.remove(point);
    else this.breakpoints.remove(point);
    return undefined;
  }

  // --- monitor --------------------------------------------------------------------------------------------------------

  monitor(command: string, vcpu: number): string | TargetError {
    return runMonitor(command, {
      machine: this.machine,
      vcpu,
      system: this.system,
      memory: this.memory,
      exits: this.exits,
      reset: () => {
        if (this.machine.ended !== undefined) return new TargetError(Errno.EPERM, "reset: the machine has ended");
        this.reset();
        return undefined;
      },
    });
  }
}

function isWatch(point: Point): point is WatchPoint {
  return point.kind !== "software" && point.kind !== "hardware";
}
