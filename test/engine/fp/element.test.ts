// Every element function (host float instructions where they are certain) against the exact path alone: results, FPSR
// and CPU.fpFast, over operands that reach the corners, in FPCR's default with IXC clear and set, and in any mode.

import { describe, expect, it } from "vitest";
import { FpOp, type FpOpName, fpExact } from "../../../src/cpu/fp/exact.js";
import { FPCR, FPSR } from "../../../src/cpu/fp/format.js";
import type { Width } from "../../../src/engine/fp/codec.js";
import {
  formatElement,
  fromFixedElement,
  javaScriptElement,
  narrowOddElement,
  toFixedElement,
} from "../../../src/engine/fp/convert.js";
import { binaryElement, compareElement, comparisonElement, unaryElement } from "../../../src/engine/fp/element.js";
import { estimateElement, unsignedEstimateElement } from "../../../src/engine/fp/estimate.js";
import { fusedElement, fusedLongElement, stepElement } from "../../../src/engine/fp/fused.js";
import { fpFastOf } from "../../../src/engine/fp/mode.js";
import {
  ARITHMETIC,
  type ArithmeticName,
  COMPARISONS,
  type ComparisonName,
} from "../../../src/engine/fp/operations.js";
import type { Callable } from "../../../src/engine/ir/function.js";
import { CPU } from "../../../src/engine/layout.js";
import { Operands } from "../../cpu/fp/operands.js";
import { FpModule } from "./fp-module.js";

interface Case {
  readonly callee: Callable;
  readonly op: FpOpName;
  /** As fpExact wants it. */
  readonly width: Width;
  /** Widths of the operands that are drawn. */
  readonly operands: readonly number[];
  readonly fixed?: { readonly integer: number; readonly fbits: readonly number[] };
}

const WIDTHS: readonly Width[] = [16, 32, 64];
/** Rounding to an integer of a width has no half-precision form. */
const WITHOUT_HALF = new Set<ArithmeticName>(["FRINT32Z", "FRINT32X", "FRINT64Z", "FRINT64X"]);
const EXECUTIONS = 1500;

function* cases(): Generator<Case> {
  for (const width of WIDTHS) {
    for (const [name, { operands }] of Object.entries(ARITHMETIC)) {
      const op = name as ArithmeticName;
      if (width === 16 && WITHOUT_HALF.has(op)) continue;
      if (operands === 1) yield { callee: unaryElement(op, width), op, width, operands: [width] };
      else yield { callee: binaryElement(op, width), op, width, operands: [width, width] };
    }
    for (const name of Object.keys(COMPARISONS)) {
      const op = name as ComparisonName;
      yield { callee: comparisonElement(op, width), op, width, operands: [width, width] };
    }
    for (const op of ["FCMP", "FCMPE"] as const) {
      yield { callee: compareElement(op === "FCMPE", width), op, width, operands: [width, width] };
    }
    yield { callee: fusedElement(width), op: "FMADD", width, operands: [width, width, width] };
    for (const op of ["FRECPS", "FRSQRTS"] as const) {
      yield { callee: stepElement(op, width), op, width, operands: [width, width] };
    }
    for (const op of ["FRECPE", "FRSQRTE", "FRECPX"] as const) {
      yield { callee: estimateElement(op, width), op, width, operands: [width] };
    }
    for (const to of WIDTHS) {
      if (to === width) continue;
      const op: FpOpName = `FCVT_${({ 16: "H", 32: "S", 64: "D" } as const)[to]}`;
      yield { callee: formatElement(width, to), op, width, operands: [width] };
    }
    for (const unsigned of [false, true]) {
      const sign = unsigned ? "U" : "S";
      for (const integer of WIDTHS) {
        const fixed = { integer, fbits: [0, 0, 1, 11, integer - 1, integer] };
        for (const rounding of ["N", "P", "M", "Z", "A"] as const) {
          const callee = toFixedElement(rounding, unsigned, width, integer);
          yield { callee, op: `FCVT${rounding}${sign}`, width, operands: [width], fixed };
        }
        const callee = fromFixedElement(unsigned, integer, width);
        yield { callee, op: `${sign}CVTF`, width, operands: [integer], fixed };
      }
    }
  }
  for (const op of ["URECPE", "URSQRTE"] as const) {
    yield { callee: unsignedEstimateElement(op), op, width: 32, operands: [32] };
  }
  yield { callee: fusedLongElement, op: "FMLAL", width: 16, operands: [16, 16, 32] };
  yield { callee: narrowOddElement, op: "FCVTXN", width: 64, operands: [64] };
  yield { callee: javaScriptElement, op: "FJCVTZS", width: 64, operands: [64] };
}

const CASES = [...cases()];
const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

