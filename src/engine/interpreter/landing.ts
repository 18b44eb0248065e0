/**
 * Branch target identification (FEAT_BTI; DDI 0487, D8.4.7 "Guarded pages", BranchTargetException): what an indirect
 * branch leaves in PSTATE.BTYPE, and which instructions of guarded pages it may reach.
 *
 * BTYPE is set only where the target is in a guarded page, or cannot be fetched. Elsewhere it would be of no effect,
 * and be seen in SPSR_ELx by an exception between the branch and its target alone. Nor do regions set it where the
 * target is a landing pad that nothing comes before (`isLanding`).
 */
import { EC, raise } from "../../cpu/exceptions.js";
import { controlOf } from "../../mmu/regime.js";
import { ACCESS, ATTRIBUTE, branchAddress, physicalToHost, walk } from "../../mmu/walk.js";
import { CpuView } from "../cpu-view.js";
import { defineFunction } from "../ir/module.js";
import type { I32, I64 } from "../ir/value.js";
import { CODE_PAGE, CPU, CPU_FEATURE, GLOBAL, KEY_USE_TRAPPED, PAGE_SIZE } from "../layout.js";
import { entryCode, entryGuarded, entryPage, executedPage, fetchEntry, pageTag } from "./fetch-entry.js";

/** BTYPE after BR by X16 or X17, BLR, BR by another register from a guarded page. */
export const BTYPE = { jumpOrCall: 1, call: 2, jump: 3 } as const;

const LINK_REGISTER = 30;

/** Whether the page of an address is guarded, as the fetch TLB or the tables say; or 2 where it cannot be fetched. */
const isGuarded = defineFunction("isGuarded", "il", "i", (fb, cpu, address) => {
  const c = new CpuView(fb, cpu);
  const va = fb.call(branchAddress, cpu, c.get32(CPU.context), address);
  const entry = fetchEntry(c.get32(CPU.bank), va);
  const known = entryPage(fb, entry).eq(va.and(-BigInt(PAGE_SIZE)));
  fb.if(known, () => fb.return(entryGuarded(fb, entry)));
  c.set32(CPU.walkQuiet, 1);
  const fault = fb.call(walk, cpu, c.get32(CPU.context), va, fb.i32(ACCESS.execute));
  c.set32(CPU.walkQuiet, 0);
  fb.if(fault, () => fb.return(fb.i32(FAULTS)));
  fb.if(fb.call(physicalToHost, c.get64(CPU.walkPa)).eqz(), () => fb.return(fb.i32(FAULTS)));
  fb.return(c.get32(CPU.walkAttributes).and(ATTRIBUTE.guarded).ne(0));
});
const FAULTS = 2;

/** Sets BTYPE for a branch to `target` of a kind, out of the page that `from` is in. */
function setType(c: CpuView, kind: I32, from: I64, target: I64): void {
  const { fb } = c;
  const type = fb.variable(kind);
  fb.if(kind.eq(BTYPE.jump), () => {
    fb.if(fb.call(isGuarded, c.base, from).eqz(), () => type.set(fb.i32(BTYPE.jumpOrCall)));
  });
  const misaligned = target.wrap().and(3);
  fb.if(misaligned.or(fb.call(isGuarded, c.base, target)), () => c.set32(CPU.btype, type.get()));
}

/** (cpu, target, kind of BTYPE): a branch out of the page being executed to one that the fetch TLB does not know. */
export const typeOfUnknown = defineFunction("typeOfUnknown", "ili", "", (fb, cpu, target, kind) => {
  const c = new CpuView(fb, cpu);
  fb.if(c.get32(CPU.features).and(CPU_FEATURE.BTI).eqz(), () => fb.return());
  setType(c, kind, executedPage(c), target);
  fb.return();
});

/**
 * (cpu, target, kind of BTYPE, 1 to write the return address): an indirect branch at a level that has guarded pages.
 * The PC in the block is the branch's own.
 */
export const branchToLanding = defineFunction("branchToLanding", "ilii", "", (fb, cpu, target, kind, links) => {
  const c = new CpuView(fb, cpu);
  const pc = c.get64(CPU.pc);
  setType(c, kind, pc, target);
  fb.if(links, () => c.set64(CPU.x + 8 * LINK_REGISTER, pc.add(4)));
  c.set64(CPU.pc, target);
  fb.return();
});

/** SCTLR_ELx.BT of the current level: PACIASP and PACIBSP are no targets of BR then. */
function restrictsPac(c: CpuView): I32 {
  const control = controlOf(c, c.get32(CPU.context));
  return c.get32(CPU.el).eqz().select(control.bit(35), control.bit(36));
}

