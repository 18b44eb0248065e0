/**
 * TLB banks: each vCPU has a few software TLBs, one per (translation context, ASID, VMID) in recent use, so that a
 * change of context is a change of base pointer. TLB maintenance works on banks (docs/engine.md, "Memory").
 * Arm DDI 0487, D8.13 "Translation Lookaside Buffers", D8.14 "TLB maintenance".
 */
import { HCR_EL2 as HCR, SCR_EL3 } from "../cpu/sysreg/bits.js";
import { STACK_POINTER_TRAP } from "../cpu/sysreg/traps.js";
import { CpuView } from "../engine/cpu-view.js";
import { fetchVictim } from "../engine/interpreter/fetch-entry.js";
import { NO_RETURN } from "../engine/interpreter/protocol.js";
import type { FunctionBuilder } from "../engine/ir/function.js";
import { defineFunction } from "../engine/ir/module.js";
import type { I32, I64 } from "../engine/ir/value.js";
import {
  ALIGNED_TAG,
  AREA,
  BANK,
  BANKS_PER_CPU,
  CACHE_CONTEXT,
  CONTEXT,
  CONTEXTS,
  CPU,
  FETCH_ENTRIES,
  FETCH_ENTRY,
  FETCH_VICTIMS,
  GLOBAL,
  MODE,
  MODE_CONTEXT,
  MODE_POINTER_AUTH,
  PAGE_BITS,
  PAGE_FLAG,
  PAGE_SIZE,
  SEVERAL_WRITERS,
  SITES,
  TLB_BITS,
  TLB_ENTRIES,
  TLB_ENTRY,
  TLB_GROUP,
  VICTIMS,
  WATCHED_TAG,
} from "../engine/layout.js";

/**
 * Registers that the translations of a bank were made by besides what its key says, in the bank's header; 0 where they
 * are of no effect. A hypervisor or monitor changes them at each switch between what is below it.
 */
const CONTROLS = ["SCTLR_EL1", "TCR_EL1", "VTCR_EL2"] as const;
if (BANK.hasVictims >= BANK.controls || BANK.controls + 8 * CONTROLS.length > BANK.data)
  throw new RangeError("bank header");

/** A tag that no address matches: bit 0 set. Filling bytes with it makes whole entries invalid. */
const INVALID_BYTE = 0xff;

/**
 * Whether a context has translations that are the same in all address spaces: those of privileged code with two ranges.
 */
export function hasShared(context: I32): I32 {
  const either = (a: number, b: number): I32 => context.eq(a).or(context.eq(b));
  return either(CONTEXT.el10, CONTEXT.el10Pan).or(either(CONTEXT.el20, CONTEXT.el20Pan));
}

const GROUP_SIZE = TLB_GROUP * TLB_ENTRY.size;

/** Runs `visit` for each group of a bank's entries that may hold a translation, with the address of its first. */
function forEachFilledGroup(fb: FunctionBuilder, bank: I32, visit: (group: I32) => void): void {
  // The first group begins with the entry that zeroed memory makes match.
  const left = fb.variable((fb.load("i64.load", bank, BANK.filled) as I64).or(1));
  fb.loop((again) => {
    const groups = left.get();
    visit(bank.add(groups.ctz().wrap().mul(GROUP_SIZE)).add(BANK.data));
    left.set(groups.and(groups.sub(1)));
    fb.brIf(again, left.get().ne(0n));
  });
}

/** A translation that was in the bank is not any more, or changed: neither is it at any site. */
const clearSites = defineFunction("clearSites", "i", "", (fb, bank) => {
  fb.if(fb.load("i32.load", bank, BANK.sitesClean) as I32, () => fb.return());
  // They are emptied often: stores in a row are quicker than memory.fill.
  const invalid = fb.v128(Array.from({ length: 16 }, () => INVALID_BYTE));
  for (let at = 0; at < SITES * 8; at += 16) fb.store("v128.store", bank, invalid, BANK.siteTags + at);
  fb.store("i32.store", bank, fb.i32(1), BANK.sitesClean);
  fb.return();
});

