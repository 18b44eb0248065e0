/**
 * What a debugger's points ask and do before they stop (gdb/agent/support.ts). Conditions become a wasm module, which
 * the engine calls without leaving its loop; commands and collecting come here. The module is made when a point is
 * reached for the first time after the points have changed: GDB takes all of them out and puts them back at every stop,
 * and modules are kept by what they say.
 */

import { HANDLER_BREAKPOINT_PROGRAM, HANDLER_POINT_PROGRAM } from "../../../engine/interpreter/code-pages.js";
import { PREPARE_PROGRAMS } from "../../../engine/interpreter/points.js";
import { CPU, GLOBAL } from "../../../engine/layout.js";
import { type AgentContext, AgentFailure, evaluate, type PointProgram } from "../../../gdb/agent/index.js";
import type { RegisterFeature } from "../../../gdb/description/feature.js";
import { registerFile } from "../../../gdb/description/registers.js";
import { CORE, CoreRegister } from "../../../gdb/index.js";
import type { Point } from "../../../gdb/target.js";
import type { Machine } from "../../machine.js";
import { READ, STORED_VALUE } from "./compile.js";
import { type AskedPoint, MODULE_EXPORTS, programModule } from "./module.js";
import type { StateVariables } from "./variables.js";

/** What the machine supplies. */
export interface ProgramHost {
  readonly features: readonly RegisterFeature[];
  /** Offset in the vCPU block of a system register that is no more than its slot, by its index in the feature. */
  systemSlot(index: number): number | undefined;
  readonly variables: StateVariables;
  context(vcpu: number): AgentContext;
  /** What a user has given to a point that has no program of its own. */
  programFor(point: Point): PointProgram | undefined;
}

/** Modules kept for points that come back. */
const MAX_KEPT = 16;
const FPU = 1;
const VECTORS = 32;

interface Kept {
  readonly point: unknown;
  readonly breakpoint: unknown;
}

export class PointPrograms {
  private readonly breakpoints = new Map<bigint, Point[]>();
  private readonly watchpoints: Point[] = [];
  /** Numbers of programs, by what they say; never given twice. */
  private readonly ids = new Map<string, number>();
  private readonly byId = new Map<number, PointProgram>();
  private readonly collectors = new WeakMap<object, number>();
  private collectorCount = 0;
  private readonly kept = new Map<string, Kept>();
  private readonly unprepared: Kept;
  private readonly table: WebAssembly.Table;
  /** By vCPU: the time of its last collecting, so that an instruction that is reached twice is collected once. */
  private readonly collected = new Map<string, bigint>();
  private readonly slots;

  constructor(
    private readonly machine: Machine,
    private readonly host: ProgramHost,
  ) {
    this.table = (machine.engine.exports as unknown as { table: WebAssembly.Table }).table;
    this.unprepared = {
      point: this.table.get(HANDLER_POINT_PROGRAM),
      breakpoint: this.table.get(HANDLER_BREAKPOINT_PROGRAM),
    };
    this.slots = registerFile(host.features).slots;
  }

  /** The number of a point's program; 0 for none. A watchpoint's goes to the table of watched ranges. */
  idOf(point: Point): number {
    const program = this.programOf(point);
    if (program === undefined) return 0;
    const id = this.idFor(point, program);
    this.byId.set(id, program);
    return id;
  }

  private programOf(point: Point): PointProgram | undefined {
    return point.program ?? this.host.programFor(point);
  }

  insert(point: Point): void {
    if (isBreakpoint(point)) {
      const here = this.breakpoints.get(point.address);
      if (here === undefined) this.breakpoints.set(point.address, [point]);
      else here.push(point);
    } else {
      this.watchpoints.push(point);
    }
    this.changed();
  }

  /** Removes the very object that was inserted. */
  remove(point: Point): void {
    if (isBreakpoint(point)) {
      const rest = this.breakpoints.get(point.address)?.filter((other) => other !== point) ?? [];
      if (rest.length > 0) this.breakpoints.set(point.address, rest);
      else this.breakpoints.delete(point.address);
    } else {
      const at = this.watchpoints.indexOf(point);
      if (at >= 0) this.watchpoints.splice(at, 1);
    }
    this.changed();
  }

  /** The engine calls: a program has something to do, or there is something to compile first. 1 to stop. */
  act(vcpu: number, id: number): number {
    if (id === PREPARE_PROGRAMS) {
      this.prepare();
      return 0;
    }
    const program = this.byId.get(id);
    if (program === undefined) return 1;
    // Compiled conditions have been asked. Others, which print, are asked here.
    const printing = program.conditions.some((condition) => condition.uses(PRINTING));
    if (printing && !holds(program, this.host.context(vcpu))) return 0;
    return this.carryOut(vcpu, id, program);
  }

  /** A device has made an access that the point watches, and has stored `stored`: whether the machine stops for it. */
  stopsForDevice(vcpu: number, point: Point, stored: bigint): boolean {
    const program = this.programOf(point);
    if (program === undefined) return true;
    const context = this.host.context(vcpu);
    const variable = (number: number): bigint => (number === STORED_VALUE ? stored : context.variable(number));
    return holds(program, { ...context, variable }) && this.carryOut(vcpu, this.idOf(point), program) === 1;
  }

