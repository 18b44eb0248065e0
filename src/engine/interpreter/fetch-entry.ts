/** The fetch TLB, by virtual page, and the page being executed. */
import type { CpuView } from "../cpu-view.js";
import type { FunctionBuilder } from "../ir/function.js";
import type { I32, I64 } from "../ir/value.js";
import {
  BANK,
  CPU,
  FETCH_BITS,
  FETCH_ENTRIES,
  FETCH_ENTRY,
  FETCH_VICTIMS,
  PAGE_BITS,
  PAGE_SIZE,
  SLOT_SIZE,
} from "../layout.js";

/** Where a bank's fetch entry for an address is, less BANK.fetch. */
export function fetchEntry(bank: I32, address: I64): I32 {
  const shift = Math.log2(FETCH_ENTRY.size);
  const index = address
    .shrU(PAGE_BITS - shift)
    .wrap()
    .and((FETCH_ENTRIES - 1) << shift);
  return bank.add(index);
}

/** The page that `fetchEntry` has, invalid ones never an address of a page. */
export const entryPage = (fb: FunctionBuilder, entry: I32): I64 =>
  fb.load("i64.load", entry, BANK.fetch + FETCH_ENTRY.tag) as I64;

/** What `entryPage` is for an address whose page is there. Of a misaligned address it is no page's. */
export const pageTag = (address: I64): I64 => address.and(BigInt(-PAGE_SIZE | 3));

/** Whether the page of `fetchEntry` is guarded (FEAT_BTI). */
export const entryGuarded = (fb: FunctionBuilder, entry: I32): I32 =>
  fb.load("i32.load", entry, BANK.fetch + FETCH_ENTRY.guarded) as I32;

/** The predecode page that `fetchEntry` leads to. */
export const entryCode = (fb: FunctionBuilder, entry: I32): I32 =>
  fb.load("i32.load", entry, BANK.fetch + FETCH_ENTRY.codePage) as I32;

/** From here on the page being executed is the one at virtual address `page`, whose predecode page is `code`. */
export function enterPage(c: CpuView, page: I64, code: I32): void {
  c.set32(CPU.slotBase, code);
  c.set64(CPU.pcBias, page.sub(code.shrU(1).toI64U()));
}

/** The virtual address of the page being executed, as the vCPU block has it. */
export const executedPage = (c: CpuView): I64 => c.get64(CPU.pcBias).add(c.get32(CPU.slotBase).shrU(1).toI64U());

/** How far into a code page the slot of an address is that is a multiple of 4. */
export const slotOffset = (address: I64): I32 =>
  address
    .wrap()
    .and(PAGE_SIZE - 1)
    .shl(Math.log2(SLOT_SIZE / 4));

/** Where a bank keeps the fetch entry of a page if another one has displaced it. */
export function fetchVictim(bank: I32, address: I64): I32 {
  const mixed = address.shrU(PAGE_BITS).xor(address.shrU(PAGE_BITS + FETCH_BITS));
  const index = mixed.wrap().and(FETCH_VICTIMS - 1);
  return bank.add(index.mul(FETCH_ENTRY.size)).add(BANK.fetchVictims);
}
