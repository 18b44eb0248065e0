/** The exceptions guest (firmware/exceptions) entered at EL1, EL2 and EL3. */
import { readFileSync } from "node:fs";
import { beforeAll, describe, it } from "vitest";
import { type Deviation, expectOurs, expectReference } from "./compare.js";
import { buildGuest, type GuestOptions } from "./guests.js";

/** All about QEMU 7.2. */
const DEVIATIONS: readonly Deviation[] = [
  { line: /^(ldr|str), unaligned, Device/, why: "alignment of accesses to Device memory is not checked" },
  { line: /^stxr, unaligned/, why: "the monitor's address is compared first, and STXR fails without a fault" },
  { line: /^(ldar|stlr), unaligned at EL2/, why: "ISV is set for a stage-1 abort that EL2 takes from itself" },
  { line: /^(ldr|strb) (from|to) nowhere at EL2/, why: "ISV is set for a stage-1 abort that EL2 takes from itself" },
  { line: /^ldr beyond the address size at EL2/, why: "ISV is set for a stage-1 abort that EL2 takes from itself" },
  { line: /msr daif(set|clr)(, forbidden)? at EL0/, why: "Op1 and Op2 of the syndrome are exchanged" },
  { line: /wfe at EL/, why: "WFE is a yield and never trapped" },
  { line: /^fpcr, fpsr/, why: "the bits that only AArch32 uses are kept: its Cortex-A72 has AArch32" },
  { line: /^HCR_EL2.TIDCP/, why: "HCR_EL2.TIDCP is not implemented" },
  { line: /^MDCR_EL2.TPMCR, pmcr_el0/, why: "MDCR_EL2.TPMCR is not implemented" },
  { line: /^hvc .*at EL3/, why: "HVC at EL3 is taken to EL2" },
  { line: /^Secure, hvc at EL1/, why: "HVC in Secure state goes to EL2 although that is disabled" },
  { line: /^SA0?,? .*(ldr|stp)/, why: "stack alignment is not checked" },
];

const RUNS: readonly GuestOptions[] = [
  { level: 1, cpu: "cortex-a72" },
  { level: 2, cpu: "cortex-a72" },
  { level: 3, cpu: "cortex-a72" },
];

beforeAll(() => buildGuest("exceptions"), 60_000);

describe.each(RUNS)("exceptions from EL$level, $cpu", (options) => {
  it("are what the architecture says", () => expectOurs("exceptions", options), 60_000);

  it("are what QEMU does", async () => {
    const kept = readFileSync(new URL(`expected/exceptions-el${options.level}-${options.cpu}.txt`, import.meta.url), "latin1");
    await expectReference("exceptions", options, kept, DEVIATIONS);
  }, 60_000);
});
