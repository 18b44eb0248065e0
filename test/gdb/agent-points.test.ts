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
