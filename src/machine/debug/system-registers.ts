/**
 * System registers for a debugger: every register that this machine's CPU has (src/cpu/sysreg), read without side
 * effects and written with all that follows architecturally, whatever the vCPU's Exception level is (DDI 0487, D17).
 */
import { peekSysreg, writeSysreg } from "../../cpu/sysreg/access.js";
import { modelSysregs } from "../../cpu/sysreg/model-table.js";
import { encodingName, NEVER, type SysregRow } from "../../cpu/sysreg/row.js";
import { SYSREGS } from "../../cpu/sysreg/table.js";
import type { Vcpu } from "../../cpu/vcpu.js";
import { CPU, CPU_SYSREG_SLOTS } from "../../engine/layout.js";
import { Errno, systemFeature, TargetError } from "../../gdb/index.js";
import type { Machine } from "../machine.js";

/** Registers that the vCPU keeps elsewhere while they are in use. */
const STACK_POINTER = /^SP_EL(\d)$/;

/** The fpu feature has FPCR and FPSR; encodings reserved for identification have no name of the architecture's. */
const NOT_SHOWN = /^FP[CS]R$|^ID_RAZ_/;

/**
 * CNT*_CTL.ISTATUS says whether the timer's condition is met just now: whoever writes the register does not mean it.
 */
const TIMER_CONTROL = /^CNT\w+_CTL_/;
const TIMER_STATUS = 4n;

export class SystemRegisters {
  /** Those with a value to show. The `_EL12` and `_EL02` encodings are other ways to a register that is there once. */
  private readonly shown: readonly SysregRow[];
  /**
   * In lower case, so that a person may type either, and by encoding (s3_0_c1_c0_0); aliases and write-only registers
   * too.
   */
  private readonly byName: ReadonlyMap<string, SysregRow>;
  readonly feature;

  constructor(private readonly machine: Machine) {
    const present = SYSREGS.filter((row) => row.encoding >= 0 && this.isPresent(row));
    this.shown = present.filter(
      ({ name, readEl, aliasOf }) => readEl !== NEVER && aliasOf === undefined && !NOT_SHOWN.test(name),
    );
    const names = (row: SysregRow): string[] => [row.name, encodingName(row.encoding)];
    this.byName = new Map(present.flatMap((row) => names(row).map((name) => [name.toLowerCase(), row])));
    this.feature = systemFeature(this.shown.map(({ name }) => name));
  }

  private isPresent(row: SysregRow): boolean {
    const { model, sysregHost, cores } = this.machine;
    if (!modelSysregs(model).has(row)) return false;
    return !row.gic || cores.every(({ vcpu }) => sysregHost.gic(vcpu)?.implements(row.name) === true);
  }

  /** The register at an index of the feature. */
  at(index: number): SysregRow {
    const row = this.shown[index];
    if (row === undefined) throw new Error(`no system register ${index}`);
    return row;
  }

  /** The register of that name or encoding in any case, or why there is none. */
  find(name: string): SysregRow | TargetError {
    const row = this.byName.get(name.toLowerCase());
    if (row !== undefined) return row;
    const known = SYSREGS.find((other) => other.name.toLowerCase() === name.toLowerCase());
    if (known === undefined) return refusal(Errno.EINVAL, `there is no system register ${name}`);
    return refusal(Errno.EINVAL, `${known.name} is not present: ${this.machine.model.name} does not have it`);
  }

  /** The value, without side effects. */
  read(vcpu: Vcpu, row: SysregRow): bigint | TargetError {
    if (row.readEl === NEVER) return refusal(Errno.EPERM, `${row.name} is write-only`);
    const stack = STACK_POINTER.exec(row.name)?.[1];
    if (stack !== undefined) return vcpu.spOf(Number(stack));
    return BigInt.asUintN(64, row.name.startsWith("PM") ? this.peekCounter(vcpu, row) : this.peek(vcpu, row));
  }

  private peek(vcpu: Vcpu, row: SysregRow): bigint {
    return peekSysreg(vcpu, this.machine.sysregHost, row);
  }

  /** Reading the PMU brings its counters up to date in their slots: here on a copy, and no overflow is signalled. */
  private peekCounter(vcpu: Vcpu, row: SysregRow): bigint {
    const { engine, sysregHost } = this.machine;
    const first = vcpu.base + CPU.sysregs;
    const slots = engine.bytes.slice(first, first + 8 * CPU_SYSREG_SLOTS);
    const value = peekSysreg(vcpu, { ...sysregHost, pmuInterrupt: () => {} }, row);
    engine.bytes.set(slots, first);
    return value;
  }

  /** Writes all of the value with its effects on translation, traps, timers and interrupts; or says why not. */
  write(vcpu: Vcpu, row: SysregRow, value: bigint): TargetError | undefined {
    const { name, writeEl, readEl } = row;
    if (writeEl === NEVER) return refusal(Errno.EPERM, `${name} is read-only`);
    const stack = STACK_POINTER.exec(name)?.[1];
    if (stack !== undefined) {
      vcpu.setSpOf(Number(stack), value);
      return undefined;
    }
    const { machine } = this;
    const before = readEl === NEVER ? 0n : this.read(vcpu, row);
    if (before instanceof TargetError) return before;
    const { writable } = modelSysregs(machine.model).of(row);
    if (writable === 0n) return refusal(Errno.EPERM, `${name}: no bit of it can be written on this CPU`);
    const status = TIMER_CONTROL.test(name) ? TIMER_STATUS : 0n;
    const fixed = (value ^ before) & ~writable & ~status;
    if (fixed !== 0n) {
      const text = `${name}: bits 0x${fixed.toString(16)} cannot be changed on this CPU; it holds 0x${before.toString(16)}`;
      return refusal(Errno.EINVAL, text);
    }
    writeSysreg(vcpu, machine.sysregHost, row, value);
    machine.hosted.resample(vcpu);
    return undefined;
  }
}

function refusal(errno: Errno, text: string): TargetError {
  return new TargetError(errno, text);
}
