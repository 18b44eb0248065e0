/** Accesses to devices that have no syndrome (ISS.ISV = 0): real encodings, element by element. */
import { beforeEach, describe, expect, it } from "vitest";
import { readVector, writeVector } from "../../../src/hosted/el2/vector-register.js";
import { DEVICE, GICD, Machine, RAM } from "../rig.js";

const IL = 1n << 25n;
const VBAR = 0x1_0000n;
const DATA = 0x1122_3344_8899_aabbn;

let machine: Machine;
beforeEach(() => {
  machine = new Machine().start();
  machine.vcpu().setSysreg("VBAR_EL1", VBAR);
  for (let n = 0; n < 64; n += 8) machine.device.write(n, 8, DATA + BigInt(n) * 0x0101n);
  machine.device.log.length = 0;
});
const vcpu = () => machine.vcpu();

/** Runs one instruction whose access at `va` has no syndrome. */
function run(word: number, va: number, write: boolean, ipa = va): void {
  machine.instruction = word;
  machine.exits.length = 0;
  machine.trap((0x24n << 26n) | IL | (write ? 0x40n : 0n) | 0x07n, { far: BigInt(va), ipa });
}

describe("loads", () => {
  it.each([
    { asm: "ldp x0, x1, [x2]", word: 0xa9400440, log: ["r8@0", "r8@8"], x0: DATA, x1: DATA + 0x808n, x2: 0 },
    {
      asm: "ldp x0, x1, [x2, #16]!",
      word: 0xa9c10440,
      log: ["r8@10", "r8@18"],
      x0: DATA + 0x1010n,
      x1: DATA + 0x1818n,
      x2: 16,
    },
    { asm: "ldp x0, x1, [x2], #-16", word: 0xa8ff0440, log: ["r8@0", "r8@8"], x0: DATA, x1: DATA + 0x808n, x2: -16 },
    { asm: "ldnp x0, x1, [x2]", word: 0xa8400440, log: ["r8@0", "r8@8"], x0: DATA, x1: DATA + 0x808n, x2: 0 },
    { asm: "ldp w0, w1, [x2]", word: 0x29400440, log: ["r4@0", "r4@4"], x0: 0x8899_aabbn, x1: 0x1122_3344n, x2: 0 },
    {
      asm: "ldpsw x0, x1, [x2]",
      word: 0x69400440,
      log: ["r4@0", "r4@4"],
      x0: 0xffff_ffff_8899_aabbn,
      x1: 0x1122_3344n,
      x2: 0,
    },
    { asm: "ldr x0, [x2], #8", word: 0xf8408440, log: ["r8@0"], x0: DATA, x1: 1n, x2: 8 },
    { asm: "ldr w0, [x2, #4]!", word: 0xb8404c40, log: ["r4@4"], x0: 0x1122_3344n, x1: 1n, x2: 4 },
    { asm: "ldrb w0, [x2, #1]!", word: 0x38401c40, log: ["r1@1"], x0: 0xaan, x1: 1n, x2: 1 },
    { asm: "ldrsb w0, [x2], #1", word: 0x38c01440, log: ["r1@0"], x0: 0xffff_ffbbn, x1: 1n, x2: 1 },
    { asm: "ldrsb x0, [x2], #1", word: 0x38801440, log: ["r1@0"], x0: 0xffff_ffff_ffff_ffbbn, x1: 1n, x2: 1 },
    { asm: "ldrsh w0, [x2], #2", word: 0x78c02440, log: ["r2@0"], x0: 0xffff_aabbn, x1: 1n, x2: 2 },
    { asm: "ldrsw x0, [x2], #-4", word: 0xb89fc440, log: ["r4@0"], x0: 0xffff_ffff_8899_aabbn, x1: 1n, x2: -4 },
    { asm: "ldr x0, [x2, x1, lsl #3]", word: 0xf8617840, log: ["r8@8"], x0: DATA + 0x808n, x1: 1n, x2: 0 },
    { asm: "ldr w0, [x2, #8]", word: 0xb9400840, log: ["r4@8"], x0: 0x8899_b2c3n, x1: 1n, x2: 0 },
    { asm: "ldur x0, [x2, #8]", word: 0xf8408040, log: ["r8@8"], x0: DATA + 0x808n, x1: 1n, x2: 0 },
  ])("$asm", ({ word, log, x0, x1, x2 }) => {
    vcpu().setX(1, 1n);
    vcpu().setX(2, BigInt(DEVICE));
    run(word, DEVICE, false);
    expect(machine.device.log).toEqual(log);
    expect(vcpu().x(0)).toBe(x0);
    expect(vcpu().x(1)).toBe(x1);
    expect(vcpu().x(2)).toBe(BigInt(DEVICE + x2));
    expect(vcpu().pc).toBe(BigInt(RAM + 0x8_0004));
    expect(machine.exits.map(({ reason }) => reason)).toEqual(["UnsyndromedAccess", ...log.map(() => "MmioRead")]);
  });

  it.each([
    { asm: "ldr w0, [x2, #4]!", word: 0xb8404c40, width: 4, regWidth: 4, signedExt: false },
    { asm: "ldr x0, [x2], #8", word: 0xf8408440, width: 8, regWidth: 8, signedExt: false },
    { asm: "ldrsb x0, [x2], #1", word: 0x38801440, width: 1, regWidth: 8, signedExt: true },
    { asm: "ldrsb w0, [x2], #1", word: 0x38c01440, width: 1, regWidth: 4, signedExt: true },
  ])("$asm is the exit a syndrome would have made", ({ word, width, regWidth, signedExt }) => {
    vcpu().setX(2, BigInt(DEVICE));
    run(word, DEVICE, false);
    expect(machine.exits[1]).toMatchObject({ reason: "MmioRead", reg: 0, width, regWidth, signedExt });
  });

  it("register offsets are extended and scaled: ldrb w0, [x2, w1, sxtw]", () => {
    vcpu().setX(1, 0xffff_ffffn);
    vcpu().setX(2, BigInt(DEVICE + 5));
    run(0x3861c840, DEVICE + 4, false);
    expect(machine.device.log).toEqual(["r1@4"]);
  });

  it("ldr x0, literal", () => {
    vcpu().pc = BigInt(DEVICE + 0x100);
    run(0x58fff800, DEVICE, false);
    expect(machine.device.log).toEqual(["r8@0"]);
    expect(vcpu().x(0)).toBe(DATA);
  });

  it.each([
    { asm: "ldr q0, [x2]", word: 0x3dc00040, log: ["r8@0", "r8@8"], v0: ((DATA + 0x808n) << 64n) | DATA, x2: 0 },
    { asm: "ldr d0, [x2], #8", word: 0xfc408440, log: ["r8@0"], v0: DATA, x2: 8 },
    { asm: "ldr b0, [x2, #1]!", word: 0x3c401c40, log: ["r1@1"], v0: 0xaan, x2: 1 },
    { asm: "ldp s0, s1, [x2]", word: 0x2d400440, log: ["r4@0", "r4@4"], v0: 0x8899_aabbn, x2: 0 },
    {
      asm: "ldp q0, q1, [x2], #32",
      word: 0xacc10440,
      log: ["r8@0", "r8@8", "r8@10", "r8@18"],
      v0: ((DATA + 0x808n) << 64n) | DATA,
      x2: 32,
    },
  ])("$asm clears the rest of the vector", ({ word, log, v0, x2 }) => {
    writeVector(vcpu(), 0, (1n << 128n) - 1n);
    vcpu().setX(2, BigInt(DEVICE));
    run(word, DEVICE, false);
    expect(machine.device.log).toEqual(log);
    expect(readVector(vcpu(), 0)).toBe(v0);
    expect(vcpu().x(2)).toBe(BigInt(DEVICE + x2));
  });
});

