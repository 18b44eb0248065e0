// Vector operations (all lanes at once where that is certain) against the exact path lane by lane. Operands are tame
// more often than not, so that whole vectors stay on the host's SIMD instructions; a lane now and then is not.

import { describe, expect, it } from "vitest";
import { FpOp, type FpOpName, fpExact } from "../../../src/cpu/fp/exact.js";
import { FPSR } from "../../../src/cpu/fp/format.js";
import type { Width } from "../../../src/engine/fp/codec.js";
import { fpFastOf } from "../../../src/engine/fp/mode.js";
import {
  ARITHMETIC,
  type ArithmeticName,
  COMPARISONS,
  type ComparisonName,
} from "../../../src/engine/fp/operations.js";
import {
  arithmeticVector,
  comparisonVector,
  fusedLongVector,
  fusedVector,
  stepVector,
} from "../../../src/engine/fp/vector.js";
import { fromFixedVector, narrowVector, toFixedVector, widenVector } from "../../../src/engine/fp/vector-convert.js";
import type { Callable, FunctionBuilder } from "../../../src/engine/ir/function.js";
import { defineFunction } from "../../../src/engine/ir/module.js";
import type { I32, I64, V128 } from "../../../src/engine/ir/value.js";
import { CPU } from "../../../src/engine/layout.js";
import { Operands } from "../../cpu/fp/operands.js";
import { FpModule } from "./fp-module.js";

type Write = (fb: FunctionBuilder, cpu: I32, n: V128, m: V128, d: V128, fbits: I64) => V128;

interface Case {
  readonly name: string;
  readonly op: FpOpName;
  readonly callee: Callable;
  /** As fpExact wants it. */
  readonly width: Width;
  /** Element widths of n, m, d and of the result. */
  readonly operands: readonly number[];
  readonly result: number;
  readonly lanes: number;
  /** Element of n and m that goes into the result's first. */
  readonly from: number;
  readonly fixed: boolean;
}

const WIDTHS: readonly Width[] = [16, 32, 64];
const EXECUTIONS = 400;
/** Where operands and result are, behind the vCPU block's fields. */
const AT = { n: 0x3000, m: 0x3010, d: 0x3020, result: 0x3030 } as const;

/** Vectors do not cross into TypeScript: they go through memory. */
function wrap(name: string, write: Write): Callable {
  return defineFunction(name, "il", "l", (fb, cpu, fbits) => {
    const [n, m, d] = [AT.n, AT.m, AT.d].map((at) => fb.load("v128.load", cpu, at)) as [V128, V128, V128];
    fb.store("v128.store", cpu, write(fb, cpu, n, m, d, fbits), AT.result);
    fb.return(fb.i64(0));
  });
}

const FORMATS = { 16: "H", 32: "S", 64: "D" } as const;

function* cases(): Generator<Case> {
  for (const width of WIDTHS) {
    for (const full of [true, false]) {
      if (width === 64 && !full) continue;
      const lanes = (full ? 128 : 64) / width;
      const same = (op: FpOpName, count: number, write: Write, fixed = false): Case => {
        const name = `${op} ${lanes} x ${width}${fixed ? " fixed" : ""}`;
        const operands = Array.from({ length: count }, () => width);
        return { name, op, callee: wrap(name, write), width, operands, result: width, lanes, from: 0, fixed };
      };
      for (const op of Object.keys(ARITHMETIC) as ArithmeticName[]) {
        if (width === 16 && /^FRINT\d/.test(op)) continue;
        yield same(op, ARITHMETIC[op].operands, (fb, cpu, n, m) => arithmeticVector(fb, cpu, op, width, full, n, m));
      }
      for (const op of Object.keys(COMPARISONS) as ComparisonName[]) {
        yield same(op, 2, (fb, cpu, n, m) => comparisonVector(fb, cpu, op, width, full, n, m));
      }
      yield same("FMADD", 3, (fb, cpu, n, m, d) => fusedVector(fb, cpu, width, full, d, n, m));
      for (const op of ["FRECPS", "FRSQRTS"] as const) {
        yield same(op, 2, (fb, cpu, n, m) => stepVector(fb, cpu, op, width, full, n, m));
      }
      for (const unsigned of [false, true]) {
        const sign = unsigned ? "U" : "S";
        for (const rounding of ["N", "P", "M", "Z", "A"] as const) {
          yield same(`FCVT${rounding}${sign}`, 1, (fb, cpu, n) =>
            toFixedVector(fb, cpu, rounding, unsigned, width, full, n),
          );
        }
        const scaled: Write = (fb, cpu, n, _m, _d, fbits) =>
          toFixedVector(fb, cpu, "Z", unsigned, width, full, n, fbits);
        yield same(`FCVTZ${sign}`, 1, scaled, true);
        yield same(`${sign}CVTF`, 1, (fb, cpu, n) => fromFixedVector(fb, cpu, unsigned, width, full, n));
        const from: Write = (fb, cpu, n, _m, _d, fbits) => fromFixedVector(fb, cpu, unsigned, width, full, n, fbits);
        yield same(`${sign}CVTF`, 1, from, true);
      }
    }
  }
  for (const upper of [false, true]) {
    for (const full of [true, false]) {
      const lanes = full ? 4 : 2;
      const name = `FMLAL ${upper ? "upper" : "lower"} ${lanes}`;
      const callee = wrap(name, (fb, cpu, n, m, d) => fb.call(fusedLongVector(upper, full), cpu, d, n, m));
      const from = upper ? lanes : 0;
      yield { name, op: "FMLAL", callee, width: 16, operands: [16, 16, 32], result: 32, lanes, from, fixed: false };
    }
    for (const width of [16, 32] as const) {
      const [to, name] = [width === 16 ? 32 : 64, `FCVTL ${upper ? "upper" : "lower"} ${width}`] as const;
      const callee = wrap(name, (fb, cpu, n) => widenVector(fb, cpu, width, upper, n));
      const shape = { width, operands: [width], result: to, lanes: 128 / to, from: upper ? 128 / to : 0, fixed: false };
      yield { name, op: `FCVT_${FORMATS[to]}`, callee, ...shape };
    }
  }
  for (const [width, odd] of [
    [32, false],
    [64, false],
    [64, true],
  ] as const) {
    const [to, name] = [width === 32 ? 16 : 32, `FCVT${odd ? "X" : ""}N ${width}`] as const;
    const callee = wrap(name, (fb, cpu, n) => narrowVector(fb, cpu, width, odd, n));
    const op: FpOpName = odd ? "FCVTXN" : `FCVT_${FORMATS[to]}`;
    yield { name, op, callee, width, operands: [width], result: to, lanes: 128 / width, from: 0, fixed: false };
  }
}

