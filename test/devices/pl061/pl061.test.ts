import { beforeEach, describe, expect, it } from "vitest";
import { Pl061 } from "../../../src/devices/pl061/index.js";
import { statefulSuite } from "../../bus/stateful-suite.js";
import { Wire } from "../../bus/wires.js";

const DATA = 0x3fc;
const DIR = 0x400;
const IS = 0x404;
const IBE = 0x408;
const IEV = 0x40c;
const IE = 0x410;
const RIS = 0x414;
const MIS = 0x418;
const IC = 0x41c;

class Rig {
  readonly irq = new Wire();
  readonly gpio = new Pl061(this.irq);

  read(offset: number): number {
    return Number(this.gpio.read(offset, 4));
  }

  write(offset: number, value: number): void {
    this.gpio.write(offset, 4, BigInt(value));
  }
}

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});

describe("PL061", () => {
  it("reads inputs and drives outputs, those that the address names", () => {
    rig.gpio.setInput(3, true);
    rig.gpio.setInput(0, true);
    expect([rig.read(DATA), rig.read(0x08 << 2), rig.read(0x06 << 2)]).toEqual([9, 8, 0]);
    rig.write(DIR, 0xf0);
    rig.write(DATA, 0xff);
    expect(rig.read(DATA)).toBe(0xf9);
    rig.write(0x30 << 2, 0);
    expect(rig.read(DATA)).toBe(0xc9);
  });

  it.each([
    ["a rising edge", 0, 0x08, [1, 0]],
    ["a falling edge", 0, 0x00, [0, 1]],
    ["both edges", 0x08, 0x00, [1, 1]],
  ])("interrupts at %s, once, until cleared", (_, both, event, expected) => {
    rig.write(IBE, both);
    rig.write(IEV, event);
    rig.write(IE, 0x08);
    const seen = [true, false].map((level) => {
      rig.gpio.setInput(3, level);
      const now = [rig.read(RIS), rig.read(MIS), Number(rig.irq.level)];
      rig.write(IC, 0x08);
      expect([rig.read(RIS), rig.irq.level]).toEqual([0, false]);
      return now;
    });
    expect(seen).toEqual(expected.map((edge) => [8 * edge, 8 * edge, edge]));
  });

  it("interrupts for as long as a level lasts", () => {
    rig.write(IS, 0x08);
    rig.write(IEV, 0xff);
    rig.write(IE, 0xff);
    rig.gpio.setInput(3, true);
    rig.write(IC, 0xff);
    expect([rig.read(MIS), rig.irq.level]).toEqual([8, true]);
    rig.gpio.setInput(3, false);
    expect([rig.read(MIS), rig.irq.level]).toEqual([0, false]);
    rig.write(IEV, 0xf7);
    expect([rig.read(MIS), rig.irq.level]).toEqual([8, true]);
  });

  it("keeps nothing of a level when the line becomes edge-sensitive", () => {
    rig.write(IS, 0xff);
    expect(rig.read(RIS)).toBe(0xff);
    rig.write(IS, 0);
    expect(rig.read(RIS)).toBe(0);
  });

  it("masks what is not enabled", () => {
    rig.write(IEV, 0x08);
    rig.gpio.setInput(3, true);
    expect([rig.read(RIS), rig.read(MIS), rig.irq.level]).toEqual([8, 0, false]);
    rig.write(IE, 0x08);
    expect([rig.read(MIS), rig.irq.level]).toEqual([8, true]);
  });

  it("identification", () => {
    const ids = [0, 1, 2, 3, 4, 5, 6, 7].map((n) => rig.read(0xfe0 + 4 * n));
    expect(ids).toEqual([0x61, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1]);
  });
});

statefulSuite("PL061", () => {
  const rig = new Rig();
  return {
    component: rig.gpio,
    disturb: () => {
      for (const [offset, value] of [
        [DIR, 0x81],
        [DATA, 0x80],
        [IS, 0x02],
        [IBE, 0x04],
        [IEV, 0x08],
        [IE, 0x0c],
        [0x420, 0x01],
      ] as const) {
        rig.write(offset, value);
      }
      rig.gpio.setInput(3, true);
      rig.gpio.setInput(3, false);
    },
    runOn: () => {
      const seen = [rig.irq.level, rig.read(RIS), rig.read(DATA)];
      rig.write(IC, 0x08);
      rig.gpio.setInput(2, !(rig.gpio.state.inputs & 4));
      return [...seen, rig.irq.level, rig.read(MIS), rig.read(DATA)];
    },
  };
});
