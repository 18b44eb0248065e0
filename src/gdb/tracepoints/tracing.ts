/**
 * Trace runs of a machine: the tracepoints and trace state variables that clients have downloaded, whether a run is on,
 * and what it has collected (GDB manual, chapter "Tracepoints"). It belongs to the machine, not to a connection: a run may
 * go on without a client. Collecting takes no time of the guest's: it runs as if nobody looked.
 */

import { AgentFailure, type AgentSupport, evaluate, type PointProgram } from "../agent/index.js";
import { type DebugTarget, Errno, type Point, TargetError } from "../target.js";
import { Collector } from "./collect.js";
import { frameSize, TraceBuffer } from "./frames.js";
import type { TraceAction, Tracepoint } from "./tracepoint.js";

/** Why no run is on, by the names of `qTStatus`. */
export type StopReason =
  | { readonly kind: "tnotrun" }
  | { readonly kind: "tstop" }
  | { readonly kind: "tfull" }
  | { readonly kind: "tdisconnected" }
  | { readonly kind: "tpasscount"; readonly tracepoint: number }
  | { readonly kind: "terror"; readonly tracepoint: number; readonly text: string };

/** A trace state variable as `QTDV` defines it. */
export interface VariableDefinition {
  readonly number: number;
  readonly initial: bigint;
  readonly builtin: boolean;
  readonly name: string;
}

/** [start, end). */
export interface AddressRange {
  readonly start: bigint;
  readonly end: bigint;
}

interface Following {
  readonly tracepoint: Tracepoint;
  left: number;
}

const INSTRUCTION = 4;

export class Tracing {
  readonly buffer = new TraceBuffer();
  readonly tracepoints = new Map<string, Tracepoint>();
  readonly variables = new Map<number, VariableDefinition>();
  /** Memory that the client says does not change (`QTro`). */
  readOnly: readonly AddressRange[] = [];
  /** A run goes on when its client is gone (`QTDisconnected`). */
  disconnected = false;
  user = "";
  notes = "";
  stopNote = "";
  running = false;
  reason: StopReason = { kind: "tnotrun" };
  /** Virtual time in microseconds. */
  started = 0n;
  stopped = 0n;
  private readonly collector: Collector;
  private readonly points = new Map<string, Point>();
  /** Steps that are still to be collected, by vCPU. */
  private readonly following = new Map<number, Following[]>();

  constructor(
    readonly target: DebugTarget,
    readonly agent: AgentSupport,
  ) {
    this.collector = new Collector(target, (vcpu) => agent.context(vcpu));
    this.forget();
  }

  /** `QTinit`: nothing is defined, nothing collected. */
  init(): void {
    if (this.running) this.stop({ kind: "tstop" });
    this.reason = { kind: "tnotrun" };
    this.started = 0n;
    this.stopped = 0n;
    this.forget();
    this.buffer.clear();
  }

  private forget(): void {
    this.tracepoints.clear();
    this.variables.clear();
    this.readOnly = [];
    this.agent.forgetVariables();
    for (const { number, name } of this.agent.builtin) {
      this.variables.set(number, { number, name, initial: 0n, builtin: true });
    }
  }

  define(tracepoint: Tracepoint): TargetError | undefined {
    const known = this.tracepoints.get(tracepoint.key);
    if (known !== undefined) this.remove(known);
    this.tracepoints.set(tracepoint.key, tracepoint);
    return this.running ? this.insert(tracepoint) : undefined;
  }

  start(): TargetError | undefined {
    if (this.running) return new TargetError(Errno.EBUSY, "a trace run is on already; tstop ends it");
    this.buffer.clear();
    for (const { number, initial, builtin } of this.variables.values()) {
      if (!builtin) this.agent.context(0).setVariable(number, initial);
    }
    for (const tracepoint of this.tracepoints.values()) {
      tracepoint.hits = 0;
      tracepoint.usage = 0;
      const refusal = this.insert(tracepoint);
      if (refusal === undefined) continue;
      this.removeAll();
      return refusal;
    }
    this.stopNote = "";
    this.running = true;
    this.started = this.agent.now();
    this.stopped = 0n;
    return undefined;
  }

