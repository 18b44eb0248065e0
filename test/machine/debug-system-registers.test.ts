/**
 * System registers of the real machine under a debugger: which there are, reads that change nothing, writes that count.
 */
import { describe, expect, it, vi } from "vitest";
import { TargetError } from "../../src/gdb/index.js";
import { assemble, Rig, TEXT } from "./debug-rig.js";

// Other tests may have the processor.
vi.setConfig({ testTimeout: 60_000 });

const SYSTEM = 2;

function indexOf(rig: Rig, name: string): number {
  const index = rig.target.features[SYSTEM]?.registers.findIndex((register) => register.name === name) ?? -1;
  if (index < 0) throw new Error(`the description has no ${name}`);
  return index;
}

function read(rig: Rig, name: string): bigint | string {
  const got = rig.target.readRegister(0, SYSTEM, indexOf(rig, name));
  return got instanceof TargetError ? got.text : Buffer.from(got).readBigUInt64LE();
}

function write(rig: Rig, name: string, value: bigint): string | undefined {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return rig.target.writeRegister(0, SYSTEM, indexOf(rig, name), bytes)?.text;
}

describe("the description", () => {
  it("has what the CPU has, once, and nothing that has no value", async () => {
    const rig = await Rig.create(assemble("nop"));
    const [core, , system] = rig.target.features;
    const names = system?.registers.map(({ name }) => name) ?? [];
    expect(names).toEqual(
      expect.arrayContaining(["SCTLR_EL1", "HCR_EL2", "ICC_PMR_EL1", "ICH_LR3_EL2", "PMCCNTR_EL0"]),
    );
    for (const absent of ["ICC_EOIR1_EL1", "TTBR1_EL2", "SCTLR_EL12", "FPCR", "ICH_LR4_EL2"]) {
      expect(names).not.toContain(absent);
    }
    expect(new Set([...names, ...(core?.registers ?? []).map(({ name }) => name)]).size).toBe(names.length + 34);
    expect(system?.general).toBe(false);
  });

  it("follows the CPU model", async () => {
    const rig = await Rig.create(assemble("nop"), { cpu: "max" });
    expect(read(rig, "TTBR1_EL2")).toBe(0n);
  });
});

describe("pauth_v2", () => {
  const PAUTH = 3;
  const masks = (rig: Rig): bigint[] =>
    [0, 1, 2, 3].map((index) => {
      const got = rig.target.readRegister(0, PAUTH, index);
      if (got instanceof TargetError) throw new Error(got.text);
      return Buffer.from(got).readBigUInt64LE();
    });

  it("is described where the CPU has pointer authentication", async () => {
    const [without, having] = await Promise.all(
      ["cortex-a72", "max"].map(async (cpu) => (await Rig.create(assemble("nop"), { cpu })).target.features),
    );
    expect(without).toHaveLength(PAUTH);
    expect(having?.[PAUTH]).toMatchObject({ name: "org.gnu.gdb.aarch64.pauth_v2", general: false });
    expect(having?.[PAUTH]?.registers.map(({ name }) => name)).toEqual([
      "pauth_dmask",
      "pauth_cmask",
      "pauth_dmask_high",
      "pauth_cmask_high",
    ]);
  });

  it.each([
    ["39 bits", 0x19n | (0x19n << 16n)],
    ["48 bits, tags below", 0x10n | (0x10n << 16n) | (1n << 37n)],
    ["unlike halves, tags for data alone", 0x10n | (0x19n << 16n) | (3n << 37n) | (3n << 51n)],
    ["sizes beyond what there is", 0x3fn | (1n << 16n)],
  ])("says what XPACD and XPACI take off: %s", async (_what, tcr) => {
    const rig = await Rig.create(assemble(Array(4).fill("xpacd x0\nxpaci x1").join("\n")), { cpu: "max" });
    const core = rig.machine.cores[0]!.vcpu;
    core.setSysreg("TCR_EL1", tcr);
    core.recomputeModes();
    const [data, code, dataHigh, codeHigh] = masks(rig) as [bigint, bigint, bigint, bigint];
    for (const pointer of [0xff7f_ffff_ffff_fff0n, 0x1234_5678_9abc_def0n & ~(1n << 55n)]) {
      rig.setRegister(0, pointer);
      rig.setRegister(1, pointer);
      await rig.step();
      await rig.step();
      expect([rig.x(0), rig.x(1)]).toEqual([pointer & ~data, pointer & ~code]);
    }
    for (const pointer of [1n << 55n, 0x12b4_5678_9abc_def0n]) {
      rig.setRegister(0, pointer);
      rig.setRegister(1, pointer);
      await rig.step();
      await rig.step();
      expect([rig.x(0), rig.x(1)]).toEqual([pointer | dataHigh, pointer | codeHigh]);
    }
    expect(rig.target.writeRegister(0, PAUTH, 1, new Uint8Array(8))?.text).toMatch(/^pauth_cmask follows from TCR_ELx/);
  });
});

