/**
 * Advanced SIMD vector and scalar by indexed element, integer (DDI 0487, C4.1). Each instruction has a row for
 * halfwords of V0–V15, numbered by H:L:M, and one for words of V0–V31, numbered by H:L.
 */
import type { Builder } from "../../engine/builder.js";
import { type Row, row } from "../pattern.js";
import { dotProductByElement } from "../semantics/simd-dot.js";
import { type ByElement, byElement, longByElement } from "../semantics/simd-forms.js";
import { mla, mlal, mls, mlsl, mul, mull, qdmlal, qdmlsl, qdmulh, qdmull, qrdmlah } from "../semantics/simd-integer.js";

const fp = true;
const always = { fp };
const rdm = { fp, feature: "RDM" } as const;
const dot = { fp, feature: "DotProd" } as const;
const i8mm = { fp, feature: "I8MM" } as const;

type ElementBody = (b: Builder, f: ByElement) => void;

/** The casts give the type checker the fields, which all these patterns have. */
function vector(name: string, u: 0 | 1, opcode: string, body: ElementBody, options: typeof always = always): Row[] {
  const half = `0 Q=1 ${u} 01111 01 L:1 M:1 Rm:4 ${opcode} H:1 0 Rn:5 Rd:5` as "Q=1 L:1 M:1 Rm:4 H:1 Rn:5 Rd:5";
  const word = `0 Q=1 ${u} 01111 10 L:1 Rm:5 ${opcode} H:1 0 Rn:5 Rd:5` as "Q=1 L:1 Rm:5 H:1 Rn:5 Rd:5";
  return [
    row(`${name}_elt_h`, half, options, (b, f) => body(b, { ...f, size: 1 })),
    row(`${name}_elt_s`, word, options, (b, f) => body(b, { ...f, size: 2 })),
  ];
}

function scalar(name: string, u: 0 | 1, opcode: string, body: ElementBody, options: typeof always = always): Row[] {
  const half = `01 ${u} 11111 01 L:1 M:1 Rm:4 ${opcode} H:1 0 Rn:5 Rd:5` as "L:1 M:1 Rm:4 H:1 Rn:5 Rd:5";
  const word = `01 ${u} 11111 10 L:1 Rm:5 ${opcode} H:1 0 Rn:5 Rd:5` as "L:1 Rm:5 H:1 Rn:5 Rd:5";
  return [
    row(`${name}_elt_scalar_h`, half, options, (b, f) => body(b, { ...f, size: 1 })),
    row(`${name}_elt_scalar_s`, word, options, (b, f) => body(b, { ...f, size: 2 })),
  ];
}

// biome-ignore format: one row a line
export const simdElement: readonly Row[] = [
  ...vector("MLA", 1, "0000", byElement(mla)),
  ...vector("SMLAL", 0, "0010", longByElement(mlal(true))),
  ...vector("UMLAL", 1, "0010", longByElement(mlal(false))),
  ...vector("SQDMLAL", 0, "0011", longByElement(qdmlal)),
  ...vector("MLS", 1, "0100", byElement(mls)),
  ...vector("SMLSL", 0, "0110", longByElement(mlsl(true))),
  ...vector("UMLSL", 1, "0110", longByElement(mlsl(false))),
  ...vector("SQDMLSL", 0, "0111", longByElement(qdmlsl)),
  ...vector("MUL", 0, "1000", byElement(mul)),
  ...vector("SMULL", 0, "1010", longByElement(mull(true))),
  ...vector("UMULL", 1, "1010", longByElement(mull(false))),
  ...vector("SQDMULL", 0, "1011", longByElement(qdmull)),
  ...vector("SQDMULH", 0, "1100", byElement(qdmulh(false))),
  ...vector("SQRDMULH", 0, "1101", byElement(qdmulh(true))),
  ...vector("SQRDMLAH", 1, "1101", byElement(qrdmlah(false)), rdm),
  ...vector("SQRDMLSH", 1, "1111", byElement(qrdmlah(true)), rdm),
  row("SDOT_elt", "0 Q=1 0 01111 10 L:1 Rm:5 1110 H:1 0 Rn:5 Rd:5", dot, dotProductByElement(true, true)),
  row("UDOT_elt", "0 Q=1 1 01111 10 L:1 Rm:5 1110 H:1 0 Rn:5 Rd:5", dot, dotProductByElement(false, false)),
  row("SUDOT_elt", "0 Q=1 0 01111 00 L:1 Rm:5 1111 H:1 0 Rn:5 Rd:5", i8mm, dotProductByElement(true, false)),
  row("USDOT_elt", "0 Q=1 0 01111 10 L:1 Rm:5 1111 H:1 0 Rn:5 Rd:5", i8mm, dotProductByElement(false, true)),

  // scalar
  ...scalar("SQDMLAL", 0, "0011", longByElement(qdmlal)),
  ...scalar("SQDMLSL", 0, "0111", longByElement(qdmlsl)),
  ...scalar("SQDMULL", 0, "1011", longByElement(qdmull)),
  ...scalar("SQDMULH", 0, "1100", byElement(qdmulh(false))),
  ...scalar("SQRDMULH", 0, "1101", byElement(qdmulh(true))),
  ...scalar("SQRDMLAH", 1, "1101", byElement(qrdmlah(false)), rdm),
  ...scalar("SQRDMLSH", 1, "1111", byElement(qrdmlah(true)), rdm),
];
