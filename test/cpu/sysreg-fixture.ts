/** A vCPU in a memory of its own, and a host that writes down what the system-register accesses tell it. */

import { type CpuModel, cpuModel } from "../../src/cpu/model.js";
import { accessSysreg } from "../../src/cpu/sysreg/access.js";
import type { GicAccess, SyncException, SysregHost } from "../../src/cpu/sysreg/host.js";
import { resetSysregs } from "../../src/cpu/sysreg/reset.js";
import { sysregByName } from "../../src/cpu/sysreg/table.js";
import type { TimerName } from "../../src/cpu/sysreg/timer-names.js";
import { GenericTimer } from "../../src/cpu/timer.js";
import { Vcpu } from "../../src/cpu/vcpu.js";
import { CPU, CPU_BLOCK_SIZE } from "../../src/engine/layout.js";
import { FEATURES } from "../../src/isa/features.js";

export type Outcome = { readonly value: bigint } | SyncException | "undefined";

/** A CPU with all features there are, implemented by the engine or not. */
export const EVERYTHING: CpuModel = { ...cpuModel("max"), name: "everything", features: new Set(FEATURES) };

export class Bench {
  readonly vcpu: Vcpu;
  readonly model: CpuModel;
  readonly timer: GenericTimer;
  readonly host: SysregHost;
  /** Names of the notifications, in order. */
  readonly told: string[] = [];
  /** What reached the GIC's CPU interface. */
  readonly gicAccesses: { name: string; access: GicAccess; value?: bigint }[] = [];
  readonly timerLines: Partial<Record<TimerName, boolean>> = {};
  pmuLine = false;
  time = 0n;
  /** Instructions retired by level, as SysregHost has them. */
  private readonly levels: bigint[] = new Array(8).fill(0n);
  private outcome: SyncException | "undefined" | undefined;

  constructor(model: string | CpuModel = "cortex-a72") {
    this.model = typeof model === "string" ? cpuModel(model) : model;
    this.vcpu = new Vcpu(new ArrayBuffer(2 * CPU_BLOCK_SIZE), CPU_BLOCK_SIZE);
    this.vcpu.set32(CPU.hasEl2, 1);
    this.vcpu.set32(CPU.hasEl3, 1);
    const line = (name: TimerName) => ({
      set: (level: boolean) => {
        this.timerLines[name] = level;
      },
    });
    this.timer = new GenericTimer(this.vcpu, () => this.time, {
      physical: line("physical"),
      virtual: line("virtual"),
      hypervisor: line("hypervisor"),
      hypervisorVirtual: line("hypervisorVirtual"),
      secure: line("secure"),
    });
    const note = (what: string) => () => void this.told.push(what);
    this.host = {
      model: this.model,
      raise: (_, exception) => {
        this.outcome = exception;
      },
      undefined: () => {
        this.outcome = "undefined";
      },
      gic: () => ({
        implements: (name) => !/LR(4|5|6|7|8|9|1\d)_/.test(name),
        read: (name, access) => {
          this.gicAccesses.push({ name, access });
          return 0x5an;
        },
        peek: () => 0x6bn,
        write: (name, access, value) => void this.gicAccesses.push({ name, access, value }),
      }),
      timer: () => this.timer,
      retired: () => this.levels,
      pmuInterrupt: (_, level) => {
        this.pmuLine = level;
      },
      translationChanged: note("translation"),
      tableBaseChanged: note("table base"),
      modesChanged: note("modes"),
      interruptsChanged: note("interrupts"),
      debugChanged: note("debug"),
    };
    resetSysregs(this.vcpu, { model: this.model, index: 0, cpus: 2, affinity: 0n });
    // Non-secure, as EL2 and EL1 are under every firmware.
    this.vcpu.setSysreg("SCR_EL3", this.vcpu.sysreg("SCR_EL3") | 1n);
    this.enter(1);
  }

  /** Instructions retired in all; what is new was so at the current EL. */
  set retired(total: bigint) {
    const before = this.levels.reduce((sum, count) => sum + count, 0n);
    this.levels[this.vcpu.el] = (this.levels[this.vcpu.el] ?? 0n) + total - before;
  }

  /** Stands at an EL with its own stack pointer, controls looked at anew. */
  enter(el: number): this {
    this.vcpu.pstate = (el << 2) | (el === 0 ? 0 : 1);
    this.vcpu.recomputeModes();
    return this;
  }

  /** Sets bits of a slot, as software at a higher EL would have. */
  set(name: string, bits: bigint): this {
    this.vcpu.setSysreg(name, this.vcpu.sysreg(name) | bits);
    this.vcpu.recomputeModes();
    return this;
  }

  clear(name: string, bits: bigint): this {
    this.vcpu.setSysreg(name, this.vcpu.sysreg(name) & ~bits);
    this.vcpu.recomputeModes();
    return this;
  }

  /** MRS X3, name. */
  mrs(name: string): Outcome {
    return this.access(encodingOf(name), true);
  }

  /** MSR name, X3. */
  msr(name: string, value: bigint): Outcome {
    this.vcpu.setX(3, value);
    return this.access(encodingOf(name), false);
  }

  access(encoding: number, isRead: boolean): Outcome {
    this.outcome = undefined;
    this.vcpu.pc = 0x1000n;
    accessSysreg(this.vcpu, this.host, encoding, isRead, 3);
    const moved = this.vcpu.pc === 0x1004n;
    if (moved !== (this.outcome === undefined)) throw new Error("the PC moves exactly when the access is done");
    return this.outcome ?? { value: this.vcpu.x(3) };
  }

  /** The EL that takes the trap; "undefined"; or "done". */
  fate(name: string, direction: "read" | "write"): number | "undefined" | "done" {
    const outcome = direction === "read" ? this.mrs(name) : this.msr(name, 0n);
    if (outcome === "undefined") return outcome;
    return "ec" in outcome ? outcome.targetEl : "done";
  }
}

export function encodingOf(name: string): number {
  const row = sysregByName(name);
  if (row === undefined) throw new Error(`no register ${name}`);
  return row.encoding;
}
