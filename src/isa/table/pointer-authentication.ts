/**
 * Pointer authentication (FEAT_PAuth): DDI 0487, C4.1 "Data-processing (1 source)", "Data-processing (2 source)",
 * "Hints", "Unconditional branch (register)" and "Load/store register (pac)".
 */
import { KEY, type Key } from "../../cpu/pauth.js";
import { type Row, row } from "../pattern.js";
import { call, jump, LINK_REGISTER } from "../semantics/branches.js";
import { authenticated, codeOf, STACK_POINTER, signed, stripped } from "../semantics/pointer-authentication.js";

const PAUTH = { feature: "PAuth" } as const;
/** Without the feature these hints are NOPs like the rest. */
const PAUTH_HINT = { feature: "PAuth", over: ["HINT"] } as const;

/** Name of the key, opcode bits. */
const KEYS: readonly (readonly [name: string, key: Key, bits: string])[] = [
  ["IA", KEY.IA, "00"],
  ["IB", KEY.IB, "01"],
  ["DA", KEY.DA, "10"],
  ["DB", KEY.DB, "11"],
];

const oneSource: Row[] = [
  ...KEYS.flatMap(([name, key, bits]) => [
    row(`PAC${name}`, `1 1 0 11010110 00001 0000${bits} Rn:5 Rd:5` as "0 Rn:5 Rd:5", PAUTH, (b, f) => {
      b.setX(f.Rd, signed(b, key, b.X(f.Rd), b.XSP(f.Rn)));
    }),
    row(`AUT${name}`, `1 1 0 11010110 00001 0001${bits} Rn:5 Rd:5` as "0 Rn:5 Rd:5", PAUTH, (b, f) => {
      b.setX(f.Rd, authenticated(b, key, b.X(f.Rd), b.XSP(f.Rn)));
    }),
    row(
      `PAC${name.replace(/^(.)/, "$1Z")}`,
      `1 1 0 11010110 00001 0010${bits} 11111 Rd:5` as "0 Rd:5",
      PAUTH,
      (b, f) => {
        b.setX(f.Rd, signed(b, key, b.X(f.Rd), b.i64(0)));
      },
    ),
    row(
      `AUT${name.replace(/^(.)/, "$1Z")}`,
      `1 1 0 11010110 00001 0011${bits} 11111 Rd:5` as "0 Rd:5",
      PAUTH,
      (b, f) => {
        b.setX(f.Rd, authenticated(b, key, b.X(f.Rd), b.i64(0)));
      },
    ),
  ]),
  row("XPACI", "1 1 0 11010110 00001 010000 11111 Rd:5", PAUTH, (b, f) => b.setX(f.Rd, stripped(b, b.X(f.Rd), false))),
  row("XPACD", "1 1 0 11010110 00001 010001 11111 Rd:5", PAUTH, (b, f) => b.setX(f.Rd, stripped(b, b.X(f.Rd), true))),
];

const generic = row("PACGA", "1 0 0 11010110 Rm:5 001100 Rn:5 Rd:5", PAUTH, (b, f) => {
  b.setX(f.Rd, codeOf(b, b.X(f.Rn), b.XSP(f.Rm)));
});

const hint = (crm: string, op2: string): string => `11010101000000110010 ${crm} ${op2} 11111`;
const hints: Row[] = [
  row("XPACLRI", hint("0000", "111"), PAUTH_HINT, (b) => b.setX(LINK_REGISTER, stripped(b, b.X(LINK_REGISTER), false))),
  ...(
    [
      ["A", KEY.IA, "0"],
      ["B", KEY.IB, "1"],
    ] as const
  ).flatMap(([name, key, bit]) => [
    row(`PACI${name}1716`, hint("0001", `0${bit}0`), PAUTH_HINT, (b) => b.setX(17, signed(b, key, b.X(17), b.X(16)))),
    row(`AUTI${name}1716`, hint("0001", `1${bit}0`), PAUTH_HINT, (b) => {
      b.setX(17, authenticated(b, key, b.X(17), b.X(16)));
    }),
    row(`PACI${name}Z`, hint("0011", `0${bit}0`), PAUTH_HINT, (b) => {
      b.setX(LINK_REGISTER, signed(b, key, b.X(LINK_REGISTER), b.i64(0)));
    }),
    row(`PACI${name}SP`, hint("0011", `0${bit}1`), PAUTH_HINT, (b) => {
      b.setX(LINK_REGISTER, signed(b, key, b.X(LINK_REGISTER), b.XSP(STACK_POINTER)));
    }),
    row(`AUTI${name}Z`, hint("0011", `1${bit}0`), PAUTH_HINT, (b) => {
      b.setX(LINK_REGISTER, authenticated(b, key, b.X(LINK_REGISTER), b.i64(0)));
    }),
    row(`AUTI${name}SP`, hint("0011", `1${bit}1`), PAUTH_HINT, (b) => {
      b.setX(LINK_REGISTER, authenticated(b, key, b.X(LINK_REGISTER), b.XSP(STACK_POINTER)));
    }),
  ]),
];

const INSTRUCTION_KEYS = [KEY.IA, KEY.IB] as const;
const DATA_KEYS = [KEY.DA, KEY.DB] as const;
const keyOf = (keys: readonly [Key, Key], M: number): Key => keys[M as 0 | 1];

const combined: Row[] = [
  row("BRAAZ", "1101011 0 0 00 11111 0000 1 M=1 Rn:5 11111", PAUTH, (b, f) => {
    jump(b, authenticated(b, keyOf(INSTRUCTION_KEYS, f.M), b.X(f.Rn), b.i64(0)), f.Rn);
  }),
  row("BRAA", "1101011 1 0 00 11111 0000 1 M=1 Rn:5 Rm:5", PAUTH, (b, f) => {
    jump(b, authenticated(b, keyOf(INSTRUCTION_KEYS, f.M), b.X(f.Rn), b.XSP(f.Rm)), f.Rn);
  }),
  row("BLRAAZ", "1101011 0 0 01 11111 0000 1 M=1 Rn:5 11111", PAUTH, (b, f) => {
    call(b, authenticated(b, keyOf(INSTRUCTION_KEYS, f.M), b.X(f.Rn), b.i64(0)));
  }),
  row("BLRAA", "1101011 1 0 01 11111 0000 1 M=1 Rn:5 Rm:5", PAUTH, (b, f) => {
    call(b, authenticated(b, keyOf(INSTRUCTION_KEYS, f.M), b.X(f.Rn), b.XSP(f.Rm)));
  }),
  row("RETAA", "1101011 0 0 10 11111 0000 1 M=1 11111 11111", PAUTH, (b, f) => {
    b.branch(authenticated(b, keyOf(INSTRUCTION_KEYS, f.M), b.X(LINK_REGISTER), b.XSP(STACK_POINTER)));
  }),
  row("LDRAA", "11 111 0 00 M=1 S:1 1 imm9:9 W=1 1 Rn:5 Rt:5", PAUTH, (b, f) => {
    const base = authenticated(b, keyOf(DATA_KEYS, f.M), b.base(f.Rn), b.i64(0));
    const offset = b.operand(f.imm9).sub(b.operand(f.S).shl(9)).shl(3);
    const address = base.add(offset.toI64S());
    b.setX(f.Rt, b.loadMem(8, address));
    if (f.W) b.setXSP(f.Rn, address);
  }),
];

export const pointerAuthentication: readonly Row[] = [...oneSource, generic, ...hints, ...combined];
