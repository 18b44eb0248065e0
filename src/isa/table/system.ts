/**
 * Exception generation, barriers, hints, PSTATE and system-register access, SYS instructions (DDI 0487, C4.1.94
 * "Branches, Exception Generating and System instructions").
 */

import { brk, eret, errorBarrier, hlt, hvc, smc, svc } from "../../cpu/exceptions.js";
import { KEY } from "../../cpu/pauth.js";
import { HCR_EL2 as HCR } from "../../cpu/sysreg/bits.js";
import { CPU } from "../../engine/layout.js";
import { type Row, row } from "../pattern.js";
import { leaveAuthenticated } from "../semantics/pointer-authentication.js";
import { readSysreg, writeSysreg } from "../semantics/sysreg-access.js";
import {
  addressTranslate,
  cacheByVa,
  cacheMaintenance,
  clearExclusive,
  daifClear,
  daifSet,
  daifWrite,
  instructionCacheByVa,
  invalidateByVa,
  predictionRestriction,
  sendEvent,
  setPan,
  setSpSel,
  tlbInvalidate,
  waitForEvent,
  waitForInterrupt,
  zeroBlock,
} from "../semantics/system.js";

const exceptions = [
  row("SVC", "11010100000 imm16:16 00001", {}, (b, f) => b.leave(svc, b.operand(f.imm16))),
  row("HVC", "11010100000 imm16:16 00010", {}, (b, f) => b.leave(hvc, b.operand(f.imm16))),
  row("SMC", "11010100000 imm16:16 00011", {}, (b, f) => b.leave(smc, b.operand(f.imm16))),
  row("BRK", "11010100001 imm16:16 00000", {}, (b, f) => b.leave(brk, b.operand(f.imm16))),
  // Halting debug is not there, so HLT (but for semihosting) and DCPS are UNDEFINED (H1.1).
  row("HLT", "11010100010 imm16:16 00000", {}, (b, f) => b.leave(hlt, b.operand(f.imm16))),
  row("ERET", "11010110100111110000001111100000", {}, (b) => b.leave(eret)),
  row("ERETAA", "1101011 0 1 00 11111 0000 1 M=1 11111 11111", { feature: "PAuth" }, (b, f) => {
    leaveAuthenticated(b, f.M ? KEY.IB : KEY.IA);
  }),
];

const hints = [
  // Every hint not named below is a NOP, whatever later architectures made of it.
  row("HINT", "11010101000000110010 CRm:4 op2:3 11111", {}, () => {}),
  row("WFE", "11010101000000110010 0000 010 11111", { over: ["HINT"] }, (b) => b.leave(waitForEvent)),
  row("WFI", "11010101000000110010 0000 011 11111", { over: ["HINT"] }, (b) => b.leave(waitForInterrupt)),
  row("SEV", "11010101000000110010 0000 100 11111", { over: ["HINT"] }, (b) => {
    b.callRuntime(sendEvent);
  }),
  row("ESB", "11010101000000110010 0010 000 11111", { feature: "RAS", over: ["HINT"] }, (b) => {
    b.callRuntime(errorBarrier);
  }),
  row("SEVL", "11010101000000110010 0000 101 11111", { over: ["HINT"] }, (b) => b.setState32(CPU.event, b.i32(1))),
];

const barriers = [
  row("CLREX", "11010101000000110011 CRm:4 010 11111", {}, (b) => clearExclusive(b)),
  // One host thread runs all vCPUs in turn: memory is always in order.
  row("DSB", "11010101000000110011 CRm:4 100 11111", {}, () => {}),
  row("DMB", "11010101000000110011 CRm:4 101 11111", {}, () => {}),
  // Registers that matter to fetch take effect when they are written (stricter than asked).
  row("ISB", "11010101000000110011 CRm:4 110 11111", {}, () => {}),
  row("SB", "11010101000000110011 0000 111 11111", { feature: "SB" }, () => {}),
];