describe("reading", () => {
  it("changes nothing, at any level", async () => {
    const source = "mov x0, #1\nmsr pmcntenset_el0, x0\nmsr pmcr_el0, x0\nnop\nnop\nb .";
    const rig = await Rig.create(assemble(source), { el2: "guest", el3: "guest" });
    for (let n = 0; n < 5; n++) await rig.step();
    for (const cpsr of [0x3cdn, 0x3c9n, 0x3c5n, 0x3c0n]) {
      expect(rig.setRegister(33, cpsr)).toBeUndefined();
      const before = rig.machine.stateHash();
      for (const { name } of rig.target.features[SYSTEM]?.registers ?? [])
        expect(typeof read(rig, name), name).toBe("bigint");
      expect(rig.machine.stateHash()).toBe(before);
    }
  });

  it("gives counters as of now", async () => {
    const source =
      "mov x0, #1\nlsl x0, x0, #31\nmsr pmcntenset_el0, x0\nmov x0, #1\nmsr pmcr_el0, x0\nnop\nnop\nnop\nb .";
    const rig = await Rig.create(assemble(source));
    for (let n = 0; n < 6; n++) await rig.step();
    const cycles = read(rig, "PMCCNTR_EL0") as bigint;
    await rig.step();
    await rig.step();
    expect(read(rig, "PMCCNTR_EL0")).toBe(cycles + 2n);
    expect(read(rig, "CNTPCT_EL0")).toBe(2n);
  });

  it("finds the stack pointer in use", async () => {
    const rig = await Rig.create(assemble("mov x0, #0x1230\nmov sp, x0\nnop"));
    await rig.step();
    await rig.step();
    expect(read(rig, "SP_EL1")).toBe(0x1230n);
    expect(write(rig, "SP_EL1", 0x4560n)).toBeUndefined();
    expect(rig.register(31)).toBe(0x4560n);
  });
});

describe("writing", () => {
  it("turns the MMU on, past what the TLB holds", async () => {
    const rig = await Rig.create(assemble("nop\nnop\nb ."));
    await rig.step();
    rig.setMemory(0x4020_0000n + 8n, 0x40000701n, 8);
    rig.setMemory(0x4020_0000n, 0x40000701n, 8);
    expect(write(rig, "TTBR0_EL1", 0x4020_0000n)).toBeUndefined();
    expect(write(rig, "TCR_EL1", 0xb519_3519n)).toBeUndefined();
    expect(write(rig, "MAIR_EL1", 0xffn)).toBeUndefined();
    expect(rig.memory(TEXT - 0x4000_0000n, 4)).not.toBe(0xd503201fn);
    expect(write(rig, "SCTLR_EL1", (read(rig, "SCTLR_EL1") as bigint) | 1n)).toBeUndefined();
    expect(rig.memory(TEXT - 0x4000_0000n, 4)).toBe(0xd503201fn);
    expect((await rig.step()).reason.kind).toBe("step");
    expect(rig.pc()).toBe(TEXT + 8n);
  });

  it("sets a timer, whose condition is looked at then", async () => {
    const rig = await Rig.create(assemble("nop"));
    expect(write(rig, "CNTV_CVAL_EL0", 100n)).toBeUndefined();
    expect(write(rig, "CNTV_CTL_EL0", 1n)).toBeUndefined();
    expect(read(rig, "CNTV_CTL_EL0")).toBe(1n);
    expect(write(rig, "CNTV_CVAL_EL0", 0n)).toBeUndefined();
    expect(read(rig, "CNTV_CTL_EL0")).toBe(5n);
  });

  it("takes a timer's control without its status, which is what it is just now", async () => {
    const rig = await Rig.create(assemble("nop"));
    expect(write(rig, "CNTV_CTL_EL0", 1n)).toBeUndefined();
    expect(read(rig, "CNTV_CTL_EL0")).toBe(5n);
    expect(write(rig, "CNTV_CTL_EL0", 3n)).toBeUndefined();
    expect(read(rig, "CNTV_CTL_EL0")).toBe(7n);
    expect(write(rig, "CNTV_CTL_EL0", 4n)).toBeUndefined();
    expect(read(rig, "CNTV_CTL_EL0")).toBe(0n);
    expect(write(rig, "CNTV_CTL_EL0", 8n)).toMatch(/bits 0x8 cannot be changed/);
  });

  it.each([
    ["MIDR_EL1", 1n, "MIDR_EL1 is read-only"],
    ["CurrentEL", 8n, "CurrentEL is read-only"],
    ["HSTR_EL2", 1n, "HSTR_EL2: no bit of it can be written on this CPU"],
    ["CPACR_EL1", 0x30_0001n, "CPACR_EL1: bits 0x1 cannot be changed on this CPU; it holds 0x0"],
  ])("%s = %d is refused", async (name, value, text) => {
    const rig = await Rig.create(assemble("nop"));
    const before = read(rig, name);
    expect(write(rig, name, value)).toBe(text);
    expect(read(rig, name)).toBe(before);
  });
});
