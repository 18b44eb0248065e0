import { describe, expect, it } from "vitest";
import { BusFault, type Width } from "../../../src/bus/contract.js";
import { GicConfigError, Gicv3 } from "../../../src/devices/gicv3/index.js";
import { EL1, Outputs, Rig, SGI_BASE } from "./rig.js";

const CTLR = 0x0000;
const TYPER = 0x0004;
const IGROUPR = 0x080;
const ISENABLER = 0x100;
const ICENABLER = 0x180;
const ISPENDR = 0x200;
const ICPENDR = 0x280;
const ISACTIVER = 0x300;
const ICACTIVER = 0x380;
const IPRIORITYR = 0x400;
const ITARGETSR = 0x800;
const ICFGR = 0xc00;
const IROUTER = 0x6000;

describe("GICD identification", () => {
  it("is architecture revision 3 of Arm, with the number of INTIDs configured", () => {
    const rig = new Rig();
    expect(rig.gicd(0xffe8)).toBe(0x3b);
    expect([0xffe0, 0xffe4, 0xffd0].map((at) => rig.gicd(at))).toEqual([0x92, 0xb4, 0x44]);
    expect([0xfff0, 0xfff4, 0xfff8, 0xfffc].map((at) => rig.gicd(at))).toEqual([0x0d, 0xf0, 0x05, 0xb1]);
    expect(rig.gicd(0x0008)).toBe(0x43b);
    expect(rig.gicd(TYPER) & 0x1f, "288 INTIDs").toBe(8);
    expect(rig.gicd(TYPER)).toBe((1 << 26) | (1 << 24) | (15 << 19) | (1 << 16) | 8);
    expect(new Rig(1, { securityExtensions: true }).gicd(TYPER) & 0x400, "SecurityExtn").toBe(0x400);
    expect(new Rig(1, { spis: 960 }).gicd(TYPER) & 0x1f).toBe(30);
  });

  it("GICD_CTLR: affinity routing and the single security state cannot be turned off; RWP reads as zero", () => {
    const rig = new Rig();
    expect(rig.gicd(CTLR)).toBe(0x50);
    expect(rig.gicd(CTLR, 0)).toBe(0x50);
    expect(rig.gicd(CTLR, 0xffff_ffff)).toBe(0x53);
  });
});

describe("GICD bitmaps", () => {
  it.each([
    ["ISENABLER/ICENABLER", ISENABLER, ICENABLER],
    ["ISPENDR/ICPENDR", ISPENDR, ICPENDR],
    ["ISACTIVER/ICACTIVER", ISACTIVER, ICACTIVER],
  ])("%s set and clear by writing ones, and both read the same", (_, set, clear) => {
    const rig = new Rig();
    for (let word = 1; word <= 8; word++) {
      expect(rig.gicd(set + 4 * word, 0x8000_00f1)).toBe(0x8000_00f1);
      expect(rig.gicd(set + 4 * word, 0x0000_0002), "zeroes change nothing").toBe(0x8000_00f3);
      expect(rig.gicd(clear + 4 * word)).toBe(0x8000_00f3);
      expect(rig.gicd(clear + 4 * word, 0x8000_0001)).toBe(0x0000_00f2);
    }
    expect(rig.gicd(set, 0xffff_ffff), "SGIs and PPIs are in the redistributors").toBe(0);
    expect(rig.gicd(set + 4 * 9, 0xffff_ffff), "beyond the last SPI").toBe(0);
  });

  it("IGROUPR and IPRIORITYR keep what is implemented: five priority bits, bytes or words", () => {
    const rig = new Rig();
    expect(rig.gicd(IGROUPR + 4, 0xdead_beef)).toBe(0xdead_beef);
    expect(rig.gicd(IPRIORITYR + 32, 0xffff_ffff)).toBe(0xf8f8_f8f8);
    expect(rig.gicd(IPRIORITYR + 33, 0x47, 1)).toBe(0x40);
    expect(rig.gicd(IPRIORITYR + 32)).toBe(0xf8f8_40f8);
    expect(rig.gicd(IPRIORITYR + 32, 0, 2), "halfwords are not an access size").toBe(0);
    expect(rig.gicd(IPRIORITYR + 32)).toBe(0xf8f8_40f8);
    expect(rig.gicd(IPRIORITYR, 0xa0a0_a0a0)).toBe(0);
  });

  it("ICFGR has one writable bit of two per interrupt", () => {
    const rig = new Rig();
    expect(rig.gicd(ICFGR + 8)).toBe(0);
    expect(rig.gicd(ICFGR + 8, 0xffff_ffff)).toBe(0xaaaa_aaaa);
    expect(rig.gicd(ICFGR + 12, 0x8000_0002)).toBe(0x8000_0002);
    expect(rig.gicd(ICFGR + 8)).toBe(0xaaaa_aaaa);
    expect(rig.gicd(ICFGR, 0xffff_ffff)).toBe(0);
  });

  it("legacy registers are RES0, odd widths are ignored, reserved words read as zero", () => {
    const rig = new Rig();
    expect(rig.gicd(ITARGETSR + 32, 0x0101_0101)).toBe(0);
    expect(rig.gicd(0xf00, 0x0200_0001)).toBe(0);
    expect(rig.gicd(0xc, 0xffff_ffff)).toBe(0);
    rig.gic.distributor.write(ISENABLER + 8, 8, -1n);
    expect(rig.gicd(ISENABLER + 8)).toBe(0);
    expect(rig.gic.distributor.read(ISENABLER + 8, 8)).toBe(0n);
  });

  it("a debugger's look changes nothing", () => {
    const rig = new Rig(2).enableGroup1();
    rig.enable(33);
    rig.gic.spi(1).set(true);
    const before = rig.gic.save();
    for (const width of [1, 2, 4, 8] as Width[]) {
      for (let at = 0; at < 0x1_0000; at += 8) rig.gic.distributor.peek(at, width);
      for (let at = 0; at < 0x4_0000; at += 8) rig.gic.redistributorFrames.peek(at, width);
    }
    expect(rig.gic.save()).toEqual(before);
  });
});

