/** The flattened device tree (DTB), version 17: Devicetree Specification v0.4, chapter 5. */
import { ConfigError } from "../errors.js";
import { hex } from "../format.js";
import { Parser } from "../loaders/binary-parser.js";
import { DeviceTreeNode } from "./tree.js";

const MAGIC = 0xd00dfeed;
const VERSION = 17;
const LAST_COMPATIBLE_VERSION = 16;
const HEADER_SIZE = 40;
const RESERVATION_SIZE = 16;

const BEGIN_NODE = 1;
const END_NODE = 2;
const PROP = 3;
const NOP = 4;
const END = 9;

/** Deeper than any real tree, and short of the JavaScript stack. */
const MAX_DEPTH = 64;

/** The tree as a blob that may be placed anywhere 8-byte aligned. `bootCpu`: physical id of the CPU that boots. */
export function writeFdt(root: DeviceTreeNode, bootCpu = 0): Uint8Array {
  const structure = new StructureWriter();
  structure.node(root);
  structure.token(END);
  const structureBytes = structure.bytes();
  const stringsBytes = structure.strings();

  const structureOffset = HEADER_SIZE + RESERVATION_SIZE;
  const stringsOffset = structureOffset + structureBytes.length;
  const totalSize = align(stringsOffset + stringsBytes.length, 8);

  const blob = Buffer.alloc(totalSize);
  const header = [
    MAGIC,
    totalSize,
    structureOffset,
    stringsOffset,
    HEADER_SIZE,
    VERSION,
    LAST_COMPATIBLE_VERSION,
    bootCpu,
    stringsBytes.length,
    structureBytes.length,
  ];
  for (const [index, field] of header.entries()) {
    blob.writeUInt32BE(field, index * 4);
  }
  blob.set(structureBytes, structureOffset);
  blob.set(stringsBytes, stringsOffset);
  return new Uint8Array(blob.buffer, blob.byteOffset, totalSize);
}

class StructureWriter {
  private readonly chunks: Buffer[] = [];
  private readonly stringOffsets = new Map<string, number>();
  private stringsLength = 0;

  node(node: DeviceTreeNode): void {
    this.token(BEGIN_NODE);
    this.padded(Buffer.from(`${node.name}\0`, "latin1"));
    for (const [name, value] of node.properties) {
      this.token(PROP);
      this.token(value.length);
      this.token(this.stringOffset(name));
      this.padded(value);
    }
    for (const child of node.children) {
      this.node(child);
    }
    this.token(END_NODE);
  }

  token(value: number): void {
    const word = Buffer.alloc(4);
    word.writeUInt32BE(value);
    this.chunks.push(word);
  }

  bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }

  strings(): Buffer {
    return Buffer.from([...this.stringOffsets.keys()].map((name) => `${name}\0`).join(""), "latin1");
  }

  private padded(bytes: Uint8Array): void {
    const chunk = Buffer.alloc(align(bytes.length, 4));
    chunk.set(bytes);
    this.chunks.push(chunk);
  }

  private stringOffset(name: string): number {
    const known = this.stringOffsets.get(name);
    if (known !== undefined) {
      return known;
    }
    const offset = this.stringsLength;
    this.stringOffsets.set(name, offset);
    this.stringsLength += name.length + 1;
    return offset;
  }
}

interface Header {
  readonly magic: number;
  readonly totalSize: number;
  readonly structureOffset: number;
  readonly stringsOffset: number;
  readonly version: number;
  readonly lastCompatibleVersion: number;
  readonly stringsSize: number;
  readonly structureSize: number;
}

const headerParser = new Parser()
  .endianness("big")
  .uint32("magic")
  .uint32("totalSize")
  .uint32("structureOffset")
  .uint32("stringsOffset")
  .seek(4)
  .uint32("version")
  .uint32("lastCompatibleVersion")
  .seek(4)
  .uint32("stringsSize")
  .uint32("structureSize");

