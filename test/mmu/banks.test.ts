/** Which translations of a hypervisor's guests are kept over its switches: those of a bank of their own (mmu/banks.ts). */
import { expect, it } from "vitest";
import { CPU } from "../../src/engine/layout.js";
import { type Machine, machine, start } from "../engine/rig.js";

const [VM, PTW, DC, FWB] = [1n << 0n, 1n << 2n, 1n << 12n, 1n << 46n];

/** The address of the bank that EL1 has when HCR_EL2 is so. */
function bankWith({ engine, vcpu }: Machine, hcr: bigint): number {
  vcpu.setSysreg("HCR_EL2", (1n << 31n) | hcr);
  vcpu.recomputeModes();
  engine.exports.contextChanged(vcpu.base);
  return vcpu.get32(CPU.bank);
}

it("a guest's bank is by HCR_EL2.PTW and FWB too, which say nothing without stage 2", async () => {
  const m = await machine(false);
  start(m, [0x14000000], 1);
  m.vcpu.set32(CPU.hasEl2, 1);
  m.vcpu.setSysreg("SCR_EL3", 1n);
  const guests = [VM, VM | PTW, VM | FWB, VM | PTW | FWB].map((hcr) => bankWith(m, hcr));
  expect(new Set(guests).size).toBe(4);
  const host = bankWith(m, 0n);
  expect(guests).not.toContain(host);
  expect(bankWith(m, PTW | FWB)).toBe(host);
  expect(bankWith(m, VM | PTW)).toBe(guests[1]);
  // With DC the PE behaves as if VM were 1.
  expect(bankWith(m, DC | PTW)).toBe(guests[1]);
});
