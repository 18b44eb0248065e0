/** Each exit of hosted EL2, handled: what the guest sees after it. */
import { beforeEach, describe, expect, it } from "vitest";
import { DEVICE, Machine, RAM } from "../rig.js";

const IL = 1n << 25n;
const ENTRY = BigInt(RAM + 0x8_0000);
const NOWHERE = 0x0a00_0000;
const VBAR = 0xffff_8000_0000_0800n;

let machine: Machine;
beforeEach(() => {
  machine = new Machine({ cpus: 2 }).start();
  machine.vcpu().setSysreg("VBAR_EL1", VBAR);
});

const vcpu = () => machine.vcpu();

/** Stands at EL0. */
function user(): void {
  vcpu().pstate = 0;
}

describe("entry", () => {
  it("programs EL2 as the reference has it and begins at EL1h, masked, with the device tree in X0", () => {
    machine.start(0, { entry: ENTRY, context: 0x4800_0000n });
    expect(vcpu().sysreg("HCR_EL2")).toBe((1n << 31n) | (1n << 19n) | (1n << 4n) | (1n << 3n) | 1n);
    expect(vcpu().sysreg("CNTHCTL_EL2")).toBe(3n);
    expect(vcpu().sysreg("CNTVOFF_EL2")).toBe(0n);
    expect(vcpu().sysreg("CPTR_EL2")).toBe(0n);
    expect(vcpu().sysreg("VMPIDR_EL2")).toBe(1n << 31n);
    expect(vcpu().sysreg("VPIDR_EL2")).toBe(0x410f_d083n);
    expect(vcpu().sysreg("VTCR_EL2")).toBe(machine.stage2.vtcr);
    expect(vcpu().sysreg("VTTBR_EL2")).toBe((1n << 48n) | 0x8000_0000n);
    expect(vcpu().sysreg("MDCR_EL2") & 0x1fn).toBe(6n);
    expect(vcpu().pstate).toBe(0x3c5);
    expect(vcpu().pc).toBe(ENTRY);
    expect(vcpu().x(0)).toBe(0x4800_0000n);
    expect(vcpu().sysreg("SCR_EL3") & 0x501n).toBe(0x501n);
  });

  it("makes the CPU follow what it has programmed", () => {
    vcpu().setSysreg("CNTV_CTL_EL0", 1n);
    machine.start();
    expect(vcpu().controls.hcr & 1).toBe(1);
    const bank = machine.gic.cpuInterface(0).redistributor.bank;
    expect((bank.level[0] as number) & (1 << 27), "a timer that is due raises its line").not.toBe(0);
  });

  it("leaves SMC to guest code at EL3", () => {
    machine = new Machine({ el3: "guest" }).start();
    expect(vcpu().sysreg("HCR_EL2") & (1n << 19n)).toBe(0n);
    expect(vcpu().sysreg("SCR_EL3"), "and EL3's registers too").not.toBe(
      new Machine().start().vcpu().sysreg("SCR_EL3"),
    );
  });

  it("without a GIC layout routes no interrupts to EL2 and takes none", () => {
    machine = new Machine({ ownGic: true }).start();
    expect(vcpu().sysreg("HCR_EL2") & 0x18n).toBe(0n);
    expect(machine.trap(0n, { offset: 0x480 }).kind).toBe("resume");
    machine.mmio(DEVICE, false);
    expect(machine.exits.map(({ reason }) => reason)).toEqual(["Nothing", "MmioRead"]);
  });
});

