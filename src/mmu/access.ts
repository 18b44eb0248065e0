/**
 * What happens when a memory access misses the inline TLB check: alignment, refill, devices, pages that hold code,
 * accesses over a page border, and aborts with their syndromes (DDI 0487, D1.3.5 and ESR_ELx "ISS encoding for an
 * exception from a Data Abort").
 */
import { EC, packPstate, raiseWithFar } from "../cpu/exceptions.js";
import { HCR_EL2, SCR_EL3 } from "../cpu/sysreg/bits.js";
import { CpuView } from "../engine/cpu-view.js";
import { hostedAccess, ioAccess } from "../engine/imports.js";
import { announceWrite, pageFlags } from "../engine/interpreter/code-pages.js";
import type { FunctionBuilder } from "../engine/ir/function.js";
import { defineFunction } from "../engine/ir/module.js";
import type { I32, I64, V128 } from "../engine/ir/value.js";
import {
  ALIGNED_TAG,
  CACHE_CONTEXT,
  CONTEXT,
  CPU,
  CPU_FEATURE,
  GLOBAL,
  HEARD_OF,
  PAGE_BITS,
  PAGE_SIZE,
  TLB_ATTRIBUTES,
  TLB_ENTRY,
  WATCHED_TAG,
} from "../engine/layout.js";
import {
  chooseBank,
  copyEntry,
  entryOf,
  entryToFill,
  hasShared,
  hostBy,
  noteTranslation,
  noteWriter,
  pageOf,
  tagOf,
  unprivilegedContext,
  victimOf,
} from "./banks.js";
import { controlOf } from "./regime.js";
import { ACCESS, ATTRIBUTE, FAULT, FSC, isExternalAbort, physicalToHost, walk } from "./walk.js";
import { ifBesideWatched, unwatchedHost, watched, watchedInPage } from "./watch.js";

/** Results of `resolve` besides a host address. */
const FAILED = 0;
const DEVICE = 1;

/** Bits of the `flags` argument, as the interpreter passes them; above them log2 of the element plus 1, or 0. */
const FLAG = { aligned: 1, unprivileged: 2 } as const;
const FLAG_ELEMENT = 4;

/** PC of the slot being executed, into the block. */
function savePc(c: CpuView): void {
  c.set64(CPU.pc, c.get64(CPU.pcBias).add(c.get32(CPU.ip).shrU(1).toI64U()));
}

/** ISV, SAS, SSE, SRT, SF, AR for the load or store in `word` if it is of a kind that has them, else 0. */
const accessSyndrome = defineFunction("accessSyndrome", "i", "i", (fb, word) => {
  const unsignedOffset = word.and(0x3f000000).eq(0x39000000);
  const unscaled = word.and(0x3f200c00).eq(0x38000000);
  const unprivileged = word.and(0x3f200c00).eq(0x38000800);
  const register = word.and(0x3f200c00).eq(0x38200800);
  const ordered = word.and(0x3fa00000).eq(0x08800000);
  const rcpc = word.and(0x3ffffc00).eq(0x38bfc000);
  const rcpcOffset = word.and(0x3f200c00).eq(0x19000000);
  const size = word.shrU(30);
  const opc = word.shrU(22).and(3);
  const prefetch = size.eq(3).and(opc.eq(2));
  const simple = unsignedOffset.or(unscaled).or(unprivileged).or(register).and(prefetch.eqz()).or(rcpcOffset);
  // LDLAR and STLLR (o0 = 0) order less than AR tells of.
  const acquire = ordered.and(word.shrU(15)).or(rcpc).or(rcpcOffset);
  fb.if(simple.or(ordered).or(rcpc).eqz(), () => fb.return(fb.i32(0)));
  const signed = simple.and(opc.geU(2));
  const wide = simple.select(opc.eq(2).or(opc.ltU(2).and(size.eq(3))), size.eq(3));
  fb.return(
    fb
      .i32(1 << 24)
      .or(size.shl(22))
      .or(signed.shl(21))
      .or(word.and(31).shl(16))
      .or(wide.shl(15))
      .or(acquire.shl(14)),
  );
});

/**
 * The level an abort goes to whatever the current one is, or 0: that of stage 2, and of SCR_EL3.EA and HCR_EL2.TEA for
 * External aborts.
 */
export function abortTarget(c: CpuView, fault: I32): I32 {
  const external = isExternalAbort(fault);
  const monitor = external.and(c.sys("SCR_EL3").bit(SCR_EL3.EA)).and(c.get32(CPU.hasEl3));
  const below = c.get32(CPU.el).leU(1).and(c.get32(CPU.el2Enabled));
  const hypervisor = external.and(below).and(c.sys("HCR_EL2").bit(HCR_EL2.TEA));
  return monitor.select(c.fb.i32(3), fault.and(FAULT.stage2).ne(0).or(hypervisor).shl(1));
}

/** HPFAR_EL2 after a stage-2 fault: the page of the intermediate address that the walk has come to. */
export function noteFaultIpa(c: CpuView): void {
  c.setSys("HPFAR_EL2", c.get64(CPU.walkIpa).shrU(PAGE_BITS).shl(4));
}

/** (cpu, VA, fault word, ISS bits besides the code): Data Abort at the PC in the block. */
export const raiseDataAbort = defineFunction("raiseDataAbort", "ilii", "", (fb, cpu, va, fault, iss) => {
  const c = new CpuView(fb, cpu);
  const stage2 = fault.and(FAULT.stage2);
  const s1ptw = fault.and(FAULT.onWalk).ne(0).shl(7);
  fb.if(stage2, () => noteFaultIpa(c));
  const target = abortTarget(c, fault);
  fb.call(raiseWithFar, cpu, target, fb.i32(EC.dataAbort), iss.or(s1ptw).or(fault.and(0x3f)), c.get64(CPU.pc), va);
  fb.return();
});

