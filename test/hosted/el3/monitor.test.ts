/** Hosted EL3 above a guest's EL2 or EL1: SMC, and what else may come there. */
import { beforeEach, describe, expect, it } from "vitest";
import { HostedMonitor } from "../../../src/hosted/el3/monitor.js";
import { Machine, RAM } from "../rig.js";

const ENTRY = BigInt(RAM + 0x8_0000);

describe("hosted EL3", () => {
  let machine: Machine;
  let log: string[];

  function monitor(guestLevel: 1 | 2): HostedMonitor {
    log = [];
    return new HostedMonitor({
      firmware: machine.firmware,
      cpu: machine.cpu,
      guestLevel,
      log: (line) => log.push(line),
    });
  }
  beforeEach(() => {
    machine = new Machine({ cpus: 2 });
  });

  /** An exception to EL3 from where the vCPU is. */
  function trap(hosted: HostedMonitor, esr: bigint, { after = false, offset = 0x400, far = 0n } = {}) {
    const vcpu = machine.vcpu();
    vcpu.setSysreg("ESR_EL3", esr);
    vcpu.setSysreg("FAR_EL3", far);
    vcpu.setSysreg("ELR_EL3", vcpu.pc + (after ? 4n : 0n));
    vcpu.setSysreg("SPSR_EL3", BigInt(vcpu.pstate));
    vcpu.pstate = 0x3cd;
    const outcome = hosted.handle(vcpu, offset);
    machine.eret(0, 3);
    return outcome;
  }

  it.each([
    { level: 2 as const, pstate: 0x3c9 },
    { level: 1 as const, pstate: 0x3c5 },
  ])("a vCPU begins at EL$level, Non-secure, with HVC and SMC enabled", ({ level, pstate }) => {
    monitor(level).enter(machine.vcpu(), { entry: ENTRY, context: 0x4800_0000n });
    expect(machine.vcpu().el).toBe(3);
    machine.eret(0, 3);
    expect(machine.vcpu().pstate).toBe(pstate);
    expect(machine.vcpu().pc).toBe(ENTRY);
    expect(machine.vcpu().x(0)).toBe(0x4800_0000n);
    const scr = machine.vcpu().sysreg("SCR_EL3");
    // NS, HCE, RW set; IRQ, FIQ, EA, SMD clear.
    expect(scr & 0x58fn).toBe(0x501n);
    expect(machine.vcpu().sysreg("CNTFRQ_EL0")).toBe(62_500_000n);
  });

  it("SMC: the call is answered and the guest goes on behind it", () => {
    const hosted = monitor(2);
    hosted.enter(machine.vcpu(), { entry: ENTRY, context: 0n });
    machine.eret(0, 3);
    machine.vcpu().setX(0, 0x8400_0000n);
    expect(trap(hosted, (0x17n << 26n) | (1n << 25n), { after: true }).kind).toBe("resume");
    expect(machine.vcpu().x(0)).toBe(0x1_0001n);
    expect(machine.vcpu().pc).toBe(ENTRY + 4n);
    expect(machine.vcpu().el).toBe(2);
    expect(hosted.counters).toEqual({ SMC: 1 });
  });

  it("CPU_ON: the new vCPU begins at EL2 when the guest has it", () => {
    const hosted = monitor(2);
    hosted.enter(machine.vcpu(), { entry: ENTRY, context: 0n });
    machine.eret(0, 3);
    for (const [n, value] of [0xc400_0003n, 1n, ENTRY + 64n, 9n].entries()) machine.vcpu().setX(n, value);
    trap(hosted, 0x17n << 26n, { after: true });
    expect(machine.vcpu().x(0)).toBe(0n);
    hosted.enter(machine.vcpu(1), machine.power.last as { entry: bigint; context: bigint });
    machine.eret(1, 3);
    expect(machine.vcpu(1).pstate).toBe(0x3c9);
    expect(machine.vcpu(1).pc).toBe(ENTRY + 64n);
    expect(machine.vcpu(1).x(0)).toBe(9n);
  });

  it("an external abort from EL2 goes back to EL2, as a same-level Data Abort without stage 2 fields", () => {
    const hosted = monitor(2);
    hosted.enter(machine.vcpu(), { entry: ENTRY, context: 0n });
    machine.eret(0, 3);
    machine.vcpu().setSysreg("VBAR_EL2", 0x8800n);
    trap(hosted, (0x24n << 26n) | (1n << 25n) | (1n << 24n) | 0x50n, { far: 0x1234n });
    expect(machine.vcpu().pc).toBe(0x8a00n);
    expect(machine.vcpu().el).toBe(2);
    expect(machine.vcpu().sysreg("ESR_EL2")).toBe((0x25n << 26n) | (1n << 25n) | 0x50n);
    expect(machine.vcpu().sysreg("FAR_EL2")).toBe(0x1234n);
    expect(machine.vcpu().sysreg("ELR_EL2")).toBe(ENTRY);
    expect(machine.vcpu().sysreg("SPSR_EL2")).toBe(0x3c9n);
    expect(log).toHaveLength(1);
  });

  it("an SError and an unknown class are passed down, from EL1 to EL1", () => {
    const hosted = monitor(1);
    hosted.enter(machine.vcpu(), { entry: ENTRY, context: 0n });
    machine.eret(0, 3);
    machine.vcpu().setSysreg("VBAR_EL1", 0x1_0000n);
    trap(hosted, (0x2fn << 26n) | 0x3n, { offset: 0x580 });
    expect(machine.vcpu().pc).toBe(0x1_0380n);
    expect(machine.vcpu().sysreg("ESR_EL1")).toBe((0x2fn << 26n) | (1n << 25n) | 3n);
    trap(hosted, 0x18n << 26n);
    expect(machine.vcpu().pc).toBe(0x1_0200n);
    expect(machine.vcpu().sysreg("ESR_EL1")).toBe(1n << 25n);
    expect(hosted.counters).toEqual({ SError: 1, other: 1 });
  });

  it("an interrupt routed to EL3 is routed back", () => {
    const hosted = monitor(1);
    hosted.enter(machine.vcpu(), { entry: ENTRY, context: 0n });
    machine.eret(0, 3);
    machine.vcpu().setSysreg("SCR_EL3", machine.vcpu().sysreg("SCR_EL3") | 6n);
    expect(trap(hosted, 0n, { offset: 0x500 }).kind).toBe("resume");
    expect(machine.vcpu().sysreg("SCR_EL3") & 6n).toBe(0n);
    expect(machine.vcpu().pc).toBe(ENTRY);
  });

  it("a trapped WFI waits behind the instruction", () => {
    const hosted = monitor(1);
    hosted.enter(machine.vcpu(), { entry: ENTRY, context: 0n });
    machine.eret(0, 3);
    expect(trap(hosted, 0x1n << 26n)).toEqual({ kind: "wait", for: "interrupt" });
    expect(machine.vcpu().pc).toBe(ENTRY + 4n);
  });

  it("an exception of EL3 itself stops the machine with a reason", () => {
    const outcome = monitor(2).handle(machine.vcpu(), 0x200);
    expect(outcome).toMatchObject({ kind: "failed" });
    expect(log[0]).toContain("vector 0x200");
  });
});
