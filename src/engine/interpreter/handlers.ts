/**
 * What the interpreter's loop does that is no instruction: fetch of a new page, and the handlers for a slot not decoded
 * yet, the end of a page, breakpoints and what is UNDEFINED.
 */
import { EC, raiseUndefined, raiseWithFar } from "../../cpu/exceptions.js";
import { abortTarget, noteFaultIpa } from "../../mmu/access.js";
import { chooseBank, hasShared, noteTranslation, poisonWrites } from "../../mmu/banks.js";
import { ACCESS, ATTRIBUTE, branchAddress, FAULT, FSC, physicalToHost, walk } from "../../mmu/walk.js";
import { CpuView } from "../cpu-view.js";
import { breakpointHit, shadowPage } from "../imports.js";
import type { FunctionBuilder } from "../ir/function.js";
import { defineFunction } from "../ir/module.js";
import type { I32, I64 } from "../ir/value.js";
import {
  AREA,
  BANK,
  CACHE_CONTEXT,
  CODE_PAGE,
  CPU,
  Exit,
  FETCH_ENTRY,
  GLOBAL,
  PAGE_BITS,
  PAGE_FLAG,
  PAGE_SIZE,
  SLOT_SIZE,
  WHOSE_BREAKPOINTS,
} from "../layout.js";
import { codePageFor, HANDLER_BREAKPOINT, HANDLER_BREAKPOINT_PROGRAM, HANDLER_UNDEFINED } from "./code-pages.js";
import { enterPage, entryCode, entryPage, fetchEntry, fetchVictim, slotOffset } from "./fetch-entry.js";
import { BREAKPOINT_PROGRAM, HANDLER } from "./protocol.js";

/** What `breakpointHit` says when the machine must stop. */
const BREAKPOINT_STOPS = 1;

/** The machine stops before the instruction at the PC in the block, which has not cost any of the budget. */
function stopBefore(c: CpuView): void {
  c.set32(CPU.budget, c.get32(CPU.budget).add(1));
  c.set32(CPU.exit, Exit.breakpoint);
}

/** 1 if a debugger's breakpoint at a PC where nothing can be fetched, and so no slot asks, stops the machine. */
const stopsUnfetched = defineFunction("stopsUnfetched", "i", "i", (fb, cpu) => {
  const c = new CpuView(fb, cpu);
  const pc = c.get64(CPU.pc);
  const pass = c.get32(CPU.passBreakpoint);
  c.set32(CPU.passBreakpoint, 0);
  fb.if(fb.load("i32.load", fb.i32(0), GLOBAL.pointPrograms) as I32, () => {
    fb.return(fb.callIndirect(BREAKPOINT_PROGRAM, fb.i32(HANDLER_BREAKPOINT_PROGRAM), cpu, pc, pass));
  });
  fb.if(pass, () => fb.return(fb.i32(0)));
  fb.return(fb.call(breakpointHit, cpu, pc, fb.i32(WHOSE_BREAKPOINTS.debugger)));
});

/**
 * Instruction Abort at the PC in the block. At EL0, and at stage 2, whoever owns the tables may bring the page and the
 * instruction comes again; anywhere else a debugger's breakpoint stops before the abort: functions that GDB calls
 * return to the program's entry, which a running Linux has not mapped.
 */
const abortFetch = defineFunction("abortFetch", "ii", "", (fb, cpu, fault) => {
  const c = new CpuView(fb, cpu);
  const stage2 = fault.and(FAULT.stage2);
  const breakpoints = fb.load("i32.load", fb.i32(0), GLOBAL.breakpoints) as I32;
  fb.if(breakpoints.ne(0).and(stage2.eqz()).and(c.get32(CPU.el).ne(0)), () => {
    fb.if(fb.call(stopsUnfetched, cpu).eq(BREAKPOINT_STOPS), () => {
      stopBefore(c);
      fb.return();
    });
  });
  fb.if(stage2, () => noteFaultIpa(c));
  const iss = fault.and(0x3f).or(fault.and(FAULT.onWalk).ne(0).shl(7));
  const pc = c.get64(CPU.pc);
  fb.call(raiseWithFar, cpu, abortTarget(c, fault), fb.i32(EC.instructionAbort), iss, pc, pc);
  fb.return();
});

