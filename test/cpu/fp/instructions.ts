// The A64 instructions that the exact path is held against: assembler text, and the same thing said to fpExact.

import { FpOp, type FpOpName } from "../../../src/cpu/fp/exact.js";
import type { Format } from "../../../src/cpu/fp/format.js";

type Width = Format["N"];

export interface Instruction {
  /** Operands arrive in v0, v1, v2, the first also in x3; the result is left in x9. */
  readonly asm: string;
  readonly op: number;
  readonly width: Width;
  /** Width of each operand that varies: one, two or three of them. */
  readonly operands: readonly number[];
  /** Fixed-point conversions: fraction bits and integer width, passed as b and c. */
  readonly fixed?: readonly [fbits: number, integerWidth: number];
}

const WIDTHS: readonly Width[] = [16, 32, 64];
const letter = { 16: "h", 32: "s", 64: "d" } as const;

/** A scalar instruction from v0… to v0: the destination is zero-extended, which is checked too. */
function scalar(op: FpOpName, width: Width, count: number, mnemonic = op.toLowerCase(), to = width): Instruction {
  const sources = Array.from({ length: count }, (_, i) => `${letter[width]}${i}`).join(", ");
  return {
    asm: `${mnemonic} ${letter[to]}0, ${sources}; fmov x9, d0`,
    op: FpOp[op],
    width,
    operands: Array.from({ length: count }, () => width),
  };
}

const UNARY = ["FSQRT", "FRINTN", "FRINTP", "FRINTM", "FRINTZ", "FRINTA", "FRINTX", "FRINTI"] as const;
const ESTIMATES = ["FRECPE", "FRECPX", "FRSQRTE"] as const;
const ROUND_TO_SIZE = ["FRINT32Z", "FRINT32X", "FRINT64Z", "FRINT64X"] as const;
const BINARY = ["FADD", "FSUB", "FMUL", "FMULX", "FDIV", "FMAX", "FMIN", "FMAXNM", "FMINNM"] as const;
const STEPS = ["FRECPS", "FRSQRTS"] as const;
const MASKS = ["FCMEQ", "FCMGE", "FCMGT", "FACGE", "FACGT"] as const;
const COMPARES = ["FCMP", "FCMPE"] as const;
const SIGNS = ["S", "U"] as const;
const ROUNDINGS = ["N", "P", "M", "Z", "A"] as const;

function* conversionsToInteger(width: Width): Generator<Instruction> {
  const source = `${letter[width]}0`;
  for (const sign of SIGNS) {
    for (const rounding of ROUNDINGS) {
      const name: FpOpName = `FCVT${rounding}${sign}`;
      const base = { op: FpOp[name], width, operands: [width] };
      const mnemonic = name.toLowerCase();
      yield { ...base, asm: `${mnemonic} w9, ${source}`, fixed: [0, 32] };
      yield { ...base, asm: `${mnemonic} x9, ${source}`, fixed: [0, 64] };
      yield { ...base, asm: `${mnemonic} ${source}, ${source}; fmov x9, d0`, fixed: [0, width] };
    }
    const name: FpOpName = `FCVTZ${sign}`;
    const base = { op: FpOp[name], width, operands: [width] };
    for (const fbits of [1, 7, 15, 31, 32]) {
      yield { ...base, asm: `fcvtz${sign.toLowerCase()} w9, ${source}, #${fbits}`, fixed: [fbits, 32] };
    }
    for (const fbits of [1, 20, 63, 64]) {
      yield { ...base, asm: `fcvtz${sign.toLowerCase()} x9, ${source}, #${fbits}`, fixed: [fbits, 64] };
    }
    // Of the half-precision form only 16 bits are read: QEMU 7.2 extends the sign above them, where V[d] is zero.
    const result = width === 16 ? "w9, h0" : "x9, d0";
    yield { ...base, asm: `fcvtz${sign.toLowerCase()} ${source}, ${source}, #11; fmov ${result}`, fixed: [11, width] };
  }
}

function* conversionsFromInteger(width: Width): Generator<Instruction> {
  const destination = `${letter[width]}0`;
  const form = (sign: "S" | "U", source: string, integerWidth: number, fbits: number): Instruction => ({
    asm: `${sign.toLowerCase()}cvtf ${destination}, ${source}${fbits > 0 ? `, #${fbits}` : ""}; fmov x9, d0`,
    op: FpOp[`${sign}CVTF`],
    width,
    operands: [integerWidth],
    fixed: [fbits, integerWidth],
  });
  for (const sign of SIGNS) {
    for (const fbits of [0, 1, 16, 32]) yield form(sign, "w3", 32, fbits);
    for (const fbits of [0, 1, 40, 64]) yield form(sign, "x3", 64, fbits);
    for (const fbits of [0, 9, 16]) yield form(sign, destination, width, fbits);
  }
}

function* instructions(): Generator<Instruction> {
  for (const width of WIDTHS) {
    const r = letter[width];
    for (const op of [...UNARY, ...ESTIMATES]) yield scalar(op, width, 1);
    if (width !== 16) for (const op of ROUND_TO_SIZE) yield scalar(op, width, 1);
    for (const op of [...BINARY, ...STEPS, ...MASKS]) yield scalar(op, width, 2);
    yield scalar("FMADD", width, 3);
    for (const op of COMPARES) {
      const asm = `${op.toLowerCase()} ${r}0, ${r}1; mrs x9, nzcv; lsr x9, x9, #28`;
      yield { asm, op: FpOp[op], width, operands: [width, width] };
    }
    for (const to of WIDTHS) {
      if (to === width) continue;
      yield scalar(`FCVT_${letter[to].toUpperCase() as "H" | "S" | "D"}`, width, 1, "fcvt", to);
    }
    yield* conversionsToInteger(width);
    yield* conversionsFromInteger(width);
  }
  yield scalar("BFCVT", 32, 1, "bfcvt", 16);
  yield scalar("FCVTXN", 64, 1, "fcvtxn", 32);
  yield {
    asm: "fjcvtzs w9, d0; cset x10, eq; orr x9, x9, x10, lsl #32",
    op: FpOp.FJCVTZS,
    width: 64,
    operands: [64],
  };
  yield {
    asm: "fmlal v2.2s, v0.2h, v1.2h; fmov w9, s2",
    op: FpOp.FMLAL,
    width: 16,
    operands: [16, 16, 32],
  };
  yield {
    asm: "bfdot v2.2s, v0.4h, v1.4h; fmov w9, s2",
    op: FpOp.BFDOT,
    width: 32,
    operands: [32, 32, 32],
  };
  yield { asm: "urecpe v0.2s, v0.2s; fmov w9, s0", op: FpOp.URECPE, width: 32, operands: [32] };
  yield { asm: "ursqrte v0.2s, v0.2s; fmov w9, s0", op: FpOp.URSQRTE, width: 32, operands: [32] };
}

export const INSTRUCTIONS: readonly Instruction[] = [...instructions()];