const pstate = [
  row("MSR_imm_UAO", "1101010100000 000 0100 CRm:4 011 11111", { feature: "UAO" }, (b, f) => {
    b.undefinedIf(b.state32(CPU.el).eqz());
    b.setState32(CPU.uao, b.operand(f.CRm).and(1));
  }),
  row("MSR_imm_PAN", "1101010100000 000 0100 CRm:4 100 11111", { feature: "PAN" }, (b, f) => {
    b.undefinedIf(b.state32(CPU.el).eqz());
    b.callRuntime(setPan, b.operand(f.CRm).and(1));
  }),
  row("MSR_imm_SPSel", "1101010100000 000 0100 CRm:4 101 11111", {}, (b, f) => {
    b.undefinedIf(b.state32(CPU.el).eqz());
    b.callRuntime(setSpSel, b.operand(f.CRm).and(1));
  }),
  row("MSR_imm_SSBS", "1101010100000 011 0100 CRm:4 001 11111", { feature: "SSBS" }, (b, f) =>
    b.setState32(CPU.ssbs, b.operand(f.CRm).and(1)),
  ),
  row("MSR_imm_DIT", "1101010100000 011 0100 CRm:4 010 11111", { feature: "DIT" }, (b, f) =>
    b.setState32(CPU.dit, b.operand(f.CRm).and(1)),
  ),
  row("MSR_imm_DAIFSet", "1101010100000 011 0100 CRm:4 110 11111", {}, (b, f) => daifSet(b, f.CRm)),
  row("MSR_imm_DAIFClr", "1101010100000 011 0100 CRm:4 111 11111", {}, (b, f) => daifClear(b, f.CRm)),
];

const registers = [
  // The one special register that kernels write at every lock and interrupt.
  row("MSR_DAIF", "110101010001 1 011 0100 0010 001 Rt:5", { over: ["MSR_reg"] }, (b, f) => daifWrite(b, f.Rt)),
  row("MSR_reg", "110101010001 sysreg:15 Rt:5", {}, (b, f) => writeSysreg(b, f.sysreg, f.Rt)),
  row("MRS", "110101010011 sysreg:15 Rt:5", {}, (b, f) => readSysreg(b, f.sysreg, f.Rt)),
];

/** "op1 CRn CRm op2" of a SYS instruction. */
const sys = (op1: number, crn: number, crm: number, op2: number): string =>
  `1101010100001${bits(op1, 3)}${bits(crn, 4)}${bits(crm, 4)}${bits(op2, 3)}`;
const bits = (value: number, width: number): string => value.toString(2).padStart(width, "0");

/** Typed by what a body sees of it: the one operand. */
const sysPattern = (op1: number, crn: number, crm: number, op2: number): "sys Rt:5" =>
  `${sys(op1, crn, crm, op2)} Rt:5` as "sys Rt:5";

/** A bit of HCR_EL2 for what none of its bits traps: RES0. */
const UNTRAPPED = 63;

const cache = [
  row("IC_IALLUIS", sysPattern(0, 7, 1, 0), {}, (b) => cacheMaintenance(b, HCR.TPU)),
  row("IC_IALLU", sysPattern(0, 7, 5, 0), {}, (b) => cacheMaintenance(b, HCR.TPU)),
  row("IC_IVAU", sysPattern(3, 7, 5, 1), {}, (b, f) => instructionCacheByVa(b, f.Rt, HCR.TPU)),
  row("DC_IVAC", sysPattern(0, 7, 6, 1), {}, (b, f) => invalidateByVa(b, f.Rt, HCR.TPC)),
  row("DC_ISW", sysPattern(0, 7, 6, 2), {}, (b) => cacheMaintenance(b, HCR.TSW)),
  row("DC_CSW", sysPattern(0, 7, 10, 2), {}, (b) => cacheMaintenance(b, HCR.TSW)),
  row("DC_CISW", sysPattern(0, 7, 14, 2), {}, (b) => cacheMaintenance(b, HCR.TSW)),
  row("DC_CVAC", sysPattern(3, 7, 10, 1), {}, (b, f) => cacheByVa(b, f.Rt, HCR.TPC, true)),
  row("DC_CVAU", sysPattern(3, 7, 11, 1), {}, (b, f) => cacheByVa(b, f.Rt, HCR.TPU, true)),
  row("DC_CVAP", sysPattern(3, 7, 12, 1), { feature: "DPB" }, (b, f) => cacheByVa(b, f.Rt, HCR.TPC, true)),
  row("DC_CVADP", sysPattern(3, 7, 13, 1), { feature: "DPB2" }, (b, f) => cacheByVa(b, f.Rt, HCR.TPC, true)),
  row("DC_CIVAC", sysPattern(3, 7, 14, 1), {}, (b, f) => cacheByVa(b, f.Rt, HCR.TPC, true)),
  row("DC_ZVA", sysPattern(3, 7, 4, 1), {}, (b, f) => zeroBlock(b, f.Rt, HCR.TDZ)),
];

