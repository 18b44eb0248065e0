// fpExact against a real implementation of the instructions (see harness.ts), and against vectors recorded from it,
// which need no tools. `FP_VECTORS=record npx vitest run test/cpu/fp` writes them anew.

import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { FpOp, type FpOpName, fpExact } from "../../../src/cpu/fp/exact.js";
import { type Execution, executeOnReference, type Outcome, toolsPresent } from "./harness.js";
import { INSTRUCTIONS, type Instruction } from "./instructions.js";
import { Operands } from "./operands.js";

const VECTORS = new URL("vectors.txt", import.meta.url);
const EXECUTIONS_EACH = 2000;
const RECORDED_EACH = 6;
const SHOWN = 12;

const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

function draw(seed: number, each: number): Execution[] {
  const operands = new Operands(seed);
  return INSTRUCTIONS.flatMap((instruction, index) =>
    Array.from({ length: each }, () => {
      const fpcr = operands.fpcr();
      const [a, b, c] = operands.draw(instruction);
      return { index, fpcr, a, b, c };
    }),
  );
}

function executeHere({ op, width, fixed }: Instruction, { fpcr, a, b, c }: Execution): Outcome {
  return fixed ? fpExact(op, width, a, BigInt(fixed[0]), BigInt(fixed[1]), fpcr) : fpExact(op, width, a, b, c, fpcr);
}

/** A line for each execution that comes out otherwise than the reference has it. */
function differences(executions: readonly Execution[], expected: readonly Outcome[]): string[] {
  return executions.flatMap((execution, i) => {
    const instruction = INSTRUCTIONS[execution.index] as Instruction;
    const want = expected[i] as Outcome;
    const got = executeHere(instruction, execution);
    if (got.bits === want.bits && got.flags === want.flags) return [];
    const { fpcr, a, b, c } = execution;
    return [
      `${instruction.asm}: FPCR ${hex(fpcr)}, ${hex(a)} ${hex(b)} ${hex(c)}: ` +
        `${hex(got.bits)} FPSR ${hex(got.flags)}, reference ${hex(want.bits)} FPSR ${hex(want.flags)}`,
    ];
  });
}

function recordVectors(): void {
  const executions = draw(2, RECORDED_EACH);
  const outcomes = executeOnReference(INSTRUCTIONS, executions);
  const lines = executions.map(({ index, fpcr, a, b, c }, i) => {
    const { bits, flags } = outcomes[i] as Outcome;
    const numbers = [fpcr, a, b, c, bits, flags].map((n) => n.toString(16)).join(" ");
    return `${(INSTRUCTIONS[index] as Instruction).asm} | ${numbers}\n`;
  });
  writeFileSync(VECTORS, lines.join(""));
}

function readVectors(): { executions: Execution[]; outcomes: Outcome[] } {
  const places = new Map(INSTRUCTIONS.map(({ asm }, index) => [asm, index]));
  const executions: Execution[] = [];
  const outcomes: Outcome[] = [];
  for (const line of readFileSync(VECTORS, "utf8").trimEnd().split("\n")) {
    const [asm = "", numbers = ""] = line.split(" | ");
    const index = places.get(asm);
    if (index === undefined) throw new Error(`vectors.txt: no instruction "${asm}"; record the vectors anew`);
    const [fpcr, a, b, c, bits, flags] = numbers.split(" ").map((n) => BigInt(`0x${n}`)) as [
      bigint,
      bigint,
      bigint,
      bigint,
      bigint,
      bigint,
    ];
    executions.push({ index, fpcr: Number(fpcr), a, b, c });
    outcomes.push({ bits, flags: Number(flags) });
  }
  return { executions, outcomes };
}

describe("fpExact", () => {
  it.runIf(toolsPresent)("agrees with the reference on every operation, format and mode", { timeout: 60_000 }, () => {
    if (process.env.FP_VECTORS === "record") recordVectors();
    const executions = draw(1, EXECUTIONS_EACH);
    const found = differences(executions, executeOnReference(INSTRUCTIONS, executions));
    expect(found.slice(0, SHOWN), `${found.length} of ${executions.length} executions differ`).toEqual([]);
  });

  it("agrees with the recorded vectors, which cover every operation", () => {
    const { executions, outcomes } = readVectors();
    expect(differences(executions, outcomes).slice(0, SHOWN)).toEqual([]);
    const covered = new Set(executions.map(({ index }) => (INSTRUCTIONS[index] as Instruction).op));
    const missing = (Object.keys(FpOp) as FpOpName[]).filter((name) => !covered.has(FpOp[name]));
    expect(missing).toEqual([]);
  });

  it("ignores what lies above the operands' width", () => {
    const junk = -1n << 32n;
    expect(fpExact(FpOp.FADD, 32, 0x3f800000n | junk, 0x40000000n | junk, 0n, 0)).toEqual({
      bits: 0x40400000n,
      flags: 0,
    });
    expect(fpExact(FpOp.SCVTF, 64, 0xffffffffn | junk, 0n, 32n, 0).bits).toBe(0xbff0000000000000n);
  });

  it("refuses an operation number that does not exist", () => {
    expect(() => fpExact(Object.keys(FpOp).length, 32, 0n, 0n, 0n, 0)).toThrow(/no operation/);
  });
});
