/** Where a semihosted program's heap and stack may be: the largest part of RAM in which nothing was loaded. */
import type { LoadedRange } from "../boot.js";

const ALIGNMENT = 0x1000;

export function freeMemory(
  ram: { readonly base: number; readonly size: number },
  loads: readonly LoadedRange[],
): { readonly base: bigint; readonly limit: bigint } {
  const end = ram.base + ram.size;
  const taken = loads
    .map(({ address, length }) => ({ start: address, end: address + length }))
    .filter((range) => range.end > ram.base && range.start < end)
    .sort((a, b) => a.start - b.start);
  let best = { base: ram.base, limit: ram.base };
  let from = ram.base;
  for (const range of [...taken, { start: end, end }]) {
    const base = Math.ceil(from / ALIGNMENT) * ALIGNMENT;
    const limit = Math.floor(range.start / ALIGNMENT) * ALIGNMENT;
    if (limit - base > best.limit - best.base) best = { base, limit };
    from = Math.max(from, range.end);
  }
  return { base: BigInt(best.base), limit: BigInt(best.limit) };
}