const prediction = [
  row("CFP_RCTX", sysPattern(3, 7, 3, 4), { feature: "SPECRES" }, (b) => predictionRestriction(b, UNTRAPPED)),
  row("DVP_RCTX", sysPattern(3, 7, 3, 5), { feature: "SPECRES" }, (b) => predictionRestriction(b, UNTRAPPED)),
  row("CPP_RCTX", sysPattern(3, 7, 3, 7), { feature: "SPECRES" }, (b) => predictionRestriction(b, UNTRAPPED)),
];

/** Kinds of TLB invalidation as `tlbInvalidate` takes them. */
const VA = "address";
const ASID = "asid";
const ALL = "all";
const RANGE = "range";
const IPA = "stage2";
const GUEST = "guest";
const GUESTS = "guests";

/** name without suffix, op1, op2, what it drops, lowest EL. CRm 7 is local, 3 Inner Shareable, 1 Outer Shareable. */
const TLBI: readonly (readonly [string, number, number, Parameters<typeof tlbInvalidate>[2], number])[] = [
  ["VMALLE1", 0, 0, GUEST, 1],
  ["VAE1", 0, 1, VA, 1],
  ["ASIDE1", 0, 2, ASID, 1],
  ["VAAE1", 0, 3, VA, 1],
  ["VALE1", 0, 5, VA, 1],
  ["VAALE1", 0, 7, VA, 1],
  ["ALLE2", 4, 0, ALL, 2],
  ["VAE2", 4, 1, VA, 2],
  ["ALLE1", 4, 4, GUESTS, 2],
  ["VALE2", 4, 5, VA, 2],
  ["VMALLS12E1", 4, 6, GUEST, 2],
  ["ALLE3", 6, 0, ALL, 3],
  ["VAE3", 6, 1, VA, 3],
  ["VALE3", 6, 5, VA, 3],
];
const TLBI_RANGE: typeof TLBI = [
  ["RVAE1", 0, 1, RANGE, 1],
  ["RVAAE1", 0, 3, RANGE, 1],
  ["RVALE1", 0, 5, RANGE, 1],
  ["RVAALE1", 0, 7, RANGE, 1],
  ["RVAE2", 4, 1, RANGE, 2],
  ["RVALE2", 4, 5, RANGE, 2],
  ["RVAE3", 6, 1, RANGE, 3],
  ["RVALE3", 6, 5, RANGE, 3],
];

/** (CRm, suffix, reaches other vCPUs, feature). */
const SHAREABILITY = [
  [7, "", false, undefined],
  [3, "IS", true, undefined],
  [1, "OS", true, "TLBIOS"],
] as const;
const RANGE_SHAREABILITY = [
  [6, ""],
  [2, "IS"],
  [5, "OS"],
] as const;