/** Makes every entry of a bank invalid. */
export const flushBank = defineFunction("flushBank", "i", "", (fb, bank) => {
  forEachFilledGroup(fb, bank, (group) => fb.memoryFill(group, fb.i32(INVALID_BYTE), fb.i32(GROUP_SIZE)));
  fb.store("i64.store", bank, fb.i64(0), BANK.filled);
  fb.if(fb.load("i32.load", bank, BANK.hasVictims) as I32, () => {
    fb.memoryFill(bank.add(BANK.victims), fb.i32(INVALID_BYTE), fb.i32(VICTIMS * TLB_ENTRY.size));
    fb.store("i32.store", bank, fb.i32(0), BANK.hasVictims);
  });
  fb.memoryFill(bank.add(BANK.fetch), fb.i32(INVALID_BYTE), fb.i32((FETCH_ENTRIES + FETCH_VICTIMS) * FETCH_ENTRY.size));
  fb.call(clearSites, bank);
  fb.return();
});

/** First bank of a vCPU. */
function firstBank(fb: FunctionBuilder, cpu: I32): I32 {
  const c = new CpuView(fb, cpu);
  const base = fb.load("i32.load", fb.i32(0), GLOBAL.bankBase) as I32;
  return base.add(c.get32(CPU.index).mul(BANKS_PER_CPU * BANK.size));
}

/** Runs `visit` for each bank of a vCPU. */
function forEachBank(fb: FunctionBuilder, cpu: I32, visit: (bank: I32) => void): void {
  const bank = fb.variable(firstBank(fb, cpu));
  const end = bank.get().add(BANKS_PER_CPU * BANK.size);
  fb.loop((again) => {
    visit(bank.get());
    bank.set(bank.get().add(BANK.size));
    fb.brIf(again, bank.get().ltU(end));
  });
}

/** Runs `drop` for each bank of a vCPU whose key `applies` says yes to. */
function forBanksWith(fb: FunctionBuilder, cpu: I32, applies: (key: I64) => I32, drop: (bank: I32) => void): void {
  forEachBank(fb, cpu, (bank) => {
    const key = fb.variable(fb.load("i64.load", bank, BANK.key) as I64).get();
    fb.if(applies(key), () => drop(bank));
  });
}

/** `forEachBank` for those that may hold a translation. */
function forEachUsedBank(fb: FunctionBuilder, cpu: I32, visit: (bank: I32) => void): void {
  forEachBank(fb, cpu, (bank) => {
    fb.if((fb.load("i64.load", bank, BANK.key) as I64).ne(-1n), () => visit(bank));
  });
}

/** Runs `visit` for each vCPU block of the machine. */
export function forEachCpu(fb: FunctionBuilder, visit: (cpu: I32) => void): void {
  const global = (offset: number): I32 => fb.load("i32.load", fb.i32(0), offset) as I32;
  const cpu = fb.variable(global(GLOBAL.cpuBase));
  const left = fb.variable(global(GLOBAL.cpuCount));
  fb.loop((again) => {
    visit(cpu.get());
    cpu.set(cpu.get().add(global(GLOBAL.cpuStride)));
    left.set(left.get().sub(1));
    fb.brIf(again, left.get());
  });
}

/** The bits of an ASID that count: 16 with TCR_ELx.AS, else 8. */
export function asidMask(fb: FunctionBuilder, tcr: I64): I64 {
  return tcr.bit(36).select(fb.i64(0xffff), fb.i64(0xff));
}

/** The bits of a VMID that count: 16 with VTCR_EL2.VS, else 8. */
export function vmidMask(c: CpuView): I64 {
  return c.sys("VTCR_EL2").bit(19).select(c.fb.i64(0xffff), c.fb.i64(0xff));
}

/** Whether a context is of EL1&0: one of its own, its shared ones, or its stage 2. */
function isOfGuest(context: I32): I32 {
  const cached = [CACHE_CONTEXT.stage2, CACHE_CONTEXT.shared + CONTEXT.el10, CACHE_CONTEXT.shared + CONTEXT.el10Pan];
  return cached.reduce((any, each) => any.or(context.eq(each)), context.leU(CONTEXT.el10Pan));
}

/** What a bank is found by: its key, and what its CONTROLS say. */
interface Identity {
  readonly key: I64;
  readonly controls: readonly I64[];
}

