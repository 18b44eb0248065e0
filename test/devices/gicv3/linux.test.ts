/** What Linux's irq-gic-v3 driver does and relies on, in its order. */
import { describe, expect, it } from "vitest";
import { EL1, Rig, SGI_BASE } from "./rig.js";

const RWP = 0x8000_0000;
const PRIORITY_X4 = 0xa0a0_a0a0;

/** gic_dist_init: disable, configure every SPI, enable, route everything to the boot CPU. */
function initDistributor(rig: Rig): void {
  expect(rig.gicd(0x0, 0) & RWP).toBe(0);
  const lines = ((rig.gicd(0x4) & 0x1f) + 1) * 32;
  expect(lines).toBe(288);
  for (let i = 32; i < lines; i += 32) rig.gicd(0x080 + i / 8, -1);
  for (let i = 32; i < lines; i += 16) rig.gicd(0xc00 + i / 4, 0);
  for (let i = 32; i < lines; i += 4) rig.gicd(0x400 + i, PRIORITY_X4);
  for (let i = 32; i < lines; i += 32) {
    rig.gicd(0x380 + i / 8, -1);
    rig.gicd(0x180 + i / 8, -1);
  }
  expect(rig.gicd(0x0, 0x13) & RWP).toBe(0);
  expect(rig.gicd(0x0)).toBe(0x53);
  for (let i = 32; i < lines; i++) rig.gic.distributor.write(0x6000 + 8 * i, 8, 0n);
}

/** gic_populate_rdist: walks the frames until the one whose affinity is the CPU's. */
function findRedistributor(rig: Rig, affinity: number): number {
  for (let frame = 0; ; frame++) {
    expect(rig.gicr(0xffe8, undefined, frame) & 0xf0).toBe(0x30);
    const typer = rig.gic.redistributorFrames.read(frame * 0x2_0000 + 8, 8);
    if (Number(typer >> 32n) === affinity) return frame;
    expect(typer & 0x10n, "not found before the last").toBe(0n);
    expect(typer & 2n, "no virtual LPIs: frames are 128 KiB apart").toBe(0n);
  }
}

/** gic_cpu_init and gic_cpu_sys_reg_init. */
function initCpu(rig: Rig, cpu: number): void {
  const frame = findRedistributor(rig, cpu);
  expect(frame).toBe(cpu);
  rig.gicr(0x14, rig.gicr(0x14, undefined, cpu) & ~2, cpu);
  expect(rig.gicr(0x14, undefined, cpu) & 4, "ChildrenAsleep has gone").toBe(0);
  rig.gicr(SGI_BASE + 0x080, -1, cpu);
  rig.gicr(SGI_BASE + 0x380, -1, cpu);
  for (let i = 0; i < 32; i += 4) rig.gicr(SGI_BASE + 0x400 + i, PRIORITY_X4, cpu);
  rig.gicr(SGI_BASE + 0x180, 0xffff_0000, cpu);
  rig.gicr(SGI_BASE + 0x100, 0x0000_ffff, cpu);
  expect(rig.gicr(0x0, undefined, cpu) & 8, "RWP").toBe(0);

  rig.msr("ICC_SRE_EL1", rig.mrs("ICC_SRE_EL1", EL1, cpu) | 1, EL1, cpu);
  expect(rig.mrs("ICC_SRE_EL1", EL1, cpu) & 1).toBe(1);
  const priorityBits = ((rig.mrs("ICC_CTLR_EL1", EL1, cpu) >> 8) & 7) + 1;
  expect(priorityBits).toBe(5);
  // gic_has_group0: the smallest priority step can be read back only where Group 0 is accessible.
  rig.msr("ICC_PMR_EL1", 1 << (8 - priorityBits), EL1, cpu);
  expect(rig.mrs("ICC_PMR_EL1", EL1, cpu)).not.toBe(0);
  rig.msr("ICC_PMR_EL1", 0xf0, EL1, cpu);
  rig.msr("ICC_BPR1_EL1", 0, EL1, cpu);
  rig.msr("ICC_CTLR_EL1", 0, EL1, cpu);
  rig.msr("ICC_AP0R0_EL1", 0, EL1, cpu);
  rig.msr("ICC_AP1R0_EL1", 0, EL1, cpu);
  rig.msr("ICC_IGRPEN1_EL1", 1, EL1, cpu);
  expect(rig.mrs("ICC_CTLR_EL1", EL1, cpu) & (1 << 18), "range selectors").not.toBe(0);
}

