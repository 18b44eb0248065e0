/**
 * BFloat16 (DDI 0487, FEAT_BF16): conversion from single precision, and the dot product of two pairs, which rounds to
 * odd and heeds no FPCR. Products of two BFloat16 are exact in single precision, sums of two singles are rounded to odd
 * twice, in double and from there, which is rounding to odd once.
 */
import type { FunctionBuilder } from "../ir/function.js";
import { defineFunction } from "../ir/module.js";
import type { F32, F64, I32, I64 } from "../ir/value.js";
import { decode } from "./codec.js";
import { type Element1, type Element3, exactly } from "./element.js";
import { BELOW_SINGLE } from "./fused.js";
import { doubleHost, singleHost } from "./host.js";
import { sumError } from "./operations.js";
import { eachLane, type Vector1 } from "./vector.js";

/** BFCVT: (cpu, single) to a BFloat16. */
export const bfloatElement: Element1 = defineFunction("BFCVT", "il", "l", (fb, cpu, a) => {
  fb.return(exactly(fb, cpu, "BFCVT", 32, a));
});

/** BFCVTN: four of them, in the lower 64 bits. */
export const bfloatNarrow: Vector1 = defineFunction("BFCVTN", "iv", "v", (fb, cpu, x) => {
  fb.return(eachLane(fb, 16, 4, (lane) => fb.call(bfloatElement, cpu, x.element(32, lane))));
});

/** The sum of two singles rounded to odd, as a double, and whether it is a normal single or zero. */
function oddSum(fb: FunctionBuilder, x: F64, y: F64): { readonly r: F64; readonly fits: I32 } {
  const h = doubleHost(fb);
  const near = x.add(y);
  const bits = h.roundToOdd(near, sumError(h, near, x, y)).bits();
  const lost = bits.and(BigInt(BELOW_SINGLE));
  const r = bits.xor(lost).or(lost.ne(0).toI64U().shl(29)).asF64();
  return { r, fits: normalOrZero(fb, r) };
}

function normalOrZero(fb: FunctionBuilder, x: F64): I32 {
  return singleHost(fb)
    .normal(x.toF32())
    .or(x.eq(fb.f64(0)));
}

const lower = (pair: I64): I64 => pair.and(0xffffn).shl(16);
const upper = (pair: I64): I64 => pair.and(0xffff_0000n);

/** (cpu, pair, pair, single) to the single plus the products of the pairs' elements. */
export const bfloatDotElement: Element3 = defineFunction("BFDOT", "illl", "l", (fb, cpu, a, b, c) => {
  const single = (bits: I64): F32 => decode(fb, 32, bits) as F32;
  const factors = [lower(a), lower(b), upper(a), upper(b)].map(single) as [F32, F32, F32, F32];
  const addend = single(c);
  // Denormal operands count as zero.
  const h = singleHost(fb);
  const plain = [...factors, addend].map((x) => h.notDenormal(x)).reduce((all, x) => all.and(x));
  fb.if(plain, () => {
    const [x0, y0, x1, y1] = factors.map((x) => x.toF64()) as [F64, F64, F64, F64];
    const products = [x0.mul(y0), x1.mul(y1)] as const;
    const product = oddSum(fb, ...products);
    const sum = oddSum(fb, product.r, addend.toF64());
    const fit = products.map((p) => normalOrZero(fb, p)).reduce((all, p) => all.and(p));
    fb.if(fit.and(product.fits).and(sum.fits), () => fb.return(sum.r.toF32().bits().toI64U()));
  });
  fb.return(exactly(fb, cpu, "BFDOT", 32, a, b, c));
});