/** Data Abort of the load or store in the slot being executed. */
export const abortAccess = defineFunction("abortAccess", "ilii", "", (fb, cpu, va, fault, access) => {
  const c = new CpuView(fb, cpu);
  savePc(c);
  const described = fault.and(FAULT.stage2 | FAULT.onWalk).eq(FAULT.stage2);
  const word = fb.load("i32.load", c.get32(CPU.ip), 4) as I32;
  const syndrome = fb.choose(
    described,
    () => fb.call(accessSyndrome, word),
    () => fb.i32(0),
  );
  const wnr = access.eq(ACCESS.write).shl(6);
  fb.call(raiseDataAbort, cpu, va, fault, syndrome.or(wnr));
  fb.return();
});

/** SCTLR_ELx.A of a context's regime. */
const alignmentChecked = (c: CpuView, context: I32): I32 => controlOf(c, context).bit(1);

/** A context of EL0's. */
const isUser = (context: I32): I32 => context.eq(CONTEXT.el10User).or(context.eq(CONTEXT.el20User));

/** Whether data is big-endian where the vCPU is: SCTLR_ELx.EE, at EL0 E0E (the pseudocode of BigEndian). */
export const bigEndian = defineFunction("bigEndian", "i", "i", (fb, cpu) => {
  const c = new CpuView(fb, cpu);
  const context = c.get32(CPU.context);
  const control = controlOf(c, context);
  fb.return(isUser(context).select(control.bit(24), control.bit(25)));
});

/**
 * The exception that a device access takes to hosted EL2, and the return from it, in one: (cpu, VA, size, access) → 1
 * with the value in the bounce buffer, or 0 and the exception is to be taken. Consoles are written by these, a
 * character at a time. Everything that the two leave behind is there: EL2's registers, the monitor, the event register.
 * The way round is for whoever is to see the exception, and for what is no single access of one register.
 */
const accessThroughEl2 = defineFunction("accessThroughEl2", "ilii", "i", (fb, cpu, va, size, access) => {
  const c = new CpuView(fb, cpu);
  const fault = c.get32(CPU.walkFault);
  const unmapped = fault.and(FAULT.stage2 | FAULT.onWalk | 0x3c).eq(FAULT.stage2 | FSC.translation);
  const hosted = c.get32(CPU.hosted).shrU(2).and(1);
  fb.if(unmapped.and(hosted).eqz(), () => fb.return(fb.i32(0)));
  const stepped = c.get32(CPU.softwareStep).or(c.get32(CPU.ss));
  const caught = c.get32(CPU.catchLevels).shrU(2).and(1);
  const returns = c.get32(CPU.returnLevels).shrU(c.get32(CPU.el)).and(1);
  const seen = caught.or(returns).or(stepped);
  const whole = va.wrap().and(size.sub(1)).eqz();
  fb.if(seen.or(fb.call(bigEndian, cpu)).or(whole.eqz()), () => fb.return(fb.i32(0)));
  const syndrome = fb.variable(fb.call(accessSyndrome, fb.load("i32.load", c.get32(CPU.ip), 4) as I32)).get();
  fb.if(syndrome.eqz(), () => fb.return(fb.i32(0)));
  savePc(c);
  const wnr = access.eq(ACCESS.write).shl(6);
  const esr = fb
    .i32((EC.dataAbort << 26) | (1 << 25))
    .or(syndrome)
    .or(wnr)
    .or(fault.and(0x3f));
  c.setSys("ESR_EL2", esr.toI64U());
  c.setSys("FAR_EL2", va);
  noteFaultIpa(c);
  c.setSys("SPSR_EL2", fb.call(packPstate, cpu));
  c.setSys("ELR_EL2", c.get64(CPU.pc));
  fb.if(fb.call(hostedAccess, cpu).eqz(), () => fb.return(fb.i32(0)));
  c.setSys("ELR_EL2", c.get64(CPU.pc).add(4));
  c.count(CPU.statExceptions);
  c.set32(CPU.exclusive, 0);
  c.set32(CPU.event, 1);
  c.set32(CPU.stepSyndrome, 0);
  fb.return(fb.i32(1));
});

/** Whether an access by way of a context may be big-endian: of EL0's, for LDTR and STTR, by EE as well. */
function mayBeBigEndian(c: CpuView, context: I32): I32 {
  const control = controlOf(c, context);
  return control.bit(25).or(isUser(context).and(control.bit(24)));
}

/** FEAT_LSE2: exclusive, atomic and ordered accesses need no alignment within 16 bytes of Normal memory. */
function withinQuantity(c: CpuView, va: I64, size: I32): I32 {
  const has = c.get32(CPU.features).and(CPU_FEATURE.LSE2).ne(0);
  return has.and(va.wrap().and(15).add(size).leU(16));
}

/** SCTLR_ELx.nAA (FEAT_LSE2): ordered accesses that are not exclusive need none anywhere. */
function unalignedOrdered(fb: FunctionBuilder, c: CpuView, context: I32): I32 {
  const word = fb.load("i32.load", c.get32(CPU.ip), 4) as I32;
  return controlOf(c, context).bit(6).and(isLoadExclusive(word).xor(1));
}

