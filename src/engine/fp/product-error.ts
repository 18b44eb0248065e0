/** What the host's product of doubles is rounded by, from the host's own operations (T. J. Dekker's product). */
import type { I32, V128, Value } from "../ir/value.js";
import type { Host } from "./host.js";

/** Veltkamp's factor: 2^27 + 1. */
const SPLITTER = 134217729;

/** Two halves of 26 digits each whose sum is x. */
function split<F extends Value, M extends I32 | V128>(h: Host<F, M>, x: F): { high: F; low: F } {
  const scaled = h.mul(x, h.constant(SPLITTER));
  const high = h.sub(scaled, h.sub(scaled, x));
  return { high, low: h.sub(x, high) };
}

/** Dekker's error of the rounded product p = x * y. */
export function productError<F extends Value, M extends I32 | V128>(h: Host<F, M>, p: F, x: F, y: F): F {
  const [a, b] = [split(h, x), split(h, y)];
  const most = h.add(h.sub(h.mul(a.high, b.high), p), h.mul(a.high, b.low));
  return h.add(h.add(most, h.mul(a.low, b.high)), h.mul(a.low, b.low));
}

/** Factors and addends between these powers of two neither overflow below nor lose digits at the low end. */
export const FACTOR_LIMIT = 2 ** 400;
export const ADDEND_LIMIT = 2 ** 800;

export function within<F extends Value, M extends I32 | V128>(h: Host<F, M>, x: F, limit: number): M {
  const magnitude = h.abs(x);
  return h.and(h.ge(magnitude, h.constant(1 / limit)), h.lt(magnitude, h.constant(limit)));
}