describe("stores", () => {
  it.each([
    { asm: "stp x0, x1, [x2]", word: 0xa9000440, log: ["w8@0=aaaaaaaabbbbbbbb", "w8@8=11"], x2: 0 },
    { asm: "stp w0, w1, [x2, #-8]!", word: 0x29bf0440, log: ["w4@ff8"], refused: true, x2: 0 },
    { asm: "stp x31, x1, [x2], #16", word: 0xa881045f, log: ["w8@0=0", "w8@8=11"], x2: 16 },
    { asm: "strb w0, [x2], #1", word: 0x38001440, log: ["w1@0=bb"], x2: 1 },
    { asm: "str h0, [x2, #2]!", word: 0x7c002c40, log: ["w2@2=2222"], x2: 2 },
    { asm: "stp d0, d1, [x2]", word: 0x6d000440, log: ["w8@0=1111111122222222", "w8@8=0"], x2: 0 },
  ])("$asm", ({ word, log, x2, refused }) => {
    vcpu().setX(0, 0xaaaa_aaaa_bbbb_bbbbn);
    vcpu().setX(1, 0x11n);
    writeVector(vcpu(), 0, (3n << 64n) | 0x1111_1111_2222_2222n);
    vcpu().setX(2, BigInt(DEVICE));
    run(word, refused ? DEVICE - 8 : DEVICE, true);
    if (refused) {
      expect(vcpu().sysreg("FAR_EL1")).toBe(BigInt(DEVICE - 8));
      expect(vcpu().x(2), "no write-back of an access that failed").toBe(BigInt(DEVICE));
    } else {
      expect(machine.device.log).toEqual(log);
      expect(vcpu().x(2)).toBe(BigInt(DEVICE + x2));
    }
  });

  it("big-endian: each element by itself", () => {
    vcpu().setSysreg("SCTLR_EL1", 1n << 25n);
    vcpu().setX(0, 1n);
    vcpu().setX(1, 2n);
    vcpu().setX(2, BigInt(DEVICE));
    run(0x29000440, DEVICE, true);
    expect(machine.device.log).toEqual(["w4@0=1000000", "w4@4=2000000"]);
  });
});

