/** BFloat16 (DDI 0487, FEAT_BF16): vectors of single precision whose operands are pairs of it, and conversion to it. */
import type { Builder } from "../../engine/builder.js";
import { bfloatDotElement, bfloatElement, bfloatNarrow } from "../../engine/fp/bfloat.js";
import { ternaryLanes } from "../../engine/fp/vector.js";
import type { V128 } from "../../engine/ir/value.js";
import type { Operand } from "../pattern.js";
import { multiplyAccumulate } from "./fp-lanes.js";
import { readScalar } from "./fp-scalar.js";
import { type ByElement, indexedElement } from "./simd-forms.js";
import { elementShuffle, Lanes } from "./simd-lanes.js";

interface Two {
  readonly Rn: Operand;
  readonly Rd: Operand;
}
interface Three extends Two {
  readonly Rm: Operand;
}
interface WithQ {
  readonly Q: number;
}
type Element = Omit<ByElement, "size"> & WithQ;

const dot = (b: Builder, full: boolean, n: V128, m: V128, d: V128): V128 =>
  b.call(ternaryLanes(bfloatDotElement, 32, full), b.cpu, n, m, d);

export function dotProduct(b: Builder, f: Three & WithQ): void {
  b.setV(f.Rd, dot(b, f.Q === 1, b.V(f.Rn), b.V(f.Rm), b.V(f.Rd)));
}

/** The element is a pair. */
export function dotProductByElement(b: Builder, f: Element): void {
  b.setV(f.Rd, dot(b, f.Q === 1, b.V(f.Rn), indexedElement(b, { ...f, size: 2 }), b.V(f.Rd)));
}

/** BFMMLA: n is 2 × 4, m the transpose of 4 × 2, the accumulator 2 × 2; a row's pairs are added one after the other. */
export function matrixMultiply(b: Builder, f: Three): void {
  const [n, m] = [b.V(f.Rn), b.V(f.Rm)];
  const pairs = (v: V128, pair: (e: number) => number): V128 => v.shuffle(v, elementShuffle(2, pair));
  const added = (sum: V128, k: 0 | 1): V128 => {
    const rows = pairs(n, (e) => 2 * (e >> 1) + k);
    const columns = pairs(m, (e) => 2 * (e & 1) + k);
    return dot(b, true, rows, columns, sum);
  };
  b.setV(f.Rd, added(added(b.V(f.Rd), 0), 1));
}

/** BFMLALB takes the even elements, as singles, BFMLALT the odd ones. */
function multiplyLongBy(b: Builder, f: Two & WithQ, m: V128): void {
  const words = new Lanes(b, 2);
  const widen = (v: V128): V128 => (f.Q === 0 ? words.shl(v, 16) : v.and(words.all(0xffff_0000n)));
  b.setV(f.Rd, multiplyAccumulate(false).lanes(b, 32, true, widen(b.V(f.Rn)), widen(m), b.V(f.Rd)));
}

export function multiplyLong(b: Builder, f: Three & WithQ): void {
  multiplyLongBy(b, f, b.V(f.Rm));
}

export function multiplyLongByElement(b: Builder, f: Element): void {
  multiplyLongBy(b, f, indexedElement(b, { ...f, size: 1 }));
}

export function convert(b: Builder, f: Two): void {
  b.setD(f.Rd, b.call(bfloatElement, b.cpu, readScalar(b, f.Rn, 32)));
}

/** BFCVTN; BFCVTN2 writes the upper half and keeps the lower. */
export function narrow(b: Builder, f: Two & WithQ): void {
  const r = b.call(bfloatNarrow, b.cpu, b.V(f.Rn));
  b.setV(f.Rd, f.Q === 1 ? b.V(f.Rd).withElement(64, 1, r.i64(0)) : r);
}
