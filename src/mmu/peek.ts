/**
 * Guest memory for what is asked at a breakpoint or watchpoint: as the vCPU's current translation has it, in wasm where
 * it is RAM, without effect on TLBs and statistics.
 */
import { CpuView } from "../engine/cpu-view.js";
import { defineFunction } from "../engine/ir/module.js";
import type { I32, I64 } from "../engine/ir/value.js";
import { CPU, PAGE_SIZE, TLB_ENTRY } from "../engine/layout.js";
import { chooseBank, entryOf, hostBy } from "./banks.js";
import { ACCESS, ATTRIBUTE, physicalToHost, walk } from "./walk.js";

/** Host address of `size` bytes; 0 where they are not all in one readable page of RAM: then TypeScript is asked. */
export const peekHost = defineFunction("peekHost", "ili", "i", (fb, cpu, va, size) => {
  const c = new CpuView(fb, cpu);
  const inPage = va.wrap().and(PAGE_SIZE - 1);
  fb.if(inPage.add(size).gtU(PAGE_SIZE), () => fb.return(fb.i32(0)));
  const page = va.and(-BigInt(PAGE_SIZE));
  const context = c.get32(CPU.context);
  const entry = entryOf(fb.call(chooseBank, cpu, context), va);
  const known = (fb.load("i64.load", entry, TLB_ENTRY.page) as I64).eq(page);
  const readable = (fb.load("i32.load", entry, TLB_ENTRY.flags) as I32).and(ATTRIBUTE.read);
  fb.if(known.and(readable), () => {
    fb.return(hostBy(fb, entry, va));
  });
  const misses = c.get64(CPU.statTlbMiss);
  const fault = fb.call(walk, cpu, context, va, fb.i32(ACCESS.read));
  c.set64(CPU.statTlbMiss, misses);
  fb.if(fault, () => fb.return(fb.i32(0)));
  const host = fb.call(physicalToHost, c.get64(CPU.walkPa).and(-BigInt(PAGE_SIZE)));
  fb.if(host.eqz(), () => fb.return(fb.i32(0)));
  fb.return(host.and(-2).add(inPage));
});
