/**
 * What the debugger catches (`monitor catch`), and where the machine then stands: at the vector for a level that the
 * guest owns, as hardware's vector catch does; before the instruction for a hosted level, whose vector has no code,
 * with the syndrome registers as the exception left them. Nothing is tested while nothing is caught (CPU.catchLevels),
 * and the guest's run is the same whatever is (docs/debugging.md).
 */

import { SYSREGS } from "../../../cpu/sysreg/table.js";
import type { Vcpu } from "../../../cpu/vcpu.js";
import { CPU } from "../../../engine/layout.js";
import { HostedLevels } from "../../hosted-levels.js";
import type { Machine } from "../../machine.js";
import type { Core, TakenException } from "../../scheduler.js";
import type { SystemRegisters } from "../system-registers.js";
import { type ExceptionFacts, explain, factsOf } from "./facts.js";
import type { CatchSpec, PowerChange } from "./kinds.js";

/** A catch with what limits it. */
export interface Catch extends CatchSpec {
  /** As it was typed. */
  readonly text: string;
  readonly to?: number;
  readonly from?: number;
  readonly cpu?: number;
  /** Gone after its first hit. */
  readonly once: boolean;
}

export interface NumberedCatch extends Catch {
  readonly number: number;
  hits: number;
}

const ALL_LEVELS = 0xe;
const STEP_PENDING = { SS: 1n, KDE: 1n << 13n } as const;

export class Catches {
  private readonly list: NumberedCatch[] = [];
  private next = 1;
  /** Levels whose exceptions are recorded, as bits; see `monitor exits record`. */
  private recorded = 0;
  /** The vCPU that stands before a caught instruction, which is to be carried out when it goes on. */
  private readonly passing = new Map<number, bigint>();
  /** What was caught last, for a person. */
  report = "";

  constructor(
    private readonly machine: Machine,
    private readonly system: SystemRegisters,
    private readonly record: (facts: ExceptionFacts) => void,
  ) {}

  get all(): readonly NumberedCatch[] {
    return this.list;
  }

  get recordedLevels(): number {
    return this.recorded;
  }

  set recordedLevels(levels: number) {
    this.recorded = levels;
    this.changed();
  }

  add(spec: Catch): NumberedCatch {
    const numbered = { ...spec, number: this.next++, hits: 0 };
    this.list.push(numbered);
    this.changed();
    return numbered;
  }

  /** Removes one by its number; whether it was there. */
  remove(number: number): boolean {
    const at = this.list.findIndex((other) => other.number === number);
    if (at < 0) return false;
    this.list.splice(at, 1);
    this.changed();
    return true;
  }

  clear(): void {
    this.list.length = 0;
    this.passing.clear();
    this.changed();
  }

  private changed(): void {
    let levels = this.recorded;
    for (const one of this.list) if (one.exception !== undefined) levels |= this.levelsOf(one);
    this.machine.watchExceptions("debugger", levels);
    this.machine.caughtSysregs.set(
      new Set(this.list.flatMap(({ sysreg }) => (sysreg === undefined ? [] : [sysreg.encoding]))),
    );
  }

  /**
   * Levels, as bits, whose exceptions a catch is to be asked of. Device accesses to a hosted level that is not asked
   * about are shorter.
   */
  private levelsOf({ to, guestOnly }: Catch): number {
    if (to !== undefined) return 1 << to;
    return guestOnly ? ALL_LEVELS & ~HostedLevels.levelsOf(this.machine.config) : ALL_LEVELS;
  }

  /** An exception was entered: whether the machine stops for it. A hosted level's is then taken back. */
  exception(core: Core, taken: TakenException): boolean {
    const passed = taken.hosted && this.passes(core, taken);
    const facts = factsOf(this.machine, this.system, core, taken);
    if ((this.recorded >>> taken.level) & 1 && !passed && !taken.hosted) this.record(facts);
    if (passed) return false;
    const found = this.list.filter(
      (one) =>
        one.exception?.(facts) &&
        !(one.guestOnly && taken.hosted && one.to === undefined) &&
        (one.to ?? facts.to) === facts.to &&
        (one.from ?? facts.from) === facts.from &&
        (one.cpu ?? core.index) === core.index,
    );
    if (found.length === 0) return false;
    if (taken.hosted) {
      this.takeBack(core.vcpu, facts);
      this.passing.set(core.index, core.vcpu.pc);
    }
    this.hit(found, core, explain(facts));
    return true;
  }