/** (bank, page, predecode page, guarded): fills the fetch entry of a page; what is there of another one is kept. */
const fillFetch = defineFunction("fillFetch", "ilii", "", (fb, bank, page, code, guarded) => {
  const entry = fetchEntry(bank, page).add(BANK.fetch);
  const there = fb.load("i64.load", entry, FETCH_ENTRY.tag) as I64;
  fb.if(there.bit(0).eqz().and(there.ne(page)), () => {
    fb.store("v128.store", fetchVictim(bank, there), fb.load("v128.load", entry));
  });
  fb.store("i64.store", entry, page, FETCH_ENTRY.tag);
  fb.store("i32.store", entry, code, FETCH_ENTRY.codePage);
  fb.store("i32.store", entry, guarded, FETCH_ENTRY.guarded);
  fb.return();
});

/** The predecode page for the virtual page of the PC in the block, or 0 with an abort or an exit set up. */
const fetchSlow = defineFunction("fetchSlow", "i", "i", (fb, cpu) => {
  const c = new CpuView(fb, cpu);
  c.count(CPU.statFetchMiss);
  // Only an address without its tag is ever in the fetch TLB, so that a tagged one always comes here: also one of the
  // upper range whose tag is 0.
  fb.if(c.get64(CPU.pc).bits(55, 9).ne(0), () => {
    c.set64(CPU.pc, fb.call(branchAddress, cpu, c.get32(CPU.context), c.get64(CPU.pc)));
  });
  const pc = c.get64(CPU.pc);
  const page = pc.and(-BigInt(PAGE_SIZE));
  const context = c.get32(CPU.context);
  const mayShare = hasShared(context).and(pc.bit(55));
  const own = fb.variable(c.get32(CPU.bank)).get();
  const noteGuarded = (guarded: I32): void => {
    c.set32(CPU.guardedLevels, c.get32(CPU.guardedLevels).or(guarded.shl(c.get32(CPU.el))));
  };
  /** Takes over what an entry has if it is of the page. */
  const copyFrom = (entry: I32): void => {
    fb.if((fb.load("i64.load", entry, FETCH_ENTRY.tag) as I64).eq(page), () => {
      const code = fb.variable(fb.load("i32.load", entry, FETCH_ENTRY.codePage) as I32).get();
      const guarded = fb.variable(fb.load("i32.load", entry, FETCH_ENTRY.guarded) as I32).get();
      noteGuarded(guarded);
      fb.call(fillFetch, own, page, code, guarded);
      fb.return(code);
    });
  };
  copyFrom(fetchVictim(own, page));
  fb.if(mayShare, () => {
    copyFrom(fetchEntry(fb.call(chooseBank, cpu, context.add(CACHE_CONTEXT.shared)), page).add(BANK.fetch));
  });
  const fault = fb.call(walk, cpu, context, pc, fb.i32(ACCESS.execute));
  const abort = (code: I32): void => {
    fb.call(abortFetch, cpu, code);
    fb.return(fb.i32(0));
  };
  fb.if(fault, () => abort(fault));
  const found = fb.call(physicalToHost, c.get64(CPU.walkPa).and(-BigInt(PAGE_SIZE)));
  fb.if(found.eqz(), () => abort(fb.i32(FSC.external | FAULT.valid)));
  fb.call(noteTranslation, cpu, pc);
  const code = fb.variable(fb.call(codePageFor, found.and(-2)));
  fb.if(code.get().eqz(), () => {
    c.set32(CPU.exit, Exit.codeFull);
    fb.return(fb.i32(0));
  });
  fb.if(fb.load("i32.load", fb.i32(0), GLOBAL.breakpoints) as I32, () => {
    code.set(fb.call(shadowPage, cpu, page, code.get()));
    fb.if(code.get().eqz(), () => {
      c.set32(CPU.exit, Exit.codeFull);
      fb.return(fb.i32(0));
    });
  });
  const guarded = c.get32(CPU.walkAttributes).and(ATTRIBUTE.guarded).ne(0);
  noteGuarded(guarded);
  fb.call(fillFetch, own, page, code.get(), guarded);
  fb.if(mayShare.and(c.get32(CPU.walkAttributes).and(ATTRIBUTE.notGlobal).eqz()), () => {
    fb.call(fillFetch, fb.call(chooseBank, cpu, context.add(CACHE_CONTEXT.shared)), page, code.get(), guarded);
  });
  fb.return(code.get());
});

