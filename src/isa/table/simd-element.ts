/** Advanced SIMD vector and scalar by indexed element, integer (DDI 0487, C4.1). */
import { type Row, row } from "../pattern.js";
import { dotProductByElement } from "../semantics/simd-dot.js";
import { byElement, longByElement } from "../semantics/simd-forms.js";
import { mla, mlal, mls, mlsl, mul, mull, qdmlal, qdmlsl, qdmulh, qdmull, qrdmlah } from "../semantics/simd-integer.js";

const fp = true;
const rdm = { fp, feature: "RDM" } as const;
const dot = { fp, feature: "DotProd" } as const;
const i8mm = { fp, feature: "I8MM" } as const;
/** Halfwords of V0–V15 by H:L:M, words of V0–V31 by H:L. */
const half = { size: 1 };
const word = { size: 2 };

export const simdElement: readonly Row[] = [
  row("MLA_elt_h", "0 Q=1 1 01111 01 L:1 M:1 Rm:4 0000 H:1 0 Rn:5 Rd:5", { fp }, (b, f) => byElement(mla)(b, { ...f, ...half })),
  row("MLA_elt_s", "0 Q=1 1 01111 10 L:1 Rm:5 0000 H:1 0 Rn:5 Rd:5", { fp }, (b, f) => byElement(mla)(b, { ...f, ...word })),
  row("SMLAL_elt_h", "0 Q=1 0 01111 01 L:1 M:1 Rm:4 0010 H:1 0 Rn:5 Rd:5", { fp }, (b, f) => longByElement(mlal(true))(b, { ...f, ...half })),
  row("SMLAL_elt_s", "0 Q=1 0 01111 10 L:1 Rm:5 0010 H:1 0 Rn:5 Rd:5", { fp }, (b, f) => longByElement(mlal(true))(b, { ...f, ...word })),
  row("UMLAL_elt_h", "0 Q=1 1 01111 01 L:1 M:1 Rm:4 0010 H:1 0 Rn:5 Rd:5", { fp }, (b, f) => longByElement(mlal(false))(b, { ...f, ...half })),
  row("UMLAL_elt_s", "0 Q=1 1 01111 10 L:1 Rm:5 0010 H:1 0 Rn:5 Rd:5", { fp }, (b, f) => longByElement(mlal(false))(b, { ...f, ...word })),
  row("SQDMLAL_elt_h", "0 Q=1 0 01111 01 L:1 M:1 Rm:4 0011 H:1 0 Rn:5 Rd:5", { fp }, (b, f) => longByElement(qdmlal)(b, { ...f, ...half })),
  row("SQDMLAL_elt_s", "0 Q=1 0 01111 10 L:1 Rm:5 0011 H:1 0 Rn:5 Rd:5", { fp }, (b, f) => longByElement(qdmlal)(b, { ...f, ...word })),
  row("MLS_elt_h", "0 Q=1 1 01111 01 L:1 M:1 Rm:4 0100 H:1 0 Rn:5 Rd:5", { fp }, (b, f) => byElement(mls)(b, { ...f, ...half })),
  row("MLS_elt_s", "0 Q=1 1 01111 10 L:1 Rm:5 0100 H:1 0 Rn:5 Rd:5", { fp }, (b, f) => byElement(mls)(b, { ...f, ...word })),
  row("SMLSL_elt_h", "0 Q=1 0 01111 01 L:1 M:1 Rm:4 0110 H:1 0 Rn:5 Rd:5", { fp }, (b, f) => longByElement(mlsl(true))(b, { ...f, ...half })),
  row("SMLSL_elt_s", "0 Q=1 0 01111 10 L:1 Rm:5 0110 H:1 0 Rn:5 Rd:5", { fp }, (b, f) => longByElement(mlsl(true))(b, { ...f, ...word })),
  row("UMLSL_elt_h", "0 Q=1 1 01111 01 L:1 M:1 Rm:4 0110 H:1 0 Rn:5 Rd:5", { fp }, (b, f) => longByElement(mlsl(false))(b, { ...f, ...half })),
  row("UMLSL_elt_s", "0 Q=1 1 01111 10 L:1 Rm:5 0110 H:1 0 Rn:5 Rd:5", { fp }, (b, f) => longByElement(mlsl(false))(b, { ...f, ...word })),
  row("SQDMLSL_elt_h", "0 Q=1 0 01111 01 L:1 M:1 Rm:4 0111 H:1 0 Rn:5 Rd:5", { fp }, (b, f) => longByElement(qdmlsl)(b, { ...f, ...half })),
  row("SQDMLSL_elt_s", "0 Q=1 0 01111 10 L:1 Rm:5 0111 H:1 0 Rn:5 Rd:5", { fp }, (b, f) => longByElement(qdmlsl)(b, { ...f, ...word })),
  row("MUL_elt_h", "0 Q=1 0 01111 01 L:1 M:1 Rm:4 1000 H:1 0 Rn:5 Rd:5", { fp }, (b, f) => byElement(mul)(b, { ...f, ...half })),
  row("MUL_elt_s", "0 Q=1 0 01111 10 L:1 Rm:5 1000 H:1 0 Rn:5 Rd:5", { fp }, (b, f) => byElement(mul)(b, { ...f, ...word })),
  row("SMULL_elt_h", "0 Q=1 0 01111 01 L:1 M:1 Rm:4 1010 H:1 0 Rn:5 Rd:5", { fp }, (b, f) => longByElement(mull(true))(b, { ...f, ...half })),
  row("SMULL_elt_s", "0 Q=1 0 01111 10 L:1 Rm:5 1010 H:1 0 Rn:5 Rd:5", { fp }, (b, f) => longByElement(mull(true))(b, { ...f, ...word })),
  row("UMULL_elt_h", "0 Q=1 1 01111 01 L:1 M:1 Rm:4 1010 H:1 0 Rn:5 Rd:5", { fp }, (b, f) => longByElement(mull(false))(b, { ...f, ...half })),
  row("UMULL_elt_s", "0 Q=1 1 01111 10 L:1 Rm:5 1010 H:1 0 Rn:5 Rd:5", { fp }, (b, f) => longByElement(mull(false))(b, { ...f, ...word })),
  row("SQDMULL_elt_h", "0 Q=1 0 01111 01 L:1 M:1 Rm:4 1011 H:1 0 Rn:5 Rd:5", { fp }, (b, f) => longByElement(qdmull)(b, { ...f, ...half })),
  row("SQDMULL_elt_s", "0 Q=1 0 01111 10 L:1 Rm:5 1011 H:1 0 Rn:5 Rd:5", { fp }, (b, f) => longByElement(qdmull)(b, { ...f, ...word })),
  row("SQDMULH_elt_h", "0 Q=1 0 01111 01 L:1 M:1 Rm:4 1100 H:1 0 Rn:5 Rd:5", { fp }, (b, f) => byElement(qdmulh(false))(b, { ...f, ...half })),
  row("SQDMULH_elt_s", "0 Q=1 0 01111 10 L:1 Rm:5 1100 H:1 0 Rn:5 Rd:5", { fp }, (b, f) => byElement(qdmulh(false))(b, { ...f, ...word })),
  row("SQRDMULH_elt_h", "0 Q=1 0 01111 01 L:1 M:1 Rm:4 1101 H:1 0 Rn:5 Rd:5", { fp }, (b, f) => byElement(qdmulh(true))(b, { ...f, ...half })),
  row("SQRDMULH_elt_s", "0 Q=1 0 01111 10 L:1 Rm:5 1101 H:1 0 Rn:5 Rd:5", { fp }, (b, f) => byElement(qdmulh(true))(b, { ...f, ...word })),
  row("SQRDMLAH_elt_h", "0 Q=1 1 01111 01 L:1 M:1 Rm:4 1101 H:1 0 Rn:5 Rd:5", rdm, (b, f) => byElement(qrdmlah(false))(b, { ...f, ...half })),
  row("SQRDMLAH_elt_s", "0 Q=1 1 01111 10 L:1 Rm:5 1101 H:1 0 Rn:5 Rd:5", rdm, (b, f) => byElement(qrdmlah(false))(b, { ...f, ...word })),
  row("SQRDMLSH_elt_h", "0 Q=1 1 01111 01 L:1 M:1 Rm:4 1111 H:1 0 Rn:5 Rd:5", rdm, (b, f) => byElement(qrdmlah(true))(b, { ...f, ...half })),
  row("SQRDMLSH_elt_s", "0 Q=1 1 01111 10 L:1 Rm:5 1111 H:1 0 Rn:5 Rd:5", rdm, (b, f) => byElement(qrdmlah(true))(b, { ...f, ...word })),
  row("SDOT_elt", "0 Q=1 0 01111 10 L:1 Rm:5 1110 H:1 0 Rn:5 Rd:5", dot, dotProductByElement(true, true)),
  row("UDOT_elt", "0 Q=1 1 01111 10 L:1 Rm:5 1110 H:1 0 Rn:5 Rd:5", dot, dotProductByElement(false, false)),
  row("SUDOT_elt", "0 Q=1 0 01111 00 L:1 Rm:5 1111 H:1 0 Rn:5 Rd:5", i8mm, dotProductByElement(true, false)),
  row("USDOT_elt", "0 Q=1 0 01111 10 L:1 Rm:5 1111 H:1 0 Rn:5 Rd:5", i8mm, dotProductByElement(false, true)),

  // scalar
  row("SQDMLAL_elt_scalar_h", "01 0 11111 01 L:1 M:1 Rm:4 0011 H:1 0 Rn:5 Rd:5", { fp }, (b, f) => longByElement(qdmlal)(b, { ...f, ...half })),
  row("SQDMLAL_elt_scalar_s", "01 0 11111 10 L:1 Rm:5 0011 H:1 0 Rn:5 Rd:5", { fp }, (b, f) => longByElement(qdmlal)(b, { ...f, ...word })),
  row("SQDMLSL_elt_scalar_h", "01 0 11111 01 L:1 M:1 Rm:4 0111 H:1 0 Rn:5 Rd:5", { fp }, (b, f) => longByElement(qdmlsl)(b, { ...f, ...half })),
  row("SQDMLSL_elt_scalar_s", "01 0 11111 10 L:1 Rm:5 0111 H:1 0 Rn:5 Rd:5", { fp }, (b, f) => longByElement(qdmlsl)(b, { ...f, ...word })),
  row("SQDMULL_elt_scalar_h", "01 0 11111 01 L:1 M:1 Rm:4 1011 H:1 0 Rn:5 Rd:5", { fp }, (b, f) => longByElement(qdmull)(b, { ...f, ...half })),
  row("SQDMULL_elt_scalar_s", "01 0 11111 10 L:1 Rm:5 1011 H:1 0 Rn:5 Rd:5", { fp }, (b, f) => longByElement(qdmull)(b, { ...f, ...word })),
  row("SQDMULH_elt_scalar_h", "01 0 11111 01 L:1 M:1 Rm:4 1100 H:1 0 Rn:5 Rd:5", { fp }, (b, f) => byElement(qdmulh(false))(b, { ...f, ...half })),
  row("SQDMULH_elt_scalar_s", "01 0 11111 10 L:1 Rm:5 1100 H:1 0 Rn:5 Rd:5", { fp }, (b, f) => byElement(qdmulh(false))(b, { ...f, ...word })),
  row("SQRDMULH_elt_scalar_h", "01 0 11111 01 L:1 M:1 Rm:4 1101 H:1 0 Rn:5 Rd:5", { fp }, (b, f) => byElement(qdmulh(true))(b, { ...f, ...half })),
  row("SQRDMULH_elt_scalar_s", "01 0 11111 10 L:1 Rm:5 1101 H:1 0 Rn:5 Rd:5", { fp }, (b, f) => byElement(qdmulh(true))(b, { ...f, ...word })),
  row("SQRDMLAH_elt_scalar_h", "01 1 11111 01 L:1 M:1 Rm:4 1101 H:1 0 Rn:5 Rd:5", rdm, (b, f) => byElement(qrdmlah(false))(b, { ...f, ...half })),
  row("SQRDMLAH_elt_scalar_s", "01 1 11111 10 L:1 Rm:5 1101 H:1 0 Rn:5 Rd:5", rdm, (b, f) => byElement(qrdmlah(false))(b, { ...f, ...word })),
  row("SQRDMLSH_elt_scalar_h", "01 1 11111 01 L:1 M:1 Rm:4 1111 H:1 0 Rn:5 Rd:5", rdm, (b, f) => byElement(qrdmlah(true))(b, { ...f, ...half })),
  row("SQRDMLSH_elt_scalar_s", "01 1 11111 10 L:1 Rm:5 1111 H:1 0 Rn:5 Rd:5", rdm, (b, f) => byElement(qrdmlah(true))(b, { ...f, ...word })),
];