/**
 * That of a context. The key: context number, ASID and VMID where the regime has them; of EL1&0 the Security state;
 * with stage 2, HCR_EL2.PTW and FWB, which a hypervisor may set for its guests alone (KVM does). Two states with the
 * same identity may share translations.
 */
function identify(fb: FunctionBuilder, c: CpuView, context: I32): Identity {
  const hcr = c.sys("HCR_EL2");
  const asid = (tcr: string, ttbr0: string, ttbr1: string): I64 =>
    c
      .sys(tcr)
      .bit(22)
      .select(c.sys(ttbr1), c.sys(ttbr0))
      .shrU(48)
      .and(asidMask(fb, c.sys(tcr)));
  const el10 = context.leU(CONTEXT.el10Pan);
  const el20 = context.geU(CONTEXT.el20User).and(context.leU(CONTEXT.el20Pan));
  const ofGuest = isOfGuest(context);
  // With DC the PE behaves as if VM were 1.
  const vm = ofGuest.and(c.get32(CPU.el2Enabled)).and(hcr.bit(HCR.VM).or(hcr.bit(HCR.DC)));
  const a = el10.select(
    asid("TCR_EL1", "TTBR0_EL1", "TTBR1_EL1"),
    el20.select(asid("TCR_EL2", "TTBR0_EL2", "TTBR1_EL2"), fb.i64(0)),
  );
  const stage2 = hcr.shrU(HCR.PTW).and(1).shl(17).or(hcr.shrU(HCR.FWB).and(1).shl(19));
  const vmid = c.sys("VTTBR_EL2").shrU(48).and(vmidMask(c)).or(0x10000);
  const v = vm.select(vmid.or(stage2), fb.i64(0));
  const secure = c.get32(CPU.hasEl3).and(c.sys("SCR_EL3").bit(SCR_EL3.NS).eqz()).and(ofGuest);
  const controlled = (applies: I32, name: string): I64 => applies.select(c.sys(name), fb.i64(0));
  const stage1 = context.ne(CACHE_CONTEXT.stage2).and(ofGuest);
  return {
    key: context.toI64U().or(a.shl(8)).or(v.shl(24)).or(secure.toI64U().shl(48)),
    controls: CONTROLS.map((name) => fb.variable(controlled(name === "VTCR_EL2" ? vm : stage1, name)).get()),
  };
}

/** Of a key: whether there is stage 2, and whether the VMID, if there is, is that one; it is any if negative. */
const hasStage2 = (key: I64): I32 => key.bit(40);
const isOfVmid = (key: I64, vmid: I64): I32 => vmid.ltS(0).or(key.bits(24, 16).eq(vmid));

/** The address of the page that an address is in. */
export const pageOf = (va: I64): I64 => va.and(-BigInt(PAGE_SIZE));

export function copyEntry(fb: FunctionBuilder, from: I32, to: I32): void {
  for (let at = 0; at < TLB_ENTRY.size; at += 16) fb.store("v128.store", to, fb.load("v128.load", from, at), at);
}

/** Address of the TLB entry for a page in a bank. */
export function entryOf(bank: I32, va: I64): I32 {
  const index = va
    .shrU(PAGE_BITS)
    .wrap()
    .and(TLB_ENTRIES - 1);
  return bank.add(index.mul(TLB_ENTRY.size)).add(BANK.data);
}

/** The tag in an entry that a read or a write (ACCESS) is compared with. */
export function tagOf(fb: FunctionBuilder, entry: I32, access: I32): I64 {
  const at = entry.add(access.mul(TLB_ENTRY.write - TLB_ENTRY.read));
  return fb.load("i64.load", at, TLB_ENTRY.read) as I64;
}

/** The host's address of what a virtual address means by an entry that has its page. */
export const hostBy = (fb: FunctionBuilder, entry: I32, va: I64): I32 =>
  va.wrap().add(fb.load("i32.load", entry, TLB_ENTRY.addend) as I32);

/** Whether there is a translation in an entry: neither invalid nor zeroed. */
function holds(fb: FunctionBuilder, entry: I32): I32 {
  const page = fb.load("i64.load", entry, TLB_ENTRY.page) as I64;
  return (fb.load("i32.load", entry, TLB_ENTRY.flags) as I32).select(page.bit(0).eqz(), fb.i32(0));
}