/** Stage 2 by IPA: name, CRm, op2, reaches other vCPUs, feature. */
const TLBI_STAGE2 = [
  ["IPAS2E1", 4, 1, false, undefined],
  ["IPAS2LE1", 4, 5, false, undefined],
  ["IPAS2E1IS", 0, 1, true, undefined],
  ["IPAS2LE1IS", 0, 5, true, undefined],
  ["IPAS2E1OS", 4, 0, true, "TLBIOS"],
  ["IPAS2LE1OS", 4, 4, true, "TLBIOS"],
  ["RIPAS2E1", 4, 2, false, "TLBIRANGE"],
  ["RIPAS2LE1", 4, 6, false, "TLBIRANGE"],
  ["RIPAS2E1IS", 0, 2, true, "TLBIRANGE"],
  ["RIPAS2LE1IS", 0, 6, true, "TLBIRANGE"],
  ["RIPAS2E1OS", 4, 3, true, "TLBIRANGE"],
  ["RIPAS2LE1OS", 4, 7, true, "TLBIRANGE"],
] as const;

const tlb: Row[] = [
  ...TLBI.flatMap(([name, op1, op2, kind, el]) =>
    SHAREABILITY.map(([crm, suffix, all, feature]) =>
      row(`TLBI_${name}${suffix}`, sysPattern(op1, 8, crm, op2), feature ? { feature } : {}, (b, f) =>
        tlbInvalidate(b, f.Rt, kind, all, el, HCR.TTLB),
      ),
    ),
  ),
  ...TLBI_RANGE.flatMap(([name, op1, op2, kind, el]) =>
    RANGE_SHAREABILITY.map(([crm, suffix]) =>
      row(`TLBI_${name}${suffix}`, sysPattern(op1, 8, crm, op2), { feature: "TLBIRANGE" }, (b, f) =>
        tlbInvalidate(b, f.Rt, kind, suffix !== "", el, HCR.TTLB),
      ),
    ),
  ),
  ...TLBI_STAGE2.map(([name, crm, op2, all, feature]) =>
    row(`TLBI_${name}`, sysPattern(4, 8, crm, op2), feature ? { feature } : {}, (b, f) =>
      tlbInvalidate(b, f.Rt, IPA, all, 2, HCR.TTLB),
    ),
  ),
];

/** name, op1, CRm, op2, regime, write, both stages, feature. */
const AT = [
  ["S1E1R", 0, 8, 0, "el1", false, false],
  ["S1E1W", 0, 8, 1, "el1", true, false],
  ["S1E0R", 0, 8, 2, "el0", false, false],
  ["S1E0W", 0, 8, 3, "el0", true, false],
  ["S1E2R", 4, 8, 0, "el2", false, false],
  ["S1E2W", 4, 8, 1, "el2", true, false],
  ["S12E1R", 4, 8, 4, "el1", false, true],
  ["S12E1W", 4, 8, 5, "el1", true, true],
  ["S12E0R", 4, 8, 6, "el0", false, true],
  ["S12E0W", 4, 8, 7, "el0", true, true],
  ["S1E3R", 6, 8, 0, "el3", false, false],
  ["S1E3W", 6, 8, 1, "el3", true, false],
] as const;

const translate: Row[] = [
  ...AT.map(([name, op1, crm, op2, regime, write, both]) =>
    row(`AT_${name}`, sysPattern(op1, 7, crm, op2), {}, (b, f) =>
      addressTranslate(b, f.Rt, regime, write, both, op1 === 6 ? 3 : op1 === 4 ? 2 : 1, false),
    ),
  ),
  ...(
    [
      [0, "S1E1RP"],
      [1, "S1E1WP"],
    ] as const
  ).map(([op2, name]) =>
    row(`AT_${name}`, sysPattern(0, 7, 9, op2), { feature: "PAN2" }, (b, f) =>
      addressTranslate(b, f.Rt, "el1", op2 === 1, false, 1, true),
    ),
  ),
];

export const system: readonly Row[] = [
  ...exceptions,
  ...hints,
  ...barriers,
  ...pstate,
  ...registers,
  ...cache,
  ...prediction,
  ...tlb,
  ...translate,
];
