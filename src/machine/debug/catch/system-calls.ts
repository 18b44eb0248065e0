/**
 * System calls of the guest's programs, as GDB's `catch syscall` wants them: SVC at EL0 to a level that the guest owns,
 * with the number in W8 (AArch64 Linux), and the return to the instruction behind it. Which call a return belongs to is
 * told by the program's stack pointer and tables, whichever vCPU it goes on at.
 */
import type { Vcpu } from "../../../cpu/vcpu.js";
import type { SystemCallSet } from "../../../gdb/target.js";
import { EC } from "../../../hosted/el2/syndrome.js";
import { HostedLevels } from "../../hosted-levels.js";
import type { Machine } from "../../machine.js";
import type { Core, TakenException } from "../../scheduler.js";
import { tablesOf } from "../../step.js";

export interface SystemCallStop {
  readonly phase: "entry" | "return";
  readonly number: number;
}

interface Call {
  readonly number: number;
  /** Where it returns to. */
  readonly pc: bigint;
}

/** Levels that a program's system call may be taken to, as bits; of hosted ones there is nothing to catch. */
const KERNELS = 0b110;
const SYNCHRONOUS_LOWER = 0x400;
const NUMBER_REGISTER = 8;
const EL0 = 0b1;
/** Calls that have not returned. More than this are of programs that ended in theirs. */
const MAX_CALLS = 4096;

/** The program that is at EL0, or has just left it. */
const programOf = (vcpu: Vcpu): string => `${tablesOf(vcpu, 0)} ${vcpu.spOf(0)}`;

export class SystemCalls {
  private wanted: SystemCallSet | undefined;
  private readonly calls = new Map<string, Call>();

  constructor(private readonly machine: Machine) {}

  set caught(set: SystemCallSet | undefined) {
    if (set === this.wanted) return;
    this.wanted = set;
    const levels = KERNELS & ~HostedLevels.levelsOf(this.machine.config);
    this.machine.watchExceptions("systemCalls", set === undefined ? 0 : levels);
    for (const core of this.machine.cores) core.caughtReturns = set === undefined ? 0 : EL0;
  }

  /**
   * GDB takes its catchpoints out at every stop and puts them back: calls are forgotten when the guest runs without.
   */
  resumed(): void {
    if (this.wanted === undefined) this.calls.clear();
  }

  /** An exception was entered: the call that it is, if that is caught. */
  entered({ vcpu }: Core, { level, vector, hosted }: TakenException): SystemCallStop | undefined {
    if (this.wanted === undefined || hosted || vector !== SYNCHRONOUS_LOWER) return undefined;
    const spsr = vcpu.sysreg(`SPSR_EL${level}`);
    const ec = Number((vcpu.sysreg(`ESR_EL${level}`) >> 26n) & 0x3fn);
    if (ec !== EC.SVC64 || (spsr & 0xfn) !== 0n) return undefined;
    const number = Number(BigInt.asUintN(32, vcpu.x(NUMBER_REGISTER)));
    if (this.wanted !== "all" && !this.wanted.has(number)) return undefined;
    if (this.calls.size >= MAX_CALLS) this.calls.delete(this.calls.keys().next().value as string);
    this.calls.set(programOf(vcpu), { number, pc: vcpu.sysreg(`ELR_EL${level}`) });
    return { phase: "entry", number };
  }

  /** After an ERET: the call that has returned. One that is to be made again has not. */
  returned({ vcpu }: Core): SystemCallStop | undefined {
    if (this.wanted === undefined || vcpu.el !== 0) return undefined;
    const program = programOf(vcpu);
    const call = this.calls.get(program);
    if (call === undefined || vcpu.pc !== call.pc) return undefined;
    this.calls.delete(program);
    return { phase: "return", number: call.number };
  }
}
