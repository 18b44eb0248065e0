/**
 * The guest's own breakpoints and watchpoints (DDI 0487, D2): where they are goes to the shadow pages that a debugger's
 * breakpoints use too, and what is hit there is decided by the registers of the vCPU that came by. While no vCPU has
 * one enabled, nothing of this is asked.
 */
import {
  breakpointMatches,
  breakpointPlaces,
  DEBUG_FSC,
  debugExceptionsEnabled,
  debugTarget,
  monitorDebugEnabled,
  updateSoftwareStep,
  watchedRanges,
  watchpointApplies,
} from "../../cpu/debug.js";
import { EC } from "../../cpu/exceptions.js";
import type { CpuModel } from "../../cpu/model.js";
import type { Vcpu } from "../../cpu/vcpu.js";
import type { Engine } from "../../engine/engine.js";
import { CPU } from "../../engine/layout.js";
import type { Breakpoints, CodePoint } from "./breakpoints.js";
import type { WatchRow, WatchTable } from "./watchpoints.js";

/** A vCPU's breakpoint register at work. */
interface OwnPoint extends CodePoint {
  readonly owner: "guest";
}

interface Placed {
  readonly points: readonly OwnPoint[];
  readonly everywhere: boolean;
  readonly watches: readonly WatchRow[];
}

const NOTHING: Placed = { points: [], everywhere: false, watches: [] };
/** Bit of a data abort's syndrome: the access was a write. */
const WNR = 1 << 6;

export class SelfHostedDebug {
  /** By number of the vCPU. */
  private readonly placed = new Map<number, Placed>();

  constructor(
    private readonly engine: Engine,
    private readonly breakpoints: Breakpoints,
    private readonly watchTable: WatchTable,
    private readonly model: CpuModel,
  ) {}

  /** A debug register of the vCPU changed, or all of them did: a reset, a restored state. */
  changed(vcpu: Vcpu): void {
    updateSoftwareStep(vcpu);
    const index = vcpu.get32(CPU.index);
    const before = this.placed.get(index) ?? NOTHING;
    const after = monitorDebugEnabled(vcpu) ? this.places(vcpu) : NOTHING;
    if (before === after) return;
    for (const point of before.points) this.breakpoints.remove(point);
    for (const point of after.points) this.breakpoints.insert(point);
    this.placed.set(index, after);
    const all = [...this.placed.values()];
    this.breakpoints.everywhere = all.some(({ everywhere }) => everywhere);
    if (before.watches.length > 0 || after.watches.length > 0) {
      this.watchTable.set(
        "guest",
        all.flatMap(({ watches }) => watches),
      );
    }
  }

  private places(vcpu: Vcpu): Placed {
    const { breakpoints, watchpoints } = this.model;
    const { addresses, everywhere } = breakpointPlaces(vcpu, breakpoints);
    const ranges = watchedRanges(vcpu, watchpoints);
    if (addresses.length === 0 && !everywhere && ranges.length === 0) return NOTHING;
    return {
      points: addresses.map((address) => ({ owner: "guest", address })),
      everywhere,
      watches: ranges.map(({ low, high, loads, stores, n }) => ({
        first: low,
        last: high,
        reads: loads,
        writes: stores,
        vcpu: vcpu.get32(CPU.index),
        program: n,
      })),
    };
  }

  /** The vCPU is about to execute the instruction at `pc`: whether it took a Breakpoint exception in its place. */
  breakpointTaken(vcpu: Vcpu, pc: bigint): boolean {
    const placed = this.placed.get(vcpu.get32(CPU.index));
    if (placed === undefined || placed === NOTHING || !debugExceptionsEnabled(vcpu)) return false;
    if (!breakpointMatches(vcpu, this.model.breakpoints, pc)) return false;
    this.engine.exports.raise(vcpu.base, debugTarget(vcpu), EC.breakpoint, DEBUG_FSC, pc);
    return true;
  }

  /**
   * An access at `va` touches what watchpoint `n` of the vCPU watches, made as from EL0 or from where the vCPU is:
   * whether it took a Watchpoint exception.
   */
  watchpointTaken(vcpu: Vcpu, va: bigint, isWrite: boolean, user: boolean, n: number): boolean {
    if (!debugExceptionsEnabled(vcpu)) return false;
    if (!watchpointApplies(vcpu, n, user ? 0 : vcpu.el, this.model.breakpoints)) return false;
    const iss = DEBUG_FSC | (isWrite ? WNR : 0);
    this.engine.exports.raiseWithFar(vcpu.base, debugTarget(vcpu), EC.watchpoint, iss, vcpu.pc, va);
    return true;
  }
}
