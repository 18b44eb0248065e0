/**
 * Software generated interrupts as a guest asks for them (IHI 0069, 12.2 "ICC_SGI0R_EL1, ICC_SGI1R_EL1,
 * ICC_ASGI1R_EL1": one layout).
 */
import type { ExitOf } from "./exits.js";
import { sysregAddress } from "./syndrome.js";

export const SGI_REGISTERS = ["ICC_SGI1R_EL1", "ICC_ASGI1R_EL1", "ICC_SGI0R_EL1"] as const;
export type SgiRegister = (typeof SGI_REGISTERS)[number];

const ADDRESSES = new Map(SGI_REGISTERS.map((name, n) => [sysregAddress(3, 0, 12, 11, 5 + n), name]));

/** The SGI register at an ISS address, if it is one. */
export function sgiRegisterAt(address: number): SgiRegister | undefined {
  return ADDRESSES.get(address);
}

/** The exit a write of `value` makes: RangeSelector and TargetList give up to 16 PEs of one Aff3.Aff2.Aff1. */
export function sgiTargets(value: bigint): ExitOf<"SendIPI"> {
  const bits = (high: number, low: number): bigint => BigInt.asUintN(high - low + 1, value >> BigInt(low));
  const vector = Number(bits(27, 24));
  const sendToAll = bits(40, 40) === 1n;
  const targets: bigint[] = [];
  if (!sendToAll) {
    const cluster = (bits(55, 48) << 32n) | (bits(39, 32) << 16n) | (bits(23, 16) << 8n);
    const list = bits(15, 0);
    for (let n = 0n; n < 16n; n++) if ((list >> n) & 1n) targets.push(cluster | (bits(47, 44) * 16n + n));
  }
  return { reason: "SendIPI", targetCpu: targets[0] ?? 0n, targets, sendToAll, sendToSelf: false, vector };
}