/**
 * Where a bank keeps the entry of a page if another one has displaced it. Pages of the same entry have different ones.
 */
export function victimOf(bank: I32, va: I64): I32 {
  const mixed = va.shrU(PAGE_BITS).xor(va.shrU(PAGE_BITS + TLB_BITS));
  const index = mixed.wrap().and(VICTIMS - 1);
  return bank.add(index.mul(TLB_ENTRY.size)).add(BANK.victims);
}

/**
 * (bank, entry): another page takes the place of what is in an entry, which is kept, without its fast write permission.
 */
const displace = defineFunction("displace", "ii", "", (fb, bank, entry) => {
  fb.call(clearSites, bank);
  const victim = victimOf(bank, fb.load("i64.load", entry, TLB_ENTRY.page) as I64);
  copyEntry(fb, entry, victim);
  // Of this one `poisonWrites` does not know.
  fb.store("i64.store", victim, fb.i64(-1), TLB_ENTRY.write);
  fb.store("i32.store", bank, fb.i32(1), BANK.hasVictims);
  fb.return();
});

/** The same for an entry that is about to be filled, in place of what is there. */
export function entryToFill(fb: FunctionBuilder, bank: I32, va: I64): I32 {
  const entry = entryOf(bank, va);
  fb.if(holds(fb, entry), () => {
    const isOther = (fb.load("i64.load", entry, TLB_ENTRY.page) as I64).ne(pageOf(va));
    fb.if(
      isOther,
      () => fb.call(displace, bank, entry),
      () => fb.call(clearSites, bank),
    );
  });
  const group = va
    .shrU(PAGE_BITS)
    .and(TLB_ENTRIES - 1)
    .shrU(Math.log2(TLB_GROUP));
  const filled = fb.load("i64.load", bank, BANK.filled) as I64;
  fb.store("i64.store", bank, filled.or(fb.i64(1).shl(group)), BANK.filled);
  return entry;
}

/**
 * (cpu, context) → its bank: the one in the table, a kept one of the same identity, or the least recently used emptied.
 */
export const chooseBank = defineFunction("chooseBank", "ii", "i", (fb, cpu, context) => {
  const c = new CpuView(fb, cpu);
  const cell = cpu.add(context.shl(2));
  const known = fb.load("i32.load", cell, CPU.contextBanks) as I32;
  fb.if(known, () => fb.return(known));
  const { key, controls } = identify(fb, c, context);
  const clock = c.get32(CPU.bankClock).add(1);
  c.set32(CPU.bankClock, clock);
  const oldest = fb.variable(fb.i32(0));
  const leastUse = fb.variable(fb.i32(-1));
  const found = fb.variable(fb.i32(0));
  forEachBank(fb, cpu, (bank) => {
    fb.if((fb.load("i64.load", bank, BANK.key) as I64).eq(key), () => {
      const same = controls.map((value, i) => (fb.load("i64.load", bank, BANK.controls + 8 * i) as I64).eq(value));
      fb.if(
        same.reduce((all, one) => all.and(one)),
        () => found.set(bank),
      );
    });
    const use = fb.load("i32.load", bank, BANK.lastUse) as I32;
    // The bank in use is never given away.
    fb.if(use.ltU(leastUse.get()).and(bank.ne(c.get32(CPU.bank))), () => {
      leastUse.set(use);
      oldest.set(bank);
    });
  });
  fb.if(found.get().eqz(), () => {
    const victim = oldest.get();
    found.set(victim);
    fb.call(flushBank, victim);
    fb.store("i64.store", victim, key, BANK.key);
    for (const [i, value] of controls.entries()) fb.store("i64.store", victim, value, BANK.controls + 8 * i);
    // No context may go on pointing to the bank it lost.
    for (let i = 0; i < CONTEXTS; i++) {
      const at = CPU.contextBanks + 4 * i;
      fb.if(c.get32(at).eq(victim), () => c.set32(at, 0));
    }
  });
  fb.store("i32.store", found.get(), clock, BANK.lastUse);
  fb.store("i32.store", found.get(), context, BANK.context);
  fb.store("i32.store", cell, found.get(), CPU.contextBanks);
  fb.return(found.get());
});

