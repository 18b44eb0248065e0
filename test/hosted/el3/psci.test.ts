/** PSCI 1.1, each call with each of its answers (Arm DEN0022, section 5), by HVC and SMC through hosted EL2. */
import { beforeEach, describe, expect, it } from "vitest";
import { PSCI_FUNCTIONS } from "../../../src/hosted/el3/psci-functions.js";
import { Machine, RAM } from "../rig.js";

const SUCCESS = 0n;
const NOT_SUPPORTED = 0xffff_ffff_ffff_ffffn;
const INVALID_PARAMETERS = 0xffff_ffff_ffff_fffen;
const DENIED = 0xffff_ffff_ffff_fffdn;
const ALREADY_ON = 0xffff_ffff_ffff_fffcn;
const ON_PENDING = 0xffff_ffff_ffff_fffbn;
const INVALID_ADDRESS = 0xffff_ffff_ffff_fff7n;
const ENTRY = RAM + 0x1000;

/** Two clusters of two. */
const AFFINITIES = [0n, 1n, 0x100n, 0x101n];

describe("PSCI", () => {
  let machine: Machine;
  beforeEach(() => {
    machine = new Machine({ cpus: 4, affinities: AFFINITIES }).start();
  });

  /** X0 after a call that returns. */
  function hvc(id: number, ...args: (number | bigint)[]): bigint {
    expect(machine.hvc(id, ...args).kind).toBe("resume");
    return machine.vcpu().x(0);
  }

  it("VERSION is 1.1, by the 32-bit identifier alone, HVC and SMC, whatever X0's upper half holds", () => {
    expect(hvc(0x8400_0000)).toBe(0x1_0001n);
    expect(hvc(0xc400_0000)).toBe(NOT_SUPPORTED);
    machine.smc(0xdead_beef_8400_0000n);
    expect(machine.vcpu().x(0)).toBe(0x1_0001n);
  });

  it("returns behind the instruction from HVC and from a trapped SMC", () => {
    const before = machine.vcpu().pc;
    machine.hvc(0x8400_0000);
    expect(machine.vcpu().pc).toBe(before + 4n);
    machine.smc(0x8400_0000);
    expect(machine.vcpu().pc).toBe(before + 8n);
  });

  it("changes X0 and nothing else", () => {
    for (let n = 1; n <= 30; n++) machine.vcpu().setX(n, 0x100n + BigInt(n));
    hvc(0x8400_0000);
    for (let n = 1; n <= 30; n++) expect(machine.vcpu().x(n)).toBe(0x100n + BigInt(n));
  });

  describe("CPU_ON", () => {
    it("starts a vCPU that is off, at the entry, with the context", () => {
      expect(hvc(0xc400_0003, 0x101, ENTRY, 0x1234_5678_9abc_def0n)).toBe(SUCCESS);
      expect(machine.power.calls).toEqual(["on 3"]);
      expect(machine.power.last).toEqual({ entry: BigInt(ENTRY), context: 0x1234_5678_9abc_def0n });
      expect(machine.exits).toEqual([
        { reason: "CpuUp", targetCpu: 0x101n, entryPoint: BigInt(ENTRY), arg: 0x1234_5678_9abc_def0n },
      ]);
    });

    it("takes 32-bit arguments by the 32-bit identifier", () => {
      expect(hvc(0x8400_0003, 0xffff_ffff_0000_0001n, 0xf_0000_0000n + BigInt(ENTRY), 0x1_0000_0002n)).toBe(SUCCESS);
      expect(machine.power.last).toEqual({ entry: BigInt(ENTRY), context: 2n });
    });

    it.each([
      { what: "ALREADY_ON for itself", target: 0n, entry: ENTRY, answer: ALREADY_ON },
      { what: "ALREADY_ON before the address is looked at", target: 0n, entry: 3, answer: ALREADY_ON },
      {
        what: "ON_PENDING for one that is on its way",
        target: 0x100n,
        state: "on-pending",
        entry: ENTRY,
        answer: ON_PENDING,
      },
      {
        what: "INVALID_PARAMETERS for an affinity nobody has",
        target: 0x102n,
        entry: ENTRY,
        answer: INVALID_PARAMETERS,
      },
      {
        what: "INVALID_PARAMETERS for bits outside the affinity",
        target: 0x8000_0001n,
        entry: ENTRY,
        answer: INVALID_PARAMETERS,
      },
      { what: "INVALID_ADDRESS outside memory", target: 1n, entry: 0x900_0000, answer: INVALID_ADDRESS },
      { what: "INVALID_ADDRESS for a misaligned entry", target: 1n, entry: ENTRY + 2, answer: INVALID_ADDRESS },
    ] as const)("$what", (row) => {
      if ("state" in row) machine.power.states[2] = row.state;
      expect(hvc(0xc400_0003, row.target, row.entry, 0)).toBe(row.answer);
      expect(machine.power.calls).toEqual([]);
    });

    it("the new vCPU begins at EL1h with everything masked, X0 the context, the MMU off", () => {
      hvc(0xc400_0003, 1, ENTRY, 77);
      machine.start(1, machine.power.last);
      const vcpu = machine.vcpu(1);
      expect(vcpu.pstate).toBe(0x3c5);
      expect(vcpu.pc).toBe(BigInt(ENTRY));
      expect(vcpu.x(0)).toBe(77n);
      expect(vcpu.sysreg("SCTLR_EL1") & 1n).toBe(0n);
      expect(vcpu.sysreg("VMPIDR_EL2")).toBe(0x8000_0001n);
    });
  });

  it("CPU_OFF does not return and leaves X0 alone", () => {
    expect(machine.hvc(0x8400_0002).kind).toBe("gone");
    expect(machine.power.calls).toEqual(["off 0"]);
    expect(machine.exits).toEqual([{ reason: "CpuDown" }]);
    expect(machine.vcpu().x(0)).toBe(0x8400_0002n);
    machine.start();
    expect(machine.hvc(0xc400_0002).kind).toBe("resume");
    expect(machine.vcpu().x(0)).toBe(NOT_SUPPORTED);
  });

  describe("CPU_SUSPEND", () => {
    it.each([0x8400_0001, 0xc400_0001])("0x%s standby waits like WFI and returns SUCCESS", (id) => {
      expect(machine.hvc(id, 0x0000_1234)).toEqual({ kind: "wait", for: "interrupt" });
      expect(machine.vcpu().x(0)).toBe(SUCCESS);
      expect(machine.power.calls).toEqual([]);
    });

    it("power-down does not return: it begins again at the entry with the context", () => {
      expect(machine.hvc(0xc400_0001, 0x0201_0000, ENTRY, 5).kind).toBe("gone");
      expect(machine.power.calls).toEqual(["power-down 0"]);
      expect(machine.power.last).toEqual({ entry: BigInt(ENTRY), context: 5n });
    });

    it.each([
      { what: "reserved bits 23:17", state: 0x0002_0000, entry: ENTRY, answer: INVALID_PARAMETERS },
      { what: "reserved bits 31:26", state: 0x0400_0000, entry: ENTRY, answer: INVALID_PARAMETERS },
      { what: "a power level that is not there", state: 0x0301_0000, entry: ENTRY, answer: INVALID_PARAMETERS },
      { what: "power-down to nowhere", state: 0x0001_0000, entry: 0x100, answer: INVALID_ADDRESS },
    ])("$what", ({ state, entry, answer }) => {
      expect(hvc(0xc400_0001, state, entry, 0)).toBe(answer);
      expect(machine.power.calls).toEqual([]);
    });

    it("power_state is 32 bits in either convention", () => {
      expect(machine.hvc(0xc400_0001, 0xffff_ffff_0000_0000n).kind).toBe("wait");
    });
  });

  describe("AFFINITY_INFO", () => {
    it.each([
      { affinity: 0n, level: 0, answer: 0n },
      { affinity: 1n, level: 0, answer: 1n },
      { affinity: 0x100n, level: 0, answer: 2n },
      { affinity: 0x55n, level: 1, answer: 0n },
      { affinity: 0x100n, level: 1, answer: 2n },
      { affinity: 0xff_ff00n, level: 3, answer: 0n },
      { affinity: 2n, level: 0, answer: INVALID_PARAMETERS },
      { affinity: 0x200n, level: 1, answer: INVALID_PARAMETERS },
      { affinity: 0n, level: 4, answer: INVALID_PARAMETERS },
      { affinity: 0x100_0000n, level: 0, answer: INVALID_PARAMETERS },
    ])("of $affinity at level $level", ({ affinity, level, answer }) => {
      machine.power.states[2] = "on-pending";
      expect(hvc(0xc400_0004, affinity, level)).toBe(answer);
      expect(hvc(0x8400_0004, affinity, level)).toBe(answer);
    });

    it("is OFF for a cluster of which nothing is on", () => {
      expect(hvc(0xc400_0004, 0x100, 1)).toBe(1n);
    });
  });

  it("MIGRATE_INFO_TYPE says that nothing has to move, and so MIGRATE and its UP_CPU do not exist", () => {
    expect(hvc(0x8400_0006)).toBe(2n);
    expect(hvc(0x8400_0005, 1)).toBe(NOT_SUPPORTED);
    expect(hvc(0xc400_0007)).toBe(NOT_SUPPORTED);
  });

  it("SYSTEM_OFF and SYSTEM_RESET do not return", () => {
    expect(machine.hvc(0x8400_0008).kind).toBe("gone");
    expect(machine.smc(0x8400_0009).kind).toBe("gone");
    expect(machine.power.calls).toEqual(["system-off", "system-reset cold"]);
    expect(machine.exits).toEqual([{ reason: "SystemDown" }, { reason: "SystemReset" }]);
  });

  it.each([0x8400_0012, 0xc400_0012])("SYSTEM_RESET2 0x%s knows the warm reset only", (id) => {
    expect(hvc(id, 1, 0)).toBe(INVALID_PARAMETERS);
    expect(hvc(id, 0x8000_0000, 0)).toBe(INVALID_PARAMETERS);
    expect(machine.power.calls).toEqual([]);
    expect(machine.hvc(id, 0, 0).kind).toBe("gone");
    expect(machine.power.calls).toEqual(["system-reset warm"]);
  });

  describe("SYSTEM_SUSPEND", () => {
    it("sleeps when the caller is the last one on", () => {
      expect(machine.hvc(0xc400_000e, ENTRY, 9).kind).toBe("gone");
      expect(machine.power.calls).toEqual(["system power-down 0"]);
      expect(machine.power.last).toEqual({ entry: BigInt(ENTRY), context: 9n });
    });

    it("is DENIED while another one is on or coming, and needs an address", () => {
      machine.power.states[3] = "on-pending";
      expect(hvc(0xc400_000e, ENTRY, 9)).toBe(DENIED);
      machine.power.states[3] = "off";
      expect(hvc(0x8400_000e, 0x10, 9)).toBe(INVALID_ADDRESS);
      expect(machine.power.calls).toEqual([]);
    });
  });

  it("FEATURES names exactly the functions that answer, each by the identifiers it has", () => {
    const implemented = [
      "VERSION",
      "CPU_SUSPEND",
      "CPU_OFF",
      "CPU_ON",
      "AFFINITY_INFO",
      "MIGRATE_INFO_TYPE",
      "SYSTEM_OFF",
      "SYSTEM_RESET",
      "FEATURES",
      "SYSTEM_SUSPEND",
      "SYSTEM_RESET2",
    ];
    for (const { number, name, smc64 } of PSCI_FUNCTIONS) {
      const answer = implemented.includes(name) ? SUCCESS : NOT_SUPPORTED;
      expect(hvc(0x8400_000a, 0x8400_0000 + number), name).toBe(answer);
      expect(hvc(0x8400_000a, 0xc400_0000 + number), `${name} (SMC64)`).toBe(smc64 ? answer : NOT_SUPPORTED);
    }
    expect(hvc(0x8400_000a, 0x8000_0000), "SMCCC_VERSION").toBe(SUCCESS);
    expect(hvc(0x8400_000a, 0x8400_001f)).toBe(NOT_SUPPORTED);
    expect(hvc(0x8400_000a, 0x8600_0000)).toBe(NOT_SUPPORTED);
  });

  it.each([
    0x8400_000b, 0x8400_000c, 0xc400_000d, 0x8400_000f, 0xc400_0010, 0xc400_0011, 0x8400_0013, 0xc400_0014, 0x8400_0015,
    0xc400_001f,
  ])("0x%s of the range is NOT_SUPPORTED", (id) => {
    expect(hvc(id, 1, 2, 3)).toBe(NOT_SUPPORTED);
    expect(machine.power.calls).toEqual([]);
  });
});
