/** A guest that switches its own watchpoint on and off, as a kernel does between processes that it debugs. */
import { expect, it } from "vitest";
import { assemble, Rig } from "./debug-rig.js";

const ROUNDS = 500n;
const PAGES = 200n;

/**
 * Each round stores to the watched bytes with the watchpoint off, then goes through other pages with it on, and stores
 * again: the handler counts in X20, switches it off and returns to the store.
 */
const TOGGLE = `
  adr x0, vectors
  msr vbar_el1, x0
  msr oslar_el1, xzr
  mov x0, #1 << 13 | 1 << 15  // MDSCR_EL1.KDE, MDE
  msr mdscr_el1, x0
  adrp x1, watched
  add x2, x1, #4096
  msr dbgwvr0_el1, x1
  mov x3, #0x1ff3             // E, PAC for EL1, LSC stores, BAS all bytes
  mov x20, #0
  mov x21, #${ROUNDS}
  msr daifclr, #8
round:
  str x21, [x1]
  msr dbgwcr0_el1, x3
  isb
  mov x4, x2
  mov x5, #${PAGES}
page:
  ldr x6, [x4]
  add x4, x4, #4096
  subs x5, x5, #1
  b.ne page
  str x21, [x1]
  subs x21, x21, #1
  b.ne round
end: b end
  .balign 2048
vectors:
  .space 0x200
  add x20, x20, #1
  msr dbgwcr0_el1, xzr
  isb
  eret
  .balign 4096
watched:
  .space ${4096n * (PAGES + 1n)}
`;

it("hits each time, and other pages stay in the TLB", async () => {
  const rig = await Rig.create(assemble(TOGGLE));
  rig.cacheRam();
  rig.break("end");
  await rig.continue();
  expect(rig.x(20)).toBe(ROUNDS);
  // Those of the watched page come back twice a round; of the others each comes once.
  expect(rig.machine.stats().tlbMisses).toBeLessThan(Number(3n * ROUNDS + 2n * PAGES));
});