function boot(cpus: number): Rig {
  const rig = new Rig(cpus);
  initDistributor(rig);
  for (let cpu = 0; cpu < cpus; cpu++) initCpu(rig, cpu);
  return rig;
}

describe("Linux's driver", () => {
  it("probes and initialises, on every CPU", () => {
    const rig = boot(4);
    expect(rig.outputs.map((outputs) => outputs.high)).toEqual(["", "", "", ""]);
  });

  it("handles the timer: a level-sensitive PPI, masked by the handler's register writes", () => {
    const rig = boot(2);
    const timer = rig.gic.ppi(1, 11);
    rig.gicr(SGI_BASE + 0x100, 1 << 27, 1);
    timer.set(true);
    expect([rig.out(0), rig.out(1)]).toEqual(["", "irq"]);
    expect(rig.mrs("ICC_IAR1_EL1", EL1, 1)).toBe(27);
    expect(rig.out(1)).toBe("");
    timer.set(false);
    rig.msr("ICC_EOIR1_EL1", 27, EL1, 1);
    expect([rig.out(1), rig.isActive(27, 1)]).toEqual(["", false]);
  });

  it("takes nested nothing: in a handler an equal priority waits for the end", () => {
    const rig = boot(1);
    rig.gicd(0x104, 3);
    rig.gic.spi(0).set(true);
    rig.mrs("ICC_IAR1_EL1");
    rig.gic.spi(1).set(true);
    expect(rig.out()).toBe("");
    rig.gic.spi(0).set(false);
    rig.msr("ICC_EOIR1_EL1", 32);
    expect(rig.out()).toBe("irq");
  });

  it("sets triggers, moves an interrupt to another CPU, and disables it while it is pending", () => {
    const rig = boot(2);
    expect(rig.gicd(0xc08, 0x8)).toBe(0x8);
    rig.gicd(0x104, 2);
    rig.gic.spi(1).set(true);
    rig.gic.spi(1).set(false);
    expect(rig.out(0)).toBe("irq");
    rig.gic.distributor.write(0x6000 + 8 * 33, 8, 1n);
    expect([rig.out(0), rig.out(1)]).toEqual(["", "irq"]);
    rig.gicd(0x184, 2);
    expect([rig.out(1), rig.isPending(33)]).toEqual(["", true]);
    rig.gicd(0x104, 2);
    expect(rig.out(1)).toBe("irq");
  });

  it("irq_set_irqchip_state: pending and active, set and read back", () => {
    const rig = boot(1);
    rig.gicd(0x204, 4);
    expect([rig.isPending(34), rig.isActive(34)]).toEqual([true, false]);
    rig.gicd(0x284, 4);
    rig.gicd(0x304, 4);
    expect([rig.isPending(34), rig.isActive(34)]).toEqual([false, true]);
    rig.gicd(0x384, 4);
    expect(rig.isActive(34)).toBe(false);
  });

  it("sends IPIs to a cluster's CPUs, and a CPU that goes down and comes up is as new", () => {
    const rig = boot(4);
    rig.msr("ICC_SGI1R_EL1", (5n << 24n) | 0b1110n, EL1, 0);
    expect(rig.outputs.map((outputs) => outputs.high)).toEqual(["", "irq", "irq", "irq"]);
    expect(rig.mrs("ICC_IAR1_EL1", EL1, 2)).toBe(5);
    rig.msr("ICC_EOIR1_EL1", 5, EL1, 2);
    rig.msr("ICC_IGRPEN1_EL1", 0, EL1, 3);
    expect(rig.out(3)).toBe("");
    rig.gicr(SGI_BASE + 0x280, -1, 3);
    initCpu(rig, 3);
    expect(rig.out(3)).toBe("");
    expect(rig.mrs("ICC_IAR1_EL1", EL1, 3)).toBe(1023);
  });

  it("pseudo-NMIs: PMR masks the ordinary priority and lets 0x20 through; RPR tells which it was", () => {
    const rig = boot(1);
    rig.gicd(0x104, 3);
    rig.priority(33, 0x20);
    rig.msr("ICC_PMR_EL1", 0x60);
    rig.gic.spi(0).set(true);
    expect(rig.out()).toBe("");
    rig.gic.spi(1).set(true);
    expect(rig.mrs("ICC_IAR1_EL1")).toBe(33);
    expect(rig.mrs("ICC_RPR_EL1")).toBe(0x20);
    rig.gic.spi(1).set(false);
    rig.msr("ICC_EOIR1_EL1", 33);
    rig.msr("ICC_PMR_EL1", 0xf0);
    expect(rig.mrs("ICC_IAR1_EL1")).toBe(32);
  });
});