/**
 * @param name the file's, for errors.
 * @throws ConfigError BAD_DEVICE_TREE: no DTB, of another version, or damaged.
 */
export function readFdt(bytes: Uint8Array, name: string): DeviceTreeNode {
  const bad = (what: string) => new ConfigError("BAD_DEVICE_TREE", `${name}: not a usable device tree: ${what}`);
  if (bytes.length < HEADER_SIZE) {
    throw bad(`${bytes.length} bytes are less than the header of a DTB`);
  }
  const header = headerParser.parse(bytes) as Header;
  if (header.magic !== MAGIC) {
    const isSource = Buffer.from(bytes.subarray(0, 8)).toString("latin1").startsWith("/dts-v1/");
    throw bad(isSource ? "this is source; compile it: dtc -O dtb" : `it begins ${hex(header.magic)}, not 0xd00dfeed`);
  }
  if (header.version < LAST_COMPATIBLE_VERSION || header.lastCompatibleVersion > VERSION) {
    throw bad(`version ${header.version}; versions 16 and 17 are known`);
  }
  // Version 16 has no structureSize: the block ends where its END token is.
  const structureEnd = header.version >= 17 ? header.structureOffset + header.structureSize : header.totalSize;
  const stringsEnd = header.stringsOffset + header.stringsSize;
  if (header.totalSize > bytes.length || structureEnd > header.totalSize || stringsEnd > header.totalSize) {
    throw bad(`it says it is ${header.totalSize} bytes long, the file has ${bytes.length}`);
  }
  const structure = bytes.subarray(header.structureOffset, structureEnd);
  const root = new StructureReader(structure, bytes.subarray(header.stringsOffset, stringsEnd)).read();
  if (!root) {
    throw bad("its structure block is damaged");
  }
  return root;
}

/** Walks the structure block; anything that does not fit makes `read` return undefined. */
class StructureReader {
  private position = 0;
  private readonly view: DataView;

  constructor(
    private readonly structure: Uint8Array,
    private readonly strings: Uint8Array,
  ) {
    this.view = new DataView(structure.buffer, structure.byteOffset, structure.byteLength);
  }

  read(): DeviceTreeNode | undefined {
    return this.token() === BEGIN_NODE ? this.node(0) : undefined;
  }

  private node(depth: number): DeviceTreeNode | undefined {
    const name = textAt(this.structure, this.position);
    if (name === undefined || depth > MAX_DEPTH) {
      return undefined;
    }
    this.position = align(this.position + name.length + 1, 4);
    const node = new DeviceTreeNode(name);
    for (;;) {
      switch (this.token()) {
        case NOP:
          break;
        case END_NODE:
          return node;
        case PROP:
          if (!this.property(node)) {
            return undefined;
          }
          break;
        case BEGIN_NODE: {
          const child = this.node(depth + 1);
          if (!child) {
            return undefined;
          }
          node.children.push(child);
          break;
        }
        default:
          return undefined;
      }
    }
  }

  private property(node: DeviceTreeNode): boolean {
    const length = this.token();
    const nameOffset = this.token();
    const name = nameOffset === undefined ? undefined : textAt(this.strings, nameOffset);
    if (length === undefined || name === undefined || this.position + length > this.structure.length) {
      return false;
    }
    node.set(name, new Uint8Array(this.structure.subarray(this.position, this.position + length)));
    this.position = align(this.position + length, 4);
    return true;
  }

  private token(): number | undefined {
    if (this.position + 4 > this.structure.length) {
      return undefined;
    }
    const value = this.view.getUint32(this.position);
    this.position += 4;
    return value;
  }
}

function textAt(bytes: Uint8Array, offset: number): string | undefined {
  const end = bytes.indexOf(0, offset);
  return end < 0 ? undefined : Buffer.from(bytes.subarray(offset, end)).toString("latin1");
}

function align(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}
