/**
 * What the chips tell of themselves: the CFI query structure (JESD68.01, section 4) with Intel's primary extended
 * table (Intel StrataFlash J3 data sheet, appendix "Common Flash Interface"), and the identifier codes.
 */

/** The chips of a bank: bytes of one chip, and of one of its erase blocks. */
export interface ChipGeometry {
  readonly size: number;
  readonly blockSize: number;
}

/** Log2 of the bytes of one chip's write buffer. */
export const WRITE_BUFFER_BITS = 11;

/** Manufacturer and device code of read-identifier mode (JEP106: Intel). */
export const IDENTIFIER = { manufacturer: 0x89, device: 0x18 } as const;

const PRIMARY_TABLE = 0x31;
const ascii = (text: string): number[] => [...text].map((letter) => letter.charCodeAt(0));

/** Bytes of the query structure by word offset; what is not there reads as zero. */
export function queryStructure({ size, blockSize }: ChipGeometry): Uint8Array {
  const table = new Uint8Array(0x100);
  const blocks = size / blockSize - 1;
  const rows: readonly [offset: number, bytes: readonly number[]][] = [
    [0x10, ascii("QRY")],
    // Primary command set 1 (Intel, extended), its table; no alternate one.
    [0x13, [0x01, 0x00, PRIMARY_TABLE, 0x00, 0x00, 0x00, 0x00, 0x00]],
    // Supply 4.5 V to 5.5 V, no programming supply.
    [0x1b, [0x45, 0x55, 0x00, 0x00]],
    // Typical times as powers of two: word 128 us, buffer 128 us, block 1024 ms, no chip erase; maxima 2^4 times that.
    [0x1f, [0x07, 0x07, 0x0a, 0x00, 0x04, 0x04, 0x04, 0x00]],
    // Size as a power of two; x8/x16 asynchronous interface; write buffer; one erase region.
    [0x27, [Math.log2(size), 0x02, 0x00, WRITE_BUFFER_BITS, 0x00, 0x01]],
    [0x2d, [blocks & 0xff, blocks >> 8, (blockSize >> 8) & 0xff, blockSize >> 16]],
    // Version 1.0 without optional features, one protection field.
    [PRIMARY_TABLE, ascii("PRI10")],
    [0x3f, [0x01]],
  ];
  for (const [offset, bytes] of rows) table.set(bytes, offset);
  return table;
}
