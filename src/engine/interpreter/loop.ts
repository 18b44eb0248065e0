/**
 * The interpreter loop and the handlers that are not instructions: fetch of a new page, decoding of a slot, the end
 * of a page, breakpoints (ARCHITECTURE.md, section 2: a plain loop round `call_indirect`).
 */
import { EC, raise, raiseUndefined, raiseWithFar, softwareStep, takeInterrupt } from "../../cpu/exceptions.js";
import { abortTarget, noteFaultIpa } from "../../mmu/access.js";
import { chooseBank, hasShared, noteLargeRange, poisonWrites } from "../../mmu/banks.js";
import { ACCESS, ATTRIBUTE, branchAddress, FAULT, FSC, physicalToHost, walk } from "../../mmu/walk.js";
import { CpuView } from "../cpu-view.js";
import { settle } from "../flags.js";
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
import { fetchEntry, fetchVictim, slotOffset } from "./fetch-entry.js";
import { heatSlot } from "./jump.js";
import { LANDING, landingPad } from "./landing.js";
import type { LoopBuilder } from "./loop-builder.js";
import { BREAKPOINT_PROGRAM, HANDLER, NO_RETURN, RETURNED } from "./protocol.js";

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
 * instruction comes again; anywhere else a debugger's breakpoint stops before the abort: functions that GDB calls return
 * to the program's entry, which a running Linux has not mapped.
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
  // Only an address without its tag is ever in the fetch TLB, so that a tagged one always comes here: also one of the upper
  // range whose tag is 0.
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
  const levelSize = c.get32(CPU.walkLevelSize);
  fb.if(levelSize.gtU(PAGE_BITS).and(levelSize.leU(48)), () => {
    const span = fb.i64(1).shl(levelSize.toI64U());
    const low = pc.and(span.neg());
    fb.call(noteLargeRange, cpu, low, low.add(span));
  });
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
const fetch = defineFunction("fetch", "i", "i", (fb, cpu) => {
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
  const hit = (fb.load("i64.load", entry, BANK.fetch + FETCH_ENTRY.tag) as I64).eq(page);
  const code = fb.choose(
    hit,
    () => fb.load("i32.load", entry, BANK.fetch + FETCH_ENTRY.codePage) as I32,
    () => fb.call(fetchSlow, cpu),
  );
  fb.if(code.eqz(), () => fb.return(fb.i32(0)));
  c.set32(CPU.slotBase, code);
  // A miss may have taken the tag off the PC.
  c.set64(CPU.pcBias, c.get64(CPU.pc).and(-BigInt(PAGE_SIZE)).sub(code.shrU(1).toI64U()));
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

/** Handler 1: the sentinel behind a page's last slot. Goes on in the next page; costs no instruction unless that faults. */
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

/** LDXR, LDAXR, LDXP, LDAXP of any size. */
const LOAD_EXCLUSIVE = { mask: 0x3fc00000, value: 0x08400000 } as const;
/** Syndrome of a Software Step exception: whether EX says anything, and whether the step was a load-exclusive. */
const STEP_ISS = { ISV: 24, EX: 6 } as const;

/**
 * Runs a vCPU until CPU.budget is used up or something needs TypeScript. Returns the exit reason (Exit), with the PC
 * and what is left of the budget in the block.
 */
export const run = defineFunction("run", "i", "i", (fb, cpu) => {
  const c = new CpuView(fb, cpu);
  const exit = (reason: I32): void => {
    c.set32(CPU.exit, 0);
    fb.return(reason);
  };
  c.set32(CPU.hostStack, 0);
  c.set64(CPU.returnAddress, fb.i64(NO_RETURN));
  fb.loop((outer) => {
    settle(c);
    const reason = c.get32(CPU.exit);
    fb.if(reason, () => exit(reason));
    fb.if(c.get32(CPU.irqLines).or(c.get32(CPU.virtualPending)), () => {
      fb.if(c.get32(CPU.holdInterrupts).eqz(), () => fb.if(fb.call(takeInterrupt, cpu), () => fb.br(outer)));
    });
    fb.if(c.get32(CPU.budget).leS(0), () => exit(fb.i32(Exit.budget)));
    fb.if(c.get32(CPU.il), () => {
      fb.call(raise, cpu, fb.i32(0), fb.i32(EC.illegalState), fb.i32(0), c.get64(CPU.pc));
      c.set32(CPU.budget, c.get32(CPU.budget).sub(1));
      fb.br(outer);
    });
    const stepping = fb.variable(fb.i32(0));
    fb.if(c.get32(CPU.softwareStep), () => {
      stepping.set(fb.call(softwareStep, cpu));
      fb.if(stepping.get().eq(2), () => {
        c.set32(CPU.budget, c.get32(CPU.budget).sub(1));
        fb.br(outer);
      });
    });
    const slot = fb.variable(fb.call(fetch, cpu));
    // A fetch that faults costs an instruction too: vectors that cannot be fetched would never end otherwise.
    fb.if(slot.get().eqz(), () => {
      c.set32(CPU.budget, c.get32(CPU.budget).sub(1));
      fb.br(outer);
    });
    // The target of an indirect branch into a guarded page.
    const landing = fb.variable(c.get32(CPU.btype));
    fb.if(landing.get(), () => {
      const verdict = fb.call(landingPad, cpu, slot.get());
      fb.if(verdict.eq(LANDING.refused), () => {
        c.set32(CPU.budget, c.get32(CPU.budget).sub(1));
        fb.br(outer);
      });
      fb.if(verdict.eq(LANDING.plain), () => {
        landing.set(fb.i32(0));
        c.set32(CPU.btype, 0);
        fb.call(heatSlot, cpu, slot.get());
      });
    });
    fb.if(stepping.get().or(landing.get()), () => {
      const at = slot.get();
      c.set32(CPU.budget, c.get32(CPU.budget).sub(1));
      const next = fb.call(interpretOne, cpu, at);
      fb.if(next, () => {
        c.set64(CPU.pc, c.get64(CPU.pcBias).add(next.shrU(1).toI64U()));
      });
      // A debugger stands before the instruction: the step is still to come.
      const reason = c.get32(CPU.exit);
      fb.brIf(outer, reason.eq(Exit.breakpoint).or(reason.eq(Exit.watchpoint)));
      c.set32(CPU.btype, 0);
      fb.brIf(outer, stepping.get().eqz());
      // EX: the word is in the slot now, decoded or not before.
      const exclusive = (fb.load("i32.load", at, 4) as I32).and(LOAD_EXCLUSIVE.mask).eq(LOAD_EXCLUSIVE.value);
      c.set32(CPU.stepSyndrome, exclusive.shl(STEP_ISS.EX).or(1 << STEP_ISS.ISV));
      // An exception that the instruction took has cleared SS already.
      c.set32(CPU.ss, 0);
      fb.br(outer);
    });
    /** What is left if no more than the last instruction was taken. More was by a region, which may owe flags. */
    const expected = fb.variable(c.get32(CPU.budget));
    const account = (left: I32): void => {
      fb.ifRare(left.ltS(expected.get()), () => {
        const taken = expected.get().sub(left).add(1);
        c.set64(CPU.statCompiled, c.get64(CPU.statCompiled).add(taken.toI64S()));
        settle(c);
      });
    };
    fb.loop((inner) => {
      const at = slot.get();
      const left = c.get32(CPU.budget);
      account(left);
      fb.ifRare(left.leS(0), () => {
        c.set64(CPU.pc, c.get64(CPU.pcBias).add(at.shrU(1).toI64U()));
        exit(fb.i32(Exit.budget));
      });
      expected.set(left.sub(1));
      c.set32(CPU.budget, left.sub(1));
      const handler = fb.load("i32.load16_u", at) as I32;
      const word = fb.load("i32.load", at, 4) as I32;
      // As generate.ts builds it.
      (fb as LoopBuilder).carryOut(handler, word, at, slot, inner);
      fb.brIf(inner, slot.get().gtU(RETURNED));
    });
    account(c.get32(CPU.budget));
    fb.br(outer);
  });
  fb.return(fb.i32(Exit.budget));
});
