/** Guest memory for devices under test: some pages, and nothing around them. */
import type { DmaMemory } from "../../src/bus/dma.js";

export class TestMemory implements DmaMemory {
  readonly bytes: Uint8Array;
  readonly view: DataView;

  constructor(
    readonly base: number,
    size: number,
  ) {
    this.bytes = new Uint8Array(size);
    this.view = new DataView(this.bytes.buffer);
  }

  read(address: number, size: number): Uint8Array | undefined {
    const at = address - this.base;
    return at >= 0 && at + size <= this.bytes.length ? this.bytes.slice(at, at + size) : undefined;
  }

  write(address: number, bytes: Uint8Array, size: number): boolean {
    const at = address - this.base;
    if (at < 0 || at + size > this.bytes.length) return false;
    this.bytes.fill(0, at, at + size);
    this.bytes.set(bytes.subarray(0, size), at);
    return true;
  }

  set16(address: number, value: number): void {
    this.view.setUint16(address - this.base, value, true);
  }

  set32(address: number, value: number): void {
    this.view.setUint32(address - this.base, value, true);
  }

  set64(address: number, value: bigint): void {
    this.view.setBigUint64(address - this.base, value, true);
  }

  get16(address: number): number {
    return this.view.getUint16(address - this.base, true);
  }

  get32(address: number): number {
    return this.view.getUint32(address - this.base, true);
  }

  get64(address: number): bigint {
    return this.view.getBigUint64(address - this.base, true);
  }
}
