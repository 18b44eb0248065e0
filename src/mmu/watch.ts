/**
 * Watched ranges: pages that hold a watched byte miss the inline TLB check, and each access to them comes here. Where
 * in the page the first and the last watched byte are is in the TLB entry; an access between these looks through the
 * table of ranges (engine/layout.ts, WATCH), in wasm. Only an access to a watched byte goes further, and only one that
 * is to stop the machine reaches TypeScript.
 */
import { CpuView } from "../engine/cpu-view.js";
import { guestWatch, watchAccess } from "../engine/imports.js";
import { HANDLER_POINT_PROGRAM } from "../engine/interpreter/code-pages.js";
import { POINT_PROGRAM } from "../engine/interpreter/protocol.js";
import type { FunctionBuilder } from "../engine/ir/function.js";
import { defineFunction } from "../engine/ir/module.js";
import type { I32, I64 } from "../engine/ir/value.js";
import {
  AREA,
  CONTEXT,
  CPU,
  Exit,
  GLOBAL,
  PAGE_BITS,
  PAGE_SIZE,
  SECURE_ADDRESS,
  TLB_ENTRY,
  WATCH,
  WATCH_OWNER,
  WATCH_PHYSICAL,
  WATCHED_BYTES,
  WATCHED_TAG,
} from "../engine/layout.js";
import { chooseBank, entryOf, hostBy, tagOf } from "./banks.js";
import { FAULT, walk } from "./walk.js";

/** Addresses without the top byte, which may be a tag (DDI 0487, D8.9 "Address tagging"). */
const UNTAGGED = (1n << 56n) - 1n;

/** A physical address without the address space that it is of. */
const PHYSICAL = SECURE_ADDRESS - 1n;

const pageOf = (va: I64): I64 => va.and(-BigInt(PAGE_SIZE));

/** Whose addresses rows have. */
type Space = "virtual" | "physical";

/** Visits the rows of the table that share a byte with [first, last]. */
function forEachRow(fb: FunctionBuilder, space: Space, first: I64, last: I64, visit: (row: I32) => void): void {
  const row = fb.variable(fb.i32(AREA.watches));
  const end = (fb.load("i32.load", fb.i32(0), GLOBAL.watchCount) as I32).mul(WATCH.size).add(AREA.watches);
  fb.block((done) => {
    fb.loop((again) => {
      const r = row.get();
      fb.brIf(done, r.geU(end));
      const before = (fb.load("i64.load", r, WATCH.last) as I64).ltU(first);
      const behind = (fb.load("i64.load", r, WATCH.first) as I64).gtU(last);
      fb.if(before.or(behind).eqz(), () => {
        const physical = (fb.load("i32.load", r, WATCH.access) as I32).and(WATCH_PHYSICAL);
        fb.if(space === "physical" ? physical : physical.eqz(), () => visit(r));
      });
      row.set(r.add(WATCH.size));
      fb.br(again);
    });
  });
}

/**
 * What is watched in a page, by whomever, at its virtual and physical address: 0, or bits of kinds (0 reads, 1 writes)
 * with the WATCHED_BYTES above them.
 */
export const watchedInPage = defineFunction("watchedInPage", "ll", "i", (fb, va, pa) => {
  const kinds = fb.variable(fb.i32(0));
  const first = fb.variable(fb.i64(PAGE_SIZE - 1));
  const last = fb.variable(fb.i64(0));
  const look = (space: Space, page: I64): void => {
    const end = page.add(PAGE_SIZE - 1);
    forEachRow(fb, space, page, end, (row) => {
      const rowFirst = fb.load("i64.load", row, WATCH.first) as I64;
      const rowLast = fb.load("i64.load", row, WATCH.last) as I64;
      const from = rowFirst.gtU(page).select(rowFirst.sub(page), fb.i64(0));
      const to = rowLast.ltU(end).select(rowLast.sub(page), fb.i64(PAGE_SIZE - 1));
      first.set(from.ltU(first.get()).select(from, first.get()));
      last.set(to.gtU(last.get()).select(to, last.get()));
      kinds.set(kinds.get().or(fb.load("i32.load", row, WATCH.access) as I32));
    });
  };
  const pages = fb.load("i64.load", fb.i32(0), GLOBAL.watchedPages) as I64;
  const maybe = pages.shrU(va.shrU(PAGE_BITS)).wrap().and(1);
  fb.if(maybe, () => look("virtual", pageOf(va).and(UNTAGGED)));
  fb.if(anyPhysical(fb), () => look("physical", pageOf(pa).and(PHYSICAL)));
  fb.if(kinds.get().eqz(), () => fb.return(fb.i32(0)));
  const more = last.get().sub(first.get()).wrap();
  const bytes = first.get().wrap().shl(WATCHED_BYTES.first).or(more.shl(WATCHED_BYTES.more));
  fb.return(kinds.get().and(~WATCH_PHYSICAL).or(bytes));
});