/** Puts the entry of a page back in its place if another page has displaced it, and returns what `refill` does. */
function takeBack(fb: FunctionBuilder, c: CpuView, context: I32, va: I64, access: I32): void {
  const bank = fb.variable(fb.call(chooseBank, c.base, context)).get();
  const victim = fb.variable(victimOf(bank, va)).get();
  fb.if((fb.load("i64.load", victim, TLB_ENTRY.page) as I64).eq(pageOf(va)), () => {
    const allowed = (fb.load("i32.load", victim, TLB_ENTRY.flags) as I32).shrU(access).and(1);
    // What of the page is watched, if anything is, takes a walk.
    const suffices = allowed.and(access.eq(ACCESS.write).and(c.get32(CPU.watch).ne(0)).eqz());
    const halves = [0, 16].map((at) => fb.variable(fb.load("v128.load", victim, at) as V128));
    const goes = fb.variable(suffices);
    fb.store("i64.store", victim, fb.i64(-1), TLB_ENTRY.page);
    fb.if(goes.get(), () => {
      const own = fb.variable(entryToFill(fb, bank, va)).get();
      for (const [i, half] of halves.entries()) fb.store("v128.store", own, half.get(), i * 16);
      c.set32(CPU.walkFault, 0);
      fb.return(hostBy(fb, own, va));
    });
  });
}

/** Walks, fills the entry, returns the host address, DEVICE (walkPa holds the address) or FAILED (walkFault). */
export const refill = defineFunction("refill", "iili", "i", (fb, cpu, context, va, access) => {
  const c = new CpuView(fb, cpu);
  takeBack(fb, c, context, va, access);
  const mayShare = hasShared(context).and(va.bit(55));
  fb.if(mayShare, () => {
    const shared = entryOf(fb.call(chooseBank, cpu, context.add(CACHE_CONTEXT.shared)), va);
    const known = (fb.load("i64.load", shared, TLB_ENTRY.page) as I64).eq(pageOf(va));
    const allowed = (fb.load("i32.load", shared, TLB_ENTRY.flags) as I32).shrU(access).and(1);
    fb.if(known.and(allowed), () => {
      const own = entryToFill(fb, fb.call(chooseBank, cpu, context), va);
      copyEntry(fb, shared, own);
      c.set32(CPU.walkFault, 0);
      fb.return(hostBy(fb, own, va));
    });
  });
  const fault = fb.call(walk, cpu, context, va, access);
  c.set32(CPU.walkFault, fault);
  fb.if(fault, () => fb.return(fb.i32(FAILED)));
  const pa = c.get64(CPU.walkPa);
  const found = fb.call(physicalToHost, pageOf(pa));
  fb.if(found.eqz(), () => fb.return(fb.i32(DEVICE)));
  const hostPage = found.and(-2);
  const readOnly = found.and(1);
  fb.if(readOnly.and(access.eq(ACCESS.write)), () => fb.return(fb.i32(DEVICE)));
  const attributes = c.get32(CPU.walkAttributes);
  fb.call(noteTranslation, cpu, va);
  const entry = entryToFill(fb, fb.call(chooseBank, cpu, context), va);
  const page = pageOf(va);
  const flags = pageFlags(fb, hostPage);
  const watched = fb.choose(
    c.get32(CPU.watch),
    () => fb.call(watchedInPage, va, pa),
    () => fb.i32(0),
  );
  // Atomic accesses read by way of the write tag.
  const watchedFor = { read: watched.and(1 << ACCESS.read), write: watched };
  // Big-endian data never is, so that the inline path need not know of it.
  const quick = mayBeBigEndian(c, context).eqz();
  const alignedAlone = attributes.and(ATTRIBUTE.device).or(alignmentChecked(c, context)).ne(0);
  const readable = attributes.and(ATTRIBUTE.read);
  const writable = attributes.shrU(1).and(readable).and(readOnly.xor(1));
  const mark = (applies: I32, bit: bigint): I64 => applies.ne(0).select(fb.i64(bit), fb.i64(0));
  const tag = (ok: I32, watched: I32): I64 =>
    ok.and(quick).select(page.or(mark(watched, WATCHED_TAG)).or(mark(alignedAlone, ALIGNED_TAG)), fb.i64(-1));
  fb.store("i64.store", entry, tag(readable, watchedFor.read), TLB_ENTRY.read);
  const writes = fb.variable(writable.and(flags.and(HEARD_OF).eqz()));
  fb.store("i64.store", entry, tag(writes.get(), watchedFor.write), TLB_ENTRY.write);
  fb.if(writes.get(), () => noteWriter(fb, hostPage, va));
  fb.store("i32.store", entry, hostPage.sub(page.wrap()), TLB_ENTRY.addend);
  const kept = attributes.and(TLB_ATTRIBUTES & ~ATTRIBUTE.write).or(writable.shl(1));
  fb.store("i32.store", entry, kept.or(watched.and(~TLB_ATTRIBUTES)), TLB_ENTRY.flags);
  fb.store("i64.store", entry, page, TLB_ENTRY.page);
  fb.if(mayShare.and(attributes.and(ATTRIBUTE.notGlobal).eqz()), () => {
    copyEntry(fb, entry, entryToFill(fb, fb.call(chooseBank, cpu, context.add(CACHE_CONTEXT.shared)), va));
  });
  fb.return(hostPage.add(pa.wrap().and(PAGE_SIZE - 1)));
});

/**
 * What `touch` adds to the address of an entry: the whole page is for the inline path; or this access is, being
 * aligned, beside watched bytes, or over the page's end.
 */
