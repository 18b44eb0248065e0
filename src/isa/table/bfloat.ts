/** FEAT_BF16 (DDI 0487, C4.1): of what scalar floating point and Advanced SIMD have for BFloat16. */
import { type Row, row } from "../pattern.js";
import {
  convert,
  dotProduct,
  dotProductByElement,
  matrixMultiply,
  multiplyLong,
  multiplyLongByElement,
  narrow,
} from "../semantics/bfloat.js";

const BF16 = { fp: true, feature: "BF16" } as const;

export const bfloat: readonly Row[] = [
  row("BFCVT", "000 11110 01 1 000110 10000 Rn:5 Rd:5", BF16, convert),
  row("BFCVTN", "0 Q=1 0 01110 10 10000 10110 10 Rn:5 Rd:5", BF16, narrow),
  row("BFDOT_vec", "0 Q=1 1 01110 01 0 Rm:5 1 1111 1 Rn:5 Rd:5", BF16, dotProduct),
  row("BFDOT_elt", "0 Q=1 0 01111 01 L:1 Rm:5 1111 H:1 0 Rn:5 Rd:5", BF16, dotProductByElement),
  row("BFMMLA", "0 1 1 01110 01 0 Rm:5 1 1101 1 Rn:5 Rd:5", BF16, matrixMultiply),
  row("BFMLAL_vec", "0 Q=1 1 01110 11 0 Rm:5 1 1111 1 Rn:5 Rd:5", BF16, multiplyLong),
  row("BFMLAL_elt", "0 Q=1 0 01111 11 L:1 M:1 Rm:4 1111 H:1 0 Rn:5 Rd:5", BF16, multiplyLongByElement),
];