describe("SPIs", () => {
  it("level-sensitive: pending as long as the wire is high", () => {
    const rig = new Rig().enableGroup1();
    rig.enable(40);
    const wire = rig.gic.spi(8);
    wire.set(true);
    expect([rig.isPending(40), rig.out()]).toEqual([true, "irq"]);
    rig.gicd(ICPENDR + 4, 1 << 8);
    expect(rig.isPending(40), "the wire is still high").toBe(true);
    wire.set(false);
    expect([rig.isPending(40), rig.out()]).toEqual([false, ""]);
    rig.gicd(ISPENDR + 4, 1 << 8);
    wire.set(true);
    wire.set(false);
    expect(rig.isPending(40), "set by software: latched").toBe(true);
    expect(rig.mrs("ICC_IAR1_EL1")).toBe(40);
    expect(rig.isPending(40), "the acknowledge clears the latch").toBe(false);
  });

  it("edge-triggered: a pulse is remembered, also while active", () => {
    const rig = new Rig().enableGroup1();
    rig.enable(40);
    rig.gicd(ICFGR + 8, 1 << 17);
    const wire = rig.gic.spi(8);
    wire.set(true);
    wire.set(false);
    expect(rig.isPending(40)).toBe(true);
    expect(rig.mrs("ICC_IAR1_EL1")).toBe(40);
    expect([rig.isPending(40), rig.isActive(40)]).toEqual([false, true]);
    wire.set(true);
    expect([rig.isPending(40), rig.out()], "active and pending").toEqual([true, ""]);
    rig.msr("ICC_EOIR1_EL1", 40);
    expect(rig.out()).toBe("irq");
    rig.gicd(ICPENDR + 4, 1 << 8);
    expect(rig.out()).toBe("");
  });

  it("go where IROUTER says", () => {
    const rig = new Rig(18).enableGroup1();
    rig.enable(33);
    rig.gic.spi(1).set(true);
    expect([rig.out(0), rig.out(17)]).toEqual(["irq", ""]);
    rig.gic.distributor.write(IROUTER + 8 * 33, 8, 0x0101n);
    expect(rig.gic.distributor.read(IROUTER + 8 * 33, 8)).toBe(0x0101n);
    expect([rig.out(0), rig.out(17)]).toEqual(["", "irq"]);
    rig.gicd(IROUTER + 8 * 33, 2);
    expect(rig.gicd(IROUTER + 8 * 33 + 4)).toBe(0);
    expect([rig.out(2), rig.out(17)]).toEqual(["irq", ""]);
    rig.gicd(IROUTER + 8 * 33 + 4, 7);
    expect(rig.gic.distributor.read(IROUTER + 8 * 33, 8), "Aff3").toBe(0x7_0000_0002n);
    expect(rig.out(2), "nobody has that affinity").toBe("");
    rig.gic.distributor.write(IROUTER + 8 * 33, 8, -1n);
    expect(rig.gic.distributor.read(IROUTER + 8 * 33, 8)).toBe(0xff_80ff_ffffn);
    expect(rig.gic.distributor.read(IROUTER + 8 * 31, 8), "not for SGIs and PPIs").toBe(0n);
    rig.gic.distributor.write(IROUTER + 8 * 288, 8, 1n);
    expect(rig.gic.distributor.read(IROUTER + 8 * 288, 8), "nor beyond the last SPI").toBe(0n);
  });

  it("1-of-N: any participating vCPU may take it, exactly one does", () => {
    const rig = new Rig(3).enableGroup1();
    rig.enable(32);
    rig.gicd(IROUTER + 8 * 32, 0x8000_0000);
    rig.gicr(0x0000, 1 << 25, 1);
    rig.gic.spi(0).set(true);
    expect([rig.out(0), rig.out(1), rig.out(2)]).toEqual(["irq", "", "irq"]);
    expect(rig.mrs("ICC_IAR1_EL1", EL1, 2)).toBe(32);
    expect([rig.out(0), rig.out(1), rig.out(2)]).toEqual(["", "", ""]);
    expect(rig.mrs("ICC_IAR1_EL1", EL1, 0)).toBe(1023);
    rig.msr("ICC_EOIR1_EL1", 32, EL1, 2);
    expect([rig.out(0), rig.out(2)]).toEqual(["irq", "irq"]);
  });

  it("messages in place of wires: GICD_SETSPI_NSR and GICD_CLRSPI_NSR, 16 or 32 bits", () => {
    const rig = new Rig().enableGroup1();
    rig.enable(100);
    rig.gicd(0x40, 100, 2);
    expect(rig.out()).toBe("irq");
    rig.gicd(0x48, 100);
    expect(rig.out()).toBe("");
    rig.gicd(0x40, 5);
    rig.gicd(0x40, 1000);
    expect(rig.out(), "not SPIs").toBe("");
  });

  it("the distributor's group enables stop the forwarding, not the pending state", () => {
    const rig = new Rig().enableGroup1();
    rig.enable(33);
    rig.gic.spi(1).set(true);
    rig.gicd(CTLR, 0);
    expect([rig.out(), rig.isPending(33)]).toEqual(["", true]);
    rig.gicd(CTLR, 2);
    expect(rig.out()).toBe("irq");
  });
});

