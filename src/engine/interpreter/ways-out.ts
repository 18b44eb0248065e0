/**
 * What compiled regions call where they cannot go on by themselves. A region keeps what is left of the budget in a
 * local; all of these get it, and leave the vCPU block as the interpreter's loop wants it. Registers are in the block
 * by then, and of the flags what they come of: they are settled before anything but a region goes on.
 *
 * Slots come with a bail's cause (bails.ts) in their low bits, which are zero otherwise.
 */
import { LINK_REGISTER } from "../../isa/semantics/branches.js";
import { BAIL_MASK } from "../bails.js";
import { CpuView } from "../cpu-view.js";
import { settle } from "../flags.js";
import { missesOften } from "../imports.js";
import type { FunctionBuilder } from "../ir/function.js";
import { defineFunction } from "../ir/module.js";
import type { I32, I64 } from "../ir/value.js";
import { AREA, CPU, GLOBAL, REGION_MISSES } from "../layout.js";
import { interpretOne } from "./handlers.js";
import { heatSlot, slotOfAddress } from "./jump.js";
import { HANDLER, NO_RETURN, RETURNED } from "./protocol.js";

/**
 * Bytes of the host's stack for regions that stand in the middle of calls, one in the other. V8 lets JavaScript have
 * 984 KB of it, some of which is called from the innermost.
 */
const STACK_FOR_CALLS = 512 << 10;

/**
 * So many misses that a region leaves to the interpreter, each with some instructions behind it, take some
 * milliseconds, and so does compiling the region again. With a quarter of it each second boot did so, and started the
 * compiler for that.
 */
const OFTEN = 16_384;

/** Set in the slot that a call returns when regions were dropped meanwhile: the caller may be one of them. */
export const DROPPED = 1;