const anyPhysical = (fb: FunctionBuilder): I32 => fb.load("i32.load", fb.i32(0), GLOBAL.physicalWatches) as I32;

/** Whether a TLB entry has the page of an access, slow for nothing but what is watched in it. */
const isSlowForWatches = (fb: FunctionBuilder, entry: I32, access: I32, last: I64): I32 =>
  tagOf(fb, entry, access).eq(pageOf(last).or(WATCHED_TAG));

/**
 * Goes one way where an access is in a page that is slow for nothing but what is watched in it, and has no byte between
 * the first and the last that is.
 */
export function ifBesideWatched(
  fb: FunctionBuilder,
  entry: I32,
  va: I64,
  size: I32,
  access: I32,
  go: (host: I32) => void,
): void {
  const last = va.add(size.sub(1).toI64U());
  fb.if(isSlowForWatches(fb, entry, access, last), () => {
    const bytes = fb.load("i32.load", entry, TLB_ENTRY.flags) as I32;
    const first = bytes.shrU(WATCHED_BYTES.first).and(PAGE_SIZE - 1);
    const behindFirst = last
      .wrap()
      .and(PAGE_SIZE - 1)
      .sub(first);
    // Unsigned: an access that ends before the first is far behind it.
    const beside = behindFirst.gtU(bytes.shrU(WATCHED_BYTES.more).add(size.sub(1)));
    fb.if(beside, () => go(hostBy(fb, entry, va)));
  });
}

/**
 * Host address of an access that misses the inline check for nothing but what is watched in its page, where no byte of
 * the access is; else 0.
 */
export const unwatchedHost = defineFunction("unwatchedHost", "ilii", "i", (fb, cpu, va, size, access) => {
  const entry = entryOf(new CpuView(fb, cpu).get32(CPU.bank), va);
  ifBesideWatched(fb, entry, va, size, access, (host) => fb.return(host));
  const last = va.add(size.sub(1).toI64U());
  fb.if(isSlowForWatches(fb, entry, access, last).eqz(), () => fb.return(fb.i32(0)));
  // Which physical addresses are between those watched takes a walk of the tables.
  fb.if(anyPhysical(fb), () => fb.return(fb.i32(0)));
  forEachRow(fb, "virtual", va.and(UNTAGGED), last.and(UNTAGGED), () => fb.return(fb.i32(0)));
  fb.return(hostBy(fb, entry, va));
});

/**
 * Walks without effect on the TLB and on statistics: the fault, or 0 with the address in walkPa. A stage 2 fault that
 * goes to hosted EL2 is none here: that is how devices' registers are reached, at what is the guest's physical address.
 */
const walkQuietly = defineFunction("walkQuietly", "iili", "i", (fb, cpu, context, va, access) => {
  const c = new CpuView(fb, cpu);
  const misses = c.get64(CPU.statTlbMiss);
  c.set32(CPU.walkQuiet, 1);
  const fault = fb.call(walk, cpu, context, va, access);
  c.set32(CPU.walkQuiet, 0);
  c.set64(CPU.statTlbMiss, misses);
  const ofStage2 = fault.and(FAULT.stage2 | FAULT.onWalk).eq(FAULT.stage2);
  fb.if(ofStage2.and(c.get32(CPU.hosted).shrU(2)), () => {
    c.set64(CPU.walkPa, pageOf(c.get64(CPU.walkIpa)).or(va.and(PAGE_SIZE - 1)));
    fb.return(fb.i32(0));
  });
  fb.return(fault);
});

/** Whether the access would fault: without effect on the TLB and on statistics. */
export const wouldFault = defineFunction("wouldFault", "iili", "i", (fb, cpu, context, va, access) => {
  const entry = entryOf(fb.call(chooseBank, cpu, context), va);
  const known = (fb.load("i64.load", entry, TLB_ENTRY.page) as I64).eq(pageOf(va));
  const allowed = (fb.load("i32.load", entry, TLB_ENTRY.flags) as I32).shrU(access).and(1);
  fb.if(known.and(allowed), () => fb.return(fb.i32(0)));
  fb.return(fb.call(walkQuietly, cpu, context, va, access));
});