describe("the base register", () => {
  it.each([
    { pstate: 0x3c5, sp: "SP_EL1" },
    { pstate: 0x3c4, sp: "SP_EL0" },
    { pstate: 0x000, sp: "SP_EL0" },
  ])("31 is the guest's stack pointer, $sp at PSTATE $pstate, write-back included", ({ pstate, sp }) => {
    vcpu().pstate = pstate;
    vcpu().sp = BigInt(DEVICE);
    run(0xa8c107e0, DEVICE, false);
    expect(vcpu().sp).toBe(BigInt(DEVICE + 16));
    expect(vcpu().spOf(sp === "SP_EL1" ? 1 : 0)).toBe(BigInt(DEVICE + 16));
    expect(vcpu().x(0)).toBe(DATA);
  });
});

describe("what reaches over a page border", () => {
  it("one element in RAM, the other in the device, each at its own translation", () => {
    // VA 0x7ff8 is RAM, VA 0x8000 the device.
    machine.stage1.set(0x7000n, BigInt(RAM + 0x3000));
    machine.ram.set([9, 8, 7], 0x3ff8);
    vcpu().setX(2, 0x7ff8n);
    run(0xa9400440, 0x8000, false, DEVICE);
    expect(vcpu().x(0)).toBe(0x07_0809n);
    expect(vcpu().x(1)).toBe(DATA);
    vcpu().setX(0, 0x55n);
    run(0xa9000440, 0x8000, true, DEVICE);
    expect(machine.ram[0x3ff8]).toBe(0x55);
    expect(machine.device.log.at(-1)).toBe(`w8@0=${DATA.toString(16)}`);
  });

  it("a stage 1 fault of the other page is that fault at EL1, and nothing is loaded", () => {
    machine.stage1.set(0x7000n, (0x07n << 1n) | 1n);
    vcpu().setX(0, 3n);
    vcpu().setX(2, 0x7ff8n);
    run(0xa9400440, 0x8000, false, DEVICE);
    expect(vcpu().sysreg("ESR_EL1")).toBe((0x25n << 26n) | IL | 0x07n);
    expect(vcpu().sysreg("FAR_EL1")).toBe(0x7ff8n);
    expect(vcpu().x(0)).toBe(3n);
    vcpu().pstate = 0x3c5;
    vcpu().setX(2, 0x7ff8n);
    run(0xa9000440, 0x8000, true, DEVICE);
    expect(vcpu().sysreg("ESR_EL1"), "a store says so").toBe((0x25n << 26n) | IL | 0x47n);
  });
});

describe("interrupts that wait for the guest", () => {
  beforeEach(() => {
    machine.startGic();
    machine.poke(GICD + 0x104, 2);
    machine.gic.spi(1).set(true);
    machine.pump();
  });

  it("are back in the distributor before an LDP looks there", () => {
    vcpu().setX(2, BigInt(GICD + 0x200));
    run(0x29400440, GICD + 0x200, false);
    expect(vcpu().x(1)).toBe(2n);
  });

  it("are gone when an STP has lowered their wire", () => {
    machine.device.touched = () => machine.gic.spi(1).set(false);
    vcpu().setX(2, BigInt(DEVICE));
    run(0x29000440, DEVICE, true);
    expect(machine.icv("ICC_IAR1_EL1")).toBe(1023);
  });
});

describe("what cannot be carried out is an external abort, never garbage", () => {
  it.each([
    { asm: "ldxr x0, [x2]", word: 0xc85f7c40, write: false },
    { asm: "ldadd x0, x1, [x2]", word: 0xf8200041, write: false },
    { asm: "ld1 {v0.16b}, [x2]", word: 0x4c407040, write: false },
    { asm: "prfm pldl1keep, [x2]", word: 0xf9800040, write: false },
    { asm: "dc zva, x2", word: 0xd50b7422, write: true },
    { asm: "stgp x0, x1, [x2]", word: 0x69000440, write: true },
    { asm: "a load where the syndrome says store", word: 0xa9400440, write: true },
    { asm: "an instruction that has gone", word: undefined, write: false },
  ])("$asm", ({ word, write }) => {
    vcpu().setX(2, BigInt(DEVICE));
    machine.instruction = word;
    machine.trap((0x24n << 26n) | IL | (write ? 0x40n : 0n) | 0x07n, { far: BigInt(DEVICE), ipa: DEVICE });
    expect(machine.device.log).toEqual([]);
    expect(vcpu().pc).toBe(VBAR + 0x200n);
    expect(vcpu().sysreg("ESR_EL1")).toBe((0x25n << 26n) | IL | (write ? 0x50n : 0x10n));
    expect(vcpu().sysreg("FAR_EL1")).toBe(BigInt(DEVICE));
    expect(machine.logged).toHaveLength(1);
  });

  it("a pair of which the second half has no device loads nothing and does not move the base", () => {
    vcpu().setX(0, 1n);
    vcpu().setX(2, BigInt(DEVICE + 4072));
    run(0xa8c10440, DEVICE + 4072, false);
    expect(machine.device.log).toEqual(["r8@fe8", "r8@ff0"]);
    expect(vcpu().x(0)).toBe(1n);
    expect(vcpu().x(2)).toBe(BigInt(DEVICE + 4072));
    expect(vcpu().sysreg("FAR_EL1")).toBe(BigInt(DEVICE + 4080));
  });
});