/**
 * What regions know may be wrong from now on: where their calls return to, and at which code pages the pages are that
 * they have gone to. Whoever takes away or changes an entry of the fetch TLB, the hash of a page or its code page calls
 * this for each vCPU that may have used it, if regions may be in the middle of calls.
 */
export function forgetTranslations(c: CpuView): void {
  c.set64(CPU.returnAddress, c.fb.i64(NO_RETURN));
}

/**
 * Takes over what the control registers mean at the current EL: trap groups, FP trap, translation context, bank. All
 * but the bank is what `Vcpu.selectMode` does where there is no engine.
 */
export const enterMode = defineFunction("enterMode", "i", "", (fb, cpu) => {
  const c = new CpuView(fb, cpu);
  const row = cpu.add(c.get32(CPU.el).shl(4));
  const mode = (field: number): I32 => fb.load("i32.load", row, CPU.modes + field) as I32;
  const always = c.get32(CPU.spSel).select(fb.i32(0), fb.i32(STACK_POINTER_TRAP));
  c.set32(CPU.readTraps, mode(MODE.readTraps).or(always));
  c.set32(CPU.writeTraps, mode(MODE.writeTraps).or(always));
  c.set32(CPU.fpTrap, mode(MODE.fpTrap));
  const word = mode(MODE.context);
  const privileged = word.and(MODE_CONTEXT.number);
  const context = privileged.add(word.and(MODE_CONTEXT.addPan).ne(0).and(c.get32(CPU.pan)));
  c.set32(CPU.context, context);
  c.set32(CPU.unprivilegedContext, word.and(MODE_CONTEXT.unprivileged).select(privileged.and(~3), context));
  c.set32(CPU.pointerAuth, word.shrU(MODE_POINTER_AUTH));
  c.set32(CPU.bank, fb.call(chooseBank, cpu, context));
  forgetTranslations(c);
  fb.return();
});

/** Forgets which banks belong to the EL1&0 and EL2&0 contexts (TTBR, CONTEXTIDR or ASID changed) and looks again. */
export const contextChanged = defineFunction("contextChanged", "i", "", (fb, cpu) => {
  const c = new CpuView(fb, cpu);
  for (let i = 0; i < CONTEXTS; i += 2) c.set64(CPU.contextBanks + 4 * i, fb.i64(0));
  fb.call(enterMode, cpu);
  fb.return();
});

/** A bank is nothing's any more. It is emptied when something has it next. */
function giveUp(fb: FunctionBuilder, bank: I32): void {
  fb.store("i64.store", bank, fb.i64(-1), BANK.key);
  fb.store("i32.store", bank, fb.i32(0), BANK.lastUse);
}

/** Empties all banks of one vCPU: a register changed that is in no bank's identity. */
export const flushCpu = defineFunction("flushCpu", "i", "", (fb, cpu) => {
  const c = new CpuView(fb, cpu);
  forEachBank(fb, cpu, (bank) => giveUp(fb, bank));
  for (let i = 0; i < 8; i++) c.set64(CPU.largeRanges + 8 * i, fb.i64(0));
  c.set32(CPU.granulePages, fb.i32(0));
  fb.call(contextChanged, cpu);
  fb.return();
});

/**
 * (cpu, VMID): empties the banks of EL1&0 that are of this VMID, or of all if it is negative. Those without stage 2 do
 * not know theirs, and go with any. What is known of large translations stays: it may be about EL2, or another guest.
 */
export const flushGuest = defineFunction("flushGuest", "il", "", (fb, cpu, vmid) => {
  const applies = (key: I64): I32 => {
    return isOfGuest(key.wrap().and(0xff)).and(hasStage2(key).eqz().or(isOfVmid(key, vmid)));
  };
  forBanksWith(fb, cpu, applies, (bank) => giveUp(fb, bank));
  fb.call(contextChanged, cpu);
  fb.return();
});

