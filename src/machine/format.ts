/** How addresses and sizes are written for people, and read from them. */

/** "0x40000000" */
export function hex(address: number | bigint): string {
  return `0x${address.toString(16)}`;
}

/** "512 MiB", "1.5 GiB", "4 KiB", "17 bytes" */
export function formatSize(bytes: number): string {
  for (const [unit, scale] of [
    ["GiB", 2 ** 30],
    ["MiB", 2 ** 20],
    ["KiB", 2 ** 10],
  ] as const) {
    if (bytes >= scale) {
      return `${Number((bytes / scale).toFixed(1))} ${unit}`;
    }
  }
  return `${bytes} bytes`;
}

const UNITS: Record<string, number> = { "": 1, B: 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/**
 * A size as QEMU and others write it: 512M, 2G, 64KiB, 0x10000, 1.5G. Powers of 1024. Bytes, or undefined when the
 * text is no size.
 */
export function parseSize(text: string): number | undefined {
  if (/^0x[0-9a-f]+$/i.test(text)) {
    return Number(text);
  }
  const match = /^(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?$/i.exec(text);
  const scale = match && UNITS[match[2]!.toUpperCase()];
  const bytes = scale ? Number(match[1]) * scale : Number.NaN;
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** A number in decimal or 0x notation, as `0x09000000` in a machine file. Undefined when the text is none. */
export function parseAddress(text: string): number | undefined {
  const value = /^(0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(value) ? value : undefined;
}
