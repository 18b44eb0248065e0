/** Compares the two sides' results and says where they differ, for a person. */

import { disassemble } from "./reference.js";
import { addressOf, type Outcome, type Result, STATE, type Test, WINDOW } from "./state.js";

export interface Difference {
  readonly row: string;
  readonly message: string;
}

const hex = (value: bigint | number, digits = 16): string => value.toString(16).padStart(digits, "0");

/** Named pieces of the state with their place and size in bytes. */
const PIECES: readonly (readonly [name: string, at: number, size: number])[] = [
  ...Array.from({ length: 31 }, (_, n) => [`x${n}`, STATE.x + 8 * n, 8] as const),
  ["sp", STATE.sp, 8],
  ["nzcv", STATE.nzcv, 8],
  ["fpcr", STATE.fpcr, 8],
  ["fpsr", STATE.fpsr, 8],
  ...Array.from({ length: 32 }, (_, n) => [`v${n}`, STATE.v + 16 * n, 16] as const),
  ...Array.from({ length: 32 }, (_, n) => [`[${hex(WINDOW + 16 * n, 8)}]`, STATE.window + 16 * n, 16] as const),
];

/** Bytes as one number, most significant digit first. */
function show(state: Uint8Array, at: number, size: number): string {
  return [...state.subarray(at, at + size)]
    .reverse()
    .map((b) => hex(b, 2))
    .join("");
}

const same = (a: Uint8Array, b: Uint8Array, from: number, to: number): boolean => {
  for (let i = from; i < to; i++) if (a[i] !== b[i]) return false;
  return true;
};

/**
 * On the isolated page the reference always ends in a signal, at the place the instruction led to; only at one of the
 * test's own words it is the instruction's own fault.
 */
function settle(test: Test, address: number, reference: Result): Result {
  if (!test.isolated) return reference;
  const pc = new DataView(reference.state.buffer, reference.state.byteOffset).getBigUint64(STATE.pc, true);
  return pc === BigInt(address) ? reference : { ...reference, outcome: "completed" };
}

/** Where the reference's result must not be taken literally, and what it should have been. */
export const CORRECTIONS: readonly {
  readonly row: RegExp;
  readonly outcome: Outcome;
  readonly why: string;
  correct(expected: Uint8Array, test: Test): void;
}[] = [
  {
    row: /^FCVTZS_fixed_scalar_h$/,
    outcome: "completed",
    why: "QEMU 7.2 leaves the sign of a 16-bit result in bits 31–16, which are above the element and so zero",
    correct(expected, test) {
      const register = STATE.v + 16 * (test.words.at(-1)! & 31);
      expected.fill(0, register + 2, register + 16);
    },
  },
  {
    row: /^LD(ST)?[1-4]|^LDN?P.*fpsimd/,
    outcome: "segment fault",
    why: "a load of several elements that faults may have written some; QEMU does, we do not",
    correct: (expected, test) => expected.set(test.state.subarray(STATE.v, STATE.window), STATE.v),
  },
];

/** The difference between what was expected of test `index` of a batch and what was got, if there is any. */
export function compare(test: Test, index: number, reference: Result, got: Result): Difference | undefined {
  const address = addressOf(test, index);
  const expected = settle(test, address, reference);
  for (const c of CORRECTIONS) {
    if (c.row.test(test.row) && c.outcome === expected.outcome) c.correct(expected.state, test);
  }
  const lines: string[] = [];
  if (expected.outcome !== got.outcome) lines.push(`outcome: expected ${expected.outcome}, got ${got.outcome}`);
  if (expected.outcome === "segment fault" && got.outcome === expected.outcome && expected.far !== got.far) {
    lines.push(`fault address: expected ${hex(expected.far)}, got ${hex(got.far)}`);
  }
  const pieces = test.isolated || expected.outcome !== "completed" ? [...PIECES, ["pc", STATE.pc, 8] as const] : PIECES;
  for (const [name, at, size] of pieces) {
    if (same(expected.state, got.state, at, at + size)) continue;
    const before = name === "pc" ? hex(address) : show(test.state, at, size);
    lines.push(`${name}: was ${before}, expected ${show(expected.state, at, size)}, got ${show(got.state, at, size)}`);
  }
  if (lines.length === 0) return undefined;
  const words = test.words.map((w) => hex(w, 8)).join(" ");
  const asm = disassemble(test.words, address);
  const message = [`${test.row}: ${words} at ${hex(address, 8)}: ${asm}`, ...lines, ...inputs(test, asm)].join("\n  ");
  return { row: test.row, message };
}

/** The registers named in the disassembly, and the flags, before the test. */
function inputs(test: Test, asm: string): string[] {
  const out: string[] = [];
  for (const [, kind = "", digits = ""] of asm.matchAll(/\b([xwbhsdqv])(\d+)/g)) {
    const n = Number(digits);
    const [name, at, size] = /[xw]/.test(kind) ? [`x${n}`, STATE.x + 8 * n, 8] : [`v${n}`, STATE.v + 16 * n, 16];
    if (n < 32) out.push(`  ${name} = ${show(test.state, at as number, size as number)}`);
  }
  for (const [name, at] of [
    ["nzcv", STATE.nzcv],
    ["fpcr", STATE.fpcr],
    ["fpsr", STATE.fpsr],
  ] as const) {
    out.push(`  ${name} = ${show(test.state, at, 4)}`);
  }
  return [...new Set(out)];
}
