/** V0–V31 of a vCPU as 128-bit integers. */
import type { Vcpu } from "../ports.js";

export function readVector(vcpu: Vcpu, n: number): bigint {
  const view = lanes(vcpu, n);
  return (view.getBigUint64(8, true) << 64n) | view.getBigUint64(0, true);
}

export function writeVector(vcpu: Vcpu, n: number, value: bigint): void {
  const view = lanes(vcpu, n);
  view.setBigUint64(0, BigInt.asUintN(64, value), true);
  view.setBigUint64(8, BigInt.asUintN(64, value >> 64n), true);
}

function lanes(vcpu: Vcpu, n: number): DataView {
  const bytes = vcpu.v(n);
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