describe("MMIO", () => {
  it.each([
    { width: 1, signed: false, wide: false, value: 0x88n },
    { width: 1, signed: true, wide: false, value: 0xffff_ff88n },
    { width: 1, signed: true, wide: true, value: 0xffff_ffff_ffff_ff88n },
    { width: 2, signed: true, wide: true, value: 0xffff_ffff_ffff_9988n },
    { width: 4, signed: false, wide: false, value: 0xbbaa_9988n },
    { width: 4, signed: true, wide: true, value: 0xffff_ffff_bbaa_9988n },
    { width: 8, signed: false, wide: true, value: 0xffee_ddcc_bbaa_9988n },
  ])("a read of $width bytes, signed $signed, 64-bit register $wide", ({ value, ...how }) => {
    machine.device.write(0x10, 8, 0xffee_ddcc_bbaa_9988n);
    vcpu().setX(5, 0x1234_5678_9abc_def0n);
    expect(machine.mmio(DEVICE + 0x10, false, { ...how, reg: 5 }).kind).toBe("resume");
    expect(vcpu().x(5)).toBe(value);
    expect(vcpu().pc).toBe(ENTRY + 4n);
    expect(machine.device.log.at(-1)).toBe(`r${how.width}@10`);
  });

  it("a write sends the low bytes of the register; 31 is zero and drops", () => {
    vcpu().setX(3, 0x1122_3344_5566_7788n);
    machine.mmio(DEVICE + 4, true, { width: 2, reg: 3 });
    machine.mmio(DEVICE + 8, true, { width: 4, reg: 31 });
    machine.mmio(DEVICE + 4, false, { width: 2, reg: 31 });
    expect(machine.device.log).toEqual(["w2@4=7788", "w4@8=0", "r2@4"]);
    expect(machine.exits.map(({ reason }) => reason)).toEqual(["MmioWrite", "MmioWrite", "MmioRead"]);
    expect(machine.hypervisor.counters).toEqual({ MmioWrite: 2, MmioRead: 1 });
  });

  it("swaps bytes for a big-endian guest, by EE at EL1 and E0E at EL0", () => {
    vcpu().setSysreg("SCTLR_EL1", 1n << 25n);
    vcpu().setX(3, 0x1122_3344n);
    machine.mmio(DEVICE, true, { reg: 3 });
    machine.mmio(DEVICE, false, { reg: 4, width: 2 });
    expect(machine.device.log[0]).toBe("w4@0=44332211");
    expect(vcpu().x(4)).toBe(0x1122n);
    user();
    machine.mmio(DEVICE, true, { reg: 3 });
    expect(machine.device.log.at(-1)).toBe("w4@0=11223344");
  });

  it("clears PSTATE.SS of the saved state: the access was a whole step", () => {
    vcpu().pstate = 0x3c5 | (1 << 21);
    machine.mmio(DEVICE, false);
    expect(vcpu().pstate & (1 << 21)).toBe(0);
  });

  it.each([
    { what: "no device", at: NOWHERE },
    { what: "a device that refuses", at: DEVICE + 4092 },
  ])("$what: a synchronous external abort at EL1, and a line in the log", ({ at }) => {
    vcpu().setX(0, 7n);
    machine.mmio(at, false);
    expect(vcpu().pc).toBe(VBAR + 0x200n);
    expect(vcpu().sysreg("ESR_EL1")).toBe((0x25n << 26n) | IL | 0x10n);
    expect(vcpu().sysreg("FAR_EL1")).toBe(BigInt(at));
    expect(vcpu().sysreg("ELR_EL1")).toBe(ENTRY);
    expect(vcpu().sysreg("SPSR_EL1")).toBe(0x3c5n);
    expect(vcpu().x(0), "a failed load changes no register").toBe(7n);
    expect(machine.logged.join()).toContain(`vCPU 0 EL1 PC 0x${ENTRY.toString(16)}`);
  });

  it("the abort of a write at EL0 comes from a lower level and has WnR", () => {
    user();
    machine.mmio(NOWHERE, true);
    expect(vcpu().pc).toBe(VBAR + 0x400n);
    expect(vcpu().sysreg("ESR_EL1")).toBe((0x24n << 26n) | IL | 0x50n);
    expect(vcpu().sysreg("SPSR_EL1")).toBe(0n);
  });

  it("from EL1 on SP_EL0 the abort goes to the first vectors", () => {
    vcpu().pstate = 0x3c4;
    machine.mmio(NOWHERE, false);
    expect(vcpu().pc).toBe(VBAR);
    expect(vcpu().pstate & 0xf).toBe(5);
  });

  it("the PSTATE of the injected entry: NZCV and DIT stay, DAIF and PAN are set, UAO, IL and SS are not", () => {
    vcpu().setSysreg("SCTLR_EL1", 0n);
    vcpu().pstate = (0xa << 28) | (1 << 24) | (1 << 23) | (1 << 21) | (1 << 20) | 5;
    machine.mmio(NOWHERE, false);
    const kept = (0xa << 28) | (1 << 24);
    expect(vcpu().pstate).toBe((kept | (1 << 22) | 0x3c5) >>> 0);
    // SCTLR_EL1.SPAN and DSSBS.
    vcpu().setSysreg("SCTLR_EL1", (1n << 23n) | (1n << 44n));
    vcpu().pstate = 5;
    machine.mmio(NOWHERE, false);
    expect(vcpu().pstate).toBe(0x13c5);
  });

  it("cache maintenance of a device address is done at once", () => {
    const cm = (0x24n << 26n) | IL | (1n << 8n) | (1n << 6n) | 7n;
    machine.trap(cm, { far: BigInt(NOWHERE), ipa: NOWHERE });
    expect(vcpu().pc).toBe(ENTRY + 4n);
    expect(machine.exits[0]).toEqual({ reason: "CacheMaintenance", addr: NOWHERE });
  });
});

