/**
 * Call stacks of the guest by its frame records (AAPCS64, 6.4.6): x29 points to (previous record, return address).
 * Reads through the debugger's eyes, so nothing faults and nothing changes. Code without frame records gives short
 * stacks, not wrong ones: a record must lie above the one before it, and be aligned.
 */
import type { Vcpu } from "../../cpu/vcpu.js";

const MAX_FRAMES = 64;
/** How far up the next record may be: stacks of threads are larger than those of the kernel, frames are not. */
const MAX_FRAME_SIZE = 1n << 20n;

/** Two doublewords of guest memory at a virtual address, or undefined where nothing can be read. */
export type ReadPair = (address: bigint) => readonly [bigint, bigint] | undefined;

/** An address as code has it: without a tag or a pointer authentication code in its upper bits (D8.8). */
export const codeAddress = (address: bigint): bigint =>
  ((address >> 55n) & 1n) === 1n ? address | (0xffffn << 48n) : address & ~(0xffffn << 48n);

/** Addresses of the instructions under way, the innermost first: the PC, then calls. */
export function stackOf(vcpu: Vcpu, readPair: ReadPair, functionOf: (address: bigint) => unknown): bigint[] {
  const { pc } = vcpu;
  const stack = [pc];
  const add = (returnAddress: bigint): boolean => {
    const call = codeAddress(returnAddress) - 4n;
    if (call <= 0n || call % 4n !== 0n) return false;
    stack.push(call);
    return stack.length < MAX_FRAMES;
  };
  let record = vcpu.x(29);
  let first = readPair(record);
  // A function that has called nobody yet has its caller in x30 only.
  const caller = functionOf(codeAddress(vcpu.x(30)) - 4n);
  if (caller !== undefined && caller !== functionOf(pc) && first?.[1] !== vcpu.x(30)) add(vcpu.x(30));
  while (first !== undefined && record !== 0n && record % 8n === 0n) {
    const [previous, returnAddress] = first;
    if (!add(returnAddress)) break;
    if (previous <= record || previous - record > MAX_FRAME_SIZE) break;
    record = previous;
    first = readPair(record);
  }
  return stack;
}