export const TOUCHED = { page: 1, access: 3 } as const;

/** The entry in what `touch` says. */
export const entryTouched = (touched: I32): I32 => touched.and(~TOUCHED.access);

/** Bytes of either page in CPU.pageBorder: as many as the largest access has but for DC ZVA, which is aligned. */
const BORDER_HALF = 16;

/** The largest access that is quick where only aligned ones are: DC ZVA, of 64 bytes, faults in Device memory. */
const MOST_ALIGNED = 16;

/** Goes one way where an access is aligned in a page that is quick for such accesses alone. */
function ifAlignedSuffices(
  fb: FunctionBuilder,
  entry: I32,
  va: I64,
  size: I32,
  access: I32,
  go: (host: I32) => void,
): void {
  fb.if(tagOf(fb, entry, access).eq(pageOf(va).or(ALIGNED_TAG)), () => {
    const misaligned = va.wrap().and(size.sub(1));
    fb.if(misaligned.or(size.gtU(MOST_ALIGNED)).eqz(), () => {
      go(hostBy(fb, entry, va));
    });
  });
}

/**
 * An entry that allows writes is given the fast permission that it was refused while its page was HEARD_OF; which would
 * else be until the entry is filled anew, for pages of a kernel's data perhaps never. While something is watched that
 * is done: what of the page is, takes its physical address. What is not quick to read either stays slow.
 */
const permitWrites = defineFunction("permitWrites", "iiil", "", (fb, cpu, context, entry, va) => {
  const quick = tagOf(fb, entry, fb.i32(ACCESS.read));
  const refused = tagOf(fb, entry, fb.i32(ACCESS.write)).eq(-1n).and(quick.ne(-1n));
  fb.if(refused, () => {
    const hostPage = fb.variable(hostBy(fb, entry, pageOf(va))).get();
    fb.if(pageFlags(fb, hostPage).and(HEARD_OF).eqz(), () => {
      fb.if(new CpuView(fb, cpu).get32(CPU.watch), () => {
        fb.variable(fb.call(refill, cpu, context, va, fb.i32(ACCESS.write)));
        fb.return();
      });
      fb.store("i64.store", entry, quick, TLB_ENTRY.write);
      noteWriter(fb, hostPage, va);
    });
  });
  fb.return();
});

/** Fills the entry of a page, and returns from the function with 0 unless all of the page is quick then. */
function fillWhole(fb: FunctionBuilder, c: CpuView, entry: I32, page: I64, access: I32): void {
  fb.ifRare(tagOf(fb, entry, access).ne(page), () => {
    // What is watched is asked about before either page is walked for: by the interpreter.
    fb.if(c.get32(CPU.watch), () => fb.return(fb.i32(0)));
    fb.if(fb.call(resolve, c.base, c.get32(CPU.context), page, access).leU(DEVICE), () => fb.return(fb.i32(0)));
    fb.if(tagOf(fb, entry, access).ne(page), () => fb.return(fb.i32(0)));
  });
}

/**
 * `touch` of an access that goes over a page's end. Both pages' bytes are brought together in the block, and stores go
 * from there to both; the entry that it returns has the access in the block, where what is stored again is nobody's.
 */
const touchBorder = defineFunction("touchBorder", "ilii", "i", (fb, cpu, va, size, access) => {
  const c = new CpuView(fb, cpu);
  fb.if(size.gtU(BORDER_HALF), () => fb.return(fb.i32(0)));
  const pages = [fb.variable(pageOf(va)).get(), fb.variable(pageOf(va).add(PAGE_SIZE)).get()] as const;
  const entries = pages.map((page) => fb.variable(entryOf(c.get32(CPU.bank), page)).get());
  pages.forEach((page, i) => {
    fillWhole(fb, c, entries[i] as I32, page, access);
  });
  const [first, second] = pages.map((page, i) => fb.variable(hostBy(fb, entries[i] as I32, page)).get()) as [I32, I32];
  const places = [first.add(PAGE_SIZE - BORDER_HALF), second] as const;
  places.forEach((host, i) => {
    fb.store("v128.store", cpu, fb.load("v128.load", host) as V128, CPU.pageBorder + BORDER_HALF * i);
  });
  const at = fb.variable(cpu.add(va.wrap().and(PAGE_SIZE - 1)).add(CPU.pageBorder + BORDER_HALF - PAGE_SIZE)).get();
  c.set32(CPU.borderAddend, at.sub(va.wrap()));
  fb.if(access.eq(ACCESS.write), () => {
    fb.if(size.eq(16), () => fb.store("v128.store", at, fb.load("v128.load", cpu, CPU.bounce)));
    fb.if(size.eq(8), () => fb.store("i64.store", at, fb.load("i64.load", cpu, CPU.bounce)));
    fb.if(size.eq(4), () => fb.store("i32.store", at, fb.load("i32.load", cpu, CPU.bounce)));
    fb.if(size.eq(2), () => fb.store("i32.store16", at, fb.load("i32.load16_u", cpu, CPU.bounce)));
    places.forEach((host, i) => {
      fb.store("v128.store", host, fb.load("v128.load", cpu, CPU.pageBorder + BORDER_HALF * i) as V128);
    });
  });
  fb.return(cpu.add(CPU.borderAddend - TLB_ENTRY.addend + TOUCHED.access));
});