describe("stage 2 faults that are no device access", () => {
  it("a fetch from a device: an Instruction Abort at EL1", () => {
    machine.trap((0x20n << 26n) | IL | 0x07n, { far: BigInt(DEVICE), ipa: DEVICE });
    expect(machine.exits).toEqual([{ reason: "NestedPageFault", addr: DEVICE, access: "execute" }]);
    expect(vcpu().sysreg("ESR_EL1")).toBe((0x21n << 26n) | IL | 0x10n);
    expect(vcpu().sysreg("FAR_EL1")).toBe(BigInt(DEVICE));
    expect(vcpu().pc).toBe(VBAR + 0x200n);
  });

  it("a stage 1 table in a device: a Data Abort, with the WnR of the access", () => {
    machine.trap((0x24n << 26n) | IL | (1n << 7n) | (1n << 6n) | 7n, { far: 0x1234n, ipa: DEVICE });
    expect(vcpu().sysreg("ESR_EL1")).toBe((0x25n << 26n) | IL | 0x50n);
    expect(vcpu().sysreg("FAR_EL1")).toBe(0x1234n);
    machine.trap((0x24n << 26n) | IL | (1n << 7n) | 7n, { far: 0x1234n, ipa: DEVICE });
    expect(vcpu().sysreg("ESR_EL1")).toBe((0x25n << 26n) | IL | 0x10n);
  });

  it("may be mapped by a handler: the guest tries the same instruction again", () => {
    machine = new Machine({
      nestedPageFault: (_, { addr }) => {
        machine.stage2.map(addr, addr, 4096);
        return true;
      },
    }).start();
    machine.trap((0x20n << 26n) | IL | 0x07n, { far: BigInt(NOWHERE), ipa: NOWHERE });
    expect(machine.stage2.query(NOWHERE).mapped).toBe(true);
    expect(vcpu().pc).toBe(ENTRY);
  });

  it("a permission fault whose stage 1 has changed is tried again", () => {
    machine.stage1.set(0x5000n, 1n);
    machine.trap((0x24n << 26n) | IL | (1n << 24n) | 0x0fn, { far: 0x5008n });
    expect(machine.exits).toEqual([{ reason: "Nothing" }]);
    expect(vcpu().pc).toBe(ENTRY);
  });
});

describe("calls", () => {
  it("HVC of nobody: a Hypercall exit, NOT_SUPPORTED", () => {
    machine.hvc(0x4321, 1, 2, 3, 4, 5, 6);
    expect(machine.exits).toEqual([{ reason: "Hypercall", nr: 0x4321n, args: [1n, 2n, 3n, 4n, 5n, 6n] }]);
    expect(vcpu().x(0)).toBe(0xffff_ffff_ffff_ffffn);
    expect(vcpu().x(1)).toBe(1n);
  });

  it("a hypercall handler answers what the firmware does not own", () => {
    machine = new Machine({ hypercall: (_, { nr, args }) => nr + args[0] }).start();
    machine.hvc(0x10, 5);
    expect(vcpu().x(0)).toBe(0x15n);
    machine.hvc(0x8400_0000, 5);
    expect(vcpu().x(0)).toBe(0x1_0001n);
  });

  it("SMC of nobody goes to the firmware: NOT_SUPPORTED, behind the instruction", () => {
    machine.smc(0x4321);
    expect(machine.exits[0]?.reason).toBe("SecureMonitorCall");
    expect(vcpu().x(0)).toBe(0xffff_ffff_ffff_ffffn);
    expect(vcpu().pc).toBe(ENTRY + 4n);
  });
});

