/** Which translations are kept over a hypervisor's switches: those of a bank of their own (mmu/banks.ts). */
import { expect, it } from "vitest";
import { BANK, BANKS_PER_CPU, CONTEXT, CPU } from "../../src/engine/layout.js";
import { CODE, type Machine, machine, slice, start } from "../engine/rig.js";

const [VM, PTW, DC, FWB] = [1n << 0n, 1n << 2n, 1n << 12n, 1n << 46n];
const RW = 1n << 31n;

type Controls = Readonly<Record<string, bigint>>;

/** The address of the bank that EL1 has when HCR_EL2 and other registers are so. */
function bankWith({ engine, vcpu }: Machine, hcr: bigint, controls: Controls = {}): number {
  vcpu.setSysreg("HCR_EL2", RW | hcr);
  for (const [name, value] of Object.entries(controls)) vcpu.setSysreg(name, value);
  vcpu.recomputeModes();
  engine.exports.contextChanged(vcpu.base);
  return vcpu.get32(CPU.bank);
}

async function withEl2(cpus = 1): Promise<Machine> {
  const m = await machine(false, { cpus });
  for (const vcpu of [m.vcpu, ...(m.others ?? [])]) {
    start({ ...m, vcpu }, [0x14000000], 1);
    vcpu.set32(CPU.hasEl2, 1);
    vcpu.setSysreg("SCR_EL3", 1n);
  }
  return m;
}

it("a guest's bank is by HCR_EL2.PTW and FWB too, which say nothing without stage 2", async () => {
  const m = await withEl2();
  const guests = [VM, VM | PTW, VM | FWB, VM | PTW | FWB].map((hcr) => bankWith(m, hcr));
  expect(new Set(guests).size).toBe(4);
  const host = bankWith(m, 0n);
  expect(guests).not.toContain(host);
  expect(bankWith(m, PTW | FWB)).toBe(host);
  expect(bankWith(m, VM | PTW)).toBe(guests[1]);
  // With DC the PE behaves as if VM were 1.
  expect(bankWith(m, DC | PTW)).toBe(guests[1]);
});

it.each(["SCTLR_EL1", "TCR_EL1"])("what %s says is part of which bank EL1 has", async (name) => {
  const m = await withEl2();
  const [one, other] = [m.vcpu.sysreg(name) | 1n, m.vcpu.sysreg(name) & ~1n];
  for (const hcr of [0n, VM]) {
    const bank = bankWith(m, hcr, { [name]: one });
    expect(bankWith(m, hcr, { [name]: other })).not.toBe(bank);
    expect(bankWith(m, hcr, { [name]: one })).toBe(bank);
  }
});

it("what VTCR_EL2 says is part of it with stage 2 alone", async () => {
  const m = await withEl2();
  const guest = bankWith(m, VM, { VTCR_EL2: 24n });
  const host = bankWith(m, 0n);
  expect(bankWith(m, 0n, { VTCR_EL2: 25n })).toBe(host);
  expect(bankWith(m, VM)).not.toBe(guest);
  expect(bankWith(m, VM, { VTCR_EL2: 24n })).toBe(guest);
});

it("a bank that others have had meanwhile is empty", async () => {
  const m = await withEl2();
  const { view } = m.engine;
  const withTcr = (n: number): number => bankWith(m, 0n, { TCR_EL1: BigInt(n) });
  view.setBigUint64(withTcr(0) + BANK.filled, 3n, true);
  expect(view.getBigUint64(withTcr(0) + BANK.filled, true)).toBe(3n);
  for (let n = 1; n <= BANKS_PER_CPU; n++) withTcr(n);
  expect(view.getBigUint64(withTcr(0) + BANK.filled, true)).toBe(0n);
});

/** TLBI by op1, CRm and op2. */
const tlbi = (op1: number, crm: number, op2: number): number => 0xd508801f | (op1 << 16) | (crm << 8) | (op2 << 5);
const [EL1, EL2] = [0x3c5, 0x3c9];
const MARK = 3n;

/** Who has translations, and how each comes to its bank. */
const OWNERS: Readonly<Record<string, (m: Machine) => number>> = {
  "VMID 1": (m) => bankWith(m, VM, { VTTBR_EL2: 1n << 48n }),
  "VMID 2": (m) => bankWith(m, VM, { VTTBR_EL2: 2n << 48n }),
  "no stage 2": (m) => bankWith(m, 0n),
  EL2: (m) => {
    m.vcpu.pstate = EL2;
    const bank = bankWith(m, 0n);
    m.vcpu.pstate = EL1;
    return bank;
  },
};
const [E2H, TGE] = [1n << 34n, 1n << 27n];

it.each([
  { name: "VMALLE1", word: tlbi(0, 7, 0), left: ["VMID 2", "EL2"] },
  { name: "VMALLE1 of a host", word: tlbi(0, 7, 0), hcr: E2H | TGE, left: [] },
  { name: "VMALLS12E1IS", word: tlbi(4, 3, 6), left: ["VMID 2", "EL2"] },
  { name: "ALLE1", word: tlbi(4, 7, 4), left: ["EL2"] },
  { name: "ALLE2", word: tlbi(4, 7, 0), left: [] },
  { name: "IPAS2E1", word: tlbi(4, 4, 1), left: ["VMID 2", "no stage 2", "EL2"] },
])("TLBI $name with VMID 1 leaves the translations of $left", async ({ word, hcr = 0n, left }) => {
  const m = await withEl2();
  const { view } = m.engine;
  m.engine.writePhysical(CODE, new Uint8Array(Uint32Array.of(word).buffer));
  for (const bankOf of Object.values(OWNERS)) view.setBigUint64(bankOf(m) + BANK.filled, MARK, true);
  m.vcpu.pstate = EL2;
  bankWith(m, hcr, { VTTBR_EL2: 1n << 48n });
  slice(m, 1);
  expect(m.vcpu.pc).toBe(CODE + 4n);
  m.vcpu.pstate = EL1;
  const keep = Object.entries(OWNERS).filter(([, bankOf]) => view.getBigUint64(bankOf(m) + BANK.filled, true) === MARK);
  expect(keep.map(([name]) => name)).toEqual(left);
});

