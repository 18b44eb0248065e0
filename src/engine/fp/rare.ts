/**
 * What is rare but costs as much in the exact path whenever a program does it all the time: results that overflow, are
 * tiny or come of an invalid operation, and NaNs (DDI 0487, Shared pseudocode, FPRound, FPProcessNaNs, FPConvertNaN).
 * What is returned here is right where FPCR is at its default; each function says what of that it asks for itself.
 */
import { FPSR, formatOf } from "../../cpu/fp/format.js";
import type { FunctionBuilder } from "../ir/function.js";
import type { F64, I32, I64 } from "../ir/value.js";
import type { Width } from "./codec.js";
import { HALF_OVERFLOW, narrowAnyHalf, widenHalf } from "./half.js";
import { MIN_NORMAL } from "./host.js";
import { raise } from "./mode.js";

/** A signaling NaN. */
export function isSignalingNaN(fb: FunctionBuilder, width: Width, bits: I64): I32 {
  const fmt = formatOf(width);
  const quiet = bits.bits(0, width - 1).xor(fmt.quietBit);
  return quiet.gtU(fb.i64(fmt.infinity | fmt.quietBit));
}

export function isNaNBits(fb: FunctionBuilder, width: Width, bits: I64): I32 {
  return bits.bits(0, width - 1).gtU(fb.i64(formatOf(width).infinity));
}

/** Raises Invalid Operation and returns the default NaN. */
export function returnInvalid(fb: FunctionBuilder, cpu: I32, width: Width): void {
  raise(fb, cpu, FPSR.IOC);
  fb.return(fb.i64(formatOf(width).defaultNaN));
}

/** FPCR.DN is clear: a NaN in another format, quiet; Invalid Operation if it was not. */
export function returnNaN(fb: FunctionBuilder, cpu: I32, from: Width, to: Width, bits: I64): void {
  const [source, target] = [formatOf(from), formatOf(to)];
  fb.if(isSignalingNaN(fb, from, bits), () => raise(fb, cpu, FPSR.IOC));
  const payload = bits.bits(0, source.F);
  const moved = target.F >= source.F ? payload.shl(target.F - source.F) : payload.shrU(source.F - target.F);
  const sign = bits.bits(from - 1, 1).shl(to - 1);
  fb.return(moved.or(target.infinity | target.quietBit).or(sign));
}

/** What an infinite value, or one whose digits beyond a double's do not matter any more, is as a half or single. */
export function returnNarrowed(fb: FunctionBuilder, cpu: I32, width: 16 | 32, value: F64): void {
  const magnitude = value.abs();
  const single = value.toF32();
  const bits = width === 16 ? narrowAnyHalf(fb, value) : single.bits().toI64U();
  const back = width === 16 ? widenHalf(fb, bits) : single.toF64();
  fb.if(back.ne(value), () => {
    const overflow =
      width === 16 ? magnitude.ge(fb.f64(HALF_OVERFLOW)) : single.abs().eq(fb.f32(Number.POSITIVE_INFINITY));
    const tiny = magnitude.lt(fb.f64(MIN_NORMAL[width]));
    fb.if(overflow, () => raise(fb, cpu, FPSR.OFC));
    fb.if(tiny, () => raise(fb, cpu, FPSR.UFC));
    raise(fb, cpu, FPSR.IXC);
  });
  fb.return(bits);
}