  /** The conditions hold. 1 to stop. */
  private carryOut(vcpu: number, id: number, program: PointProgram): number {
    const context = this.host.context(vcpu);
    if (program.collect !== undefined) {
      this.collectOnce(vcpu, id, program.collect);
      return 0;
    }
    if (program.commands.length === 0) return 1;
    for (const command of program.commands) {
      const outcome = evaluate(command, context);
      if (outcome instanceof AgentFailure) context.print(`breakpoint command failed: ${outcome.text}\n`);
    }
    return 0;
  }

  /** The engine calls: a condition reads what is not in its memory. */
  read(vcpu: number, kind: number, argument: bigint, size: number): bigint {
    const context = this.host.context(vcpu);
    const value = readFor(context, kind, BigInt.asUintN(64, argument), size);
    if (value === undefined) this.machine.engine.view.setInt32(GLOBAL.pointFailed, 1, true);
    return value ?? 0n;
  }

  private collectOnce(vcpu: number, id: number, collect: (vcpu: number) => void): void {
    const now = this.machine.scheduler.now();
    const key = `${vcpu} ${id}`;
    if (this.collected.get(key) === now) return;
    this.collected.set(key, now);
    collect(vcpu);
  }

  /** Points came or went, or ask something else now. */
  changed(): void {
    const programs = [...this.breakpoints.values()].some((here) => here.some((point) => this.programOf(point)));
    this.machine.engine.view.setInt32(GLOBAL.pointPrograms, programs ? 1 : 0, true);
    this.install(this.unprepared);
  }

  private install({ point, breakpoint }: Kept): void {
    this.table.set(HANDLER_POINT_PROGRAM, point);
    this.table.set(HANDLER_BREAKPOINT_PROGRAM, breakpoint);
  }

  private prepare(): void {
    const asked = (point: Point): AskedPoint => ({ id: this.idOf(point), program: this.programOf(point) });
    const breakpoints = new Map([...this.breakpoints].map(([address, here]) => [address, here.map(asked)]));
    const watchpoints = this.watchpoints.map(asked);
    const key = [
      ...[...breakpoints].map(([address, here]) => `${address}:${here.map(({ id }) => id)}`),
      ...watchpoints.map(({ id }) => id),
    ].join(";");
    const known = this.kept.get(key);
    if (known !== undefined) {
      this.install(known);
      return;
    }
    const bytes = programModule(
      { breakpoints, watchpoints },
      { register: (number) => this.cellOf(number), variable: (number) => this.host.variables.cell(number) },
    );
    const exports = this.machine.engine.exports as unknown as Record<string, unknown>;
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
      env: { memory: this.machine.engine.memory },
      host: {
        peekHost: exports["rt.peekHost"],
        pointRead: (cpu: number, kind: number, argument: bigint, size: number) =>
          this.machine.debug.engine.pointRead(cpu, kind, argument, size),
        pointAction: (cpu: number, id: number) => this.machine.debug.engine.pointAction(cpu, id),
      },
    });
    const made: Kept = {
      point: instance.exports[MODULE_EXPORTS.point],
      breakpoint: instance.exports[MODULE_EXPORTS.breakpoint],
    };
    if (this.kept.size >= MAX_KEPT) this.kept.delete(this.kept.keys().next().value as string);
    this.kept.set(key, made);
    this.install(made);
  }

  /** Offset in the vCPU block of the low 64 bits of a register, where they are kept there as GDB sees them. */
  private cellOf(number: number): number | undefined {
    const slot = this.slots[number];
    if (slot === undefined) return undefined;
    const { feature, index } = slot;
    if (feature === CORE && index < CoreRegister.sp) return CPU.x + 8 * index;
    if (feature === CORE && index === CoreRegister.sp) return CPU.sp;
    if (feature === CORE && index === CoreRegister.pc) return CPU.pc;
    if (feature === FPU) return index < VECTORS ? CPU.v + 16 * index : undefined;
    return feature > FPU ? this.host.systemSlot(index) : undefined;
  }

  private idFor({ kind, address, length }: Point, { conditions, commands, collect }: PointProgram): number {
    const says = [...conditions.map(({ key }) => key), "then", ...commands.map(({ key }) => key)].join(" ");
    const content = `${kind} ${address} ${length} ${says} ${collect === undefined ? "" : this.collectorNumber(collect)}`;
    const known = this.ids.get(content);
    if (known !== undefined) return known;
    const id = this.ids.size + 1;
    this.ids.set(content, id);
    return id;
  }

  private collectorNumber(collect: object): number {
    const known = this.collectors.get(collect);
    if (known !== undefined) return known;
    this.collectors.set(collect, ++this.collectorCount);
    return this.collectorCount;
  }
}

const PRINTING = new Set(["printf"] as const);

function isBreakpoint({ kind }: Point): boolean {
  return kind === "software" || kind === "hardware";
}

/** No condition, or one that is not 0 or cannot be evaluated: then the debugger is to see for itself. */
function holds({ conditions }: PointProgram, context: AgentContext): boolean {
  return conditions.length === 0 || conditions.some((condition) => evaluate(condition, context) !== 0n);
}

function readFor(context: AgentContext, kind: number, argument: bigint, size: number): bigint | undefined {
  if (kind === READ.register) return context.register(Number(argument));
  if (kind === READ.variable) return context.variable(Number(argument));
  const bytes = context.memory(argument, size);
  return bytes?.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}