  stop(reason: StopReason): void {
    if (!this.running) return;
    this.running = false;
    this.reason = reason;
    this.stopped = this.agent.now();
    this.removeAll();
    this.following.clear();
  }

  /** The client that controlled the machine is gone. */
  clientGone(): void {
    if (!this.disconnected) this.stop({ kind: "tdisconnected" });
  }

  private insert(tracepoint: Tracepoint): TargetError | undefined {
    const program: PointProgram = {
      conditions: tracepoint.condition === undefined ? [] : [tracepoint.condition],
      commands: [],
      collect: (vcpu) => this.hit(tracepoint, vcpu),
    };
    const point: Point = { kind: "hardware", address: tracepoint.address, length: INSTRUCTION, program };
    const refusal = this.target.insertPoint(point);
    if (refusal === undefined) this.points.set(tracepoint.key, point);
    return refusal;
  }

  private remove({ key }: Tracepoint): void {
    const point = this.points.get(key);
    if (point !== undefined) this.target.removePoint(point);
    this.points.delete(key);
  }

  private removeAll(): void {
    for (const tracepoint of this.tracepoints.values()) this.remove(tracepoint);
  }

  /** A vCPU is about to execute the tracepoint's instruction, and its condition holds or failed. */
  private hit(tracepoint: Tracepoint, vcpu: number): void {
    if (!this.running || !tracepoint.enabled) return;
    const { condition, number, actions, steps, passes } = tracepoint;
    const outcome = condition && evaluate(condition, this.agent.context(vcpu));
    if (outcome instanceof AgentFailure) {
      this.stop({ kind: "terror", tracepoint: number, text: `condition: ${outcome.text}` });
      return;
    }
    tracepoint.hits++;
    if (!this.collect(tracepoint, actions, vcpu)) return;
    if (steps > 0) this.follow(tracepoint, vcpu, steps);
    else if (passes > 0 && tracepoint.hits >= passes) this.stop({ kind: "tpasscount", tracepoint: number });
  }

  /** False when the run is over. */
  private collect(tracepoint: Tracepoint, actions: readonly TraceAction[], vcpu: number): boolean {
    const frame = this.collector.collect(tracepoint.number, actions, vcpu);
    if (frame instanceof AgentFailure) {
      this.stop({ kind: "terror", tracepoint: tracepoint.number, text: frame.text });
      return false;
    }
    if (!this.buffer.add(frame)) {
      this.stop({ kind: "tfull" });
      return false;
    }
    tracepoint.usage += frameSize(frame);
    return true;
  }

  /** While-stepping: a frame after each of the next instructions. */
  private follow(tracepoint: Tracepoint, vcpu: number, steps: number): void {
    const here = this.following.get(vcpu);
    if (here !== undefined) {
      here.push({ tracepoint, left: steps });
      return;
    }
    const all: Following[] = [{ tracepoint, left: steps }];
    this.following.set(vcpu, all);
    this.agent.follow(vcpu, () => {
      // A hit in the middle may have added to them, and a stop may have ended the run.
      for (const one of [...all]) if (this.running) this.stepped(one, vcpu);
      const left = all.filter((one) => one.left > 0);
      all.splice(0, all.length, ...left);
      if (this.running && left.length > 0) return true;
      if (this.following.get(vcpu) === all) this.following.delete(vcpu);
      return false;
    });
  }

  private stepped(one: Following, vcpu: number): void {
    const { tracepoint } = one;
    one.left--;
    if (!this.collect(tracepoint, tracepoint.stepActions, vcpu) || one.left > 0) return;
    const { hits, passes, number } = tracepoint;
    if (passes > 0 && hits >= passes) this.stop({ kind: "tpasscount", tracepoint: number });
  }
}

const known = new WeakMap<DebugTarget, Tracing>();

/** The machine's tracing; undefined for a target that knows no agent expressions. */
export function tracingOf(target: DebugTarget): Tracing | undefined {
  const { agent } = target;
  if (agent === undefined) return undefined;
  const found = known.get(target) ?? new Tracing(target, agent);
  known.set(target, found);
  return found;
}
