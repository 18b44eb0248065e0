/** The fetch TLB, by virtual page. */
import type { I32, I64 } from "../ir/value.js";
import { FETCH_ENTRIES, FETCH_ENTRY, PAGE_BITS } from "../layout.js";

/** Where a bank's fetch entry for an address is, less BANK.fetch. */
export function fetchEntry(bank: I32, address: I64): I32 {
  const shift = Math.log2(FETCH_ENTRY.size);
  const index = address
    .shrU(PAGE_BITS - shift)
    .wrap()
    .and((FETCH_ENTRIES - 1) << shift);
  return bank.add(index);
}