/** Whether the debugger wants to stop for a row that an access at `address`, in the row's space, has found. */
const debuggerStops = defineFunction("debuggerStops", "iili", "i", (fb, cpu, row, address, access) => {
  const program = fb.load("i32.load", row, WATCH.program) as I32;
  const stops = fb.choose(
    program,
    () => fb.callIndirect(POINT_PROGRAM, fb.i32(HANDLER_POINT_PROGRAM), cpu, program),
    () => fb.i32(1),
  );
  fb.if(stops.eqz(), () => fb.return(fb.i32(0)));
  fb.call(watchAccess, cpu, address, access, row.sub(AREA.watches).divU(WATCH.size));
  new CpuView(fb, cpu).set32(CPU.exit, Exit.watchpoint);
  fb.return(fb.i32(1));
});

/** Looks for physical rows where the bytes [va, va + size) of one page are: 1 as `watched`. */
const physicallyWatched = defineFunction("physicallyWatched", "iilii", "i", (fb, cpu, context, va, size, access) => {
  fb.if(fb.call(walkQuietly, cpu, context, va, access), () => fb.return(fb.i32(0)));
  const pa = fb.variable(new CpuView(fb, cpu).get64(CPU.walkPa).and(PHYSICAL));
  forEachRow(fb, "physical", pa.get(), pa.get().add(size.sub(1).toI64U()), (row) => {
    const kinds = fb.load("i32.load", row, WATCH.access) as I32;
    fb.if(kinds.shrU(access).and(1), () => {
      fb.if(fb.call(debuggerStops, cpu, row, pa.get(), access), () => fb.return(fb.i32(1)));
    });
  });
  fb.return(fb.i32(0));
});

/**
 * An access of `size` bytes is about to be made, with the PC of its instruction in the block: 1 when the instruction is
 * abandoned, an exit set up. An access that faults is not watched: the fault comes first (DDI 0487, D1.3.5.4
 * "Prioritization of Synchronous exceptions").
 */
export const watched = defineFunction("watched", "iilii", "i", (fb, cpu, context, va, size, access) => {
  const c = new CpuView(fb, cpu);
  const first = va.and(UNTAGGED);
  const last = first.add(size.sub(1).toI64U());
  forEachRow(fb, "virtual", first, last, (row) => {
    const word = (offset: number): I32 => fb.load("i32.load", row, offset) as I32;
    const otherCpu = word(WATCH.cpu)
      .ne(0)
      .and(word(WATCH.cpu).ne(c.get32(CPU.index).add(1)));
    const applies = word(WATCH.access).shrU(access).and(1).and(otherCpu.eqz());
    fb.if(applies, () => {
      fb.if(fb.call(wouldFault, cpu, context, va, access), () => fb.return(fb.i32(0)));
      fb.if(word(WATCH.owner).eq(WATCH_OWNER.debugger), () => {
        fb.if(fb.call(debuggerStops, cpu, row, va, access), () => fb.return(fb.i32(1)));
      });
      fb.if(word(WATCH.owner).eq(WATCH_OWNER.guest), () => {
        const start = fb.load("i64.load", row, WATCH.first) as I64;
        const user = context.eq(CONTEXT.el10User).or(context.eq(CONTEXT.el20User));
        const touched = start.gtU(first).select(va.add(start.sub(first)), va);
        fb.if(fb.call(guestWatch, cpu, touched, access, user, word(WATCH.program)), () => fb.return(fb.i32(1)));
      });
    });
  });
  fb.if(anyPhysical(fb).eqz(), () => fb.return(fb.i32(0)));
  // Pages that follow each other need not do so in physical memory.
  const left = fb.variable(fb.i32(PAGE_SIZE).sub(va.wrap().and(PAGE_SIZE - 1)));
  fb.if(left.get().geU(size), () => fb.return(fb.call(physicallyWatched, cpu, context, va, size, access)));
  fb.if(fb.call(physicallyWatched, cpu, context, va, left.get(), access), () => fb.return(fb.i32(1)));
  const behind = va.add(left.get().toI64U());
  fb.return(fb.call(physicallyWatched, cpu, context, behind, size.sub(left.get()), access));
});
