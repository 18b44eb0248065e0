/** Kernel files small enough to write down. */

/** An arm64 Image header in front of `code`. */
export function arm64Image(
  fields: { textOffset?: bigint; imageSize?: bigint; flags?: bigint } = {},
  code: Uint8Array = new Uint8Array(64).fill(0x1f),
): Buffer {
  const header = Buffer.alloc(64);
  header.writeUInt32LE(0x14000010, 0);
  header.writeBigUInt64LE(fields.textOffset ?? 0n, 8);
  header.writeBigUInt64LE(fields.imageSize ?? 0x2000n, 16);
  header.writeBigUInt64LE(fields.flags ?? 0xan, 24);
  header.write("ARM\x64", 56, "latin1");
  return Buffer.concat([header, code]);
}

/** An EFI zboot Image round a payload. */
export function zboot(compression: string, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(64);
  header.write("MZ\0\0zimg", 0, "latin1");
  header.writeUInt32LE(128, 8);
  header.writeUInt32LE(payload.length, 12);
  header.write(compression, 24, "latin1");
  return Buffer.concat([header, Buffer.alloc(64), payload, Buffer.from([1, 2, 3, 4])]);
}

export interface ElfSegment {
  readonly type?: number;
  readonly virtual: bigint;
  readonly physical: bigint;
  readonly bytes: Uint8Array;
  readonly memorySize?: number;
}

export function elf(
  segments: readonly ElfSegment[],
  fields: { machine?: number; type?: number; class?: number; data?: number; entry?: bigint } = {},
): Buffer {
  const header = Buffer.alloc(64);
  header.write("\x7fELF", 0, "latin1");
  header[4] = fields.class ?? 2;
  header[5] = fields.data ?? 1;
  header[6] = 1;
  const bigEndian = fields.data === 2;
  const write16 = (value: number, offset: number) =>
    bigEndian ? header.writeUInt16BE(value, offset) : header.writeUInt16LE(value, offset);
  write16(fields.type ?? 2, 16);
  write16(fields.machine ?? 183, 18);
  header.writeBigUInt64LE(fields.entry ?? segments[0]?.virtual ?? 0n, 24);
  header.writeBigUInt64LE(64n, 32);
  header.writeUInt16LE(56, 54);
  header.writeUInt16LE(segments.length, 56);
  let offset = 64 + 56 * segments.length;
  const programHeaders = segments.map((segment) => {
    const entry = Buffer.alloc(56);
    entry.writeUInt32LE(segment.type ?? 1, 0);
    entry.writeBigUInt64LE(BigInt(offset), 8);
    entry.writeBigUInt64LE(segment.virtual, 16);
    entry.writeBigUInt64LE(segment.physical, 24);
    entry.writeBigUInt64LE(BigInt(segment.bytes.length), 32);
    entry.writeBigUInt64LE(BigInt(segment.memorySize ?? segment.bytes.length), 40);
    offset += segment.bytes.length;
    return entry;
  });
  return Buffer.concat([header, ...programHeaders, ...segments.map(({ bytes }) => bytes)]);
}

/** `movz x0, #0; b .`: what a raw binary may look like. */
export const RAW_CODE = Buffer.from([0x00, 0x00, 0x80, 0xd2, 0x00, 0x00, 0x00, 0x14]);
