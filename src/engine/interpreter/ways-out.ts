/**
 * What compiled regions call where they cannot go on by themselves. A region keeps what is left of the budget in a
 * local; all of these get it, and leave the vCPU block as the interpreter's loop wants it. Registers are in the block by
 * then, and so are the flags unless it says otherwise.
 *
 * Slots come with a bail's cause (bails.ts) in their low bits, which are zero otherwise.
 */
import { BAIL_MASK } from "../bails.js";
import { CpuView } from "../cpu-view.js";
import { defineFunction } from "../ir/module.js";
import type { I32, I64 } from "../ir/value.js";
import { CPU, GLOBAL } from "../layout.js";
import { heatSlot, jump } from "./jump.js";
import { interpretOne } from "./loop.js";
import { HANDLER } from "./protocol.js";

/** Regions that stand in the middle of calls, one in the other: each takes some of the host's stack. */
const MAX_DEPTH = 40;

/** Set in the slot that a call returns when regions were dropped meanwhile: the caller may be one of them. */
export const DROPPED = 1;

/** Back to the interpreter's loop, or to the region that called, which goes on at a slot. */
function goBack(c: CpuView, left: I32, slot: I32): void {
  c.set32(CPU.budget, left);
  c.fb.return(slot);
}

/** Goes on at a slot in place of the region, whatever handler it has. */
function chain(c: CpuView, left: I32, slot: I32): void {
  const { fb } = c;
  fb.if(left.leS(0), () => goBack(c, left, slot));
  c.set32(CPU.budget, left.sub(1));
  const word = fb.load("i32.load", slot, 4) as I32;
  fb.returnCallIndirect(HANDLER, fb.load("i32.load16_u", slot) as I32, c.base, word, slot);
}

/** A slot that is still interpreted gets hotter. */
function heat(c: CpuView, slot: I32): void {
  const { fb } = c;
  fb.if(isInterpreted(c, slot), () => fb.call(heatSlot, c.base, slot));
}

function isInterpreted({ fb }: CpuView, slot: I32): I32 {
  const firstRegion = fb.load("i32.load", fb.i32(0), GLOBAL.firstRegion) as I32;
  return (fb.load("i32.load16_u", slot) as I32).ltU(firstRegion);
}

/** (cpu, left, slot and cause): the interpreter carries out the instruction, if the budget has one. */
export const bailOut = defineFunction("bailOut", "iii", "i", (fb, cpu, left, slotAndCause) => {
  const c = new CpuView(fb, cpu);
  const slot = slotAndCause.and(~BAIL_MASK);
  const counter = cpu.add(slotAndCause.and(BAIL_MASK).shl(3));
  fb.store("i64.store", counter, (fb.load("i64.load", counter, CPU.statBails) as I64).add(1), CPU.statBails);
  fb.if(left.leS(0), () => goBack(c, left, slot));
  c.set32(CPU.budget, left.sub(1));
  fb.return(fb.call(interpretOne, cpu, slot));
});

/** The same with the flags: (cpu, left, slot and cause, N, Z, C, V). */
export const bailOutWithFlags = defineFunction(
  "bailOutWithFlags",
  "iiillil",
  "i",
  (fb, cpu, left, slot, n, z, cf, v) => {
    const c = new CpuView(fb, cpu);
    c.set64(CPU.flagN, n);
    c.set64(CPU.flagZ, z);
    c.set32(CPU.flagC, cf);
    c.set64(CPU.flagV, v);
    fb.return(fb.call(bailOut, cpu, left, slot));
  },
);

/** (cpu, left, PC): to the interpreter's loop, which looks at interrupts before the instruction at PC. */
export const lookOut = defineFunction("lookOut", "iil", "i", (fb, cpu, left, pc) => {
  const c = new CpuView(fb, cpu);
  c.set32(CPU.budget, left);
  c.set64(CPU.pc, pc);
  fb.return(fb.i32(0));
});

/** (cpu, left, slot): a branch to a slot of the same page. */
export const goOut = defineFunction("goOut", "iii", "i", (fb, cpu, left, slot) => {
  const c = new CpuView(fb, cpu);
  heat(c, slot);
  chain(c, left, slot);
});

/** (cpu, left, address): a branch to anywhere. */
export const jumpOut = defineFunction("jumpOut", "iil", "i", (fb, cpu, left, address) => {
  const c = new CpuView(fb, cpu);
  const slot = fb.call(jump, cpu, address, fb.i32(1));
  fb.if(slot.eqz(), () => goBack(c, left, slot));
  chain(c, left, slot);
});

/** (cpu, left, address): a return. Back to the region that called, or to the interpreter's loop. */
export const returnOut = defineFunction("returnOut", "iil", "i", (fb, cpu, left, address) => {
  const c = new CpuView(fb, cpu);
  c.set32(CPU.budget, left);
  fb.return(fb.call(jump, cpu, address, fb.i32(0)));
});

const dropCount = ({ fb }: CpuView): I32 => fb.load("i32.load", fb.i32(0), GLOBAL.drops) as I32;

/** Something else runs with one instruction of the budget, in the middle of a region. */
function runWithin(c: CpuView, left: I32, run: () => I32): void {
  const { fb } = c;
  const before = fb.variable(dropCount(c));
  c.set32(CPU.budget, left.sub(1));
  const next = fb.variable(run());
  fb.return(next.get().or(dropCount(c).ne(before.get())));
}

/**
 * (cpu, left, slot): a call of what is at the slot. Returns the slot to go on at, with DROPPED, and what is left in
 * CPU.budget. Only another region is called as a function; anything else is left to the interpreter, and the return
 * finds its way into the region through an entry.
 */
export const callOut = defineFunction("callOut", "iii", "i", (fb, cpu, left, slot) => {
  const c = new CpuView(fb, cpu);
  const stay = (): void => goBack(c, left, slot);
  fb.if(isInterpreted(c, slot), () => {
    fb.call(heatSlot, cpu, slot);
    stay();
  });
  const depth = fb.variable(c.get32(CPU.depth));
  fb.if(depth.get().geU(MAX_DEPTH).or(left.leS(0)), stay);
  c.set32(CPU.depth, depth.get().add(1));
  const word = fb.load("i32.load", slot, 4) as I32;
  runWithin(c, left, () => {
    const next = fb.callIndirect(HANDLER, fb.load("i32.load16_u", slot) as I32, cpu, word, slot);
    c.set32(CPU.depth, depth.get());
    return next;
  });
});

/** The same for an address: (cpu, left, address). */
export const callAddress = defineFunction("callAddress", "iil", "i", (fb, cpu, left, address) => {
  const slot = fb.call(jump, cpu, address, fb.i32(0));
  fb.if(slot.eqz(), () => goBack(new CpuView(fb, cpu), left, slot));
  fb.return(fb.call(callOut, cpu, left, slot));
});

/** (cpu, left, slot): the interpreter carries out one instruction in the middle of a region; else as `callOut`. */
export const interpretWithin = defineFunction("interpretWithin", "iii", "i", (fb, cpu, left, slot) => {
  const c = new CpuView(fb, cpu);
  fb.if(left.leS(0), () => goBack(c, left, slot));
  runWithin(c, left, () => fb.call(interpretOne, cpu, slot));
});

/** All that regions call. */
export const WAYS_OUT = [
  ...[bailOut, bailOutWithFlags, lookOut, goOut, jumpOut, returnOut],
  ...[callOut, callAddress, interpretWithin, interpretOne],
] as const;
