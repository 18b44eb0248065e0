/**
 * A declarative register map: a device's registers as rows, each access turned into whole-register accesses. What a
 * device does is apart from that.
 */
import { BusFault, type Width } from "./contract.js";

/** Most significant and least significant bit of a field. */
export type BitRange = readonly [high: number, low: number];

interface RowCommon {
  /** The document's name of the register, `<n>` where the row is a bank. */
  readonly name: string;
  /** Byte offset of the (first) register. Always a multiple of 4: no two rows share a word. */
  readonly offset: number;
  readonly access: "RO" | "WO" | "RW";
  /** Registers in the bank. Default 1. */
  readonly count?: number;
  /** Bytes from one register of the bank to the next: the width (the default), or at least a word. */
  readonly stride?: number;
  /** Narrower accesses the document allows. Default: the map's `narrow`. */
  readonly narrow?: readonly Width[];
  /** Wider accesses the document allows, carried out register by register. Default: the map's `splitWide`. */
  readonly wide?: readonly Width[];
  /**
   * What a narrow write does to the bytes it does not name: they keep what `peek` shows, or are written as zero
   * (right for write-one-to-act registers). Default "keep".
   */
  readonly otherBytes?: "keep" | "zero";
  /** Bit fields, for logs and debuggers. */
  readonly fields?: Readonly<Record<string, BitRange>>;
}

/** `read` of a row without `peek` must have no side effect: the debugger uses it. */
interface Behaviour<D, V> {
  read?(device: D, index: number, secure: boolean): V;
  peek?(device: D, index: number, secure: boolean): V;
  write?(device: D, index: number, value: V, secure: boolean): void;
}

/** A register of up to 32 bits: its value is an unsigned number. */
export interface Register32<D> extends RowCommon, Behaviour<D, number> {
  readonly width: 1 | 2 | 4;
}

/** A register of 64 bits. */
export interface Register64<D> extends RowCommon, Behaviour<D, bigint> {
  readonly width: 8;
}

export type Register<D> = Register32<D> | Register64<D>;

export interface RegisterMapOptions {
  /** The device, for messages. */
  readonly name: string;
  /** Bytes of the window; a multiple of 4. */
  readonly size: number;
  /** What an offset without a register does. */
  readonly unknown: "RAZ/WI" | "fault";
  /** What a width the document does not allow does. */
  readonly badWidth: "RAZ/WI" | "fault";
  /** Narrower accesses allowed where the row says nothing. Default none. */
  readonly narrow?: readonly Width[];
  /** Whether a wide access is carried out as several whole-register ones, low offset first. */
  readonly splitWide: boolean;
}

/** A register found by offset, for logs and debuggers. */
export interface LocatedRegister {
  /** `GICD_IPRIORITYR3`: the name with `<n>` replaced. */
  readonly name: string;
  readonly offset: number;
  readonly width: Width;
  readonly access: "RO" | "WO" | "RW";
}

const WORD = 4;

/** The registers of one kind of device; shared by all its instances, which it takes as the argument `device`. */
export class RegisterMap<D> {
  /** Row number plus one of each word of the window; zero where no register is. */
  readonly #rowOfWord: Uint16Array;

