/** GICv3 ITS: the register map as rows (Arm IHI 0069H, section 12.18). */
import { type Register, RegisterMap } from "../../bus/register-map.js";
import { ID_REGISTERS, IIDR } from "./distributor-registers.js";
import type { Its } from "./its.js";
import { ENTRY_SIZE, GITS_CTLR, ID_BITS, ITS_SIZE, TRANSLATER } from "./its-spec.js";
import { INTID_BITS } from "./spec.js";

/** PIDR0 tells the components of a GIC apart. */
const ITS_PIDR0 = 0x94;
const PIDR0_INDEX = 4;

/** Physical LPIs; targets by number (PTA = 0); collections in memory alone (HCC = 0). */
const TYPER =
  1n |
  (BigInt(ENTRY_SIZE - 1) << 4n) |
  (BigInt(INTID_BITS - 1) << 8n) |
  (BigInt(ID_BITS - 1) << 13n) |
  (BigInt(ID_BITS - 1) << 32n) |
  (1n << 36n);

const ROWS: readonly Register<Its>[] = [
  {
    name: "GITS_CTLR",
    offset: 0x0000,
    width: 4,
    access: "RW",
    fields: { Quiescent: [31, 31], Enabled: [0, 0] },
    read: (its) => (GITS_CTLR.Quiescent | (its.enabled ? GITS_CTLR.Enabled : 0)) >>> 0,
    write: (its, _, value) => its.enable((value & GITS_CTLR.Enabled) !== 0),
  },
  { name: "GITS_IIDR", offset: 0x0004, width: 4, access: "RO", read: () => IIDR },
  {
    name: "GITS_TYPER",
    offset: 0x0008,
    width: 8,
    access: "RO",
    narrow: [4],
    fields: {
      CIL: [36, 36],
      CIDbits: [35, 32],
      HCC: [31, 24],
      PTA: [19, 19],
      SEIS: [18, 18],
      Devbits: [17, 13],
      ID_bits: [12, 8],
      ITT_entry_size: [7, 4],
      Physical: [0, 0],
    },
    read: () => TYPER,
  },
  {
    name: "GITS_CBASER",
    offset: 0x0080,
    width: 8,
    access: "RW",
    narrow: [4],
    fields: { Valid: [63, 63], Physical_Address: [51, 12], Shareability: [11, 10], Size: [7, 0] },
    read: (its) => its.cbaser,
    write: (its, _, value) => its.writeCbaser(value),
  },
  {
    name: "GITS_CWRITER",
    offset: 0x0088,
    width: 8,
    access: "RW",
    narrow: [4],
    fields: { Offset: [19, 5], Retry: [0, 0] },
    read: (its) => its.cwriter,
    write: (its, _, value) => its.writeCwriter(value),
  },
  {
    name: "GITS_CREADR",
    offset: 0x0090,
    width: 8,
    access: "RO",
    narrow: [4],
    fields: { Offset: [19, 5], Stalled: [0, 0] },
    read: (its) => its.creadr,
  },
  {
    name: "GITS_BASER<n>",
    offset: 0x0100,
    width: 8,
    count: 8,
    access: "RW",
    narrow: [4],
    fields: {
      Valid: [63, 63],
      Indirect: [62, 62],
      Type: [58, 56],
      Entry_Size: [52, 48],
      Physical_Address: [47, 12],
      Shareability: [11, 10],
      Page_Size: [9, 8],
      Size: [7, 0],
    },
    read: (its, n) => its.baser(n),
    write: (its, n, value) => its.writeBaser(n, value),
  },
  {
    name: "GITS_PIDR/CIDR (word <n>)",
    offset: 0xffd0,
    width: 4,
    count: ID_REGISTERS.length,
    access: "RO",
    read: (_, index) => (index === PIDR0_INDEX ? ITS_PIDR0 : (ID_REGISTERS[index] ?? 0)),
  },
  {
    name: "GITS_TRANSLATER",
    offset: TRANSLATER,
    width: 4,
    access: "WO",
    narrow: [2],
    otherBytes: "zero",
    write: (its, _, value) => its.message(0, value),
  },
];

/** Reserved locations are RES0, and accesses of other widths are ignored (section 12.1.2). */
export const GITS_REGISTERS = new RegisterMap<Its>(
  { name: "GITS", size: ITS_SIZE, unknown: "RAZ/WI", badWidth: "RAZ/WI", splitWide: false },
  ROWS,
);
