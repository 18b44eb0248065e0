/** Numbers and bytes as a packet writes them: hexadecimal, bytes in target order (GDB manual, "Remote Protocol"). */

/** Bytes as pairs of digits. */
export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}

/** A value below 256 as exactly two digits. */
export function hexByte(value: number): string {
  return value.toString(16).padStart(2, "0");
}

const digits = "0123456789abcdef";

/** By byte: its two digits as character codes, the first in the low half. */
export const DIGIT_PAIRS = Uint16Array.from({ length: 256 }, (_, byte) => {
  const [high, low] = [digits.charCodeAt(byte >> 4), digits.charCodeAt(byte & 15)];
  return high | (low << 8);
});