/** `touch` of an access that is not beside what is watched. */
const touchSlow = defineFunction("touchSlow", "ilii", "i", (fb, cpu, va, size, access) => {
  const c = new CpuView(fb, cpu);
  const page = pageOf(va);
  fb.if(pageOf(va.add(size.sub(1).toI64U())).ne(page), () => fb.returnCall(touchBorder, cpu, va, size, access));
  const entry = fb.variable(entryOf(c.get32(CPU.bank), va)).get();
  // An entry that is there and still missed is one of those, or the access is between watched bytes.
  const known = (fb.load("i64.load", entry, TLB_ENTRY.page) as I64).eq(page);
  const allowed = (fb.load("i32.load", entry, TLB_ENTRY.flags) as I32).shrU(access);
  fb.if(known.and(allowed).eqz(), () => {
    const host = fb.call(refill, cpu, c.get32(CPU.context), va, access);
    fb.if(host.leU(DEVICE), () => fb.return(fb.i32(0)));
    fb.if(tagOf(fb, entry, access).eq(page), () => fb.return(entry.or(TOUCHED.page)));
  });
  fb.if(access.eq(ACCESS.write), () => {
    fb.call(permitWrites, cpu, c.get32(CPU.context), entry, va);
    fb.if(tagOf(fb, entry, access).eq(page), () => fb.return(entry.or(TOUCHED.page)));
  });
  ifAlignedSuffices(fb, entry, va, size, access, () => fb.return(entry.or(TOUCHED.access)));
  const beside = fb.call(unwatchedHost, cpu, va, size, access);
  fb.return(beside.select(entry.or(TOUCHED.access), fb.i32(0)));
});

/**
 * A compiled region's access missed: (cpu, VA, size, access) → the entry whose addend now lets the inline path have it,
 * and TOUCHED. What a write stores is at the beginning of the bounce buffer. What that path never may (devices, watched
 * bytes, pages with code, faults) is 0, and nothing happened.
 */
export const touch = defineFunction("touch", "ilii", "i", (fb, cpu, va, size, access) => {
  const entry = entryOf(new CpuView(fb, cpu).get32(CPU.bank), va);
  // Pages of either kind come here with each access; those that are watched, of which more is asked, are first.
  ifBesideWatched(fb, entry, va, size, access, () => fb.return(entry.or(TOUCHED.access)));
  ifAlignedSuffices(fb, entry, va, size, access, () => fb.return(entry.or(TOUCHED.access)));
  // As a tail call: the short way, which is taken again and again, then has nothing to save.
  fb.returnCall(touchSlow, cpu, va, size, access);
});

const reachSlow = defineFunction("reachSlow", "ilii", "i", (fb, cpu, va, size, access) => {
  const touched = fb.variable(fb.call(touchSlow, cpu, va, size, access)).get();
  fb.if(touched.eqz(), () => fb.return(fb.i32(0)));
  fb.return(hostBy(fb, entryTouched(touched), va));
});

/**
 * A compiled region's access that is not in the page where it was looked for first: (cpu, VA, size, access) → its host
 * address by the TLB or `touch`, or 0 where that has 0. Of a write the bytes are in CPU.bounce, as `touch` wants them.
 */
export const reach = defineFunction("reach", "ilii", "i", (fb, cpu, va, size, access) => {
  const entry = entryOf(new CpuView(fb, cpu).get32(CPU.bank), va);
  const last = va.add(size.sub(1).toI64U());
  fb.if(tagOf(fb, entry, access).eq(pageOf(last)), () => {
    fb.return(hostBy(fb, entry, va));
  });
  ifBesideWatched(fb, entry, va, size, access, (host) => fb.return(host));
  ifAlignedSuffices(fb, entry, va, size, access, (host) => fb.return(host));
  fb.returnCall(reachSlow, cpu, va, size, access);
});

/** The host address of a byte by the TLB or a refill; DEVICE or FAILED as `refill`. */
export const resolve = defineFunction("resolve", "iili", "i", (fb, cpu, context, va, access) => {
  const entry = entryOf(fb.call(chooseBank, cpu, context), va);
  const known = (fb.load("i64.load", entry, TLB_ENTRY.page) as I64).eq(pageOf(va));
  const allowed = (fb.load("i32.load", entry, TLB_ENTRY.flags) as I32).shrU(access).and(1);
  fb.if(known.and(allowed), () => {
    fb.if(access.eq(ACCESS.write), () => fb.call(permitWrites, cpu, context, entry, va));
    fb.return(hostBy(fb, entry, va));
  });
  fb.return(fb.call(refill, cpu, context, va, access));
});

/** Whether the entry for `va` is Device memory. */
const isDevice = defineFunction("isDeviceMemory", "iil", "i", (fb, cpu, context, va) => {
  const entry = entryOf(fb.call(chooseBank, cpu, context), va);
  fb.return((fb.load("i32.load", entry, TLB_ENTRY.flags) as I32).and(ATTRIBUTE.device).ne(0));
});

function contextFor(fb: FunctionBuilder, c: CpuView, flags: I32): I32 {
  return fb.choose(
    flags.and(FLAG.unprivileged),
    () => fb.call(unprivilegedContext, c.base),
    () => c.get32(CPU.context),
  );
}

/** Bytes of the access's element, which is all of it unless the flags say otherwise. */
function elementSize(fb: FunctionBuilder, size: I32, flags: I32): I32 {
  const element = flags.shrU(FLAG_ELEMENT);
  return element.select(fb.i32(1).shl(element.sub(1)), size);
}

/** Non-zero when the access is not aligned to its element. */
function misalignment(fb: FunctionBuilder, va: I64, size: I32, flags: I32): I32 {
  return va.wrap().and(elementSize(fb, size, flags).sub(1));
}

