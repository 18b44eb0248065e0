/**
 * Predecode pages: per guest page that was executed, one slot an instruction. Keyed by physical (host) page; decoded
 * lazily, slot by slot; dropped when the guest writes to the page.
 */
import { forEachCpu, forgetTranslations } from "../../mmu/banks.js";
import { CpuView } from "../cpu-view.js";
import { dropRegions, saveKept } from "../imports.js";
import type { FunctionBuilder } from "../ir/function.js";
import { defineFunction } from "../ir/module.js";
import type { I32, I64 } from "../ir/value.js";
import { AREA, CODE_PAGE, GLOBAL, HEARD_OF, PAGE_BITS, PAGE_FLAG, PAGE_SIZE, SLOT_SIZE } from "../layout.js";

/** Slots index of handlers that are not instructions. */
export const HANDLER_DECODE = 0;
export const HANDLER_PAGE_END = 1;
export const HANDLER_BREAKPOINT = 2;
export const HANDLER_UNDEFINED = 3;
/** Not handlers, but what points ask (interpreter/points.ts): they may be replaced while the guest stands. */
export const HANDLER_POINT_PROGRAM = 4;
export const HANDLER_BREAKPOINT_PROGRAM = 5;
export const FIRST_INSTRUCTION_HANDLER = 6;

/** Writes to a page that holds code before its code is dropped whole; until then only the slots written are. */
const WRITES_BEFORE_DROP = 512;

/** A page from the pool for a guest page: its slots' address, or 0 when the pool is used up. */
export const allocateCodePage = defineFunction("allocateCodePage", "i", "i", (fb, hostPage) => {
  const global = (at: number): I32 => fb.load("i32.load", fb.i32(0), at) as I32;
  const page = global(GLOBAL.codeNext);
  fb.if(page.add(CODE_PAGE.size).gtU(global(GLOBAL.codeEnd)), () => fb.return(fb.i32(0)));
  const end = page.add(CODE_PAGE.size);
  fb.store("i32.store", fb.i32(0), end, GLOBAL.codeNext);
  fb.if(
    end.gtU(global(GLOBAL.codeFresh)),
    // Zero already: the host has no page there yet, and gives one for the slots that are used.
    () => fb.store("i32.store", fb.i32(0), end, GLOBAL.codeFresh),
    () => fb.memoryFill(page, fb.i32(0), fb.i32(CODE_PAGE.size)),
  );
  fb.store("i32.store", page, fb.i32(HANDLER_PAGE_END), CODE_PAGE.sentinel);
  fb.store("i32.store", page, hostPage, CODE_PAGE.host);
  fb.return(page);
});

/** The predecode page of a guest page, allocated if need be; 0 when the pool is used up. */
export const codePageFor = defineFunction("codePageFor", "i", "i", (fb, hostPage) => {
  const cell = hostPage.shrU(PAGE_BITS).shl(2);
  const known = fb.load("i32.load", cell, AREA.codePages) as I32;
  fb.if(known, () => fb.return(known));
  const page = fb.call(allocateCodePage, hostPage);
  fb.store("i32.store", cell, page, AREA.codePages);
  fb.return(page);
});

/** An odd number without a pattern: 2^64 by the golden ratio. */
const HASH_FACTOR = 0x9e37_79b9_7f4a_7c15n;

/**
 * What a guest page holds, in 64 bits that are never 0: pages that differ have the same by a chance of one in 2^63. By
 * it compiled code knows its pages, in this process and in later ones.
 */
export const hashPage = defineFunction("hashPage", "i", "l", (fb, hostPage) => {
  const hash = fb.variable(fb.i64(HASH_FACTOR));
  const at = fb.variable(hostPage);
  fb.loop((next) => {
    const word = fb.load("i64.load", at.get()) as I64;
    const mixed = hash.get().xor(word).mul(HASH_FACTOR);
    hash.set(mixed.xor(mixed.shrU(29)));
    at.set(at.get().add(8));
    fb.brIf(next, at.get().and(PAGE_SIZE - 1));
  });
  fb.return(hash.get().or(1));
});

/** `size` bytes at a host address in a page with code are about to be written: their slots must be decoded again. */
const codeWritten = defineFunction("codeWritten", "ii", "", (fb, host, size) => {
  const hostPage = host.and(-PAGE_SIZE);
  const flagAt = hostPage.shrU(PAGE_BITS);
  const first = fb.load("i32.load", flagAt.shl(2), AREA.codePages) as I32;
  const page = fb.variable(first);
  const writes = (fb.load("i32.load", first, CODE_PAGE.writes) as I32).add(1);
  fb.store("i32.store", first, writes, CODE_PAGE.writes);
  const regions = fb.load("i32.load", first, CODE_PAGE.hasRegions) as I32;
  const dropAll = writes.gtU(WRITES_BEFORE_DROP).or(size.gtU(256)).or(regions);
  fb.loop((again) => {
    const p = page.get();
    fb.if(
      dropAll,
      () => {
        fb.memoryFill(p, fb.i32(0), fb.i32(CODE_PAGE.sentinel));
        fb.store("i64.store", p, fb.i64(0), CODE_PAGE.hash);
      },
      () => {
        const offset = host.and(PAGE_SIZE - 1);
        const from = offset.and(-4).shl(1);
        const last = offset.add(size).sub(1);
        const end = last
          .gtU(PAGE_SIZE - 1)
          .select(fb.i32(PAGE_SIZE - 1), last)
          .and(-4)
          .shl(1);
        fb.memoryFill(p.add(from), fb.i32(0), end.sub(from).add(SLOT_SIZE));
      },
    );
    page.set(fb.load("i32.load", p, CODE_PAGE.nextShadow) as I32);
    fb.brIf(again, page.get());
  });
  fb.if(regions, () => {
    fb.store("i32.store", fb.i32(0), (fb.load("i32.load", fb.i32(0), GLOBAL.drops) as I32).add(1), GLOBAL.drops);
    forEachCpu(fb, (cpu) => forgetTranslations(new CpuView(fb, cpu)));
    fb.call(dropRegions, first);
  });
  fb.if(dropAll, () => {
    fb.store("i32.store", first, fb.i32(0), CODE_PAGE.writes);
    fb.store("i32.store", first, fb.i32(0), CODE_PAGE.hasRegions);
    const flags = fb.load("i32.load8_u", flagAt, AREA.pageFlags) as I32;
    fb.store("i32.store8", flagAt, flags.and(~PAGE_FLAG.hasCode), AREA.pageFlags);
  });
  fb.return();
});

/** PAGE_FLAGs of the page of a host address. */
export const pageFlags = (fb: FunctionBuilder, host: I32): I32 =>
  fb.load("i32.load8_u", host.shrU(PAGE_BITS), AREA.pageFlags) as I32;

/** `size` bytes at a host address are about to be written, in a page that is HEARD_OF. */
export const aboutToWrite = defineFunction("aboutToWrite", "ii", "", (fb, host, size) => {
  const flags = pageFlags(fb, host);
  fb.if(flags.and(PAGE_FLAG.kept), () => fb.call(saveKept, host, size));
  fb.if(flags.and(PAGE_FLAG.hasCode), () => fb.call(codeWritten, host, size));
  fb.return();
});

/** To go before every write of `size` bytes at a host address that did not come by a TLB entry's fast permission. */
export function announceWrite(fb: FunctionBuilder, host: I32, size: I32): void {
  fb.if(pageFlags(fb, host).and(HEARD_OF), () => fb.call(aboutToWrite, host, size));
}
