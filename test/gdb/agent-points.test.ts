/** Conditions and commands of points on the real machine. */
import { describe, expect, it } from "vitest";
import { assemble, Rig } from "../machine/debug-rig.js";
import { agent } from "./assemble-agent.js";

const LOOP = `
  mov x0, #0
  adr x1, cell
loop:
  add x0, x0, #1
there:
  str x0, [x1]
  b loop
  .balign 4096
other: .quad 0
  .skip 64
cell: .quad 0
`;

const program = (...conditions: string[]) => ({ conditions: conditions.map((text) => agent(text)), commands: [] });

describe("conditions of breakpoints", () => {
  it("stops where one holds, and nowhere before", async () => {
    const rig = await Rig.create(assemble(LOOP));
    rig.point({
      kind: "software",
      address: rig.program.at("there"),
      length: 4,
      program: program("reg 0, const32 200000, equal, end"),
    });
    await rig.continue();
    expect(rig.x(0)).toBe(200000n);
    expect(rig.stops).toHaveLength(1);
  });

  it("reads memory", async () => {
    const rig = await Rig.create(assemble(LOOP));
    rig.point({
      kind: "software",
      address: rig.program.at("there"),
      length: 4,
      program: program(`const32 ${rig.program.at("cell")}, ref64, const32 1000, equal, end`),
    });
    await rig.continue();
    expect(rig.x(0)).toBe(1001n);
  });
});

describe("conditions of watchpoints", () => {
  it("sees what is about to be stored", async () => {
    const rig = await Rig.create(assemble(LOOP));
    const cell = rig.program.at("cell");
    expect(rig.target.monitor(`condition ${cell} if $new == 5000 && *(u64) ${cell} == 4999 && $w0 == $x0`, 0)).toBe(
      `0x${cell.toString(16)}: $new == 5000 && *(u64) ${cell} == 4999 && $w0 == $x0\n`,
    );
    rig.point({ kind: "write", address: cell, length: 8 });
    const stop = await rig.continue();
    expect(stop.reason).toEqual({ kind: "watchpoint", via: "write", address: cell });
    expect(rig.x(0)).toBe(5000n);
    rig.target.monitor(`condition ${cell} $new >= 6000`, 0);
    await rig.step();
    await rig.continue();
    expect(rig.x(0)).toBe(6000n);
    // Without the condition it stops before the very same access.
    rig.target.monitor(`condition ${cell}`, 0);
    await rig.continue();
    expect(rig.x(0)).toBe(6000n);
  });
});

describe("beside the guest's own breakpoints", () => {
  const GUEST = `
  adr x0, vectors
  msr vbar_el1, x0
  msr oslar_el1, xzr
  adr x1, place
  msr dbgbvr0_el1, x1
  mov x2, #0x1e7
  msr dbgbcr0_el1, x2
  mov x3, #0xa000
  msr mdscr_el1, x3
  msr daifclr, #8
  isb
  mov x5, #0
again:
  add x5, x5, #1
place:
  nop
  cmp x5, #10
  b.ne again
done:
  b done
  .balign 2048
vectors:
  .skip 0x200
  // The debug exception: counted, and passed by stepping over it in software.
  add x6, x6, #1
  mrs x7, elr_el1
  add x7, x7, #4
  msr elr_el1, x7
  eret
  .skip 0x400
`;
  it("asks both, and a condition that is false leaves the exception to the guest", async () => {
    const rig = await Rig.create(assemble(GUEST));
    rig.break("done");
    rig.point({
      kind: "hardware",
      address: rig.program.at("place"),
      length: 4,
      program: program("reg 5, const8 7, equal, end"),
    });
    await rig.continue();
    expect([rig.pc(), rig.x(5), rig.x(6)]).toEqual([rig.program.at("place"), 7n, 6n]);
    await rig.continue();
    expect([rig.pc(), rig.x(5)]).toEqual([rig.program.at("place"), 7n]);
    // Past the debugger's own, the guest's is still there.
    await rig.step();
    expect([rig.x(5), rig.x(6)]).toEqual([7n, 6n]);
    await rig.continue();
    expect([rig.pc(), rig.x(5), rig.x(6)]).toEqual([rig.program.at("done"), 10n, 10n]);
  });
});
