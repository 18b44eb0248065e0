/**
 * The trace buffer: frames in the order they were collected, in a limited number of bytes, the oldest dropped or the run
 * ended when they are used up. The format is that of GDB's trace files (GDB manual, appendix "Trace File Format").
 */

/** Bytes at an address. */
export interface CollectedMemory {
  readonly address: bigint;
  readonly bytes: Uint8Array;
}

/** What one hit, or one step after it, has collected. */
export interface TraceFrame {
  /** The tracepoint's number. */
  readonly tracepoint: number;
  readonly vcpu: number;
  /** Where the vCPU stood. */
  readonly pc: bigint;
  /** The registers of `g`, if they were collected. */
  readonly general: Uint8Array | undefined;
  /** Further registers, by GDB's number. They are not in trace files. */
  readonly others: ReadonlyMap<number, Uint8Array>;
  readonly memory: readonly CollectedMemory[];
  readonly variables: ReadonlyMap<number, bigint>;
}

/** gdbserver's. */
export const DEFAULT_BUFFER_SIZE = 5 << 20;
export const MAX_BUFFER_SIZE = 256 << 20;
/** A block of memory says its length in 16 bits. */
export const MAX_BLOCK = 0xffff;
const FRAME_HEADER = 6;
const MEMORY_HEADER = 11;
const VARIABLE_SIZE = 13;

/** Bytes of the buffer that a frame takes. */
export function frameSize({ general, others, memory, variables }: TraceFrame): number {
  let size = FRAME_HEADER + VARIABLE_SIZE * variables.size;
  if (general !== undefined) size += 1 + general.length;
  for (const bytes of others.values()) size += bytes.length;
  for (const { bytes } of memory) size += MEMORY_HEADER + bytes.length;
  return size;
}

/** A frame as trace files and `qTBuffer` have it. */
export function encodeFrame({ tracepoint, general, memory, variables }: TraceFrame): Buffer {
  const blocks: Buffer[] = [];
  if (general !== undefined) blocks.push(Buffer.from("R"), Buffer.from(general));
  for (const { address, bytes } of memory) {
    const header = Buffer.alloc(MEMORY_HEADER);
    header.write("M");
    header.writeBigUInt64LE(address, 1);
    header.writeUInt16LE(bytes.length, 9);
    blocks.push(header, Buffer.from(bytes));
  }
  for (const [number, value] of variables) {
    const block = Buffer.alloc(VARIABLE_SIZE);
    block.write("V");
    block.writeUInt32LE(number, 1);
    block.writeBigUInt64LE(value, 5);
    blocks.push(block);
  }
  const body = Buffer.concat(blocks);
  const header = Buffer.alloc(FRAME_HEADER);
  header.writeUInt16LE(tracepoint & 0xffff, 0);
  header.writeUInt32LE(body.length, 2);
  return Buffer.concat([header, body]);
}

export class TraceBuffer {
  size = DEFAULT_BUFFER_SIZE;
  circular = false;
  /** Bytes in use. */
  used = 0;
  /** Frames collected since the run began, those dropped included. */
  created = 0;
  private list: TraceFrame[] = [];
  private encoded: Buffer | undefined;

  get frames(): readonly TraceFrame[] {
    return this.list;
  }

  /** False when there is no room: the run is over. */
  add(frame: TraceFrame): boolean {
    const size = frameSize(frame);
    while (this.used + size > this.size) {
      const oldest = this.circular ? this.list.shift() : undefined;
      if (oldest === undefined) return false;
      this.used -= frameSize(oldest);
    }
    this.list.push(frame);
    this.used += size;
    this.created++;
    this.encoded = undefined;
    return true;
  }

  clear(): void {
    this.list = [];
    this.used = 0;
    this.created = 0;
    this.encoded = undefined;
  }

  /** All frames as bytes. */
  encode(): Buffer {
    this.encoded ??= Buffer.concat(this.list.map(encodeFrame));
    return this.encoded;
  }
}

/** Collected bytes from `address` on, at least one and at most `length`; undefined where the first was not collected. */
export function readCollected(frame: TraceFrame, address: bigint, length: number): Uint8Array | undefined {
  const parts: Uint8Array[] = [];
  let at = address;
  let left = length;
  while (left > 0) {
    const block = frame.memory.find((b) => b.address <= at && at < b.address + BigInt(b.bytes.length));
    if (block === undefined) break;
    const from = Number(at - block.address);
    const part = block.bytes.subarray(from, from + left);
    parts.push(part);
    at += BigInt(part.length);
    left -= part.length;
  }
  return parts.length === 0 ? undefined : Buffer.concat(parts);
}

/** The document of `qXfer:traceframe-info`. */
export function frameInfo({ memory, variables }: TraceFrame): string {
  const lines = [
    ...memory.map(
      ({ address, bytes }) => `<memory start="0x${address.toString(16)}" length="0x${bytes.length.toString(16)}"/>`,
    ),
    ...[...variables.keys()].map((id) => `<tvar id="0x${id.toString(16)}"/>`),
  ];
  return `<?xml version="1.0"?>\n<traceframe-info>\n${lines.map((line) => `${line}\n`).join("")}</traceframe-info>\n`;
}
