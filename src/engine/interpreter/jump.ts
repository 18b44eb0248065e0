/**
 * Going on at another page, and what makes code hot: both engines come here when a branch leaves the page.
 */
import { CpuView } from "../cpu-view.js";
import { hotSlot } from "../imports.js";
import { defineFunction } from "../ir/module.js";
import type { I32, I64 } from "../ir/value.js";
import { AREA, BRANCH_TARGET, BRANCH_TARGETS, CPU, GLOBAL, SLOT_SIZE } from "../layout.js";
import { enterPage, entryCode, entryPage, fetchEntry, pageTag, slotOffset } from "./fetch-entry.js";
import { typeOfUnknown } from "./landing.js";

/**
 * A branch to a slot that is interpreted: (cpu, slot). What is branched to often is worth compiling; the count is the
 * upper half of the slot's first word, in which a compiled slot has its entry number.
 */
export const heatSlot = defineFunction("heatSlot", "ii", "", (fb, cpu, slot) => {
  const word = fb.load("i32.load", slot) as I32;
  const firstRegion = fb.load("i32.load", fb.i32(0), GLOBAL.firstRegion) as I32;
  fb.if(word.and(0xffff).geU(firstRegion), () => fb.return());
  const hotter = word.add(0x1_0000);
  fb.store("i32.store", slot, hotter);
  const heat = hotter.shrU(16);
  const global = (at: number): I32 => fb.load("i32.load", fb.i32(0), at) as I32;
  fb.if(heat.eq(global(GLOBAL.hot)).or(heat.eq(global(GLOBAL.look))), () => fb.call(hotSlot, cpu, slot));
  fb.return();
});

/** (slot, target): an indirect branch leads to `target`, which takes the place of what it led to less often. */
export const noteTarget = defineFunction("noteTarget", "il", "", (fb, slot, target) => {
  const scale = Math.log2(BRANCH_TARGET.size) - Math.log2(SLOT_SIZE);
  const index = slot.shl(scale).and((BRANCH_TARGETS - 1) * BRANCH_TARGET.size);
  const row = fb.variable(index);
  const load32 = (at: number): I32 => fb.load("i32.load", row.get(), AREA.branchTargets + at) as I32;
  const store32 = (at: number, value: I32): void => {
    fb.store("i32.store", row.get(), value, AREA.branchTargets + at);
  };
  const put = (n: 0 | 1): void => {
    fb.store("i64.store", row.get(), target, AREA.branchTargets + BRANCH_TARGET.targets[n]);
    store32(BRANCH_TARGET.counts[n], fb.i32(0));
  };
  fb.if(load32(BRANCH_TARGET.slot).ne(slot), () => {
    store32(BRANCH_TARGET.slot, slot);
    for (const n of [0, 1] as const) put(n);
    fb.return();
  });
  for (const n of [0, 1] as const) {
    const known = fb.load("i64.load", row.get(), AREA.branchTargets + BRANCH_TARGET.targets[n]) as I64;
    fb.if(known.eq(target), () => {
      store32(BRANCH_TARGET.counts[n], load32(BRANCH_TARGET.counts[n]).add(1));
      fb.return();
    });
  }
  fb.if(
    load32(BRANCH_TARGET.counts[0]).ltU(load32(BRANCH_TARGET.counts[1])),
    () => put(0),
    () => put(1),
  );
  fb.return();
});

/**
 * The slot of an address when the fetch TLB knows its page, and that page is the one being executed from now on; if it
 * does not, runs `otherwise`, which must leave, with the PC in the block. `type` is the BTYPE of the branch, or 0.
 */
export function slotOfAddress(c: CpuView, address: I64, type: I32, otherwise: () => void): I32 {
  const { fb } = c;
  const page = pageTag(address);
  const entry = fetchEntry(c.get32(CPU.bank), address);
  fb.ifRare(entryPage(fb, entry).ne(page), () => {
    c.count(CPU.statJumpMiss);
    fb.if(type, () => fb.call(typeOfUnknown, c.base, address, type));
    c.set64(CPU.pc, address);
    otherwise();
  });
  const code = entryCode(fb, entry);
  enterPage(c, page, code);
  return code.add(slotOffset(address));
}

/** (cpu, address, BTYPE or 0) → `slotOfAddress`, or 0. */
export const jump = defineFunction("jump", "ili", "i", (fb, cpu, address, type) => {
  const slot = slotOfAddress(new CpuView(fb, cpu), address, type, () => fb.return(fb.i32(0)));
  fb.call(heatSlot, cpu, slot);
  fb.return(slot);
});
