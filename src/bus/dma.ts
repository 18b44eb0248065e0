/** How a device reaches guest physical memory by itself: never a register of another device, never what is not RAM. */

/** Guest physical memory as devices see it. Addresses and sizes in bytes; both are the guest's and can be anything. */
export interface DmaMemory {
  /** The bytes [address, address + size), or undefined where there is no memory. */
  read(address: number, size: number): Uint8Array | undefined;
  /** Writes zeros where `bytes` ends before `size`. Whether it could be done. */
  write(address: number, bytes: Uint8Array, size: number): boolean;
}

/** A little-endian doubleword, or undefined where there is no memory. */
export function readDoubleword(memory: DmaMemory, address: number): bigint | undefined {
  const bytes = memory.read(address, 8);
  return bytes && new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
}

/** Whether it could be done. */
export function writeDoubleword(memory: DmaMemory, address: number, value: bigint): boolean {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value, true);
  return memory.write(address, bytes, 8);
}