describe("system registers", () => {
  const trapped = (op2: number, op1: number, crn: number, crm: number, rt: number, read: boolean): bigint =>
    (0x18n << 26n) |
    IL |
    BigInt(0x30_0000 + op2 * 0x2_0000 + op1 * 0x4000 + crn * 0x400 + rt * 0x20 + crm * 2 + Number(read));

  it("an unknown one is UNDEFINED in the guest", () => {
    machine.trap(trapped(3, 0, 15, 2, 4, true));
    expect(machine.exits).toEqual([{ reason: "SysRegRead", addr: 0x30_0000 + 3 * 0x2_0000 + 15 * 0x400 + 4, reg: 4 }]);
    expect(vcpu().sysreg("ESR_EL1")).toBe(IL);
    expect(vcpu().sysreg("ELR_EL1")).toBe(ENTRY);
    expect(vcpu().pc).toBe(VBAR + 0x200n);
  });

  it("a read of a write-only one is UNDEFINED too", () => {
    machine.trap(trapped(1, 0, 12, 11, 4, true));
    expect(vcpu().sysreg("ESR_EL1")).toBe(IL);
  });

  it("a machine may answer more of them", () => {
    const row = { name: "IMP", address: 0x30_0000 + 15 * 0x400, read: () => 42n };
    machine = new Machine({ sysregTraps: [row] }).start();
    machine.trap(trapped(0, 0, 15, 0, 9, true));
    expect(vcpu().x(9)).toBe(42n);
    expect(vcpu().pc).toBe(ENTRY + 4n);
  });

  it("the physical timer, when it is trapped, works through the real one", () => {
    machine = new Machine({ trapPhysicalTimer: true }).start();
    expect(vcpu().sysreg("CNTHCTL_EL2")).toBe(0n);
    const access = (op2: number, crm: number, read: boolean, value = 0n): bigint => {
      vcpu().setX(6, value);
      machine.trap(trapped(op2, 3, 14, crm, 6, read));
      return vcpu().x(6);
    };
    machine.time = 4000n;
    expect(access(1, 0, true)).toBe(1000n);
    access(0, 2, false, 500n);
    expect(access(2, 2, true)).toBe(1500n);
    access(1, 2, false, 1n);
    expect(access(1, 2, true)).toBe(1n);
    machine.time = 6000n;
    machine.timers[0]?.update();
    expect(access(1, 2, true)).toBe(5n);
    access(2, 2, false, 9000n);
    expect(access(0, 2, true)).toBe(7500n);
    expect(access(1, 2, true)).toBe(1n);
  });
});