describe("element functions", () => {
  const module = new FpModule(CASES.map((c) => c.callee));
  it.each(CASES.map((c, i) => [c.callee.name, i] as const))("%s is the exact path's equal", (_name, index) => {
    const { op, width, operands, fixed } = CASES[index] as Case;
    const source = new Operands(index + 1);
    const instruction = { asm: op.toLowerCase(), op: FpOp[op], width, operands };
    const wrong: string[] = [];
    let handled = 0;
    for (let i = 0; i < EXECUTIONS; i++) {
      const fpcr = i % 3 === 0 ? source.fpcr() : 0;
      const before = [0, FPSR.IXC, 0, FPSR.IXC | FPSR.UFC][i % 4] as number;
      const drawn = source.draw(instruction);
      const fbits = BigInt(fixed?.fbits[i % fixed.fbits.length] ?? 0);
      const [a, b, c] = fixed ? [drawn[0], fbits, BigInt(fixed.integer)] : drawn;
      const want = fpExact(FpOp[op], width, a, b, c, fpcr);
      const got = module.run(index, fpcr, before, [a, b, c].slice(0, fixed ? 2 : operands.length));
      const fpsr = module.view.getUint32(CPU.fpsr, true);
      const fast = module.view.getInt32(CPU.fpFast, true);
      if (!got.exact) handled++;
      const wantFpsr = before | want.flags;
      if (got.bits === want.bits && fpsr === wantFpsr && fast === fpFastOf(fpcr, wantFpsr)) continue;
      wrong.push(
        `FPCR ${hex(fpcr)} FPSR ${hex(before)} of ${[a, b, c].map(hex).join(" ")}: ${hex(got.bits)} FPSR ${hex(fpsr)} ` +
          `fast ${fast}, exactly ${hex(want.bits)} FPSR ${hex(wantFpsr)}`,
      );
    }
    expect(wrong.slice(0, 5), `${wrong.length} of ${EXECUTIONS} differ`).toEqual([]);
    // Operands are chosen to be hard; still some must not have needed the exact path.
    expect(handled).toBeGreaterThan(EXECUTIONS / 50);
  });
});

it("rounds sums whose error overflows where it is computed", () => {
  const sums = [
    { op: "FADD", width: 32, a: 0x73c0_0000n, b: 0xff7f_ffffn },
    { op: "FADD", width: 64, a: 0x7ca8_0000_0000_0000n, b: 0xffef_ffff_ffff_ffffn },
    { op: "FSUB", width: 64, a: 0x7cbc_0000_0000_0000n, b: 0x7fef_ffff_ffff_ffffn },
  ] as const;
  const module = new FpModule(sums.map(({ op, width }) => binaryElement(op, width)));
  sums.forEach(({ op, width, a, b }, index) => {
    for (const mode of [0, 1, 2, 3]) {
      for (const [x, y] of [
        [a, b],
        [b, a],
      ] as const) {
        const fpcr = mode << 22;
        const { bits } = module.run(index, fpcr, 0, [x, y]);
        expect(hex(bits), `${op} of ${hex(x)}, ${hex(y)}, FPCR ${hex(fpcr)}`).toBe(
          hex(fpExact(FpOp[op], width, x, y, 0n, fpcr).bits),
        );
      }
    }
  });
});

describe("what programs do all the time does not ask the exact path", () => {
  const ops = ["FADD", "FSUB", "FMUL", "FDIV"] as const;
  const widths = [32, 64] as const;
  const rows = widths.flatMap((width) => ops.map((op) => ({ op, width, callee: binaryElement(op, width) })));
  const module = new FpModule([...rows.map(({ callee }) => callee), ...widths.map((width) => fusedElement(width))]);
  const encode = (width: 32 | 64, x: number): bigint => {
    const view = new DataView(new ArrayBuffer(8));
    if (width === 64) view.setFloat64(0, x);
    else view.setFloat32(4, x);
    return view.getBigUint64(0);
  };
  const ALL = FPSR.IOC | FPSR.DZC | FPSR.OFC | FPSR.UFC | FPSR.IXC | FPSR.IDC;
  const TINY = { 32: 1e-39, 64: 1e-309 };
  const modes = [0, 1 << 22, 2 << 22, 3 << 22, FPCR.FZ, FPCR.FZ | (3 << 22)];

  it.each(rows.map((row, i) => [`${row.op} of ${row.width} bits`, row, i] as const))(
    "%s",
    (_name, { width }, index) => {
      for (const fpcr of modes) {
        const flushing = (fpcr & FPCR.FZ) !== 0;
        const operands = [0.1, -7.25, 1e15, ...(flushing || fpcr === 0 ? [TINY[width]] : [])];
        if (fpcr === 0) operands.push(Number.POSITIVE_INFINITY, Number.NaN);
        for (const x of operands) {
          for (const y of operands) {
            const { exact } = module.run(index, fpcr, ALL, [encode(width, x), encode(width, y)]);
            expect(exact, `${x}, ${y}, FPCR ${hex(fpcr)}`).toBe(false);
          }
        }
      }
    },
  );

  it.each(widths)("FMADD of %s bits", (width) => {
    for (const fpcr of modes) {
      const operands = [0.1, -7.25, 1e15].map((x) => encode(width, x)) as [bigint, bigint, bigint];
      expect(module.run(rows.length + widths.indexOf(width), fpcr, ALL, operands).exact, hex(fpcr)).toBe(false);
    }
  });
});