it("TLBI ASIDE1 in Secure state goes by TCR_EL1, also where HCR_EL2 says that a host is at EL2", async () => {
  const m = await withEl2();
  const { view } = m.engine;
  const asid = 0x123n << 48n;
  const AS = 1n << 36n;
  m.engine.writePhysical(CODE, new Uint8Array(Uint32Array.of(tlbi(0, 7, 2) & ~0x1f).buffer));
  m.vcpu.set32(CPU.hasEl3, 1);
  const [tcr, ttbr0] = [m.vcpu.sysreg("TCR_EL1") | AS, m.vcpu.sysreg("TTBR0_EL1") | asid];
  const bank = bankWith(m, E2H | TGE, { SCR_EL3: 0n, TCR_EL1: tcr, TCR_EL2: 0n, TTBR0_EL1: ttbr0 });
  view.setBigUint64(bank + BANK.filled, MARK, true);
  m.vcpu.setX(0, asid);
  slice(m, 1);
  expect(m.vcpu.pc).toBe(CODE + 4n);
  expect(view.getBigUint64(bank + BANK.filled, true) & MARK).not.toBe(MARK);
});

it("TLBI ASIDE1IS takes the size of the ASID from the vCPU that executes it", async () => {
  const m = await withEl2(2);
  const { view } = m.engine;
  const [asid, AS] = [0x123n << 48n, 1n << 36n];
  m.engine.writePhysical(CODE, new Uint8Array(Uint32Array.of(tlbi(0, 3, 2) & ~0x1f).buffer));
  const other = { ...m, vcpu: m.others?.[0] as Machine["vcpu"] };
  const [tcr, ttbr0] = [m.vcpu.sysreg("TCR_EL1") | AS, m.vcpu.sysreg("TTBR0_EL1") | asid];
  const bank = bankWith(other, 0n, { TCR_EL1: tcr, TTBR0_EL1: ttbr0 });
  view.setBigUint64(bank + BANK.filled, MARK, true);
  // Meanwhile a host of short ASIDs is there.
  bankWith(other, E2H | TGE, { TCR_EL2: 0n });
  bankWith(m, 0n, { TCR_EL1: tcr });
  m.vcpu.setX(0, asid);
  slice(m, 1);
  expect(m.vcpu.pc).toBe(CODE + 4n);
  bankWith(other, 0n);
  expect(view.getBigUint64(bank + BANK.filled, true) & MARK).not.toBe(MARK);
});

it.each([
  { where: "EL1", hcr: 0n, pstate: EL1, user: CONTEXT.el10User },
  { where: "EL2", hcr: 0n, pstate: EL2, user: CONTEXT.el2 },
  { where: "EL2 with E2H", hcr: E2H, pstate: EL2, user: CONTEXT.el20 },
  { where: "EL2 with E2H and PAN", hcr: E2H, pstate: EL2 | (1 << 22), user: CONTEXT.el20Pan },
  { where: "EL2, the host of EL0", hcr: E2H | TGE, pstate: EL2 | (1 << 22), user: CONTEXT.el20User },
  { where: "EL0 of a host", hcr: E2H | TGE, pstate: 0x3c0, user: CONTEXT.el20User },
])("LDTR at $where goes by context $user (DDI 0487, LDTR)", async ({ hcr, pstate, user }) => {
  const m = await withEl2();
  m.vcpu.pstate = pstate;
  m.vcpu.setSysreg("HCR_EL2", RW | hcr);
  m.vcpu.recomputeModes();
  expect(m.vcpu.get32(CPU.unprivilegedContext)).toBe(user);
  // By the engine as by TypeScript.
  const cells = [CPU.readTraps, CPU.writeTraps, CPU.fpTrap, CPU.pointerAuth, CPU.context, CPU.unprivilegedContext];
  const selected = cells.map((at) => m.vcpu.get32(at));
  for (const at of cells) m.vcpu.set32(at, -1);
  m.engine.exports.enterMode(m.vcpu.base);
  expect(cells.map((at) => m.vcpu.get32(at))).toEqual(selected);
});

it.each([0xd503207f, 0xd503205f])("a host's EL0 is not trapped by HCR_EL2.{TWI, TWE} (%#)", async (word) => {
  const [TWI, TWE] = [1n << 13n, 1n << 14n];
  const results = await Promise.all(
    [E2H | TGE, 0n].map(async (host) => {
      const m = await withEl2();
      m.engine.writePhysical(CODE, new Uint8Array(Uint32Array.of(word).buffer));
      for (const name of ["SCTLR_EL1", "SCTLR_EL2"]) m.vcpu.setSysreg(name, (1n << 16n) | (1n << 18n));
      m.vcpu.pstate = 0x3c0;
      bankWith(m, host | TWI | TWE);
      slice(m, 1);
      return m.vcpu.sysreg("ESR_EL2") >> 26n;
    }),
  );
  expect(results).toEqual([0n, 1n]);
});
