/** What a debugger shows of a trapped guest: the 272-byte frame and the saved system registers. */
import { describe, expect, it } from "vitest";
import { ContextFrame, FRAME_SIZE } from "../../../src/hosted/el2/context-frame.js";
import { GUEST_SYSREGS, restoreGuest, SEED_GUEST_SYSREGS, saveGuest } from "../../../src/hosted/el2/guest-sysregs.js";
import { readVector, writeVector } from "../../../src/hosted/el2/vector-register.js";
import { Machine } from "../rig.js";

describe("ContextFrame", () => {
  it("is 272 bytes: X0–X30 at 0, SP_EL0 at 248, ELR at 256, SPSR at 264, little-endian", () => {
    const machine = new Machine();
    const vcpu = machine.vcpu();
    for (let n = 0; n < 31; n++) vcpu.setX(n, 0x0100n * BigInt(n) + 1n);
    vcpu.setSysreg("SP_EL0", 0x1122_3344_5566_7788n);
    vcpu.setSysreg("ELR_EL2", 0xffff_8000_0000_1234n);
    vcpu.setSysreg("SPSR_EL2", 0x6000_03c5n);
    const { bytes } = ContextFrame.fromVcpu(vcpu);
    expect(bytes.byteLength).toBe(FRAME_SIZE);
    expect(FRAME_SIZE).toBe(272);
    const view = new DataView(bytes.buffer);
    for (let n = 0; n < 31; n++) expect(view.getBigUint64(8 * n, true)).toBe(0x0100n * BigInt(n) + 1n);
    expect([...bytes.subarray(248, 256)]).toEqual([0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11]);
    expect(view.getBigUint64(256, true)).toBe(0xffff_8000_0000_1234n);
    expect(view.getBigUint64(264, true)).toBe(0x6000_03c5n);
  });

  it("goes back into a vCPU as it was changed", () => {
    const machine = new Machine();
    const frame = ContextFrame.fromVcpu(machine.vcpu());
    frame.setArgument(5n);
    frame.setGpr(30, 6n);
    frame.setGpr(31, 7n);
    frame.spEl0 = 8n;
    frame.exceptionPc = 9n;
    frame.spsr = 10n;
    expect(frame.gpr(31)).toBe(0n);
    frame.toVcpu(machine.vcpu());
    expect(ContextFrame.fromVcpu(machine.vcpu()).bytes).toEqual(frame.bytes);
    expect(machine.vcpu().x(0)).toBe(5n);
    expect(machine.vcpu().x(30)).toBe(6n);
    expect(machine.vcpu().sysreg("SP_EL0")).toBe(8n);
    expect(machine.vcpu().sysreg("ELR_EL2")).toBe(9n);
  });

  it("takes EL3's view of a trap too, and no other size", () => {
    const machine = new Machine();
    machine.vcpu().setSysreg("ELR_EL3", 0x77n);
    expect(ContextFrame.fromVcpu(machine.vcpu(), 3).exceptionPc).toBe(0x77n);
    expect(() => new ContextFrame(new Uint8Array(271))).toThrow(RangeError);
  });
});

describe("guest system registers", () => {
  it("are the seed's list and more, no name twice", () => {
    expect(GUEST_SYSREGS.slice(0, SEED_GUEST_SYSREGS.length)).toEqual(SEED_GUEST_SYSREGS);
    expect(new Set(GUEST_SYSREGS).size).toBe(GUEST_SYSREGS.length);
    expect(SEED_GUEST_SYSREGS).toHaveLength(29);
  });

  it("a guest taken off a vCPU and put back is the same, with its vectors, FP status and interrupts", () => {
    const machine = new Machine().start().startGic();
    const vcpu = machine.vcpu();
    for (const [n, name] of GUEST_SYSREGS.entries()) {
      if (!/HCR|CTL|VTTBR|VTCR/.test(name)) vcpu.setSysreg(name, 0x1000n + BigInt(n));
    }
    for (let n = 0; n < 32; n++) writeVector(vcpu, n, (BigInt(n + 1) << 64n) | BigInt(n));
    vcpu.setFpsr(0x10);
    vcpu.setFpcr(0x0100_0000);
    machine.poke(0x0800_0104, 2);
    machine.gic.spi(1).set(true);
    machine.pump();
    const saved = saveGuest(vcpu, machine.cpu);
    expect(saved.gic.ICH_LR0_EL2).not.toBe(0n);

    for (const name of GUEST_SYSREGS) vcpu.setSysreg(name, 0n);
    for (let n = 0; n < 32; n++) writeVector(vcpu, n, 0n);
    vcpu.setFpsr(0);
    vcpu.setFpcr(0);
    machine.gic.cpuInterface(0).write("ICH_LR0_EL2", { el: 2, secure: false, virtual: false }, 0n);
    expect(saveGuest(vcpu, machine.cpu)).not.toEqual(saved);

    restoreGuest(vcpu, machine.cpu, saved);
    expect(saveGuest(vcpu, machine.cpu)).toEqual(saved);
    expect(readVector(vcpu, 31)).toBe((32n << 64n) | 31n);
    expect(vcpu.controls.hcr & 1, "the controls follow").toBe(1);
    expect(machine.lines[0]?.virq.level).toBe(true);
  });
});
