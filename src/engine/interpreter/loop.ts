/**
 * The interpreter's loop: a plain loop round `call_indirect`, with the bodies of the most frequent instructions in it.
 */
import { EC, raise, softwareStep, takeInterrupt } from "../../cpu/exceptions.js";
import { CpuView } from "../cpu-view.js";
import { settle } from "../flags.js";
import { defineFunction } from "../ir/module.js";
import type { I32 } from "../ir/value.js";
import { CPU, Exit } from "../layout.js";
import { fetch, interpretOne } from "./handlers.js";
import { heatSlot } from "./jump.js";
import { LANDING, landingPad } from "./landing.js";
import { LoopBuilder } from "./loop-builder.js";
import { NO_RETURN, RETURNED } from "./protocol.js";

/** LDXR, LDAXR, LDXP, LDAXP of any size. */
const LOAD_EXCLUSIVE = { mask: 0x3fc00000, value: 0x08400000 } as const;
/** Syndrome of a Software Step exception: whether EX says anything, and whether the step was a load-exclusive. */
const STEP_ISS = { ISV: 24, EX: 6 } as const;

/**
 * Runs a vCPU until CPU.budget is used up or something needs TypeScript. Returns the exit reason (Exit), with the PC
 * and what is left of the budget in the block.
 */
export const run = defineFunction("run", "i", "i", (fb, cpu) => {
  if (!(fb instanceof LoopBuilder)) throw new Error("the loop is built with a LoopBuilder");
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
      fb.carryOut(handler, word, at, slot, inner);
      fb.brIf(inner, slot.get().gtU(RETURNED));
    });
    account(c.get32(CPU.budget));
    fb.br(outer);
  });
  fb.return(fb.i32(Exit.budget));
});