describe("waits, FP, exceptions of the guest", () => {
  it.each([
    { ti: 0n, wait: "interrupt" },
    { ti: 1n, wait: "event" },
  ])("WFx $ti waits behind the instruction", ({ ti, wait }) => {
    expect(machine.trap((0x01n << 26n) | IL | 0x1e0_0000n | ti)).toEqual({ kind: "wait", for: wait });
    expect(vcpu().pc).toBe(ENTRY + 4n);
  });

  it("an FP trap of CPTR_EL2 is lifted and the instruction tried again", () => {
    vcpu().setSysreg("CPTR_EL2", 1n << 10n);
    machine.trap((0x07n << 26n) | IL | 0x1e0_0000n);
    expect(vcpu().sysreg("CPTR_EL2")).toBe(0n);
    expect(vcpu().pc).toBe(ENTRY);
    expect(vcpu().el).toBe(1);
  });

  it("an FP trap that is not EL2's is the guest's", () => {
    machine.trap((0x07n << 26n) | IL | 0x1e0_0000n);
    expect(vcpu().sysreg("ESR_EL1")).toBe((0x07n << 26n) | IL | 0x1e0_0000n);
    expect(vcpu().pc).toBe(VBAR + 0x200n);
  });

  it.each([
    { what: "BRK", esr: (0x3cn << 26n) | IL | 0x123n, taken: 0x3cn, far: false },
    { what: "breakpoint", esr: (0x30n << 26n) | IL | 0x22n, taken: 0x31n, far: false },
    { what: "software step", esr: (0x32n << 26n) | IL | 0x22n, taken: 0x33n, far: false },
    { what: "watchpoint", esr: (0x34n << 26n) | IL | 0x22n, taken: 0x35n, far: true },
    { what: "PC alignment", esr: (0x22n << 26n) | IL, taken: 0x22n, far: true },
    { what: "SP alignment", esr: (0x26n << 26n) | IL, taken: 0x26n, far: false },
    { what: "illegal state", esr: (0x0en << 26n) | IL, taken: 0x0en, far: false },
    { what: "alignment fault", esr: (0x24n << 26n) | IL | 0x21n, taken: 0x25n, far: true },
  ])("$what, routed to EL2, is taken at EL1 with its syndrome", ({ esr, taken, far }) => {
    vcpu().setSysreg("FAR_EL1", 0x99n);
    machine.trap(esr, { far: 0x1234n });
    expect(vcpu().sysreg("ESR_EL1")).toBe((esr & 0x3ff_ffffn) | (taken << 26n));
    expect(vcpu().sysreg("FAR_EL1")).toBe(far ? 0x1234n : 0x99n);
    expect(vcpu().pc).toBe(VBAR + 0x200n);
  });

  it("at EL0 the class stays that of a lower level", () => {
    user();
    machine.trap((0x30n << 26n) | IL | 0x22n);
    expect(vcpu().sysreg("ESR_EL1")).toBe((0x30n << 26n) | IL | 0x22n);
    expect(vcpu().pc).toBe(VBAR + 0x400n);
  });

  it("an external abort routed to EL2 reaches EL1 without what only stage 2 has", () => {
    machine.trap((0x24n << 26n) | IL | (1n << 24n) | (3n << 22n) | (1n << 9n) | 0x50n, { far: 0x42n });
    expect(vcpu().sysreg("ESR_EL1")).toBe((0x25n << 26n) | IL | (1n << 9n) | 0x50n);
  });
});

describe("SError", () => {
  it("is taken at once when PSTATE.A is clear", () => {
    user();
    machine.trap((0x2fn << 26n) | IL | 0x11n, { offset: 0x580 });
    expect(vcpu().pc).toBe(VBAR + 0x580n);
    expect(vcpu().sysreg("ESR_EL1")).toBe((0x2fn << 26n) | IL | 0x11n);
    expect(machine.exits).toEqual([{ reason: "SError" }]);
  });

  it("is left pending by HCR_EL2.VSE while it is masked", () => {
    machine.trap((0x2fn << 26n) | IL, { offset: 0x580 });
    expect(vcpu().pc).toBe(ENTRY);
    expect(vcpu().sysreg("HCR_EL2") & 0x120n).toBe(0x120n);
  });
});

describe("exits that make no sense", () => {
  it.each([0x000, 0x200, 0x280, 0x600, 0x680])(
    "vector 0x%s stops the machine with a reason, and does not throw",
    (offset) => {
      const outcome = machine.trap(0n, { offset });
      expect(outcome).toMatchObject({ kind: "failed" });
      expect(machine.logged[0]).toContain(`vector 0x${offset.toString(16)}`);
    },
  );
});

it("observers hear vCPU, exit and virtual time", () => {
  const heard: unknown[] = [];
  machine.hypervisor.observers.push((...what) => heard.push(what));
  machine.time = 123n;
  machine.start(1);
  machine.mmio(DEVICE, false, { cpu: 1, reg: 4 });
  expect(heard).toEqual([
    [1, { reason: "MmioRead", addr: DEVICE, width: 4, reg: 4, regWidth: 4, signedExt: false }, 123n],
  ]);
});
