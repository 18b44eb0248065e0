/**
 * System registers whose accesses a debugger catches: their MRS and MSR leave the fast path (engine/layout.ts,
 * SYSREG_ENTRY), and what the fast path would have done is done here, so that the run stays the same.
 */
import type { Vcpu } from "../../../cpu/vcpu.js";
import type { Engine } from "../../../engine/engine.js";
import { AREA, CPU, SYSREG_ENTRY, SYSREG_FLAG } from "../../../engine/layout.js";

const PLAIN = SYSREG_FLAG.plainRead | SYSREG_FLAG.plainWrite | SYSREG_FLAG.virtualCounter | SYSREG_FLAG.physicalCounter;

export class CaughtSysregs {
  /** Flags of the index as they were, by 15-bit encoding. */
  private readonly flags = new Map<number, number>();

  constructor(private readonly engine: Engine) {}

  has(encoding: number): boolean {
    return this.flags.has(encoding);
  }

  /** Accesses to these, by 15-bit encoding, are asked about from now on, and no others. */
  set(encodings: ReadonlySet<number>): void {
    const { engine, flags: old } = this;
    if (encodings.size === 0 && old.size === 0) return;
    engine.setInterpretOnly(encodings.size > 0);
    const { view } = engine;
    for (const [encoding, flags] of this.flags) view.setUint32(flagsAt(encoding), flags, true);
    this.flags.clear();
    for (const encoding of encodings) {
      const flags = view.getUint32(flagsAt(encoding), true);
      this.flags.set(encoding, flags);
      view.setUint32(flagsAt(encoding), flags & ~PLAIN, true);
    }
  }

  /**
   * Carries out an access that would have been plain, with the PC moved on; false when it is none. `count`: CNTPCT_EL0.
   */
  access(vcpu: Vcpu, encoding: number, isRead: boolean, rt: number, count: bigint): boolean {
    const { view, exports } = this.engine;
    const flags = this.flags.get(encoding) ?? 0;
    const word = (offset: number): number => view.getUint32(entryAt(encoding) + offset, true);
    const traps = isRead
      ? word(SYSREG_ENTRY.readTraps) & vcpu.get32(CPU.readTraps)
      : word(SYSREG_ENTRY.writeTraps) & vcpu.get32(CPU.writeTraps);
    if (traps !== 0 || vcpu.el < ((flags >>> (isRead ? 0 : 4)) & 15)) return false;
    const cell = word(SYSREG_ENTRY.offset);
    if (isRead && (flags & SYSREG_FLAG.plainRead) !== 0) {
      vcpu.setX(rt, vcpu.get64(cell));
    } else if (isRead && (flags & (SYSREG_FLAG.virtualCounter | SYSREG_FLAG.physicalCounter)) !== 0) {
      const offset = flags & SYSREG_FLAG.virtualCounter ? vcpu.sysreg("CNTVOFF_EL2") : 0n;
      vcpu.setX(rt, count - offset);
    } else if (!isRead && (flags & SYSREG_FLAG.plainWrite) !== 0) {
      vcpu.set64(cell, vcpu.x(rt));
      if (flags & SYSREG_FLAG.changesContext) exports.contextChanged(vcpu.base);
    } else return false;
    vcpu.pc += 4n;
    return true;
  }
}

const entryAt = (encoding: number): number => AREA.sysregIndex + encoding * SYSREG_ENTRY.size;
const flagsAt = (encoding: number): number => entryAt(encoding) + SYSREG_ENTRY.flags;
