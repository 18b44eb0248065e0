/**
 * Advanced SIMD shift by immediate, vector and scalar, integer (DDI 0487, C4.1). The leading 1 of immh gives the
 * element size, so each instruction has a row per size; `shift` is what follows that 1.
 */
import { type Row, row } from "../pattern.js";
import { shiftImmediate, shiftLong, shiftNarrow } from "../semantics/simd-forms.js";
import {
  accumulate,
  type ImmediateShift,
  roundingShiftRight,
  saturatingShiftLeft,
  shiftLeft,
  shiftRight,
  shiftRightNarrow,
  sli,
  sqshlu,
  sri,
} from "../semantics/simd-shift.js";

const fp = true;
const LETTERS = ["b", "h", "s", "d"] as const;

/** immh:immb for elements of `8 << size` bits. The cast gives the type checker the fields all four have. */
const immediate = (size: number): string => `${"0".repeat(3 - size)}1 shift:${3 + size}`;

function vector(name: string, u: 0 | 1, opcode: string, op: ImmediateShift): Row[] {
  return [0, 1, 2, 3].map((size) => {
    const pattern = `0 Q=1 ${u} 011110 ${immediate(size)} ${opcode} 1 Rn:5 Rd:5`;
    return row(
      `${name}_vec_${LETTERS[size]}`,
      pattern as "Q=1 shift:3 Rn:5 Rd:5",
      { fp, when: (v) => size < 3 || v.Q === 1 },
      shiftImmediate(op, size),
    );
  });
}

function scalar(name: string, u: 0 | 1, opcode: string, op: ImmediateShift, sizes: readonly number[] = [3]): Row[] {
  return sizes.map((size) => {
    const pattern = `01 ${u} 111110 ${immediate(size)} ${opcode} 1 Rn:5 Rd:5`;
    return row(`${name}_scalar_${LETTERS[size]}`, pattern as "shift:3 Rn:5 Rd:5", { fp }, shiftImmediate(op, size));
  });
}

/** The narrow size is the one in immh. */
function narrowVector(name: string, u: 0 | 1, opcode: string, op: ImmediateShift): Row[] {
  return [0, 1, 2].map((size) => {
    const pattern = `0 Q=1 ${u} 011110 ${immediate(size)} ${opcode} 1 Rn:5 Rd:5`;
    return row(`${name}_vec_${LETTERS[size]}`, pattern as "Q=1 shift:3 Rn:5 Rd:5", { fp }, shiftNarrow(op, size));
  });
}

function narrowScalar(name: string, u: 0 | 1, opcode: string, op: ImmediateShift): Row[] {
  return [0, 1, 2].map((size) => {
    const pattern = `01 ${u} 111110 ${immediate(size)} ${opcode} 1 Rn:5 Rd:5`;
    return row(`${name}_scalar_${LETTERS[size]}`, pattern as "shift:3 Rn:5 Rd:5", { fp }, shiftNarrow(op, size));
  });
}

function long(name: string, u: 0 | 1, opcode: string): Row[] {
  return [0, 1, 2].map((size) => {
    const pattern = `0 Q=1 ${u} 011110 ${immediate(size)} ${opcode} 1 Rn:5 Rd:5`;
    return row(`${name}_${LETTERS[size]}`, pattern as "Q=1 shift:3 Rn:5 Rd:5", { fp }, shiftLong(u === 0, size));
  });
}

const anySize = [0, 1, 2, 3];

// biome-ignore format: one row a line
export const simdShift: readonly Row[] = [
  ...vector("SSHR", 0, "00000", shiftRight(true)),
  ...vector("USHR", 1, "00000", shiftRight(false)),
  ...vector("SSRA", 0, "00010", accumulate(shiftRight(true))),
  ...vector("USRA", 1, "00010", accumulate(shiftRight(false))),
  ...vector("SRSHR", 0, "00100", roundingShiftRight(true)),
  ...vector("URSHR", 1, "00100", roundingShiftRight(false)),
  ...vector("SRSRA", 0, "00110", accumulate(roundingShiftRight(true))),
  ...vector("URSRA", 1, "00110", accumulate(roundingShiftRight(false))),
  ...vector("SRI", 1, "01000", sri),
  ...vector("SHL", 0, "01010", shiftLeft),
  ...vector("SLI", 1, "01010", sli),
  ...vector("SQSHLU", 1, "01100", sqshlu),
  ...vector("SQSHL_imm", 0, "01110", saturatingShiftLeft(true)),
  ...vector("UQSHL_imm", 1, "01110", saturatingShiftLeft(false)),
  ...narrowVector("SHRN", 0, "10000", shiftRightNarrow("truncate", false)),
  ...narrowVector("RSHRN", 0, "10001", shiftRightNarrow("truncate", true)),
  ...narrowVector("SQSHRUN", 1, "10000", shiftRightNarrow("signedToUnsigned", false)),
  ...narrowVector("SQRSHRUN", 1, "10001", shiftRightNarrow("signedToUnsigned", true)),
  ...narrowVector("SQSHRN", 0, "10010", shiftRightNarrow("signed", false)),
  ...narrowVector("SQRSHRN", 0, "10011", shiftRightNarrow("signed", true)),
  ...narrowVector("UQSHRN", 1, "10010", shiftRightNarrow("unsigned", false)),
  ...narrowVector("UQRSHRN", 1, "10011", shiftRightNarrow("unsigned", true)),
  ...long("SSHLL", 0, "10100"),
  ...long("USHLL", 1, "10100"),

  // scalar
  ...scalar("SSHR", 0, "00000", shiftRight(true)),
  ...scalar("USHR", 1, "00000", shiftRight(false)),
  ...scalar("SSRA", 0, "00010", accumulate(shiftRight(true))),
  ...scalar("USRA", 1, "00010", accumulate(shiftRight(false))),
  ...scalar("SRSHR", 0, "00100", roundingShiftRight(true)),
  ...scalar("URSHR", 1, "00100", roundingShiftRight(false)),
  ...scalar("SRSRA", 0, "00110", accumulate(roundingShiftRight(true))),
  ...scalar("URSRA", 1, "00110", accumulate(roundingShiftRight(false))),
  ...scalar("SRI", 1, "01000", sri),
  ...scalar("SHL", 0, "01010", shiftLeft),
  ...scalar("SLI", 1, "01010", sli),
  ...scalar("SQSHLU", 1, "01100", sqshlu, anySize),
  ...scalar("SQSHL_imm", 0, "01110", saturatingShiftLeft(true), anySize),
  ...scalar("UQSHL_imm", 1, "01110", saturatingShiftLeft(false), anySize),
  ...narrowScalar("SQSHRUN", 1, "10000", shiftRightNarrow("signedToUnsigned", false)),
  ...narrowScalar("SQRSHRUN", 1, "10001", shiftRightNarrow("signedToUnsigned", true)),
  ...narrowScalar("SQSHRN", 0, "10010", shiftRightNarrow("signed", false)),
  ...narrowScalar("SQRSHRN", 0, "10011", shiftRightNarrow("signed", true)),
  ...narrowScalar("UQSHRN", 1, "10010", shiftRightNarrow("unsigned", false)),
  ...narrowScalar("UQRSHRN", 1, "10011", shiftRightNarrow("unsigned", true)),
];
