/** QEMU's own packets, as scripts send them. */
import { describe, expect, it } from "vitest";
import { FakeMachine } from "./fake-machine.js";
import { segmentations, Wire } from "./wire.js";

class WithPhysicalMemory extends FakeMachine {
  physicalMemory = false;
  stepBits = 9;
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
      "",
      "",
      "",
    ]);
    expect([wire.reply("qqemu.sstep"), wire.reply("qqemu.sstepbits"), wire.reply("Qqemu.sstep=7")]).toEqual([
      "",
      "",
      "",
    ]);
  });

  it("says how it steps, and changes that", () => {
    const machine = new WithPhysicalMemory();
    const wire = new Wire(machine, segmentation);
    expect(wire.reply("qqemu.sstepbits")).toBe("ENABLE=1,NOIRQ=2,NOTIMER=4,RETURN=8");
    expect(wire.reply("qqemu.sstep")).toBe("0x9");
    for (const mode of ["7", "0x7", "1", "0x5", "0x3", "9", "d"]) {
      expect(wire.reply(`Qqemu.sstep=${mode}`)).toBe("OK");
      expect(wire.reply("qqemu.sstep")).toBe(`0x${mode.replace("0x", "")}`);
    }
    for (const mode of ["0", "6", "0x10", "b", "", "zz"]) expect(wire.reply(`Qqemu.sstep=${mode}`), mode).toBe("E16");
    expect(machine.stepBits).toBe(0xd);
  });
});
