/**
 * `org.gnu.gdb.aarch64.core`: x0 to x30, sp, pc, cpsr (GDB manual, "AArch64 Features"). The fields of cpsr are those of
 * SPSR_ELx for an exception from AArch64 (DDI 0487, C5.2.18), which is where PSTATE is seen as one word.
 */

import { bit, type RegisterFeature } from "./feature.js";

export const coreFeature = {
  name: "org.gnu.gdb.aarch64.core",
  general: true,
  types: [
    {
      kind: "flags",
      id: "cpsr_flags",
      size: 4,
      fields: [
        bit("SP", 0),
        { name: "EL", start: 2, end: 3 },
        bit("nRW", 4),
        bit("F", 6),
        bit("I", 7),
        bit("A", 8),
        bit("D", 9),
        { name: "BTYPE", start: 10, end: 11 },
        bit("SSBS", 12),
        bit("IL", 20),
        bit("SS", 21),
        bit("PAN", 22),
        bit("UAO", 23),
        bit("DIT", 24),
        bit("TCO", 25),
        bit("V", 28),
        bit("C", 29),
        bit("Z", 30),
        bit("N", 31),
      ],
    },
  ],
  registers: [
    ...Array.from({ length: 31 }, (_, n) => ({ name: `x${n}`, bits: 64, type: "int" })),
    { name: "sp", bits: 64, type: "data_ptr" },
    { name: "pc", bits: 64, type: "code_ptr" },
    { name: "cpsr", bits: 32, type: "cpsr_flags" },
  ],
} as const satisfies RegisterFeature;

/** Indices in `coreFeature.registers`; `CoreRegister.x0 + n` is Xn. */
export const CoreRegister = { x0: 0, x29: 29, x30: 30, sp: 31, pc: 32, cpsr: 33 } as const;

/** Where `coreFeature` stands in `DebugTarget.features`. Being first, its indices are GDB's register numbers too. */
export const CORE = 0;
