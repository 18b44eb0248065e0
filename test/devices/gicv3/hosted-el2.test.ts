/**
 * The GIC as our hosted EL2 uses it: physical interrupts exit to the hypervisor, which acknowledges them with
 * EOImode = 1, drops the priority, and hands them to the guest in a list register.
 */
import { beforeEach, describe, expect, it } from "vitest";
import { EL1V, EL2, listRegister, Rig } from "./rig.js";

const TIMER = 27;
const UART = 33;

describe("hosted EL2 and its guest", () => {
  let rig: Rig;
  beforeEach(() => {
    rig = new Rig(2).enableGroup1();
    rig.outputs.forEach((_, cpu) => {
      rig.msr("ICC_CTLR_EL1", 2, EL2, cpu);
      rig.msr("ICH_HCR_EL2", 1, EL2, cpu);
      // What the guest's driver does: its PMR and IGRPEN1 are virtual.
      rig.msr("ICC_PMR_EL1", 0xf0, EL1V, cpu);
      rig.msr("ICC_IGRPEN1_EL1", 1, EL1V, cpu);
    });
    rig.enable(TIMER);
    rig.enable(UART);
  });

  /** What EL2 does on the exit for a physical interrupt. Returns the INTID. */
  function injectPhysical(lr: "ICH_LR0_EL2" | "ICH_LR1_EL2"): number {
    const intid = rig.mrs("ICC_IAR1_EL1", EL2);
    rig.msr(lr, listRegister({ vintid: intid, pintid: intid }), EL2);
    rig.msr("ICC_EOIR1_EL1", intid, EL2);
    return intid;
  }

  it.each([
    { name: "timer (PPI)", intid: TIMER, wire: () => rig.gic.ppi(0, 11) },
    { name: "UART (SPI)", intid: UART, wire: () => rig.gic.spi(1) },
  ])("$name, level-triggered: the guest's EOI deactivates the physical interrupt", ({ intid, wire }) => {
    const line = wire();
    line.set(true);
    expect(rig.out()).toBe("irq");

    expect(injectPhysical("ICH_LR0_EL2")).toBe(intid);
    // The line is still high, but the interrupt is active: no storm of exits; and the priority has been dropped.
    expect(rig.out()).toBe("virq");
    expect(rig.isActive(intid)).toBe(true);
    expect(rig.mrs("ICC_RPR_EL1", EL2)).toBe(0xff);

    expect(rig.mrs("ICC_IAR1_EL1", EL1V)).toBe(intid);
    expect(rig.out()).toBe("");
    expect(rig.mrs("ICC_RPR_EL1", EL1V)).toBe(0xa0);
    expect(rig.mrs64("ICH_LR0_EL2", EL2)).toBe(listRegister({ vintid: intid, pintid: intid, state: "active" }));

    line.set(false);
    rig.msr("ICC_EOIR1_EL1", intid, EL1V);
    expect(rig.isActive(intid)).toBe(false);
    expect(rig.isPending(intid)).toBe(false);
    expect(rig.mrs("ICH_ELRSR_EL2", EL2)).toBe(0b1111);
    expect(rig.out()).toBe("");
  });

  it("a level that is still high after the guest's EOI is a new physical interrupt", () => {
    const line = rig.gic.ppi(0, 11);
    line.set(true);
    injectPhysical("ICH_LR0_EL2");
    rig.mrs("ICC_IAR1_EL1", EL1V);
    rig.msr("ICC_EOIR1_EL1", TIMER, EL1V);
    expect(rig.isActive(TIMER)).toBe(false);
    expect(rig.out()).toBe("irq");
    expect(injectPhysical("ICH_LR0_EL2")).toBe(TIMER);
  });

  it("with the guest's own EOImode = 1, ICV_DIR and not ICV_EOIR deactivates", () => {
    rig.msr("ICC_CTLR_EL1", 2, EL1V);
    const line = rig.gic.spi(1);
    line.set(true);
    injectPhysical("ICH_LR0_EL2");
    rig.mrs("ICC_IAR1_EL1", EL1V);
    line.set(false);
    rig.msr("ICC_EOIR1_EL1", UART, EL1V);
    expect(rig.mrs("ICC_RPR_EL1", EL1V)).toBe(0xff);
    expect(rig.isActive(UART)).toBe(true);
    rig.msr("ICC_DIR_EL1", UART, EL1V);
    expect(rig.isActive(UART)).toBe(false);
    expect(rig.mrs("ICH_ELRSR_EL2", EL2)).toBe(0b1111);
  });

  it("two interrupts at once: the second exit finds the other list register", () => {
    rig.gic.ppi(0, 11).set(true);
    rig.gic.spi(1).set(true);
    expect(injectPhysical("ICH_LR0_EL2")).toBe(TIMER);
    expect(rig.out()).toBe("irq virq");
    expect(injectPhysical("ICH_LR1_EL2")).toBe(UART);
    expect(rig.out()).toBe("virq");
    expect(rig.mrs("ICC_IAR1_EL1", EL1V)).toBe(TIMER);
    expect(rig.out(), "equal priorities do not preempt").toBe("");
    rig.msr("ICC_EOIR1_EL1", TIMER, EL1V);
    expect(rig.mrs("ICC_IAR1_EL1", EL1V)).toBe(UART);
  });

  it("an SGI of the guest is EL2's to send: a software list register on the other vCPU", () => {
    // The guest's write to ICC_SGI1R_EL1 has trapped; EL2 decoded SGI 3 for vCPU 1.
    rig.msr("ICH_LR0_EL2", listRegister({ vintid: 3 }), EL2, 1);
    expect(rig.out(1)).toBe("virq");
    expect(rig.out(0)).toBe("");
    expect(rig.mrs("ICC_IAR1_EL1", EL1V, 1)).toBe(3);
    rig.msr("ICC_EOIR1_EL1", 3, EL1V, 1);
    expect(rig.mrs64("ICH_LR0_EL2", EL2, 1)).toBe(listRegister({ vintid: 3 }) & ~(3n << 62n));
    expect(rig.mrs("ICH_EISR_EL2", EL2, 1), "nobody asked to be told").toBe(0);
    expect(rig.out(1)).toBe("");
  });

  it("a physical SGI between vCPUs (a kick) wakes the other one through its IRQ", () => {
    rig.enable(1, 1);
    rig.msr("ICC_SGI1R_EL1", (1n << 24n) | 0b10n, EL2, 0);
    expect(rig.out(0)).toBe("");
    expect(rig.out(1)).toBe("irq");
    expect(rig.mrs("ICC_IAR1_EL1", EL2, 1)).toBe(1);
    rig.msr("ICC_EOIR1_EL1", 1, EL2, 1);
    rig.msr("ICC_DIR_EL1", 1, EL2, 1);
    expect(rig.isActive(1, 1)).toBe(false);
    expect(rig.out(1)).toBe("");
  });

  it("more interrupts than list registers: the underflow interrupt says when there is room again", () => {
    rig.enable(25);
    for (let n = 0; n < 4; n++) {
      rig.msr(`ICH_LR${n}_EL2` as "ICH_LR0_EL2", listRegister({ vintid: n, priority: 0x80 }), EL2);
    }
    rig.msr("ICH_HCR_EL2", 1 | 2, EL2);
    expect(rig.mrs("ICH_ELRSR_EL2", EL2)).toBe(0);
    for (const vintid of [0, 1, 2]) {
      expect(rig.out()).toBe("virq");
      expect(rig.mrs("ICC_IAR1_EL1", EL1V)).toBe(vintid);
      rig.msr("ICC_EOIR1_EL1", vintid, EL1V);
    }
    expect(rig.out(), "one is left: time to refill").toBe("irq virq");
    expect(rig.mrs("ICH_MISR_EL2", EL2)).toBe(2);
    expect(rig.mrs("ICC_IAR1_EL1", EL2)).toBe(25);
    rig.msr("ICH_LR0_EL2", listRegister({ vintid: 7 }), EL2);
    expect(rig.isPending(25), "a level: gone with its cause").toBe(false);
    rig.msr("ICC_EOIR1_EL1", 25, EL2);
    rig.msr("ICC_DIR_EL1", 25, EL2);
    expect(rig.out()).toBe("virq");
  });
});
