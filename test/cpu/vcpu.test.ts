import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SnapshotError } from "../../src/bus/contract.js";
import { cpuModel } from "../../src/cpu/model.js";
import { resetVcpu, restoreVcpu, saveVcpu } from "../../src/cpu/state-vcpu.js";
import { resetSysregs } from "../../src/cpu/sysreg/reset.js";
import { SYSREGS } from "../../src/cpu/sysreg/table.js";
import { Vcpu } from "../../src/cpu/vcpu.js";
import { CPU, CPU_BLOCK_SIZE, CPU_FEATURE } from "../../src/engine/layout.js";
import { EVERYTHING } from "./sysreg-fixture.js";

const CONTEXT = { model: EVERYTHING, index: 1, cpus: 2, affinity: 1n };

function fresh(): Vcpu {
  const vcpu = new Vcpu(new ArrayBuffer(3 * CPU_BLOCK_SIZE), CPU_BLOCK_SIZE);
  vcpu.set32(CPU.hasEl2, 1);
  vcpu.set32(CPU.hasEl3, 1);
  resetVcpu(vcpu, CONTEXT);
  return vcpu;
}

describe("registers", () => {
  test("X31 reads zero and discards writes; the SP behind it is not touched", () => {
    const vcpu = fresh();
    vcpu.sp = 0x77n;
    vcpu.setX(31, 5n);
    expect([vcpu.x(31), vcpu.sp, vcpu.get64(CPU.x + 8 * 31)]).toEqual([0n, 0x77n, 0n]);
    vcpu.setX(30, -1n);
    expect(vcpu.x(30)).toBe((1n << 64n) - 1n);
  });

  test("stay inside their block", () => {
    const buffer = new ArrayBuffer(3 * CPU_BLOCK_SIZE);
    const vcpu = new Vcpu(buffer, CPU_BLOCK_SIZE);
    for (let n = 0; n < 31; n++) vcpu.setX(n, -1n);
    for (let n = 0; n < 32; n++) vcpu.v(n).fill(0xff);
    for (const row of SYSREGS) vcpu.setSysreg(row.name, -1n);
    const outside = [new Uint8Array(buffer, 0, CPU_BLOCK_SIZE), new Uint8Array(buffer, 2 * CPU_BLOCK_SIZE)];
    expect(outside.every((bytes) => bytes.every((byte) => byte === 0))).toBe(true);
  });

  test("v is the block's bytes, least significant first", () => {
    const vcpu = fresh();
    vcpu.v(3)[0] = 0x11;
    vcpu.v(3)[15] = 0x22;
    expect(vcpu.get64(CPU.v + 48)).toBe(0x11n);
    expect(vcpu.get64(CPU.v + 56)).toBe(0x22n << 56n);
  });
});

describe("PSTATE", () => {
  /** NZCV, DIT, UAO, PAN, SS, IL, SSBS, DAIF. */
  const FIELDS = 0xf1f0_13c0;

  test("survives the way through SPSR format", () => {
    const vcpu = fresh();
    fc.assert(
      fc.property(fc.nat(0xffff_ffff), fc.constantFrom(0, 4, 5, 8, 9, 12, 13), (fields, mode) => {
        const pstate = ((fields & FIELDS) | mode) >>> 0;
        vcpu.pstate = pstate;
        expect(vcpu.pstate).toBe(pstate);
      }),
      { seed: 2 },
    );
  });

  test.each([
    [31, (vcpu: Vcpu) => vcpu.nzcv() >>> 31],
    [30, (vcpu: Vcpu) => (vcpu.nzcv() >>> 30) & 1],
    [29, (vcpu: Vcpu) => vcpu.get32(CPU.flagC)],
    [28, (vcpu: Vcpu) => (vcpu.nzcv() >>> 28) & 1],
    [24, (vcpu: Vcpu) => vcpu.get32(CPU.dit)],
    [23, (vcpu: Vcpu) => vcpu.get32(CPU.uao)],
    [22, (vcpu: Vcpu) => vcpu.get32(CPU.pan)],
    [21, (vcpu: Vcpu) => vcpu.get32(CPU.ss)],
    [20, (vcpu: Vcpu) => vcpu.get32(CPU.il)],
    [12, (vcpu: Vcpu) => vcpu.get32(CPU.ssbs)],
    [9, (vcpu: Vcpu) => (vcpu.daif >> 9) & 1],
    [6, (vcpu: Vcpu) => (vcpu.daif >> 6) & 1],
  ])("bit %i is its field", (bit, field) => {
    const vcpu = fresh();
    vcpu.pstate = 5;
    expect(field(vcpu)).toBe(0);
    vcpu.pstate = (1 << bit) | 5;
    expect(field(vcpu)).toBe(1);
  });

  test("flags are read from what instructions leave: any sign, any zero", () => {
    const vcpu = fresh();
    vcpu.set64(CPU.flagN, 0x8000_0000_0000_0001n);
    vcpu.set64(CPU.flagZ, 1n << 63n);
    vcpu.set64(CPU.flagV, 0x7fff_ffff_ffff_ffffn);
    expect(vcpu.nzcv()).toBe(0x8000_0000);
    vcpu.set64(CPU.flagZ, 0n);
    expect(vcpu.nzcv()).toBe(0xc000_0000);
  });

  test("each EL has its stack pointer, and all share SP_EL0", () => {
    const vcpu = fresh();
    for (const el of [1, 2, 3]) {
      vcpu.pstate = (el << 2) | 1;
      vcpu.sp = BigInt(el) * 0x1000n;
    }
    vcpu.pstate = 0;
    vcpu.sp = 0x500n;
    expect([0, 1, 2, 3].map((el) => vcpu.spOf(el))).toEqual([0x500n, 0x1000n, 0x2000n, 0x3000n]);
    vcpu.pstate = 8;
    expect(vcpu.sp).toBe(0x500n);
    vcpu.setSpSel(1);
    expect(vcpu.sp).toBe(0x2000n);
    vcpu.setSpOf(2, 0x2222n);
    expect(vcpu.sp).toBe(0x2222n);
    vcpu.setSpOf(0, 0x555n);
    expect(vcpu.sysreg("SP_EL0")).toBe(0x555n);
    vcpu.pstate = 0;
    vcpu.setSpSel(1);
    expect([vcpu.sp, vcpu.pstate & 1]).toEqual([0x555n, 0]);
  });
});