describe("redistributors", () => {
  it("follow each other; GICR_TYPER names the PE and marks the last", () => {
    const rig = new Rig(17);
    const typer = (cpu: number) => rig.gic.redistributorFrames.read(cpu * 0x2_0000 + 8, 8);
    expect(rig.gic.redistributorWindow).toBe(17 * 0x2_0000);
    expect(typer(0)).toBe(0x20n);
    expect(typer(3)).toBe((3n << 32n) | 0x320n);
    expect(typer(16)).toBe((0x100n << 32n) | 0x1030n);
    expect(rig.gicr(0x000c, undefined, 16)).toBe(0x100);
    expect(rig.gicr(0xffe8, undefined, 5)).toBe(0x3b);
    expect(() => rig.gic.redistributorFrames.read(17 * 0x2_0000, 4)).toThrow(BusFault);
  });

  it("wakes as Linux asks: ProcessorSleep cleared, ChildrenAsleep follows", () => {
    const rig = new Rig(2);
    expect(rig.gicr(0x14)).toBe(6);
    expect(rig.gicr(0x14, 0)).toBe(0);
    expect(rig.gicr(0x14, undefined, 1), "each its own").toBe(6);
    expect(rig.gicr(0x14, 2)).toBe(6);
  });

  it("has the SGIs and PPIs of its vCPU: SGIs are always edge-triggered", () => {
    const rig = new Rig(2).enableGroup1();
    expect(rig.gicr(SGI_BASE + ICFGR, 0)).toBe(0xaaaa_aaaa);
    expect(rig.gicr(SGI_BASE + ICFGR + 4, 0xffff_ffff)).toBe(0xaaaa_aaaa);
    rig.gicr(SGI_BASE + ICFGR + 4, 0);
    rig.enable(30, 1);
    rig.gic.ppi(1, 14).set(true);
    expect([rig.out(0), rig.out(1)]).toEqual(["", "irq"]);
    expect([rig.isPending(30, 0), rig.isPending(30, 1)]).toEqual([false, true]);
    expect(rig.gicr(SGI_BASE + ICENABLER, 1 << 30, 1)).toBe(0);
    expect(rig.out(1)).toBe("");
  });

  it("has no LPIs: their registers are RES0", () => {
    const rig = new Rig();
    rig.gicr(0x0, 1);
    expect(rig.gicr(0x0)).toBe(0);
    rig.gic.redistributorFrames.write(0x70, 8, -1n);
    expect(rig.gic.redistributorFrames.read(0x70, 8)).toBe(0n);
  });
});

describe("configuration", () => {
  const cpus = (n: number) => Array.from({ length: n }, (_, affinity) => ({ affinity, outputs: new Outputs() }));

  it("refuses what the architecture does not have, before the machine starts", () => {
    const build = (config: object) => () => new Gicv3({ cpus: cpus(1), ...config });
    expect(build({ spis: 100 })).toThrow(GicConfigError);
    expect(build({ spis: 992 })).toThrow(/32 to 960/);
    expect(build({ listRegisters: 17 })).toThrow(/list registers/);
    expect(build({ cpus: [] })).toThrow(/at least one/);
    expect(build({ cpus: [...cpus(1), ...cpus(1)] })).toThrow(/same affinity/);
    expect(build({ spis: 32, listRegisters: 16 })).not.toThrow();
  });

  it("has no wires beyond its SPIs, PPIs and vCPUs", () => {
    const { gic } = new Rig(2);
    expect(() => gic.spi(256)).toThrow(RangeError);
    expect(() => gic.spi(-1)).toThrow(RangeError);
    expect(() => gic.ppi(0, 16)).toThrow(RangeError);
    expect(() => gic.ppi(2, 0)).toThrow(RangeError);
    expect(() => gic.spi(255).set(true)).not.toThrow();
  });
});
