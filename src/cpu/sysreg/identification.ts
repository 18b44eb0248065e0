/**
 * Identification and cache registers (DDI 0487, D17.2 and D12.3.3 "ID registers"). Values come from the CPU model.
 */

import { trapsChanged } from "./effects.js";
import { idValue, isIdRegister } from "./id.js";
import { type Access, decode, encode, mask, type RowOptions, register, type SysregRow } from "./row.js";
import { zeroingProhibited } from "./traps.js";

/** An EL1 read sees what EL2 says in VPIDR_EL2 or VMPIDR_EL2. */
const virtualised = (name: string, real: string): RowOptions => ({
  access: "RO",
  trap: "identity",
  read: ({ vcpu, el }) => vcpu.sysreg(el === 1 && vcpu.controls.el2 ? name : real),
  slotRead: true,
});

const id3 = { access: "RO", trap: "id3" } as const;

/** ID_AA64PFR0_EL1.EL1 with AArch32 as well as AArch64. */
const EL1_BOTH_STATES = 2n << 4n;
const EL1_FIELD = 15n << 4n;

/**
 * Firmware at EL3 is told that EL1 has AArch32, as on the real Cortex-A72: builds that save its registers (TF-A's
 * CTX_INCLUDE_AARCH32_REGS, on by default) refuse to start without. The registers are there, read as zero; an exception
 * return to AArch32 is an illegal one, and the levels below are told the truth.
 */
const processorFeatures = ({ vcpu, el }: Access): bigint => {
  const value = vcpu.sysreg("ID_AA64PFR0_EL1");
  return el === 3 ? (value & ~EL1_FIELD) | EL1_BOTH_STATES : value;
};

/** ID_* of a 64-bit PE without AArch32, MVFR*, and the reserved rest of the space, which reads as zero. */
function idSpace(): SysregRow[] {
  const rows: SysregRow[] = [];
  for (let crm = 1; crm <= 7; crm++) {
    for (let op2 = 0; op2 <= 7; op2++) {
      const encoding = encode(3, 0, 0, crm, op2);
      const name = ID_NAMES[encoding] ?? `ID_RAZ_C0_C${crm}_${op2}`;
      rows.push(
        register(name, [3, 0, 0, crm, op2], {
          ...id3,
          ...(isIdRegister(name) && { reset: ({ model }) => idValue(name, model) }),
          ...(name === "ID_AA64PFR0_EL1" && { read: processorFeatures }),
        }),
      );
    }
  }
  return rows;
}

const AARCH32_NAMES = [
  ["ID_PFR0", "ID_PFR1", "ID_DFR0", "ID_AFR0", "ID_MMFR0", "ID_MMFR1", "ID_MMFR2", "ID_MMFR3"],
  ["ID_ISAR0", "ID_ISAR1", "ID_ISAR2", "ID_ISAR3", "ID_ISAR4", "ID_ISAR5", "ID_MMFR4", "ID_ISAR6"],
  ["MVFR0", "MVFR1", "MVFR2", undefined, "ID_PFR2", "ID_DFR1", "ID_MMFR5"],
];

