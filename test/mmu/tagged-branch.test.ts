/** Where branches to tagged addresses lead: the PC has the top byte that bit 55 says (AArch64.BranchAddr). */
import { describe, expect, it } from "vitest";
import { CODE, machine, slice, start, TABLES } from "../engine/rig.js";

const UPPER = 0xffff_ff80_0000_0000n;
const TOP_BYTE = 0xff00_0000_0000_0000n;
/** TBI1, 4 KiB granule and 39-bit addresses in the upper range. */
const UPPER_RANGE = (1n << 38n) | (2n << 30n) | (25n << 16n);
const EPD1 = 1n << 23n;
const BR_X1 = 0xd61f0020;
const SPINS = 0x14000000;

describe.each([false, "all"] as const)("compile %s", (compile) => {
  it.each([0x00n, 0x01n, 0x7fn, 0x80n, 0xffn])("a branch to the upper range with the tag %s", async (tag) => {
    const m = await machine(compile);
    const { vcpu, engine } = m;
    start(m, [BR_X1, SPINS], 1);
    vcpu.setSysreg("TTBR1_EL1", TABLES);
    vcpu.setSysreg("TCR_EL1", (vcpu.sysreg("TCR_EL1") & ~EPD1) | UPPER_RANGE);
    engine.exports.flushCpu(vcpu.base);
    const target = UPPER | (CODE + 4n);
    vcpu.setX(1, (target & ~TOP_BYTE) | (tag << 56n));
    slice(m, 20);
    expect(vcpu.pc.toString(16)).toBe(target.toString(16));
  });
});
