/** `qGetTLSAddr` on the real machine: the executable's variables behind TPIDR_EL0's block, a library's refused. */
import { describe, expect, it } from "vitest";
import { assemble, Rig, TEXT } from "../machine/debug-rig.js";
import { Wire } from "./wire.js";

const SETUP = `
  mov x0, #0x40000000
  msr tpidr_el0, x0
  nop
`;

async function open(): Promise<{ rig: Rig; wire: Wire }> {
  const rig = await Rig.create(assemble(SETUP), { cpus: 2 });
  const wire = new Wire(rig.target);
  wire.ask("qSupported:multiprocess+;error-message+");
  return { rig, wire };
}

describe("qGetTLSAddr", () => {
  it("gives nothing before there is a thread", async () => {
    const { wire } = await open();
    expect(wire.reply("qGetTLSAddr:p1.1,10,0")).toMatch(/^E\.TPIDR_EL0 is 0/);
  });

  it("counts from behind the thread control block of the vCPU that is asked about", async () => {
    const { rig, wire } = await open();
    for (let n = 0; n < 2; n++) await rig.step();
    expect(wire.reply("qGetTLSAddr:p1.1,24,0")).toBe("40000034");
    // Variables before the block, as a negative offset.
    expect(wire.reply("qGetTLSAddr:p1.1,fffffffffffffff8,0")).toBe("40000008");
    expect(wire.reply("qGetTLSAddr:p1.2,24,0")).toMatch(/^E\.TPIDR_EL0 is 0/);
    expect(wire.reply("qGetTLSAddr:p1.3,24,0")).toMatch(/^E\.no such thread/);
  });

  it("tells the executable by its link map, which is the first, from a library", async () => {
    const { rig, wire } = await open();
    for (let n = 0; n < 2; n++) await rig.step();
    const map = TEXT + 0x1000n;
    const asked = `qGetTLSAddr:p1.1,8,${map.toString(16)}`;
    expect(wire.reply(asked)).toBe("40000018");
    rig.setMemory(map + 32n, 0x1234n, 8);
    expect(wire.reply(asked)).toMatch(/^E\.thread-local storage of a library/);
    expect(wire.reply("qGetTLSAddr:p1.1,8,fffffffffff0")).toMatch(/^E\.0x1000000000010: /);
  });

  it.each(["qGetTLSAddr", "qGetTLSAddr:", "qGetTLSAddr:p1.1", "qGetTLSAddr:p1.1,8", "qGetTLSAddr:p1.1,x,0"])(
    "takes %s for malformed",
    async (packet) => {
      const { wire } = await open();
      expect(wire.reply(packet)).toMatch(/^E\.malformed/);
      expect(wire.defects).toEqual([]);
    },
  );
});