/** Named registers of the space by encoding. */
const ID_NAMES: Readonly<Record<number, string>> = Object.fromEntries([
  ...AARCH32_NAMES.flatMap((names, group) =>
    names.flatMap((name, op2) => (name === undefined ? [] : [[encode(3, 0, 0, group + 1, op2), `${name}_EL1`]])),
  ),
  [encode(3, 0, 0, 4, 0), "ID_AA64PFR0_EL1"],
  [encode(3, 0, 0, 4, 1), "ID_AA64PFR1_EL1"],
  [encode(3, 0, 0, 4, 4), "ID_AA64ZFR0_EL1"],
  [encode(3, 0, 0, 4, 5), "ID_AA64SMFR0_EL1"],
  [encode(3, 0, 0, 5, 0), "ID_AA64DFR0_EL1"],
  [encode(3, 0, 0, 5, 1), "ID_AA64DFR1_EL1"],
  [encode(3, 0, 0, 5, 4), "ID_AA64AFR0_EL1"],
  [encode(3, 0, 0, 5, 5), "ID_AA64AFR1_EL1"],
  [encode(3, 0, 0, 6, 0), "ID_AA64ISAR0_EL1"],
  [encode(3, 0, 0, 6, 1), "ID_AA64ISAR1_EL1"],
  [encode(3, 0, 0, 6, 2), "ID_AA64ISAR2_EL1"],
  [encode(3, 0, 0, 7, 0), "ID_AA64MMFR0_EL1"],
  [encode(3, 0, 0, 7, 1), "ID_AA64MMFR1_EL1"],
  [encode(3, 0, 0, 7, 2), "ID_AA64MMFR2_EL1"],
]);

/** Op0 3, op1 {0, 1, 3}, CRn 0, CRm 0–7: where FEAT_IDST turns UNDEFINED reads from EL0 into traps. */
export function inFeatureIdSpace(encoding: number): boolean {
  const { op0, op1, crn, crm } = decode(encoding);
  return op0 === 3 && (op1 === 0 || op1 === 1 || op1 === 3) && crn === 0 && crm <= 7;
}

/** CSSELR_EL1 selects by (level − 1) << 1 | InD. */
const cacheSize = ({ vcpu, host }: Access): bigint =>
  host.model.cacheSizes[Number(vcpu.sysreg("CSSELR_EL1") & 15n)] ?? 0n;

/** DZP is set where SCTLR_ELx.DZE or HCR_EL2.TDZ forbids DC ZVA (DDI 0487, DCZID_EL0). */
const zeroing = ({ vcpu, el }: Access): bigint =>
  vcpu.sysreg("DCZID_EL0") | (zeroingProhibited(vcpu.controls, el) ? mask(4) : 0n);

export const IDENTIFICATION = [
  register("MIDR_EL1", [3, 0, 0, 0, 0], {
    ...virtualised("VPIDR_EL2", "MIDR_EL1"),
    reset: ({ model }) => model.midr,
  }),
  register("MPIDR_EL1", [3, 0, 0, 0, 5], {
    ...virtualised("VMPIDR_EL2", "MPIDR_EL1"),
    reset: ({ affinity }) => mask(31) | affinity,
  }),
  register("REVIDR_EL1", [3, 0, 0, 0, 6], { access: "RO", trap: "id1", reset: ({ model }) => model.revidr }),
  ...idSpace(),
  register("CCSIDR_EL1", [3, 1, 0, 0, 0], { access: "RO", trap: "id2", read: cacheSize }),
  register("CLIDR_EL1", [3, 1, 0, 0, 1], { access: "RO", trap: "id2", reset: ({ model }) => model.clidr }),
  register("AIDR_EL1", [3, 1, 0, 0, 7], { access: "RO", trap: "id1" }),
  register("CSSELR_EL1", [3, 2, 0, 0, 0], { trap: "id2", writable: 15n }),
  register("CTR_EL0", [3, 3, 0, 0, 1], { access: "RO", trap: "cacheType", reset: ({ model }) => model.ctr }),
  register("DCZID_EL0", [3, 3, 0, 0, 7], {
    access: "RO",
    trap: "zeroing",
    reset: ({ model }) => model.dczid,
    read: zeroing,
    slotRead: true,
  }),
  register("VPIDR_EL2", [3, 4, 0, 0, 0], {
    writable: 0xffff_ffffn,
    reset: ({ model }) => model.midr,
    changed: trapsChanged,
  }),
  register("VMPIDR_EL2", [3, 4, 0, 0, 5], {
    writable: 0xff_c1ff_ffffn & ~mask(31),
    reset: ({ affinity }) => mask(31) | affinity,
    changed: trapsChanged,
  }),
];
