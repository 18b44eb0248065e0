/**
 * PSTATE fields and FP control as MRS and MSR see them (DDI 0487, C5.2 "Special-purpose registers"). They have no
 * saved slot: the fields of the vCPU block are the state.
 */
import { CPU } from "../../engine/layout.js";
import { FPCR, FPCR_WITHOUT_FP16, FPSR_BITS } from "../fp/format.js";
import { type Access, bits, mask, type RowOptions, register } from "./row.js";

const field =
  (offset: number, shift: bigint) =>
  ({ vcpu }: Access): bigint =>
    BigInt(vcpu.get32(offset)) << shift;

/** A one-bit PSTATE field whose change moves nothing else. */
function flag(offset: number, position: number): Pick<RowOptions, "read" | "write" | "writable"> {
  return {
    writable: mask(position),
    read: field(offset, BigInt(position)),
    write: ({ vcpu }, value) => vcpu.set32(offset, value === 0n ? 0 : 1),
  };
}

export const PSTATE = [
  register("SPSel", [3, 0, 4, 2, 0], {
    writable: 1n,
    read: field(CPU.spSel, 0n),
    write: ({ vcpu }, value) => vcpu.setSpSel(Number(value)),
  }),
  register("CurrentEL", [3, 0, 4, 2, 2], { access: "RO", read: field(CPU.el, 2n) }),
  register("PAN", [3, 0, 4, 2, 3], {
    ...flag(CPU.pan, 22),
    features: ["PAN"],
    write: ({ vcpu, host }, value) => {
      vcpu.set32(CPU.pan, value === 0n ? 0 : 1);
      vcpu.selectMode();
      host.modesChanged(vcpu);
    },
  }),
  register("UAO", [3, 0, 4, 2, 4], { ...flag(CPU.uao, 23), features: ["UAO"] }),
  register("NZCV", [3, 3, 4, 2, 0], {
    writable: bits(31, 28),
    read: ({ vcpu }) => BigInt(vcpu.nzcv()),
    write: ({ vcpu }, value) => vcpu.setNzcv(Number(value)),
  }),
  register("DAIF", [3, 3, 4, 2, 1], {
    writable: bits(9, 6),
    trap: "daif",
    cell: CPU.daif,
    slotRead: true,
    read: ({ vcpu }) => BigInt(vcpu.daif),
    write: ({ vcpu, host }, value) => {
      vcpu.daif = Number(value);
      host.interruptsChanged(vcpu);
    },
  }),
  register("DIT", [3, 3, 4, 2, 5], { ...flag(CPU.dit, 24), features: ["DIT"] }),
  register("SSBS", [3, 3, 4, 2, 6], { ...flag(CPU.ssbs, 12), features: ["SSBS"] }),
  register("FPCR", [3, 3, 4, 4, 0], {
    writable: (has) => BigInt(FPCR_WITHOUT_FP16 | (has("FP16") ? FPCR.FZ16 : 0)),
    trap: "floatingPoint",
    cell: CPU.fpcr,
    slotRead: true,
    fpControl: true,
    read: field(CPU.fpcr, 0n),
    write: ({ vcpu }, value) => vcpu.setFpcr(Number(value)),
  }),
  register("FPSR", [3, 3, 4, 4, 1], {
    writable: BigInt(FPSR_BITS),
    trap: "floatingPoint",
    cell: CPU.fpsr,
    slotRead: true,
    fpControl: true,
    read: field(CPU.fpsr, 0n),
    write: ({ vcpu }, value) => vcpu.setFpsr(Number(value)),
  }),
];