/**
 * What becomes of the instruction in the slot: an exception; a NOP that resets BTYPE; an instruction that may see it.
 */
export const LANDING = { refused: 0, plain: 1, instruction: 2 } as const;

/** BTI with its targets in bits 7 and 6 of the word: c (calls) and j (jumps). */
const BTI = { mask: 0xffffff3f | 0, value: 0xd503241f | 0, calls: 6, jumps: 7 } as const;
const PACIASP = 0xd503233f | 0;
const PACIBSP = 0xd503237f | 0;
/** BRK and HLT come before a Branch Target exception. */
const BREAKS = { mask: 0xffe0001f | 0, brk: 0xd4200000 | 0, hlt: 0xd4400000 | 0 } as const;

/** Whether an instruction is BTI for a type of branch. */
function isBti(word: I32, type: I32): I32 {
  const calls = word.shrU(BTI.calls).and(type.ne(BTYPE.jump));
  const jumps = word.shrU(BTI.jumps).and(type.ne(BTYPE.call));
  return word.and(BTI.mask).eq(BTI.value).and(calls.or(jumps));
}

/** Whether it is PACIASP or PACIBSP, and a target for a type of branch. */
function isPac(c: CpuView, word: I32, type: I32): I32 {
  return word
    .eq(PACIASP)
    .or(word.eq(PACIBSP))
    .and(type.eq(BTYPE.jump).and(restrictsPac(c)).eqz());
}

/**
 * (cpu, what is left of the budget behind the branch, target, kind of BTYPE): whether a region may make an indirect
 * branch with BTYPE left 0, because nobody would see it: the target's page is not guarded, or the instruction there is
 * a landing pad that is carried out next, without an interrupt, a breakpoint or a trap in between.
 */
export const isLanding = defineFunction("isLanding", "iili", "i", (fb, cpu, left, target, kind) => {
  const c = new CpuView(fb, cpu);
  // The guest's own are among them.
  const breakpoints = fb.load("i32.load", fb.i32(0), GLOBAL.breakpoints) as I32;
  fb.if(left.leS(0).or(breakpoints), () => fb.return(fb.i32(0)));
  const bank = c.get32(CPU.bank);
  const to = fb.variable(fetchEntry(bank, target)).get();
  fb.if(entryPage(fb, to).ne(pageTag(target)), () => fb.return(fb.i32(0)));
  fb.if(entryGuarded(fb, to).eqz(), () => fb.return(fb.i32(1)));
  const type = fb.variable(kind);
  fb.if(kind.eq(BTYPE.jump), () => {
    const page = fb.variable(executedPage(c)).get();
    const from = fb.variable(fetchEntry(bank, page)).get();
    fb.if(entryPage(fb, from).ne(page), () => fb.return(fb.i32(0)));
    fb.if(entryGuarded(fb, from).eqz(), () => type.set(fb.i32(BTYPE.jumpOrCall)));
  });
  const hostPage = fb.load("i32.load", entryCode(fb, to), CODE_PAGE.host) as I32;
  const word = fb.load("i32.load", hostPage.add(target.wrap().and(PAGE_SIZE - 1))) as I32;
  fb.if(isBti(word, type.get()), () => fb.return(fb.i32(1)));
  const traps = c.get32(CPU.pointerAuth).and(KEY_USE_TRAPPED).ne(0);
  fb.return(isPac(c, word, type.get()).and(traps.eqz()));
});

/** (cpu, slot of the instruction at the PC): called with BTYPE set. */
export const landingPad = defineFunction("landingPad", "ii", "i", (fb, cpu, slot) => {
  const c = new CpuView(fb, cpu);
  const type = c.get32(CPU.btype);
  const pc = c.get64(CPU.pc);
  const code = c.get32(CPU.slotBase);
  const hostPage = fb.load("i32.load", code, CODE_PAGE.host) as I32;
  const word = fb.load("i32.load", hostPage.add(slot.sub(code).shrU(1))) as I32;
  // An exception return may bring a BTYPE to where it means nothing.
  fb.if(fb.call(isGuarded, cpu, pc).eqz(), () => fb.return(fb.i32(LANDING.instruction)));
  fb.if(isBti(word, type), () => fb.return(fb.i32(LANDING.plain)));
  const breaks = word.and(BREAKS.mask);
  const first = breaks.eq(BREAKS.brk).or(breaks.eq(BREAKS.hlt));
  fb.if(isPac(c, word, type).or(first), () => fb.return(fb.i32(LANDING.instruction)));
  fb.call(raise, cpu, fb.i32(0), fb.i32(EC.branchTarget), type, pc);
  fb.return(fb.i32(LANDING.refused));
});