/** The numbers of the bytes of a vector. */
const BYTE_NUMBERS = Array.from({ length: 16 }, (_, n) => n);

/** Reverses the bytes of each element in the bounce buffer. */
function reverseBounce(fb: FunctionBuilder, cpu: I32, size: I32, flags: I32): void {
  const last = fb.op("i8x16.splat", elementSize(fb, size, flags).sub(1)) as V128;
  const order = fb.v128(BYTE_NUMBERS).op("v128.xor", last);
  const bytes = fb.load("v128.load", cpu, CPU.bounce) as V128;
  fb.store("v128.store", cpu, bytes.op("i8x16.swizzle", order), CPU.bounce);
}

/** A load-exclusive, which arms the monitor by the place in memory: its body turns the bytes round. */
const isLoadExclusive = (word: I32): I32 => word.and(0x3f800000).eq(0x08000000);

/** The bytes of a load at `host` as they go to a register: there, or in the bounce buffer in the other order. */
const inOrder = defineFunction("inOrder", "iiii", "i", (fb, cpu, host, size, flags) => {
  const c = new CpuView(fb, cpu);
  const word = fb.load("i32.load", c.get32(CPU.ip), 4) as I32;
  fb.if(fb.call(bigEndian, cpu).eqz().or(isLoadExclusive(word)), () => fb.return(host));
  const bounce = cpu.add(CPU.bounce);
  const i = fb.variable(fb.i32(0));
  fb.loop((again) => {
    fb.store("i32.store8", bounce.add(i.get()), fb.load("i32.load8_u", host.add(i.get())) as I32);
    i.set(i.get().add(1));
    fb.brIf(again, i.get().ltU(size));
  });
  reverseBounce(fb, cpu, size, flags);
  fb.return(bounce);
});

/** Alignment fault where one is due for an unaligned access: returns 1 after raising it. */
function checkAlignment(
  fb: FunctionBuilder,
  c: CpuView,
  va: I64,
  size: I32,
  flags: I32,
  context: I32,
  access: I32,
): void {
  fb.if(misalignment(fb, va, size, flags), () => {
    const allowed = withinQuantity(c, va, size).or(unalignedOrdered(fb, c, context));
    const wanted = flags.and(FLAG.aligned).and(allowed.xor(1)).or(alignmentChecked(c, context));
    fb.if(wanted, () => {
      fb.call(abortAccess, c.base, va, fb.i32(FSC.alignment | FAULT.valid), access);
      fb.return(access.select(fb.i32(1), fb.i32(0)));
    });
  });
}

/** What the store functions return on failure and the load function on failure differ: 1 and 0. */
function failed(fb: FunctionBuilder, isStore: boolean): void {
  fb.return(fb.i32(isStore ? 1 : 0));
}

/** One access through a device: value in the bounce buffer. */
function deviceAccess(fb: FunctionBuilder, c: CpuView, va: I64, size: I32, access: number): void {
  savePc(c);
  c.count(CPU.statMmio);
  fb.if(fb.call(ioAccess, c.base, size, fb.i32(access)), () => {
    fb.call(abortAccess, c.base, va, fb.i32(FSC.external | FAULT.valid), fb.i32(access));
    failed(fb, access === ACCESS.write);
  });
}

/**
 * The quick way for an access that is aligned, in Device memory, or in a page with something watched elsewhere in it.
 */
function quickAfterAll(
  fb: FunctionBuilder,
  c: CpuView,
  va: I64,
  size: I32,
  flags: I32,
  access: number,
  write: (host: I32) => void,
): void {
  fb.if(flags.and(FLAG.unprivileged).eqz(), () => {
    ifAlignedSuffices(fb, entryOf(c.get32(CPU.bank), va), va, size, fb.i32(access), write);
  });
  fb.if(c.get32(CPU.watch).ne(0).and(flags.eqz()), () => {
    const host = fb.call(unwatchedHost, c.base, va, size, fb.i32(access));
    fb.if(host, () => write(host));
  });
}

/** A watchpoint that must stop the machine before the access makes the instruction be abandoned. */
function checkWatch(fb: FunctionBuilder, c: CpuView, context: I32, va: I64, size: I32, access: number): void {
  fb.if(c.get32(CPU.watch), () => {
    savePc(c);
    fb.store("i32.store", fb.i32(0), access === ACCESS.write ? size : fb.i32(0), GLOBAL.storeSize);
    fb.if(fb.call(watched, c.base, context, va, size, fb.i32(access)), () => failed(fb, access === ACCESS.write));
  });
}

/**
 * A stage-2 fault of an unaligned access gives way to the Alignment fault of stage 1 where stage 1 says Device
 * (DDI 0487, D1.3.5 "Prioritization of synchronous exceptions"): changes walkFault accordingly.
 */
const alignmentBeforeStage2 = defineFunction(
  "alignmentBeforeStage2",
  "iilii",
  "",
  (fb, cpu, context, va, size, access) => {
    const c = new CpuView(fb, cpu);
    const fault = c.get32(CPU.walkFault);
    const applies = fault
      .and(FAULT.stage2 | FAULT.onWalk)
      .eq(FAULT.stage2)
      .and(va.wrap().and(size.sub(1)).ne(0));
    fb.if(applies, () => {
      c.set32(CPU.walkStage1Only, 1);
      const stage1 = fb.call(walk, cpu, context, va, access);
      c.set32(CPU.walkStage1Only, 0);
      const device = c.get32(CPU.walkMemory).and(0xf0).eqz();
      fb.if(stage1.eqz().and(device), () => c.set32(CPU.walkFault, FSC.alignment | FAULT.valid));
    });
    fb.return();
  },
);

