/** The machine's side of agent expressions: what they see, where they print, and the points that ask them. */
import { sysregOffset } from "../../../cpu/sysreg/table.js";
import { CPU, GLOBAL } from "../../../engine/layout.js";
import type { AgentContext, AgentSupport, BuiltinVariable } from "../../../gdb/agent/index.js";
import { type RegisterSlot, registerFile } from "../../../gdb/description/registers.js";
import { type Point, TargetError } from "../../../gdb/target.js";
import type { Machine } from "../../machine.js";
import { type Core, NANOSECONDS_PER_INSTRUCTION } from "../../scheduler.js";
import { DebugMemory } from "../memory.js";
import type { DebugRegisters } from "../registers.js";
import type { SystemRegisters } from "../system-registers.js";
import { STORED_VALUE } from "./compile.js";
import { UserConditions } from "./conditions.js";
import { PointPrograms } from "./programs.js";
import { StateVariables } from "./variables.js";

/** Numbers of the builtin variables; the first is gdbserver's. */
const BUILTIN = { trace_timestamp: 1, trace_vcpu: 2, trace_el: 3, new: STORED_VALUE } as const;

export class MachineAgent implements AgentSupport {
  readonly builtin: readonly BuiltinVariable[];
  private readonly variables: StateVariables;
  private readonly programs: PointPrograms;
  /** By address, given by `monitor condition`. */
  readonly conditions: UserConditions;
  /** Of its own, so that what a user views does not change what a condition reads. */
  private readonly memory: DebugMemory;
  private readonly slots: readonly RegisterSlot[];
  private readonly contexts: AgentContext[];

  constructor(
    private readonly machine: Machine,
    private readonly registers: DebugRegisters,
    system: SystemRegisters,
    private readonly print: (text: string) => void,
    /** Watchpoints that are inserted ask something else now. */
    watchpointsChanged: () => void,
  ) {
    this.memory = new DebugMemory(machine);
    this.slots = registerFile(registers.features).slots;
    this.variables = new StateVariables(machine.engine, [
      { number: BUILTIN.trace_timestamp, name: "trace_timestamp", read: () => this.now() },
      { number: BUILTIN.trace_vcpu, name: "trace_vcpu", read: (vcpu) => BigInt(vcpu) },
      { number: BUILTIN.new, name: "new", read: (vcpu) => this.storedValue(vcpu) },
      { number: BUILTIN.trace_el, name: "trace_el", read: (vcpu) => BigInt(this.core(vcpu).vcpu.el) },
    ]);
    // What is being stored is nothing that GDB could ask for.
    this.builtin = this.variables.builtin.filter(({ number }) => number !== STORED_VALUE);
    this.contexts = machine.cores.map(({ index }) => this.contextOf(index));
    this.programs = new PointPrograms(machine, {
      features: registers.features,
      systemSlot: (index) => {
        const { peek, read, name } = system.at(index);
        return peek === undefined && read === undefined && !name.startsWith("SP_") ? sysregOffset(name) : undefined;
      },
      variables: this.variables,
      context: (vcpu) => this.context(vcpu),
      programFor: (point) => this.conditions.programFor(point),
    });
    this.conditions = new UserConditions(
      {
        register: (name) => this.numberOf(name),
        variable: (name) => this.variables.builtin.find((one) => one.name === name)?.number,
      },
      () => {
        this.programs.changed();
        watchpointsChanged();
      },
    );
  }

  now(): bigint {
    return (this.machine.scheduler.now() * NANOSECONDS_PER_INSTRUCTION) / 1000n;
  }

  context(vcpu: number): AgentContext {
    return this.contexts[vcpu] as AgentContext;
  }

  forgetVariables(): void {
    this.variables.clear();
  }

  follow(vcpu: number, each: () => boolean): void {
    this.core(vcpu).follow = each;
    this.machine.scheduler.breakSlice();
  }

  // --- points --------------------------------------------------------------------------------------------------------

  /** Number of a watchpoint's program, for the table of watched ranges. */
  programOf(point: Point): number {
    return this.programs.idOf(point);
  }

  inserted(point: Point): void {
    this.programs.insert(point);
  }

  removed(point: Point): void {
    this.programs.remove(point);
  }

  /** See PointPrograms. */
  stopsForDevice(vcpu: number, point: Point, stored: bigint): boolean {
    return this.programs.stopsForDevice(vcpu, point, stored);
  }

  /** The engine's `pointAction`; the vCPU by its block's address. */
  act(cpu: number, program: number): number {
    return this.programs.act(this.indexOf(cpu), program);
  }

  /** The engine's `pointRead`. */
  read(cpu: number, kind: number, argument: bigint, size: number): bigint {
    return this.programs.read(this.indexOf(cpu), kind, argument, size);
  }

  private indexOf(cpu: number): number {
    return this.machine.engine.view.getInt32(cpu + CPU.index, true);
  }

  private core(vcpu: number): Core {
    return this.machine.cores[vcpu] as Core;
  }

  /** What the access that a watchpoint is asked about is going to store; 0 for one that stores nothing. */
  private storedValue(vcpu: number): bigint {
    const { view } = this.machine.engine;
    const size = view.getInt32(GLOBAL.storeSize, true);
    const value = view.getBigUint64(this.core(vcpu).vcpu.base + CPU.bounce, true);
    return size >= 8 ? value : BigInt.asUintN(8 * size, value);
  }

  /** GDB's number of a register by its name, whichever case it is written in. */
  private numberOf(name: string): number | undefined {
    const exact = this.slots.findIndex((slot) => slot.name === name);
    const number = exact >= 0 ? exact : this.slots.findIndex((slot) => slot.name.toLowerCase() === name.toLowerCase());
    return number >= 0 ? number : undefined;
  }

  private contextOf(vcpu: number): AgentContext {
    return {
      register: (number) => this.register(vcpu, number),
      memory: (address, length) => {
        const bytes = this.memory.read(this.core(vcpu).vcpu, address, length);
        return bytes instanceof TargetError || bytes.length < length ? undefined : bytes;
      },
      variable: (number) => this.variables.get(number, vcpu),
      setVariable: (number, value) => this.variables.set(number, value),
      print: (text) => this.print(text),
      trace() {},
      traceVariable() {},
    };
  }

  private register(vcpu: number, number: number): bigint | undefined {
    const slot = this.slots[number];
    if (slot === undefined) return undefined;
    const bytes = this.registers.read(this.core(vcpu).vcpu, slot.feature, slot.index);
    if (bytes instanceof TargetError) return undefined;
    return bytes.subarray(0, 8).reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  }
}