  /** Throws an Error when rows are unsorted, overlap, are misaligned, or contradict their `access`. */
  constructor(
    readonly options: RegisterMapOptions,
    readonly rows: readonly Register<D>[],
  ) {
    this.#rowOfWord = new Uint16Array(options.size / WORD);
    let previous = -1;
    rows.forEach((row, number) => {
      const broken = (why: string): Error => new Error(`${options.name}: register ${row.name} ${why}`);
      if (row.offset <= previous) throw broken("is not in the order of offsets");
      previous = row.offset;
      if (row.offset % Math.max(row.width, WORD) !== 0) throw broken("is misaligned");
      if ((row.read !== undefined) !== (row.access !== "WO")) throw broken(`is ${row.access}: check its read`);
      if ((row.write !== undefined) !== (row.access !== "RO")) throw broken(`is ${row.access}: check its write`);
      const stride = strideOf(row);
      const count = row.count ?? 1;
      const packed = stride === row.width;
      if (!packed && (stride % WORD !== 0 || stride < row.width)) throw broken("has a stride its width does not fit");
      for (let index = 0; index < count; index++) {
        for (let byte = 0; byte < row.width; byte += WORD) {
          const word = Math.floor((row.offset + index * stride + byte) / WORD);
          if (word >= this.#rowOfWord.length) throw broken("is outside the window");
          const owner = this.#rowOfWord[word] as number;
          if (owner !== 0 && !(packed && owner === number + 1)) throw broken("overlaps another register");
          this.#rowOfWord[word] = number + 1;
        }
      }
    });
  }

  read(device: D, offset: number, width: Width, secure = false): bigint {
    return this.#access(device, offset, width, secure, false);
  }

  peek(device: D, offset: number, width: Width, secure = false): bigint {
    return this.#access(device, offset, width, secure, true);
  }

  write(device: D, offset: number, width: Width, value: bigint, secure = false): void {
    const row = this.#row(offset, width);
    if (row === undefined) {
      if (width === 8 && this.options.splitWide) this.#writePieces(device, offset, width, WORD, value, secure);
      else if (this.options.unknown === "fault") throw this.#fault("no register", "write", offset, width);
    } else if (row.write === undefined) {
      return;
    } else if (width === row.width) {
      const index = indexOf(row, offset);
      if (row.width === 8) row.write(device, index, BigInt.asUintN(64, value), secure);
      else row.write(device, index, Number(BigInt.asUintN(8 * width, value)), secure);
    } else if (width > row.width) {
      if (!this.#allowsWide(row, width)) this.#badWidth("write", offset, width);
      else this.#writePieces(device, offset, width, pieceOf(row, width), value, secure);
    } else if (!this.#allowsNarrow(row, width)) {
      this.#badWidth("write", offset, width);
    } else {
      const index = indexOf(row, offset);
      const shift = BigInt(8 * (offset - row.offset - index * strideOf(row)));
      const mask = ((1n << BigInt(8 * width)) - 1n) << shift;
      const kept = row.otherBytes === "zero" ? 0n : readRow(row, device, index, secure, true);
      const whole = (kept & ~mask) | ((value << shift) & mask);
      if (row.width === 8) row.write(device, index, whole, secure);
      else row.write(device, index, Number(whole), secure);
    }
  }

  /** The register that holds the byte at `offset`, if any. */
  locate(offset: number): LocatedRegister | undefined {
    const row = this.#rowAt(offset);
    if (row === undefined) return undefined;
    const index = indexOf(row, offset);
    return {
      name: row.name.replace("<n>", String(index)),
      offset: row.offset + index * strideOf(row),
      width: row.width,
      access: row.access,
    };
  }

  /** The named fields of a value of the register at `offset`; empty where the row names none. */
  decode(offset: number, value: bigint): Record<string, bigint> {
    const row = this.#rowAt(offset);
    const fields: Record<string, bigint> = {};
    for (const [name, [high, low]] of Object.entries(row?.fields ?? {})) {
      fields[name] = BigInt.asUintN(high - low + 1, value >> BigInt(low));
    }
    return fields;
  }

  #row(offset: number, width: Width): Register<D> | undefined {
    if (offset % width !== 0) throw this.#fault("misaligned", "access", offset, width);
    if (offset >= this.options.size) throw this.#fault("outside the window", "access", offset, width);
    return this.#rowAt(offset);
  }

  #rowAt(offset: number): Register<D> | undefined {
    const row = this.rows[(this.#rowOfWord[offset >>> 2] ?? 0) - 1];
    return row !== undefined && indexOf(row, offset) < (row.count ?? 1) ? row : undefined;
  }

  #access(device: D, offset: number, width: Width, secure: boolean, peek: boolean): bigint {
    const row = this.#row(offset, width);
    if (row === undefined) {
      if (width === 8 && this.options.splitWide) return this.#readPieces(device, offset, width, WORD, secure, peek);
      if (this.options.unknown === "fault") throw this.#fault("no register", "read", offset, width);
      return 0n;
    }
    const index = indexOf(row, offset);
    if (width === row.width) return readRow(row, device, index, secure, peek);
    if (width < row.width) {
      if (!this.#allowsNarrow(row, width)) {
        this.#badWidth("read", offset, width);
        return 0n;
      }
      const byte = offset - row.offset - index * strideOf(row);
      return BigInt.asUintN(8 * width, readRow(row, device, index, secure, peek) >> BigInt(8 * byte));
    }
    if (!this.#allowsWide(row, width)) {
      this.#badWidth("read", offset, width);
      return 0n;
    }
    return this.#readPieces(device, offset, width, pieceOf(row, width), secure, peek);
  }

  #readPieces(device: D, offset: number, width: Width, piece: Width, secure: boolean, peek: boolean): bigint {
    let value = 0n;
    for (let byte = 0; byte < width; byte += piece) {
      if (this.#rowAt(offset + byte) === undefined) continue;
      value |= this.#access(device, offset + byte, piece, secure, peek) << BigInt(8 * byte);
    }
    return value;
  }

  #writePieces(device: D, offset: number, width: Width, piece: Width, value: bigint, secure: boolean): void {
    for (let byte = 0; byte < width; byte += piece) {
      if (this.#rowAt(offset + byte) === undefined) continue;
      this.write(device, offset + byte, piece, BigInt.asUintN(8 * piece, value >> BigInt(8 * byte)), secure);
    }
  }

  #allowsNarrow(row: Register<D>, width: Width): boolean {
    return (row.narrow ?? this.options.narrow ?? []).includes(width);
  }

  #allowsWide(row: Register<D>, width: Width): boolean {
    return row.wide === undefined ? this.options.splitWide : row.wide.includes(width);
  }

  #badWidth(what: string, offset: number, width: Width): void {
    if (this.options.badWidth === "fault") throw this.#fault("width not allowed", what, offset, width);
  }

  #fault(why: string, what: string, offset: number, width: Width): BusFault {
    const register = this.locate(offset)?.name ?? "no register";
    return new BusFault(
      `${this.options.name}: ${width}-byte ${what} at offset 0x${offset.toString(16)} (${register}): ${why}`,
    );
  }
}

function strideOf<D>(row: Register<D>): number {
  return row.stride ?? row.width;
}

/** The width of the accesses that carry out a wide one; two words are two registers, whatever they hold. */
function pieceOf<D>(row: Register<D>, width: Width): Width {
  return width === 8 ? WORD : row.width;
}

function indexOf<D>(row: Register<D>, offset: number): number {
  return Math.floor((offset - row.offset) / strideOf(row));
}

function readRow<D>(row: Register<D>, device: D, index: number, secure: boolean, peek: boolean): bigint {
  if (row.width === 8) {
    return (peek && row.peek ? row.peek(device, index, secure) : row.read?.(device, index, secure)) ?? 0n;
  }
  const value = peek && row.peek ? row.peek(device, index, secure) : row.read?.(device, index, secure);
  return value === undefined ? 0n : BigInt(value >>> 0);
}
