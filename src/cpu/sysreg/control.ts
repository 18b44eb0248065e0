/**
 * System control, routing and trap registers of EL1, EL2 and EL3 (DDI 0487, D17.2).
 */
import type { Feature } from "../../isa/features.js";
import {
  controlChanged,
  hypervisorConfigurationChanged,
  secureConfigurationChanged,
  trapsChanged,
  worldChanged,
} from "./effects.js";
import { driveInterrupt, syncPmu } from "./pmu-counters.js";
import { type Access, bits, mask, NOTHING, register } from "./row.js";

/** MDCR_ELx say which counters run, and where: what has been retired so far is counted by the old value. */
function writeMonitorControl(access: Access, value: bigint): void {
  const { vcpu, host, row } = access;
  syncPmu(vcpu, host);
  vcpu.setSysreg(row.name, value);
  trapsChanged(access);
  driveInterrupt(vcpu, host);
}

type Has = (feature: Feature) => boolean;

/** Bits of SCTLR_EL2 and SCTLR_EL3 that are not RES0 or RES1. */
const sctlrCommon = (has: Has): bigint =>
  mask(0, 1, 2, 3, 12, 19, 25) |
  (has("LSE2") ? mask(6) : 0n) |
  (has("IESB") ? mask(21) : 0n) |
  (has("PAuth") ? mask(13, 27, 30, 31) : 0n) |
  (has("BTI") ? mask(36) : 0n) |
  (has("SSBS") ? mask(44) : 0n);

/** What the EL0 and EL1 half of a regime adds: SA0, UMA, DZE, UCT, nTWI, nTWE, E0E, UCI; SPAN; EnRCTX; TSCXT; BT0. */
const sctlrWithEl0 = (has: Has): bigint =>
  sctlrCommon(has) |
  mask(4, 9, 14, 15, 16, 18, 24, 26) |
  (has("PAN") ? mask(23) : 0n) |
  (has("SPECRES") ? mask(10) : 0n) |
  (has("CSV2_2") ? mask(20) : 0n) |
  (has("BTI") ? mask(35) : 0n);

/**
 * RES1: EOS, TSCXT (which a CPU with FEAT_CSV2_2 has begin so), EIS, SPAN, nTLSMD, LSMAOE, and ITD and SED where EL0
 * has no AArch32.
 */
const SCTLR_EL1_RESET = mask(7, 8, 11, 20, 22, 23, 28, 29);
/** RES1 of the two regimes without EL0. */
const SCTLR_EL23_RESET = mask(4, 5, 11, 16, 18, 22, 23, 28, 29);

/** RW is RES1: there is no AArch32 at EL1. */
const HCR_WRITABLE = (has: Has): bigint =>
  bits(30, 0) |
  mask(32, 33) |
  (has("VHE") ? mask(34) : 0n) |
  (has("LOR") ? mask(35) : 0n) |
  (has("RAS") ? mask(36, 37) : 0n) |
  (has("PAuth") ? mask(40, 41) : 0n) |
  (has("S2FWB") ? mask(46) : 0n) |
  (has("CSV2_2") ? mask(53) : 0n);

export const CONTROL = [
  register("SCTLR_EL1", [3, 0, 1, 0, 0], {
    reset: SCTLR_EL1_RESET,
    writable: sctlrWithEl0,
    trap: "virtualMemory",
    e2h: "SCTLR_EL2",
    changed: worldChanged,
  }),
  register("ACTLR_EL1", [3, 0, 1, 0, 1], { ...NOTHING, trap: "auxiliary" }),
  register("CPACR_EL1", [3, 0, 1, 0, 2], {
    writable: bits(21, 20),
    trap: "cpacr",
    e2h: "CPTR_EL2",
    changed: trapsChanged,
  }),
  register("SCTLR_EL2", [3, 4, 1, 0, 0], {
    reset: SCTLR_EL23_RESET,
    writable: (has) => (has("VHE") ? sctlrWithEl0(has) : sctlrCommon(has)),
    changed: controlChanged,
  }),
  register("ACTLR_EL2", [3, 4, 1, 0, 1], NOTHING),
  register("HCR_EL2", [3, 4, 1, 1, 0], {
    reset: mask(31),
    writable: HCR_WRITABLE,
    changed: hypervisorConfigurationChanged,
  }),
  // Of all the features that have bits there none is implemented.
  register("HCRX_EL2", [3, 4, 1, 2, 2], { ...NOTHING, features: ["HCX"], trap: "hypervisorExtension" }),
  register("MDCR_EL2", [3, 4, 1, 1, 1], {
    reset: ({ model }) => BigInt(model.pmuCounters),
    // HPMD, HCCD, HLP.
    writable: (has) => bits(11, 0) | (has("PMUv3p5") ? mask(17, 23, 26) : 0n),
    trap: "debug",
    write: writeMonitorControl,
  }),
  // With E2H = 0 bits 13, 12, 9–0 are RES1; a VHE host uses FPEN and has no RES1. Both views are stored.
  register("CPTR_EL2", [3, 4, 1, 1, 2], {
    reset: 0x33ffn,
    writable: (has) => mask(10, 20, 31) | (has("VHE") ? bits(21, 0) | mask(28) : 0n),
    trap: "cptr",
    changed: trapsChanged,
  }),
  register("HSTR_EL2", [3, 4, 1, 1, 3], { writable: 0n }),
  register("HACR_EL2", [3, 4, 1, 1, 7]),
  register("SCTLR_EL3", [3, 6, 1, 0, 0], {
    reset: SCTLR_EL23_RESET,
    writable: sctlrCommon,
    changed: controlChanged,
  }),
  register("ACTLR_EL3", [3, 6, 1, 0, 1], NOTHING),
  // RES1: bits 5 and 4, and RW, as there is no AArch32 below EL3.
  register("SCR_EL3", [3, 6, 1, 1, 0], {
    reset: mask(4, 5, 10),
    writable: (has) =>
      mask(0, 1, 2, 3, 7, 8, 9, 11, 12, 13) |
      (has("LOR") ? mask(14) : 0n) |
      (has("RAS") ? mask(15) : 0n) |
      (has("PAuth") ? mask(16, 17) : 0n) |
      (has("CSV2_2") ? mask(25) : 0n) |
      (has("HCX") ? mask(38) : 0n),
    changed: secureConfigurationChanged,
  }),
  register("CPTR_EL3", [3, 6, 1, 1, 2], { writable: mask(10, 20, 31), changed: trapsChanged }),
  register("MDCR_EL3", [3, 6, 1, 3, 1], {
    // SCCD.
    writable: (has) => mask(6, 9, 10, 16, 17, 20, 21) | bits(15, 14) | (has("PMUv3p5") ? mask(23) : 0n),
    write: writeMonitorControl,
  }),
];
