/**
 * A guest's own breakpoints, watchpoints and steps (DDI 0487, D2), alone and under a debugger that has some as well.
 */
import { expect, it } from "vitest";
import { assemble, Rig } from "./debug-rig.js";

/** EL1 steps through EL0 and has a breakpoint and a watchpoint there: X20 to X22 count what came of each. */
const DEBUGGED = `
  adr x0, vectors
  msr vbar_el1, x0
  msr oslar_el1, xzr
  adr x1, place
  msr dbgbvr0_el1, x1
  mov x2, #0x1e5              // E, PMC for EL0, BAS
  msr dbgbcr0_el1, x2
  adr x1, watched
  msr dbgwvr0_el1, x1
  mov x2, #0x1ff5             // E, PAC for EL0, LSC stores, BAS all bytes
  msr dbgwcr0_el1, x2
  mov x2, #1 << 15 | 1        // MDSCR_EL1.MDE, SS
  msr mdscr_el1, x2
  adr x2, program
  msr elr_el1, x2
  mov x2, #1 << 21            // SPSR_EL1.SS, EL0t
  msr spsr_el1, x2
  mov x20, #0
  mov x21, #0
  mov x22, #0
  isb
  eret
program:
  mov x3, #5
place:
  nop
  str x3, [x1]
  mov x4, #6
  svc #0
  .balign 2048
vectors:
  .space 0x400
  mrs x10, esr_el1
  lsr x10, x10, #26
  mrs x11, mdscr_el1
  mrs x12, spsr_el1
  cmp x10, #0x32              // Software Step: the next one
  b.eq stepped
  cmp x10, #0x30              // Breakpoint: without it once more
  b.eq stopped
  cmp x10, #0x34              // Watchpoint: the same
  b.eq hit
end: b end
stopped:
  add x20, x20, #1
  msr dbgbcr0_el1, xzr
  b resume
hit:
  add x21, x21, #1
  msr dbgwcr0_el1, xzr
  b resume
stepped:
  add x22, x22, #1
resume:
  orr x12, x12, #1 << 21
  msr spsr_el1, x12
  eret
  .balign 8
watched:
  .quad 0
`;

const counts = (rig: Rig): bigint[] => [rig.x(20), rig.x(21), rig.x(22)];

it("are one each, and a step for each instruction", async () => {
  const rig = await Rig.create(assemble(DEBUGGED));
  rig.break("end");
  await rig.continue();
  expect(counts(rig)).toEqual([1n, 1n, 4n]);
});

it("are the same under a debugger that stops at the same places first", async () => {
  const rig = await Rig.create(assemble(DEBUGGED));
  const { at } = rig.program;
  const watched = at("watched");
  for (const label of ["place", "end"]) rig.break(label, "hardware");
  const watch = (): (() => void) => rig.point({ kind: "write", address: watched, length: 8 });
  let unwatch = watch();
  /** As GDB does it: over what it stands at with its watchpoints out. */
  const goOn = async (): Promise<void> => {
    unwatch();
    await rig.step();
    unwatch = watch();
    await rig.continue();
  };

  await rig.continue();
  expect([rig.pc(), ...counts(rig)], "before the guest's breakpoint").toEqual([at("place"), 0n, 0n, 1n]);
  await goOn();
  expect([rig.pc(), ...counts(rig)], "when the guest returns there").toEqual([at("place"), 1n, 0n, 1n]);
  await goOn();
  const store = at("place") + 4n;
  expect([rig.pc(), ...counts(rig)], "before the guest's watchpoint").toEqual([store, 1n, 0n, 2n]);
  await goOn();
  expect([rig.pc(), ...counts(rig)], "when the guest returns there").toEqual([store, 1n, 1n, 2n]);
  expect(rig.memory(watched, 8)).toBe(0n);
  await goOn();
  expect([rig.pc(), ...counts(rig)]).toEqual([at("end"), 1n, 1n, 4n]);
  expect(rig.memory(watched, 8)).toBe(5n);
});

it("are the same under a debugger that steps", async () => {
  const rig = await Rig.create(assemble(DEBUGGED));
  rig.target.monitor("step exceptions land", 0);
  const vector = rig.program.at("vectors") + 0x400n;
  let vectors = 0;
  for (let steps = 0; rig.pc() !== rig.program.at("end"); steps++) {
    expect(steps).toBeLessThan(200);
    await rig.step();
    if (rig.pc() === vector) vectors++;
  }
  expect([vectors, ...counts(rig)]).toEqual([7, 1n, 1n, 4n]);
});

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
