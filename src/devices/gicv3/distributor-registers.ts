/** GICv3 distributor: the register map as rows (Arm IHI 0069H, section 12.8). */
import { type Register, RegisterMap } from "../../bus/register-map.js";
import { bankRows } from "./bank-registers.js";
import type { Distributor } from "./distributor.js";
import { FIRST_SPI, INTID_BITS } from "./spec.js";

/** JEP106 code of Arm (0x43B), variant and revision 0: the product is nobody's silicon. */
export const IIDR = 0x0000_043b;

/** GICx_PIDR4 to 7, 0 to 3, CIDR0 to 3, from offset 0xFFD0. PIDR2 says architecture revision 3. */
export const ID_REGISTERS = [0x44, 0, 0, 0, 0x92, 0xb4, 0x3b, 0, 0x0d, 0xf0, 0x05, 0xb1] as const;

/** Words of 32 interrupts that the architecture's registers cover. */
const WORDS = 32;

function message(name: string, offset: number, set: boolean, fromSecureRegister: boolean): Register<Distributor> {
  return {
    name,
    offset,
    width: 4,
    access: "WO",
    narrow: [2],
    otherBytes: "zero",
    write: (gicd, _, value, secure) => gicd.message(value & 0x1fff, set, secure, fromSecureRegister),
  };
}

const ROWS: readonly Register<Distributor>[] = [
  {
    name: "GICD_CTLR",
    offset: 0x0000,
    width: 4,
    access: "RW",
    fields: {
      RWP: [31, 31],
      DS: [6, 6],
      ARE_NS: [5, 5],
      ARE: [4, 4],
      EnableGrp1S: [2, 2],
      EnableGrp1: [1, 1],
      EnableGrp0: [0, 0],
    },
    read: (gicd, _, secure) => gicd.readControl(secure),
    write: (gicd, _, value, secure) => gicd.writeControl(value, secure),
  },
  {
    // 16-bit INTIDs, Aff3, range selectors, message-based SPIs, 1-of-N; CPUNumber is for legacy operation only.
    name: "GICD_TYPER",
    offset: 0x0004,
    width: 4,
    access: "RO",
    fields: {
      RSS: [26, 26],
      No1N: [25, 25],
      A3V: [24, 24],
      IDbits: [23, 19],
      LPIS: [17, 17],
      MBIS: [16, 16],
      SecurityExtn: [10, 10],
      CPUNumber: [7, 5],
      ITLinesNumber: [4, 0],
    },
    read: (gicd) =>
      (1 << 26) |
      (1 << 24) |
      ((INTID_BITS - 1) << 19) |
      (gicd.config.lpis ? 1 << 17 : 0) |
      (1 << 16) |
      (gicd.oneSecurityState ? 0 : 1 << 10) |
      (gicd.intids / 32 - 1),
  },
  { name: "GICD_IIDR", offset: 0x0008, width: 4, access: "RO", read: () => IIDR },
  message("GICD_SETSPI_NSR", 0x0040, true, false),
  message("GICD_CLRSPI_NSR", 0x0048, false, false),
  message("GICD_SETSPI_SR", 0x0050, true, true),
  message("GICD_CLRSPI_SR", 0x0058, false, true),
  ...bankRows<Distributor>({ prefix: "GICD", frame: 0, words: WORDS, nsAccessToPending: true }),
  {
    name: "GICD_IROUTER (SPI <n>)",
    offset: 0x6000 + 8 * FIRST_SPI,
    width: 8,
    count: 1020 - FIRST_SPI,
    access: "RW",
    narrow: [4],
    fields: { Aff3: [39, 32], Interrupt_Routing_Mode: [31, 31], Aff2: [23, 16], Aff1: [15, 8], Aff0: [7, 0] },
    read: (gicd, index, secure) => gicd.readRouter(FIRST_SPI + index, secure),
    write: (gicd, index, value, secure) => gicd.writeRouter(FIRST_SPI + index, value, secure),
  },
  {
    name: "GICD_PIDR/CIDR (word <n>)",
    offset: 0xffd0,
    width: 4,
    count: ID_REGISTERS.length,
    access: "RO",
    read: (_, index) => ID_REGISTERS[index] ?? 0,
  },
];

/** Reserved locations are RES0, and accesses of other widths are ignored (section 12.1.2). */
export const GICD_REGISTERS = new RegisterMap<Distributor>(
  { name: "GICD", size: 0x1_0000, unknown: "RAZ/WI", badWidth: "RAZ/WI", splitWide: false },
  ROWS,
);
