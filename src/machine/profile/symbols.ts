/**
 * Names of guest addresses: functions of an ELF file's symbol table (System V ABI, chapter 4), or the lines of a
 * System.map or `nm`. Only the parts that are needed are read: a vmlinux with DWARF has hundreds of megabytes.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { ConfigError, systemReason } from "../errors.js";
import { isElf } from "../loaders/elf.js";

const SECTION_HEADER_SIZE = 64;
const SYMBOL_SIZE = 24;
const SHT_SYMTAB = 2;
const STT_NOTYPE = 0;
const STT_FUNC = 2;
/** Mapping symbols of AAELF64 ($x, $d) name kinds of bytes, not functions. */
const MAPPING = /^\$[xd](\..*)?$/;

interface Symbol {
  readonly address: bigint;
  /** 0: up to the next one. */
  readonly size: bigint;
  readonly name: string;
}

export class SymbolTable {
  private readonly sorted: readonly Symbol[];

  constructor(symbols: readonly Symbol[]) {
    this.sorted = symbols.toSorted((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0));
  }

  /** The function that holds an address. */
  find(address: bigint): Symbol | undefined {
    const { sorted } = this;
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sorted[middle] as Symbol).address <= address) low = middle + 1;
      else high = middle;
    }
    const found = sorted[low - 1];
    if (found === undefined || (found.size > 0n && address >= found.address + found.size)) return undefined;
    return found;
  }

  get size(): number {
    return this.sorted.length;
  }
}

/** @throws ConfigError FILE_UNREADABLE; BAD_SYMBOLS when the file has none. */
export function readSymbols(path: string): SymbolTable {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (error) {
    throw new ConfigError("FILE_UNREADABLE", `${path}: cannot read the symbols: ${systemReason(error)}`);
  }
  try {
    const read = (offset: number, length: number): Buffer => {
      const end = Math.min(offset + length, fstatSync(file).size);
      const bytes = Buffer.alloc(Math.max(end - offset, 0));
      return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, offset));
    };
    const start = read(0, SECTION_HEADER_SIZE);
    const symbols = isElf(start)
      ? elfSymbols(start, read)
      : mapSymbols(read(0, Number.MAX_SAFE_INTEGER).toString("latin1"));
    if (symbols.length > 0) return new SymbolTable(symbols);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  } finally {
    closeSync(file);
  }
  throw new ConfigError(
    "BAD_SYMBOLS",
    `${path}: no function symbols in it: give an ELF file that is not stripped (vmlinux), or a System.map`,
  );
}

type Read = (offset: number, length: number) => Buffer;

/** @throws RangeError where offsets lead out of the file. */
function elfSymbols(header: Buffer, read: Read): Symbol[] {
  const sections = Number(header.readBigUInt64LE(40));
  const count = header.readUInt16LE(60);
  const table = read(sections, count * SECTION_HEADER_SIZE);
  const section = (index: number): Buffer =>
    table.subarray(index * SECTION_HEADER_SIZE, (index + 1) * SECTION_HEADER_SIZE);
  const contents = (of: Buffer): Buffer => read(Number(of.readBigUInt64LE(24)), Number(of.readBigUInt64LE(32)));
  const symbols: Symbol[] = [];
  for (let index = 0; index < count; index++) {
    const symtab = section(index);
    if (symtab.readUInt32LE(4) !== SHT_SYMTAB) continue;
    const names = contents(section(symtab.readUInt32LE(40)));
    const entries = contents(symtab);
    for (let at = 0; at + SYMBOL_SIZE <= entries.length; at += SYMBOL_SIZE) {
      const type = entries[at + 4]! & 15;
      const defined = entries.readUInt16LE(at + 6) !== 0;
      if (!defined || (type !== STT_FUNC && type !== STT_NOTYPE)) continue;
      const from = entries.readUInt32LE(at);
      const name = names.toString("latin1", from, names.indexOf(0, from));
      if (name === "" || MAPPING.test(name)) continue;
      symbols.push({ address: entries.readBigUInt64LE(at + 8), size: entries.readBigUInt64LE(at + 16), name });
    }
  }
  return symbols;
}

function mapSymbols(text: string): Symbol[] {
  return [...text.matchAll(/^([0-9a-f]{8,16}) [tTwW] (\S+)/gm)].flatMap(([, address, name]) =>
    MAPPING.test(name as string) ? [] : [{ address: BigInt(`0x${address}`), size: 0n, name: name as string }],
  );
}