/** The bank of the unprivileged context that goes with the current EL (LDTR, STTR). */
export const unprivilegedContext = defineFunction("unprivilegedContext", "i", "i", (fb, cpu) => {
  const c = new CpuView(fb, cpu);
  // PSTATE.UAO makes them ordinary accesses.
  fb.return(c.get32(CPU.uao).select(c.get32(CPU.context), c.get32(CPU.unprivilegedContext)));
});

/** log2 of the largest granule. */
const LARGEST_GRANULE = 16;
/** Ranges of blocks with fewer pages between them become one. */
const NEAR_PAGES = 1n << 14n;

/**
 * (cpu, virtual address): an entry is filled for a page by the walk that was made last. Where that found a translation
 * larger than a page, invalidating any address in it must drop all of it. Pages of the larger granules go page by page.
 * Of blocks, four ranges are noted a vCPU, in which nothing is dropped but everything; the last grows when they run out.
 */
export const noteTranslation = defineFunction("noteTranslation", "il", "", (fb, cpu, va) => {
  const c = new CpuView(fb, cpu);
  const levelSize = c.get32(CPU.walkLevelSize);
  fb.if(levelSize.leU(LARGEST_GRANULE), () => {
    const pages = levelSize.sub(PAGE_BITS);
    fb.if(pages.gtS(c.get32(CPU.granulePages)), () => c.set32(CPU.granulePages, pages));
    fb.return();
  });
  const span = fb.i64(1).shl(levelSize.toI64U());
  const first = va.and(span.neg());
  const last = first.add(span).sub(1);
  for (let i = 0; i < 4; i++) {
    const at = CPU.largeRanges + 16 * i;
    const from = c.get64(at);
    const to = c.get64(at + 8);
    const reaches = (end: I64, start: I64): I32 => start.shrU(PAGE_BITS).leU(end.shrU(PAGE_BITS).add(NEAR_PAGES));
    const empty = to.eqz();
    fb.if(i === 3 ? fb.i32(1) : empty.or(reaches(to, first).and(reaches(last, from))), () => {
      c.set64(at, empty.select(first, first.ltU(from).select(first, from)));
      c.set64(at + 8, last.gtU(to).select(last, to));
      fb.return();
    });
  }
  fb.return();
});

/** (cpu, virtual address): drops the entries of that page alone, in every bank of the vCPU. */
export const forgetPage = defineFunction("forgetPage", "il", "", (fb, cpu, va) => {
  forgetTranslations(new CpuView(fb, cpu));
  const page = va.shrU(PAGE_BITS).wrap();
  const data = page.and(TLB_ENTRIES - 1).mul(TLB_ENTRY.size);
  const fetch = page.and(FETCH_ENTRIES - 1).mul(FETCH_ENTRY.size);
  forEachUsedBank(fb, cpu, (bank) => {
    fb.if(holds(fb, bank.add(data).add(BANK.data)), () => fb.call(clearSites, bank));
    fb.store("i64.store", bank.add(data), fb.i64(-1), BANK.data + TLB_ENTRY.read);
    fb.store("i64.store", bank.add(data), fb.i64(-1), BANK.data + TLB_ENTRY.write);
    fb.store("i64.store", bank.add(data), fb.i64(-1), BANK.data + TLB_ENTRY.page);
    fb.store("i64.store", victimOf(bank, va), fb.i64(-1), TLB_ENTRY.page);
    fb.store("i64.store", bank.add(fetch), fb.i64(-1), BANK.fetch + FETCH_ENTRY.tag);
    fb.store("i64.store", fetchVictim(bank, va), fb.i64(-1), FETCH_ENTRY.tag);
  });
  fb.return();
});

/** (cpu, virtual address): drops whatever may translate that page, in every bank of the vCPU. */
export const invalidateAddress = defineFunction("invalidateAddress", "il", "", (fb, cpu, va) => {
  const c = new CpuView(fb, cpu);
  for (let i = 0; i < 4; i++) {
    const at = CPU.largeRanges + 16 * i;
    fb.if(va.geU(c.get64(at)).and(va.leU(c.get64(at + 8))), () => {
      fb.call(flushCpu, cpu);
      fb.return();
    });
  }
  const pages = c.get32(CPU.granulePages);
  const page = fb.variable(va.and(fb.i64(-PAGE_SIZE).shl(pages.toI64U())));
  const left = fb.variable(fb.i32(1).shl(pages));
  fb.loop((again) => {
    fb.call(forgetPage, cpu, page.get());
    page.set(page.get().add(PAGE_SIZE));
    left.set(left.get().sub(1));
    fb.brIf(again, left.get());
  });
  fb.return();
});

