/** Registers that lie side by side at any alignment: an access reaches those it covers (OASIS virtio 1.2, 4.1.3.1). */
import type { Width } from "../../bus/contract.js";

/** A register of `width` bytes; 64-bit ones are two of 32 bits, as drivers access them. */
export interface Field<D> {
  readonly name: string;
  readonly offset: number;
  readonly width: 1 | 2 | 4;
  /** Without it reads are zero. */
  read?(device: D): number;
  /** What a debugger sees, where `read` has a side effect. */
  peek?(device: D): number;
  /** Without it writes are ignored, as are those of a part. */
  write?(device: D, value: number): void;
}

export class FieldMap<D> {
  /** By byte. */
  readonly #fields: (Field<D> | undefined)[] = [];

  constructor(fields: readonly Field<D>[]) {
    for (const field of fields) {
      for (let byte = 0; byte < field.width; byte++) {
        if (this.#fields[field.offset + byte]) throw new Error(`field ${field.name} overlaps another`);
        this.#fields[field.offset + byte] = field;
      }
    }
  }

  read(device: D, offset: number, width: Width): bigint {
    return this.#gather(offset, width, (field) => field.read?.(device) ?? 0);
  }

  peek(device: D, offset: number, width: Width): bigint {
    return this.#gather(offset, width, (field) => (field.peek ?? field.read)?.(device) ?? 0);
  }

  write(device: D, offset: number, width: Width, value: bigint): void {
    for (let at = offset; at < offset + width; ) {
      const field = this.#fields[at];
      if (field?.offset !== at || at + field.width > offset + width) {
        at++;
        continue;
      }
      const bits = BigInt.asUintN(8 * field.width, value >> BigInt(8 * (at - offset)));
      field.write?.(device, Number(bits));
      at += field.width;
    }
  }

  #gather(offset: number, width: Width, read: (field: Field<D>) => number): bigint {
    let value = 0n;
    for (let at = offset; at < offset + width; ) {
      const field = this.#fields[at];
      if (field === undefined) {
        at++;
        continue;
      }
      const bytes = BigInt(read(field) >>> 0) >> BigInt(8 * (at - field.offset));
      value |= bytes << BigInt(8 * (at - offset));
      at = field.offset + field.width;
    }
    return BigInt.asUintN(8 * width, value);
  }
}
