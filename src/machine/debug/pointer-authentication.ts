/** Where a pointer's authentication code is, in the vCPU's current regime (DDI 0487, D8.9, CalculateBottomPACBit). */
import type { Vcpu } from "../../cpu/vcpu.js";
import { currentRegime } from "./memory.js";

const UPPER_HALF_BIT = 1n << 55n;
const TAG = 0xffn << 56n;
/** The fewest and the most bits that T0SZ and T1SZ leave out. */
const SIZE = { least: 16, most: 48 } as const;

/** Places of TCR_ELx's fields; those of a regime with one range have no second half. */
const FIELDS = {
  two: [
    { size: 0, tbi: 37, tbid: 51 },
    { size: 16, tbi: 38, tbid: 52 },
  ],
  one: [
    { size: 0, tbi: 20, tbid: 29 },
    { size: 0, tbi: 20, tbid: 29 },
  ],
} as const;

/** The bits of the code in pointers to code or data, in the lower half of the addresses or the upper. */
export function codeBits(vcpu: Vcpu, half: 0 | 1, isCode: boolean): bigint {
  const regime = currentRegime(vcpu);
  const tcr = vcpu.sysreg(regime === "el1" ? "TCR_EL1" : regime === "el3" ? "TCR_EL3" : "TCR_EL2");
  const fields = FIELDS[regime === "el1" || regime === "el20" ? "two" : "one"][half];
  const bit = (n: number): boolean => ((tcr >> BigInt(n)) & 1n) !== 0n;
  const size = Math.min(Math.max(Number((tcr >> BigInt(fields.size)) & 0x3fn), SIZE.least), SIZE.most);
  const isTagged = bit(fields.tbi) && !(isCode && bit(fields.tbid));
  const above = BigInt.asUintN(64, -1n << BigInt(64 - size));
  return above & ~UPPER_HALF_BIT & ~(isTagged ? TAG : 0n);
}