/** The slot of the PC in the block; 0 when an exception or exit was set up instead. */
export const fetch = defineFunction("fetch", "i", "i", (fb, cpu) => {
  const c = new CpuView(fb, cpu);
  const pc = c.get64(CPU.pc);
  fb.if(pc.wrap().and(3), () => {
    // A branch takes the tag off, wherever it leads.
    const untagged = fb.variable(fb.call(branchAddress, cpu, c.get32(CPU.context), pc));
    fb.call(raiseWithFar, cpu, fb.i32(0), fb.i32(EC.pcAlignment), fb.i32(0), untagged.get(), untagged.get());
    fb.return(fb.i32(0));
  });
  const page = pc.and(-BigInt(PAGE_SIZE));
  const entry = fetchEntry(c.get32(CPU.bank), page);
  const code = fb.choose(
    entryPage(fb, entry).eq(page),
    () => entryCode(fb, entry),
    () => fb.call(fetchSlow, cpu),
  );
  fb.if(code.eqz(), () => fb.return(fb.i32(0)));
  // A miss may have taken the tag off the PC.
  enterPage(c, c.get64(CPU.pc).and(-BigInt(PAGE_SIZE)), code);
  fb.return(code.add(slotOffset(pc)));
});

/** Handler index of an instruction word by the decode tree (isa/decode.ts writes it). */
export const decodeWord = defineFunction("decodeWord", "i", "i", (fb, word) => {
  const node = fb.variable(fb.load("i32.load", fb.i32(0), GLOBAL.decodeRoot) as I32);
  // An inner node: shift, mask, then (mask + 1) children. A leaf has shift −1, a count, then (mask, value, handler).
  fb.loop((descend) => {
    const n = node.get();
    const shift = fb.load("i32.load", n) as I32;
    fb.if(shift.geS(0), () => {
      const index = word.shrU(shift).and(fb.load("i32.load", n, 4) as I32);
      node.set(fb.load("i32.load", n.add(index.shl(2)), 8) as I32);
      fb.br(descend);
    });
  });
  const row = fb.variable(node.get().add(8));
  const end = row.get().add((fb.load("i32.load", node.get(), 4) as I32).mul(12));
  fb.block((none) => {
    fb.loop((next) => {
      const r = row.get();
      fb.brIf(none, r.geU(end));
      const matches = word.and(fb.load("i32.load", r) as I32).eq(fb.load("i32.load", r, 4) as I32);
      fb.if(matches, () => fb.return(fb.load("i32.load", r, 8) as I32));
      row.set(r.add(12));
      fb.br(next);
    });
  });
  fb.return(fb.i32(HANDLER_UNDEFINED));
});

/** Whether a slot of the predecode page `code` is a breakpoint. */
function isBreakpoint(fb: FunctionBuilder, code: I32, slot: I32): I32 {
  const number = slot.sub(code).shrU(Math.log2(SLOT_SIZE));
  const bits = fb.load("i32.load8_u", code.add(number.shrU(3)), CODE_PAGE.points) as I32;
  return bits.shrU(number.and(7)).and(1);
}

/** Handler 0: a slot not decoded yet. Decodes it and runs it. */
export const decodeHandler = defineFunction("decode", "iii", "i", (fb, cpu, _word, slot) => {
  const c = new CpuView(fb, cpu);
  c.count(CPU.statDecoded);
  const code = c.get32(CPU.slotBase);
  const hostPage = fb.load("i32.load", code, CODE_PAGE.host) as I32;
  const word = fb.load("i32.load", hostPage.add(slot.sub(code).shrU(1))) as I32;
  const flagAt = hostPage.shrU(PAGE_BITS);
  const flags = fb.load("i32.load8_u", flagAt, AREA.pageFlags) as I32;
  fb.if(flags.and(PAGE_FLAG.hasCode).eqz(), () => {
    fb.if(flags.and(PAGE_FLAG.maybeWritable), () => fb.call(poisonWrites, hostPage));
    fb.store("i32.store8", flagAt, flags.and(PAGE_FLAG.kept).or(PAGE_FLAG.hasCode), AREA.pageFlags);
  });
  const handler = fb.variable(fb.call(decodeWord, word));
  fb.if(isBreakpoint(fb, code, slot), () => handler.set(fb.i32(HANDLER_BREAKPOINT)));
  fb.store("i32.store", slot, handler.get());
  fb.store("i32.store", slot, word, 4);
  fb.return(fb.callIndirect(HANDLER, handler.get(), cpu, word, slot));
});