/** (cpu, mask, match): empties the banks whose key, masked, is `match`. */
export const invalidateBanks = defineFunction("invalidateBanks", "ill", "", (fb, cpu, mask, match) => {
  const applies = (key: I64): I32 => key.and(mask).eq(match);
  forBanksWith(fb, cpu, applies, (bank) => fb.call(flushBank, bank));
  forgetTranslations(new CpuView(fb, cpu));
  fb.return();
});

/** (cpu, VMID): empties the banks that went through the stage 2 of this VMID, or of any if it is negative. */
export const flushStage2 = defineFunction("flushStage2", "il", "", (fb, cpu, vmid) => {
  const applies = (key: I64): I32 => hasStage2(key).and(isOfVmid(key, vmid));
  forBanksWith(fb, cpu, applies, (bank) => fb.call(flushBank, bank));
  forgetTranslations(new CpuView(fb, cpu));
  fb.return();
});

/** An entry that is filled for an address allows a page to be written, whose PAGE_FLAG bits had no code. */
export function noteWriter(fb: FunctionBuilder, hostPage: I32, va: I64): void {
  const number = hostPage.shrU(PAGE_BITS);
  const index = va
    .shrU(PAGE_BITS)
    .wrap()
    .and(TLB_ENTRIES - 1);
  const isFirst = (fb.load("i32.load8_u", number, AREA.pageFlags) as I32).and(PAGE_FLAG.maybeWritable).eqz();
  const isOnly = isFirst.or((fb.load("i32.load16_u", number.shl(1), AREA.pageWriters) as I32).eq(index));
  fb.store("i32.store16", number.shl(1), isOnly.select(index, fb.i32(SEVERAL_WRITERS)), AREA.pageWriters);
  fb.store("i32.store8", number, fb.i32(PAGE_FLAG.maybeWritable), AREA.pageFlags);
}

/** Takes the fast write permission for a host page from the entries of a bank from `first` on, to before `end`. */
const poisonEntries = defineFunction("poisonEntries", "iiii", "", (fb, bank, first, end, hostPage) => {
  const entry = fb.variable(first);
  fb.loop((again) => {
    const e = entry.get();
    const tag = (fb.load("i64.load", e, TLB_ENTRY.write) as I64).wrap();
    const host = tag.and(~Number(WATCHED_TAG | ALIGNED_TAG)).add(fb.load("i32.load", e, TLB_ENTRY.addend) as I32);
    fb.if(host.eq(hostPage), () => {
      fb.store("i64.store", e, fb.i64(-1), TLB_ENTRY.write);
      fb.call(clearSites, bank);
    });
    entry.set(e.add(TLB_ENTRY.size));
    fb.brIf(again, entry.get().ltU(end));
  });
  fb.return();
});

/**
 * A guest page got decoded code: takes the fast write permission from every entry that maps it, on every vCPU, so that
 * the next write goes the slow way and drops the code. `hostPage` is the page's host address.
 */
export const poisonWrites = defineFunction("poisonWrites", "i", "", (fb, hostPage) => {
  const writer = fb.variable(fb.load("i32.load16_u", hostPage.shrU(PAGE_BITS).shl(1), AREA.pageWriters) as I32);
  const one = writer.get().mul(TLB_ENTRY.size);
  const poison = (bank: I32, first: I32, size: number): void => {
    fb.call(poisonEntries, bank, first, first.add(size), hostPage);
  };
  forEachCpu(fb, (cpu) => {
    forEachUsedBank(fb, cpu, (bank) => {
      fb.if(
        writer.get().eq(SEVERAL_WRITERS),
        () => forEachFilledGroup(fb, bank, (group) => poison(bank, fb.variable(group).get(), GROUP_SIZE)),
        () => poison(bank, fb.variable(bank.add(one).add(BANK.data)).get(), TLB_ENTRY.size),
      );
    });
  });
  fb.return();
});