const crossesPage = (va: I64, size: I32): I32 =>
  va
    .wrap()
    .and(PAGE_SIZE - 1)
    .add(size)
    .gtU(PAGE_SIZE);

/** The abort that walkFault says, of an access that goes wrong at one of its bytes; and back from the function. */
function failAt(c: CpuView, context: I32, at: I64, size: I32, access: number): void {
  const { fb } = c;
  fb.call(alignmentBeforeStage2, c.base, context, at, size, fb.i32(access));
  fb.call(abortAccess, c.base, at, c.get32(CPU.walkFault), fb.i32(access));
  failed(fb, access === ACCESS.write);
}

/** Load of 1–16 bytes that missed: (cpu, VA, size, flags) → host address of the bytes, or 0 when abandoned. */
export const loadSlow = defineFunction("loadSlow", "ilii", "i", (fb, cpu, va, size, flags) => {
  const c = new CpuView(fb, cpu);
  quickAfterAll(fb, c, va, size, flags, ACCESS.read, (host) => fb.return(host));
  const context = contextFor(fb, c, flags);
  const read = fb.i32(ACCESS.read);
  checkAlignment(fb, c, va, size, flags, context, read);
  checkWatch(fb, c, context, va, size, ACCESS.read);
  const bounce = cpu.add(CPU.bounce);
  const crosses = crossesPage(va, size);
  const fail = (at: I64): void => failAt(c, context, at, size, ACCESS.read);
  fb.if(crosses.eqz(), () => {
    const host = fb.call(resolve, cpu, context, va, read);
    fb.if(host.eq(FAILED), () => {
      fb.if(fb.call(accessThroughEl2, cpu, va, size, read), () => fb.return(bounce));
      fail(va);
    });
    fb.if(host.eq(DEVICE), () => {
      fb.if(misalignment(fb, va, size, flags), () => {
        c.set32(CPU.walkFault, FSC.alignment | FAULT.valid);
        fail(va);
      });
      deviceAccess(fb, c, va, size, ACCESS.read);
      fb.return(fb.call(inOrder, cpu, bounce, size, flags));
    });
    fb.if(misalignment(fb, va, size, flags), () => {
      fb.if(fb.call(isDevice, cpu, context, va), () => {
        c.set32(CPU.walkFault, FSC.alignment | FAULT.valid);
        fail(va);
      });
    });
    fb.return(fb.call(inOrder, cpu, host, size, flags));
  });
  const i = fb.variable(fb.i32(0));
  fb.loop((again) => {
    const at = va.add(i.get().toI64U());
    const host = fb.call(resolve, cpu, context, at, read);
    fb.if(host.eq(FAILED), () => fail(at));
    fb.if(host.eq(DEVICE).or(fb.call(isDevice, cpu, context, at)), () => {
      c.set32(CPU.walkFault, FSC.alignment | FAULT.valid);
      fail(at);
    });
    fb.store("i32.store8", bounce.add(i.get()), fb.load("i32.load8_u", host) as I32);
    i.set(i.get().add(1));
    fb.brIf(again, i.get().ltU(size));
  });
  fb.return(fb.call(inOrder, cpu, bounce, size, flags));
});

/** Store of the first `size` bytes of the bounce buffer: (cpu, VA, size, flags) → 0, or 1 when abandoned. */
const storeBounce = defineFunction("storeBounce", "ilii", "i", (fb, cpu, va, size, flags) => {
  const c = new CpuView(fb, cpu);
  const context = contextFor(fb, c, flags);
  const write = fb.i32(ACCESS.write);
  checkAlignment(fb, c, va, size, flags, context, write);
  checkWatch(fb, c, context, va, size, ACCESS.write);
  fb.if(fb.call(bigEndian, cpu), () => reverseBounce(fb, cpu, size, flags));
  const bounce = cpu.add(CPU.bounce);
  const crosses = crossesPage(va, size);
  const fail = (at: I64): void => failAt(c, context, at, size, ACCESS.write);
  const misaligned = (at: I64): void => {
    c.set32(CPU.walkFault, FSC.alignment | FAULT.valid);
    fail(at);
  };
  const unaligned = misalignment(fb, va, size, flags);
  fb.if(
    crosses,
    () => {
      // Both pages must take the store before a byte of it is written.
      const lastByte = va.add(size.sub(1).toI64U());
      for (const at of [va, lastByte]) {
        const host = fb.call(resolve, cpu, context, at, write);
        fb.if(host.eq(FAILED), () => fail(at.node === va.node ? at : pageOf(at)));
        fb.if(host.eq(DEVICE).or(fb.call(isDevice, cpu, context, at)), () => misaligned(at));
      }
    },
    () => {
      const host = fb.call(resolve, cpu, context, va, write);
      fb.if(host.eq(FAILED), () => {
        fb.if(fb.call(accessThroughEl2, cpu, va, size, write), () => fb.return(fb.i32(0)));
        fail(va);
      });
      fb.if(host.eq(DEVICE), () => {
        fb.if(unaligned, () => misaligned(va));
        deviceAccess(fb, c, va, size, ACCESS.write);
        fb.return(fb.i32(0));
      });
      fb.if(unaligned, () => fb.if(fb.call(isDevice, cpu, context, va), () => misaligned(va)));
    },
  );
  const i = fb.variable(fb.i32(0));
  const lastHost = fb.variable(fb.i32(0));
  fb.loop((again) => {
    const at = va.add(i.get().toI64U());
    const host = fb.variable(lastHost.get().add(1));
    // The page is looked up again only where a new one begins.
    fb.if(
      i
        .get()
        .eqz()
        .or(
          at
            .wrap()
            .and(PAGE_SIZE - 1)
            .eqz(),
        ),
      () => {
        host.set(fb.call(resolve, cpu, context, at, write));
        announceWrite(fb, host.get(), size.sub(i.get()));
      },
    );
    fb.store("i32.store8", host.get(), fb.load("i32.load8_u", bounce.add(i.get())) as I32);
    lastHost.set(host.get());
    i.set(i.get().add(1));
    fb.brIf(again, i.get().ltU(size));
  });
  fb.return(fb.i32(0));
});