/**
 * Handler 1: the sentinel behind a page's last slot. Goes on in the next page; costs no instruction unless that faults.
 */
export const pageEndHandler = defineFunction("pageEnd", "iii", "i", (fb, cpu, _word, slot) => {
  const c = new CpuView(fb, cpu);
  c.set64(CPU.pc, c.get64(CPU.pcBias).add(slot.shrU(1).toI64U()));
  const next = fb.call(fetch, cpu);
  fb.if(next, () => c.set32(CPU.budget, c.get32(CPU.budget).add(1)));
  fb.return(next);
});

/** Handler 2: a breakpoint, of a debugger or of the guest. The debugger's stops before the instruction. */
export const breakpointHandler = defineFunction("breakpoint", "iii", "i", (fb, cpu, word, slot) => {
  const c = new CpuView(fb, cpu);
  const pc = c.get64(CPU.pcBias).add(slot.shrU(1).toI64U());
  c.set64(CPU.pc, pc);
  const pass = c.get32(CPU.passBreakpoint);
  c.set32(CPU.passBreakpoint, 0);
  const global = (at: number): I32 => fb.load("i32.load", fb.i32(0), at) as I32;
  const verdict = fb.variable(fb.i32(0));
  fb.if(
    global(GLOBAL.pointPrograms),
    () => {
      // The debugger's points have something to ask. What they say in wasm is not asked again.
      const stops = fb.callIndirect(BREAKPOINT_PROGRAM, fb.i32(HANDLER_BREAKPOINT_PROGRAM), cpu, pc, pass);
      verdict.set(stops);
      const guestToo = stops.eqz().and(global(GLOBAL.guestBreakpoints).ne(0));
      fb.if(guestToo, () => verdict.set(fb.call(breakpointHit, cpu, pc, fb.i32(WHOSE_BREAKPOINTS.guest))));
    },
    () => verdict.set(fb.call(breakpointHit, cpu, pc, pass)),
  );
  fb.if(verdict.get().eqz(), () => fb.return(fb.callIndirect(HANDLER, fb.call(decodeWord, word), cpu, word, slot)));
  fb.if(verdict.get().eq(BREAKPOINT_STOPS), () => stopBefore(c));
  fb.return(fb.i32(0));
});

/** Handler 3: no row of the table, or a row the CPU model does not have. */
export const undefinedHandler = defineFunction("undefined", "iii", "i", (fb, cpu, _word, slot) => {
  const c = new CpuView(fb, cpu);
  c.set64(CPU.pc, c.get64(CPU.pcBias).add(slot.shrU(1).toI64U()));
  fb.call(raiseUndefined, cpu);
  fb.return(fb.i32(0));
});

/**
 * Runs the one instruction of a slot by its own handler, whatever the slot holds but a breakpoint: (cpu, slot) → next
 * slot or 0.
 */
export const interpretOne = defineFunction("interpretOne", "ii", "i", (fb, cpu, slot) => {
  const code = new CpuView(fb, cpu).get32(CPU.slotBase);
  const hostPage = fb.load("i32.load", code, CODE_PAGE.host) as I32;
  const word = fb.load("i32.load", hostPage.add(slot.sub(code).shrU(1))) as I32;
  // Syndromes are made from the word in the slot, which nobody may have decoded yet.
  fb.store("i32.store", slot, word, 4);
  fb.if(isBreakpoint(fb, code, slot), () => fb.return(fb.call(breakpointHandler, cpu, word, slot)));
  fb.return(fb.callIndirect(HANDLER, fb.call(decodeWord, word), cpu, word, slot));
});
