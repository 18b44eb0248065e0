/**
 * Virtual memory control registers of the four regimes and stage 2, and limited ordering regions (DDI 0487, D17.2).
 */
import { controlChanged, tableBaseChanged, worldChanged } from "./effects.js";
import { bits, mask, NOTHING, register } from "./row.js";

const vm = { trap: "virtualMemory" } as const;
const tableBase = { changed: tableBaseChanged, inlineEffect: true } as const;

const LOR = { features: ["LOR"], trap: "limitedOrdering", state: "non-secure" } as const;

export const TRANSLATION = [
  register("TTBR0_EL1", [3, 0, 2, 0, 0], { ...vm, ...tableBase, e2h: "TTBR0_EL2" }),
  register("TTBR1_EL1", [3, 0, 2, 0, 1], { ...vm, ...tableBase, e2h: "TTBR1_EL2" }),
  register("TCR_EL1", [3, 0, 2, 0, 2], {
    ...vm,
    writable: (has) =>
      (bits(38, 0) & ~mask(6, 35)) |
      (has("HAFDBS") ? bits(40, 39) : 0n) |
      (has("HPDS") ? bits(42, 41) : 0n) |
      (has("PAuth") ? bits(52, 51) : 0n) |
      (has("E0PD") ? bits(56, 55) : 0n),
    e2h: "TCR_EL2",
    changed: worldChanged,
  }),
  register("AFSR0_EL1", [3, 0, 5, 1, 0], { ...vm, ...NOTHING, e2h: "AFSR0_EL2" }),
  register("AFSR1_EL1", [3, 0, 5, 1, 1], { ...vm, ...NOTHING, e2h: "AFSR1_EL2" }),
  register("MAIR_EL1", [3, 0, 10, 2, 0], { ...vm, e2h: "MAIR_EL2" }),
  register("AMAIR_EL1", [3, 0, 10, 3, 0], { ...vm, ...NOTHING, e2h: "AMAIR_EL2" }),
  register("CONTEXTIDR_EL1", [3, 0, 13, 0, 1], { ...vm, ...tableBase, e2h: "CONTEXTIDR_EL2" }),
  register("PAR_EL1", [3, 0, 7, 4, 0]),
  register("LORSA_EL1", [3, 0, 10, 4, 0], { ...LOR, writable: bits(47, 16) | 1n }),
  register("LOREA_EL1", [3, 0, 10, 4, 1], { ...LOR, writable: bits(47, 16) }),
  // No LORegions are implemented (LORID_EL1 reads zero): the number and the enable stay 0.
  register("LORN_EL1", [3, 0, 10, 4, 2], { ...LOR, writable: 0n }),
  register("LORC_EL1", [3, 0, 10, 4, 3], { ...LOR, writable: 0n }),
  register("LORID_EL1", [3, 0, 10, 4, 7], { features: ["LOR"], trap: "limitedOrdering", access: "RO" }),

  register("TTBR0_EL2", [3, 4, 2, 0, 0], { changed: tableBaseChanged }),
  register("TTBR1_EL2", [3, 4, 2, 0, 1], { features: ["VHE"], changed: tableBaseChanged }),
  register("TCR_EL2", [3, 4, 2, 0, 2], {
    // The E2H = 1 layout is that of TCR_EL1; without VHE bits 31 and 23 are RES1.
    reset: mask(23, 31),
    writable: (has) =>
      has("VHE")
        ? (bits(38, 0) & ~mask(6, 35)) |
          (has("HAFDBS") ? bits(40, 39) : 0n) |
          bits(42, 41) |
          (has("PAuth") ? bits(52, 51) : 0n) |
          (has("E0PD") ? bits(56, 55) : 0n)
        : bits(5, 0) | bits(18, 8) | mask(20),
    changed: controlChanged,
  }),
  register("VTTBR_EL2", [3, 4, 2, 1, 0], { changed: tableBaseChanged }),
  register("VTCR_EL2", [3, 4, 2, 1, 2], {
    reset: mask(31),
    writable: (has) =>
      bits(18, 0) |
      (has("VMID16") ? mask(19) : 0n) |
      (has("HAFDBS") ? bits(22, 21) : 0n) |
      (has("HPDS") ? bits(28, 25) : 0n),
    changed: worldChanged,
  }),
  register("AFSR0_EL2", [3, 4, 5, 1, 0], NOTHING),
  register("AFSR1_EL2", [3, 4, 5, 1, 1], NOTHING),
  register("MAIR_EL2", [3, 4, 10, 2, 0]),
  register("AMAIR_EL2", [3, 4, 10, 3, 0], NOTHING),
  register("CONTEXTIDR_EL2", [3, 4, 13, 0, 1], { features: ["VHE"], changed: tableBaseChanged }),

  register("TTBR0_EL3", [3, 6, 2, 0, 0], { changed: tableBaseChanged }),
  register("TCR_EL3", [3, 6, 2, 0, 2], {
    reset: mask(23, 31),
    writable: (has) =>
      bits(5, 0) |
      bits(18, 8) |
      mask(20) |
      (has("HAFDBS") ? bits(22, 21) : 0n) |
      (has("HPDS") ? bits(28, 24) : 0n) |
      (has("PAuth") ? mask(29) : 0n),
    changed: controlChanged,
  }),
  register("AFSR0_EL3", [3, 6, 5, 1, 0], NOTHING),
  register("AFSR1_EL3", [3, 6, 5, 1, 1], NOTHING),
  register("MAIR_EL3", [3, 6, 10, 2, 0]),
  register("AMAIR_EL3", [3, 6, 10, 3, 0], NOTHING),
];