const CASES = [...cases()];

class Memory {
  constructor(private readonly view: DataView) {}
  get(at: number, width: number, lane: number): bigint {
    const address = at + (lane * width) / 8;
    if (width === 64) return this.view.getBigUint64(address, true);
    return BigInt(width === 32 ? this.view.getUint32(address, true) : this.view.getUint16(address, true));
  }
  set(at: number, width: number, lane: number, bits: bigint): void {
    const address = at + (lane * width) / 8;
    if (width === 64) this.view.setBigUint64(address, bits, true);
    else if (width === 32) this.view.setUint32(address, Number(bits), true);
    else this.view.setUint16(address, Number(bits), true);
  }
}

/** A value of ordinary size: an exponent near zero, random digits, maybe a sign. */
function tame(width: number, word: bigint, signed: boolean): bigint {
  const [exponentBits, digits] = ({ 16: [5n, 10n], 32: [8n, 23n], 64: [11n, 52n] } as const)[width as Width];
  const exponent = (1n << (exponentBits - 1n)) - 4n + (word & 7n);
  const sign = signed ? ((word >> 3n) & 1n) << (exponentBits + digits) : 0n;
  return sign | (exponent << digits) | (BigInt.asUintN(64, word * 0x9e3779b97f4a7c15n) >> (64n - digits));
}

describe("vector operations", () => {
  const module = new FpModule(CASES.map((c) => c.callee));
  const memory = new Memory(module.view);
  it.each(CASES.map((c, i) => [c.name, i] as const))("%s", (_name, index) => {
    const c = CASES[index] as Case;
    const source = new Operands(index + 1);
    const instruction = { asm: c.op.toLowerCase(), op: FpOp[c.op], width: c.width, operands: c.operands };
    const convertsInteger = /^([SU]CVTF|FCVT[NPMZA][SU])$/.test(c.op);
    const wrong: string[] = [];
    let whole = 0;
    for (let i = 0; i < EXECUTIONS; i++) {
      const fpcr = i % 4 === 0 ? source.fpcr() : 0;
      const before = i % 3 === 0 ? 0 : FPSR.IXC;
      const fbits = c.fixed ? BigInt(1 + (i % c.width)) : 0n;
      const places = [AT.n, AT.m, AT.d] as const;
      const oneWild = i % 5 === 0;
      const lanesInMemory = 128 / Math.max(...c.operands);
      for (let lane = 0; lane < lanesInMemory + c.from; lane++) {
        const wild = i % 5 === 1 || (oneWild && lane === i % c.lanes);
        const drawn = source.draw(instruction);
        c.operands.forEach((width, k) => {
          const at = places[k] as number;
          if ((lane + 1) * width > 128) return;
          const word = (drawn[k] as bigint) ^ BigInt(i * 64 + lane * 8 + k);
          memory.set(at, width, lane, wild ? (drawn[k] as bigint) : tame(width, word, i % 2 === 0));
        });
      }
      let wantFlags = before;
      const want: bigint[] = [];
      for (let lane = 0; lane < c.lanes; lane++) {
        const [a, b, d] = c.operands.map((width, k) => {
          return memory.get(places[k] as number, width, width === c.result ? lane : lane + c.from);
        });
        const exact = convertsInteger
          ? fpExact(FpOp[c.op], c.width, a ?? 0n, fbits, BigInt(c.width), fpcr)
          : fpExact(FpOp[c.op], c.width, a ?? 0n, b ?? 0n, d ?? 0n, fpcr);
        want.push(exact.bits);
        wantFlags |= exact.flags;
      }
      const { exact } = module.run(index, fpcr, before, [fbits]);
      if (!exact) whole++;
      const got = want.map((_, lane) => memory.get(AT.result, c.result, lane));
      const rest = c.lanes * c.result === 64 ? memory.get(AT.result, 64, 1) : 0n;
      const fpsr = module.view.getUint32(CPU.fpsr, true);
      const fast = module.view.getInt32(CPU.fpFast, true);
      const same = got.every((bits, lane) => bits === want[lane]);
      if (same && rest === 0n && fpsr === wantFlags && fast === fpFastOf(fpcr, wantFlags)) continue;
      const hex = (list: readonly bigint[]): string => list.map((v) => v.toString(16)).join(" ");
      wrong.push(
        `FPCR ${fpcr.toString(16)} FPSR ${before}: ${hex(got)} (above: ${hex([rest])}) FPSR ${fpsr.toString(16)}, ` +
          `exactly ${hex(want)} FPSR ${wantFlags.toString(16)}`,
      );
    }
    expect(wrong.slice(0, 4), `${wrong.length} of ${EXECUTIONS} differ`).toEqual([]);
    expect(whole).toBeGreaterThan(EXECUTIONS / 10);
  });
});
