/** A device tree in memory, and its property values: Devicetree Specification v0.4, sections 2.2 and 2.2.4. */

export class DeviceTreeNode {
  readonly properties = new Map<string, Uint8Array>();
  readonly children: DeviceTreeNode[] = [];

  /** @param name with its unit address, "pl011@9000000"; the root's is "". */
  constructor(readonly name: string) {}

  set(property: string, value: Uint8Array): this {
    this.properties.set(property, value);
    return this;
  }

  /** Appends a new child and returns it. */
  add(name: string): DeviceTreeNode {
    const child = new DeviceTreeNode(name);
    this.children.push(child);
    return child;
  }

  child(name: string): DeviceTreeNode | undefined {
    return this.children.find((node) => node.name === name);
  }

  remove(property: string): void {
    this.properties.delete(property);
  }

  /** The first 32-bit cell of a property. */
  cell(property: string): number | undefined {
    const value = this.properties.get(property);
    return value && value.length >= 4 ? new DataView(value.buffer, value.byteOffset).getUint32(0) : undefined;
  }

  /** A property as its first string. */
  text(property: string): string | undefined {
    const value = this.properties.get(property);
    return value && Buffer.from(value).toString("latin1").split("\0", 1)[0]!;
  }
}

/** A property that is there or not. */
export const EMPTY = new Uint8Array(0);

/** <u32> … */
export function cells(...values: number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [index, value] of values.entries()) {
    view.setUint32(index * 4, value);
  }
  return bytes;
}

/** One number in so many cells. */
export function inCells(value: number, cellCount: number): Uint8Array {
  return cells(
    ...[...Array(cellCount)].map((_, index) => Math.floor(value / 2 ** (32 * (cellCount - 1 - index))) >>> 0),
  );
}

/** Numbers of two cells each: addresses and sizes under #address-cells = #size-cells = 2. */
export function pairs(...values: number[]): Uint8Array {
  return cells(...values.flatMap((value) => [Math.floor(value / 2 ** 32), value >>> 0]));
}

/** <stringlist> */
export function strings(...values: string[]): Uint8Array {
  return new Uint8Array(Buffer.from(values.map((value) => `${value}\0`).join(""), "utf8"));
}
