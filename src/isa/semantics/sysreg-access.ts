/**
 * MRS and MSR (register): plain registers go straight to their slot, everything else to TypeScript
 * (cpu/sysreg/access.ts). The index entry says which (engine/layout.ts, SYSREG_ENTRY).
 */

import { sysregOffset } from "../../cpu/sysreg/table.js";
import type { Builder } from "../../engine/builder.js";
import { writeFpControl } from "../../engine/fp/mode.js";
import { sysregAccess } from "../../engine/imports.js";
import type { I32, I64 } from "../../engine/ir/value.js";
import { CPU, GLOBAL, SYSREG_FLAG } from "../../engine/layout.js";
import { contextChanged } from "../../mmu/banks.js";
import type { Operand } from "../pattern.js";

interface Entry {
  readonly flags: I32;
  readonly offset: I32;
  readonly allowed: I32;
}

function lookUp(b: Builder, encoding: I32, write: boolean): Entry {
  const { flags, offset, readTraps, writeTraps } = b.sysregEntry(encoding);
  const lowest = flags.shrU(write ? 4 : 0).and(15);
  const traps = write ? writeTraps.and(b.state32(CPU.writeTraps)) : readTraps.and(b.state32(CPU.readTraps));
  const allowed = b.state32(CPU.el).geU(lowest).and(traps.eqz());
  return { flags, offset, allowed };
}

/** Virtual time now, in instructions, as of the end of this one. */
function now(b: Builder): I64 {
  return b.state64(CPU.sliceEnd).sub(b.state32(CPU.budget).toI64S());
}

/** Of the usual counter: a tick takes four units of time. */
const TICK_SHIFT = 2;

/** CNTPCT_EL0 and, less an offset, CNTVCT_EL0: time in counter ticks (cpu/timer.ts, `CounterRate`). */
function setToTicks(b: Builder, rt: Operand, offset: I64): void {
  const up = b.load("i32.load", b.i32(0), GLOBAL.counterUp) as I32;
  b.if(
    up.eqz(),
    () => b.setX(rt, now(b).shrU(TICK_SHIFT).sub(offset)),
    () => {
      // In two steps, so that no product is beyond 64 bits: both parts of the ratio are below 2^32.
      const factor = up.toI64U();
      const divisor = (b.load("i32.load", b.i32(0), GLOBAL.counterDown) as I32).toI64U();
      const time = now(b);
      const whole = time.divU(divisor).mul(factor);
      b.setX(rt, whole.add(time.remU(divisor).mul(factor).divU(divisor)).sub(offset));
    },
  );
}

export function readSysreg(b: Builder, sysreg: Operand, rt: Operand): void {
  const encoding = b.operand(sysreg);
  const { flags, offset, allowed } = lookUp(b, encoding, false);
  b.if(
    flags.and(SYSREG_FLAG.plainRead).ne(0).and(allowed).eqz(),
    () => {
      const counter = flags
        .and(SYSREG_FLAG.virtualCounter | SYSREG_FLAG.physicalCounter)
        .ne(0)
        .and(allowed);
      b.if(counter.eqz(), () => b.leave(sysregAccess, encoding.or(1 << 15), b.i32(1), b.operand(rt)));
      const virtual = flags.and(SYSREG_FLAG.virtualCounter);
      setToTicks(b, rt, virtual.select(b.state64(sysregOffset("CNTVOFF_EL2")), b.i64(0)));
    },
    () => {
      b.setX(rt, b.load("i64.load", b.cpu.add(offset)) as I64);
    },
  );
}

export function writeSysreg(b: Builder, sysreg: Operand, rt: Operand): void {
  const encoding = b.operand(sysreg);
  const { flags, offset, allowed } = lookUp(b, encoding, true);
  const slowly = (): void => b.leave(sysregAccess, encoding.or(1 << 15), b.i32(0), b.operand(rt));
  b.if(
    flags.and(SYSREG_FLAG.fpControl),
    () => {
      b.if(allowed.eqz(), slowly);
      b.if((b.callRuntime(writeFpControl, offset, b.X(rt)) as I32).eqz(), slowly);
    },
    () => {
      b.if(flags.and(SYSREG_FLAG.plainWrite).ne(0).and(allowed).eqz(), slowly);
      b.store("i64.store", b.cpu.add(offset), b.X(rt));
      b.if(flags.and(SYSREG_FLAG.changesContext), () => {
        b.callRuntime(contextChanged);
      });
    },
  );
}