/** Back to the interpreter's loop, or to the region that called, which goes on at a slot. */
function goBack(c: CpuView, left: I32, slot: I32): void {
  settle(c);
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

/** A slot that is still interpreted gets hotter, and the interpreter what it needs. */
function heat(c: CpuView, slot: I32): void {
  const { fb } = c;
  fb.if(isRegion(fb, fb.load("i32.load16_u", slot) as I32).eqz(), () => {
    fb.call(heatSlot, c.base, slot);
    settle(c);
  });
}

const isRegion = (fb: FunctionBuilder, handler: I32): I32 =>
  handler.geU(fb.load("i32.load", fb.i32(0), GLOBAL.firstRegion) as I32);

/** (cpu, left, slot and cause): the interpreter carries out the instruction, if the budget has one. */
export const bailOut = defineFunction("bailOut", "iii", "i", (fb, cpu, left, slotAndCause) => {
  const c = new CpuView(fb, cpu);
  const slot = slotAndCause.and(~BAIL_MASK);
  const counter = cpu.add(slotAndCause.and(BAIL_MASK).shl(3));
  fb.store("i64.store", counter, (fb.load("i64.load", counter, CPU.statBails) as I64).add(1), CPU.statBails);
  fb.if(left.leS(0), () => goBack(c, left, slot));
  settle(c);
  c.set32(CPU.budget, left.sub(1));
  fb.return(fb.call(interpretOne, cpu, slot));
});

/**
 * (cpu, left, slot and cause, slot at which the region was entered): `bailOut` of a region that leaves misses to the
 * interpreter. One that does so often is compiled again, with calls that fill the TLB.
 */
export const missOut = defineFunction("missOut", "iiii", "i", (fb, cpu, left, slotAndCause, entry) => {
  const index = (fb.load("i32.load16_u", entry) as I32).and(REGION_MISSES - 1).shl(1);
  const misses = fb.variable((fb.load("i32.load16_u", index, AREA.regionMisses) as I32).add(1));
  fb.ifRare(misses.get().eq(OFTEN), () => {
    misses.set(fb.i32(0));
    fb.call(missesOften, entry);
  });
  fb.store("i32.store16", index, misses.get(), AREA.regionMisses);
  fb.returnCall(bailOut, cpu, left, slotAndCause);
});

/** (cpu, slot): the interpreter carries out the instruction at which a region was entered in vain. */
export const refuse = defineFunction("refuse", "ii", "i", (fb, cpu, slot) => {
  settle(new CpuView(fb, cpu));
  fb.return(fb.call(interpretOne, cpu, slot));
});

/** (cpu, left, PC): to the interpreter's loop, which looks at interrupts before the instruction at PC. */
export const lookOut = defineFunction("lookOut", "iil", "i", (fb, cpu, left, pc) => {
  const c = new CpuView(fb, cpu);
  c.set64(CPU.pc, pc);
  goBack(c, left, fb.i32(0));
});

/** (cpu, left, slot): a branch to a slot of the same page. */
export const goOut = defineFunction("goOut", "iii", "i", (fb, cpu, left, slot) => {
  const c = new CpuView(fb, cpu);
  heat(c, slot);
  chain(c, left, slot);
});

/** (cpu, left, address, BTYPE or 0): a branch to anywhere. */
export const jumpOut = defineFunction("jumpOut", "iili", "i", (fb, cpu, left, address, type) => {
  const c = new CpuView(fb, cpu);
  const slot = slotOfAddress(c, address, type, () => goBack(c, left, fb.i32(0)));
  heat(c, slot);
  chain(c, left, slot);
});

/**
 * (cpu, left, address): a return that no call of a region expects. To the interpreter's loop, by way of all of them.
 */
export const returnOut = defineFunction("returnOut", "iil", "i", (fb, cpu, left, address) => {
  const c = new CpuView(fb, cpu);
  const slot = fb.variable(slotOfAddress(c, address, fb.i32(0), () => goBack(c, left, fb.i32(0))));
  // As if the function were interpreted: whether a call is often come back from says what its code is worth.
  fb.call(heatSlot, cpu, slot.get());
  goBack(c, left, slot.get());
});

/**
 * A call of what is at a slot, from a region that takes so many bytes of the host's stack. Returns RETURNED when it
 * comes back to `address`, with what is left in CPU.budget and all the rest as it was; any other slot is to be gone on
 * at, and with DROPPED the caller may be gone. Only another region is called as a function; anything else is left to
 * the interpreter, and the return finds its way into the region through an entry.
 */
function callSlot(
  c: CpuView,
  left: I32,
  frame: I32,
  slot: I32,
  address: I64,
  { slotBase, pcBias }: { slotBase: I32; pcBias: I64 },
): void {
  const { fb } = c;
  const cpu = c.base;
  const stay = (): void => goBack(c, left, slot);
  const handler = fb.variable(fb.load("i32.load16_u", slot) as I32);
  fb.ifRare(isRegion(fb, handler.get()).eqz(), () => {
    fb.call(heatSlot, cpu, slot);
    stay();
  });
  const stack = fb.variable(c.get32(CPU.hostStack));
  fb.ifRare(stack.get().geU(STACK_FOR_CALLS), stay);
  fb.ifRare(left.leS(0), stay);
  const outer = fb.variable(c.get64(CPU.returnAddress));
  c.set32(CPU.hostStack, stack.get().add(frame));
  c.set64(CPU.returnAddress, address);
  c.set32(CPU.budget, left.sub(1));
  const word = fb.load("i32.load", slot, 4) as I32;
  const next = fb.variable(fb.callIndirect(HANDLER, handler.get(), cpu, word, slot));
  c.set32(CPU.hostStack, stack.get());
  fb.ifRare(c.get64(CPU.returnAddress).eq(fb.i64(NO_RETURN)), () => {
    settle(c);
    fb.return(next.get().or(DROPPED));
  });
  c.set64(CPU.returnAddress, outer.get());
  fb.if(
    next.get().eq(RETURNED),
    () => {
      c.set32(CPU.slotBase, slotBase);
      c.set64(CPU.pcBias, pcBias);
    },
    () => settle(c),
  );
  fb.return(next.get());
}

/** What `callSlot` restores. */
function pageOfCaller(c: CpuView): { slotBase: I32; pcBias: I64 } {
  return { slotBase: c.fb.variable(c.get32(CPU.slotBase)).get(), pcBias: c.fb.variable(c.get64(CPU.pcBias)).get() };
}

/** Where a call comes back to, which has X30 in the block. */
const linkOf = (c: CpuView): I64 => c.get64(CPU.x + LINK_REGISTER * 8);

/** (cpu, left, bytes of the caller's frame, slot): a call within the page. */
export const callOut = defineFunction("callOut", "iiii", "i", (fb, cpu, left, frame, slot) => {
  const c = new CpuView(fb, cpu);
  callSlot(c, left, frame, slot, linkOf(c), pageOfCaller(c));
});

/** (cpu, left, bytes of the caller's frame, address, BTYPE or 0): a call of anything. */
export const callAddress = defineFunction("callAddress", "iiili", "i", (fb, cpu, left, frame, target, type) => {
  const c = new CpuView(fb, cpu);
  const page = pageOfCaller(c);
  const slot = fb.variable(slotOfAddress(c, target, type, () => goBack(c, left, fb.i32(0))));
  callSlot(c, left, frame, slot.get(), linkOf(c), page);
});

/**
 * (cpu, left, bytes of the region's frame, slot, address): what is left of a function, from a slot of the page on,
 * whose beginning stands in the region in place of its call, and which returns to an address.
 */
export const restOut = defineFunction("restOut", "iiiil", "i", (fb, cpu, left, frame, slot, address) => {
  const c = new CpuView(fb, cpu);
  callSlot(c, left, frame, slot, address, pageOfCaller(c));
});

const dropCount = ({ fb }: CpuView): I32 => fb.load("i32.load", fb.i32(0), GLOBAL.drops) as I32;

/**
 * (cpu, left, slot): the interpreter carries out one instruction in the middle of a region. Returns the slot to go on
 * at, with DROPPED when the region may be gone, and what is left in CPU.budget.
 */
export const interpretWithin = defineFunction("interpretWithin", "iii", "i", (fb, cpu, left, slot) => {
  const c = new CpuView(fb, cpu);
  fb.if(left.leS(0), () => goBack(c, left, slot));
  const before = fb.variable(dropCount(c));
  settle(c);
  c.set32(CPU.budget, left.sub(1));
  const next = fb.variable(fb.call(interpretOne, cpu, slot));
  fb.return(next.get().or(dropCount(c).ne(before.get())));
});

/** All that regions call. */
export const WAYS_OUT = [
  ...[bailOut, missOut, refuse, lookOut, goOut, jumpOut, returnOut],
  ...[callOut, callAddress, restOut, interpretWithin],
] as const;
