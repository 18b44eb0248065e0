/**
 * Watchpoints and what devices do to memory by themselves. A watchpoint is a range of virtual addresses, a device knows
 * physical ones: where the range lies is looked up as the vCPUs translate now, without effect on anything.
 */
import type { Vcpu } from "../../cpu/vcpu.js";
import { CPU } from "../../engine/layout.js";
import type { Machine } from "../machine.js";
import { currentRegime, regimeOfView } from "./memory.js";
import { coverOf, type Regime, type StageWalk, Tables, walkAll } from "./tables.js";

/** Width of an address in bits. */
const ADDRESS_BITS = 64;

/** A piece of a virtual range that is contiguous in physical memory. */
interface Piece {
  readonly va: bigint;
  readonly pa: bigint;
  readonly size: bigint;
}

/** The regime of the guest's code: while a hosted level serves it, the one that it is going back to. */
function guestRegime(vcpu: Vcpu): Regime {
  const { el } = vcpu;
  if (((vcpu.get32(CPU.hosted) >>> el) & 1) === 0) return currentRegime(vcpu);
  const from = Number((vcpu.sysreg(`SPSR_EL${el}`) >> 2n) & 3n);
  return regimeOfView(vcpu, `el${from as 0 | 1 | 2 | 3}`);
}

/** Where [first, last] lies; what is not mapped is left out. */
function* piecesOf(machine: Machine, vcpu: Vcpu, first: bigint, last: bigint): Iterable<Piece> {
  const tables = new Tables(machine, vcpu);
  const regime = guestRegime(vcpu);
  for (let va = first; va <= last; ) {
    const { stage1, stage2, pa } = walkAll(tables, regime, va);
    const cover = (walk: StageWalk | undefined): number => (walk === undefined ? ADDRESS_BITS : coverOf(walk));
    const block = 1n << BigInt(Math.min(cover(stage1), cover(stage2)));
    const left = block - (va & (block - 1n));
    const size = va + left > last ? last - va + 1n : left;
    if (pa !== undefined) yield { va, pa, size };
    va += size;
  }
}

/** A byte by both of its addresses. */
export interface Touched {
  readonly va: bigint;
  readonly pa: bigint;
}

/**
 * The first byte of [first, last] that a device has touched, with `size` bytes from the physical `address` on;
 * undefined if there is none.
 */
export function touched(
  machine: Machine,
  vcpu: Vcpu,
  { first, last }: { readonly first: bigint; readonly last: bigint },
  address: number,
  size: number,
): Touched | undefined {
  const start = BigInt(address);
  const end = start + BigInt(size);
  for (const { va, pa, size: length } of piecesOf(machine, vcpu, first, last)) {
    const before = pa > start ? 0n : start - pa;
    if (pa < end && before < length) return { va: va + before, pa: pa + before };
  }
  return undefined;
}