describe("reset, save, restore", () => {
  /** A vCPU none of whose state is as at reset. */
  function used(): Vcpu {
    const vcpu = fresh();
    vcpu.pstate = 0x6240_0345;
    for (let n = 0; n < 31; n++) vcpu.setX(n, BigInt(n) * 0x0101_0101_0101n + 7n);
    for (let n = 0; n < 32; n++) vcpu.v(n).fill(n + 1);
    for (const [n, row] of SYSREGS.entries()) {
      if (row.aliasOf === undefined && row.cell === undefined) vcpu.setSysreg(row.name, 0x1000n + 0x11n * BigInt(n));
    }
    vcpu.sp = 0x8888n;
    vcpu.pc = 0xffff_8000_0000_1234n;
    vcpu.setFpcr(1 << 24);
    vcpu.setFpsr(0x10);
    for (const word of [CPU.event, CPU.exclusive, CPU.exclusiveSize, CPU.exclusiveHost]) vcpu.set32(word, 0x40 + word);
    vcpu.set64(CPU.retired, 99n);
    vcpu.recomputeModes();
    return vcpu;
  }
  const block = (vcpu: Vcpu): string =>
    Array.from({ length: CPU_BLOCK_SIZE / 4 }, (_, n) => vcpu.get32(4 * n).toString(16)).join(" ");

  test("a restored vCPU is the saved one, byte for byte", () => {
    const original = used();
    const copy = fresh();
    restoreVcpu(copy, saveVcpu(original));
    expect(block(copy)).toBe(block(original));
    expect(saveVcpu(copy)).toEqual(saveVcpu(original));
  });

  test("reset brings a used vCPU to the state of a new one", () => {
    const vcpu = used();
    resetVcpu(vcpu, CONTEXT);
    expect(block(vcpu)).toBe(block(fresh()));
    expect(vcpu.pstate & ~0x4000_0000).toBe(0x3cd);
  });

  test("reset tells the engine which of its features the model has", () => {
    const vcpu = fresh();
    expect(vcpu.get32(CPU.features)).toBe(Object.values(CPU_FEATURE).reduce((sum, bit) => sum | bit, 0));
    resetVcpu(vcpu, { ...CONTEXT, model: cpuModel("cortex-a72") });
    expect(vcpu.get32(CPU.features)).toBe(0);
  });

  test("a state of another version is refused", () => {
    expect(() => restoreVcpu(fresh(), { ...saveVcpu(fresh()), version: 3 })).toThrow(SnapshotError);
  });

  test("the identity of the vCPU comes from the machine", () => {
    const vcpu = fresh();
    resetSysregs(vcpu, { ...CONTEXT, affinity: 0x1_0000_0203n });
    expect(vcpu.sysreg("MPIDR_EL1")).toBe(0x1_8000_0203n);
  });
});