/** Store that missed: (cpu, VA, value, size, flags) → 0, or 1 when abandoned. */
export const storeSlow = defineFunction("storeSlow", "illii", "i", (fb, cpu, va, value, size, flags) => {
  const c = new CpuView(fb, cpu);
  quickAfterAll(fb, c, va, size, flags, ACCESS.write, (host) => {
    fb.if(size.eq(8), () => fb.store("i64.store", host, value));
    fb.if(size.eq(4), () => fb.store("i64.store32", host, value));
    fb.if(size.eq(2), () => fb.store("i64.store16", host, value));
    fb.if(size.eq(1), () => fb.store("i64.store8", host, value));
    fb.return(fb.i32(0));
  });
  c.set64(CPU.bounce, value);
  fb.return(fb.call(storeBounce, cpu, va, size, flags));
});

export const store128Slow = defineFunction("store128Slow", "ilvi", "i", (fb, cpu, va, value, flags) => {
  fb.store("v128.store", cpu, value, CPU.bounce);
  fb.return(fb.call(storeBounce, cpu, va, fb.i32(16), flags));
});

/** Whether the instruction reads and writes at once: LD<op>, SWP, CAS, CASP, but no store-exclusive. */
function isReadModifyWrite(word: I32): I32 {
  const loadOperation = word.and(0x3b200c00).eq(0x38200000);
  const exclusiveGroup = word.and(0x3f207c00).eq(0x08207c00);
  return loadOperation.or(exclusiveGroup.and(word.shrU(23).and(1).or(word.shrU(31).eqz())));
}

/** DC ZVA's block, the only access of this size. */
const ZERO_BLOCK = 64;

/**
 * Host address for an atomic access or DC ZVA: aligned (but for FEAT_LSE2), readable and writable RAM, or 0 when
 * abandoned. The fault of an access that reads and writes is one of reading if reading alone has it too.
 */
export const hostForAtomic = defineFunction("hostForAtomic", "ili", "i", (fb, cpu, va, size) => {
  const c = new CpuView(fb, cpu);
  const context = c.get32(CPU.context);
  const word = fb.load("i32.load", c.get32(CPU.ip), 4) as I32;
  const zeroes = size.eq(ZERO_BLOCK);
  const readFirst = isReadModifyWrite(word);
  const fail = (access: I32): void => {
    // DC ZVA reports the address that it was given.
    const given = fb.load("i64.load", cpu.add(word.and(31).shl(3)), CPU.x) as I64;
    fb.call(abortAccess, cpu, zeroes.select(given, va), c.get32(CPU.walkFault), access);
    fb.return(fb.i32(0));
  };
  const failWith = (code: number): void => {
    c.set32(CPU.walkFault, code | FAULT.valid);
    fail(readFirst.eqz());
  };
  const unaligned = va.wrap().and(size.sub(1)).ne(0);
  const allowed = withinQuantity(c, va, size).and(alignmentChecked(c, context).xor(1));
  fb.if(unaligned.and(allowed.xor(1)), () => failWith(FSC.alignment));
  fb.if(c.get32(CPU.watch), () => {
    savePc(c);
    fb.store("i32.store", fb.i32(0), fb.i32(0), GLOBAL.storeSize);
    const stops = (access: number): void =>
      fb.if(fb.call(watched, cpu, context, va, size, fb.i32(access)), () => fb.return(fb.i32(0)));
    fb.if(readFirst, () => stops(ACCESS.read));
    stops(ACCESS.write);
  });
  fb.if(readFirst, () => {
    const readable = fb.call(resolve, cpu, context, va, fb.i32(ACCESS.read));
    fb.if(readable.eq(FAILED), () => fail(fb.i32(ACCESS.read)));
  });
  const host = fb.call(resolve, cpu, context, va, fb.i32(ACCESS.write));
  fb.if(host.eq(FAILED), () => fail(fb.i32(ACCESS.write)));
  // Exclusives and atomics to devices: an implementation-defined abort (B2.9, "unsupported exclusive or atomic").
  fb.if(host.eq(DEVICE), () => {
    fb.if(zeroes.or(unaligned), () => failWith(FSC.alignment));
    failWith(FSC.unsupportedAtomic);
  });
  fb.if(zeroes.or(unaligned).and(fb.call(isDevice, cpu, context, va)), () => failWith(FSC.alignment));
  announceWrite(fb, host, size);
  fb.return(host);
});

/** The bank that LDTR and STTR use at the current EL. */
export const unprivilegedBank = defineFunction("unprivilegedBank", "i", "i", (fb, cpu) => {
  fb.return(fb.call(chooseBank, cpu, fb.call(unprivilegedContext, cpu)));
});
