/** QEMU's own packets, as scripts send them. */
import { describe, expect, it } from "vitest";
import { FakeMachine } from "./fake-machine.js";
import { segmentations, Wire } from "./wire.js";

class WithPhysicalMemory extends FakeMachine {
  physicalMemory = false;
}

describe.each(segmentations)("%s", (segmentation) => {
  it("switches to physical memory and back", () => {
    const machine = new WithPhysicalMemory();
    const wire = new Wire(machine, segmentation);
    expect(wire.reply("qqemu.Supported")).toBe("sstepbits;sstep;PhyMemMode");
    expect(wire.reply("qqemu.PhyMemMode")).toBe("0");
    expect(wire.reply("Qqemu.PhyMemMode:1")).toBe("OK");
    expect([wire.reply("qqemu.PhyMemMode"), machine.physicalMemory]).toEqual(["1", true]);
    expect(wire.reply("Qqemu.PhyMemMode:2")).toBe("E16");
    expect(wire.reply("Qqemu.PhyMemMode:0")).toBe("OK");
    expect(machine.physicalMemory).toBe(false);
  });

  it("says so where there is no physical mode", () => {
    const wire = new Wire(new FakeMachine(), segmentation);
    expect([wire.reply("qqemu.Supported"), wire.reply("qqemu.PhyMemMode"), wire.reply("Qqemu.PhyMemMode:1")]).toEqual([
      "sstepbits;sstep",
      "",
      "",
    ]);
  });

  it("says how it steps, and refuses to promise another way", () => {
    const wire = new Wire(new FakeMachine(), segmentation);
    expect(wire.reply("qqemu.sstepbits")).toBe("ENABLE=1,NOIRQ=2,NOTIMER=4");
    expect(wire.reply("qqemu.sstep")).toBe("0x3");
    expect([wire.reply("Qqemu.sstep=3"), wire.reply("Qqemu.sstep=0x3")]).toEqual(["OK", "OK"]);
    expect([wire.reply("Qqemu.sstep=7"), wire.reply("Qqemu.sstep")]).toEqual(["E16", "E16"]);
  });
});