  /** Whether this is the instruction that the machine stood before, going on. */
  private passes({ index, vcpu }: Core, { level, vector }: TakenException): boolean {
    const pc = this.passing.get(index);
    if (pc === undefined) return false;
    this.passing.delete(index);
    const elr = vcpu.sysreg(`ELR_EL${level}`);
    return pc === elr || ((vector & 0x180) === 0 && pc === elr - 4n);
  }

  /** The vCPU is before the instruction again. What is left of the entry is in the level's own registers. */
  private takeBack(vcpu: Vcpu, { to, spsr, pc, elr }: ExceptionFacts): void {
    const level = to;
    vcpu.pstate = Number(BigInt.asUintN(32, vcpu.sysreg(`SPSR_EL${level}`)));
    vcpu.pc = pc;
    // A call clears PSTATE.SS before it is entered; the guest's own single step was active before it, or had ended.
    const mdscr = vcpu.sysreg("MDSCR_EL1");
    if (pc !== elr && (mdscr & STEP_PENDING.SS) !== 0n && (((spsr >> 2n) & 3n) === 0n || mdscr & STEP_PENDING.KDE)) {
      vcpu.set32(CPU.ss, 1);
    }
    this.machine.engine.exports.enterMode(vcpu.base);
  }

  /** MRS or MSR is about to happen: whether the machine stops before it. */
  access(core: Core, encoding: number, isRead: boolean, rt: number): boolean {
    const { vcpu } = core;
    if (this.passing.get(core.index) === vcpu.pc) {
      this.passing.delete(core.index);
      return false;
    }
    const direction = isRead ? "read" : "write";
    const found = this.list.filter(
      ({ sysreg, from, cpu }) =>
        sysreg?.encoding === encoding &&
        (sysreg.direction === "any" || sysreg.direction === direction) &&
        (from ?? vcpu.el) === vcpu.el &&
        (cpu ?? core.index) === core.index,
    );
    if (found.length === 0) return false;
    const name = SYSREGS.find((row) => row.encoding === encoding)?.name ?? "";
    const x = rt === 31 ? "XZR" : `X${rt}`;
    const value = isRead ? "" : `, which is 0x${vcpu.x(rt).toString(16)}`;
    this.passing.set(core.index, vcpu.pc);
    this.hit(found, core, [`${isRead ? `MRS ${x}, ${name}` : `MSR ${name}, ${x}${value}`}, at EL${vcpu.el}`]);
    return true;
  }

  /** A vCPU was switched on or off, or the machine was reset: whether the machine stops. */
  power(core: Core, change: PowerChange): boolean {
    const found = this.list.filter((one) => one.power?.includes(change) && (one.cpu ?? core.index) === core.index);
    if (found.length === 0) return false;
    const what = {
      on: `switched on, at EL${core.vcpu.el}, PC 0x${core.vcpu.pc.toString(16)}, X0 0x${core.vcpu.x(0).toString(16)}`,
      off: "switched off",
      reset: "the machine was reset; it stands at its first instruction",
    } as const;
    this.hit(found, core, [what[change]]);
    return true;
  }

  /** All that the event is caught by are hit, as all of GDB's breakpoints at one place are. */
  private hit(found: readonly NumberedCatch[], core: Core, lines: readonly string[]): void {
    const names = found.map(({ number, text }) => `catch ${number} (${text})`).join(", ");
    const [first = "", ...rest] = lines;
    this.report = [`${names}: CPU${core.index} ${first}`, ...rest].map((line) => `${line}\n`).join("");
    for (const one of found) {
      one.hits++;
      if (one.once) this.remove(one.number);
    }
  }
}
