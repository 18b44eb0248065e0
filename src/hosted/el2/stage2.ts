/**
 * Stage 2 translation tables of a guest: 4 KiB granule, 48-bit descriptors (DDI 0487, D8.3 "Translation table
 * descriptor formats" and D8.2 for VTCR_EL2), built in memory that the guest cannot see.
 */

export interface Stage2Attributes {
  readonly memory: "normal" | "device";
  readonly read: boolean;
  readonly write: boolean;
  readonly execute: boolean;
}

/** What RAM is mapped with. */
export const RAM_ATTRIBUTES: Stage2Attributes = { memory: "normal", read: true, write: true, execute: true };

/** A leaf found, or the level at which there is none. */
export type Stage2Query =
  | {
      readonly mapped: true;
      /** The physical address of the queried one. */
      readonly pa: number;
      readonly level: number;
      /** Bytes the leaf covers. */
      readonly size: number;
      readonly descriptor: bigint;
      readonly attributes: Stage2Attributes;
    }
  | { readonly mapped: false; readonly level: number };

/**
 * TABLE_MEMORY: the tables' memory is used up; RANGE: misaligned or beyond the input size; MAPPED: something is there.
 */
export class Stage2Error extends Error {
  constructor(
    readonly code: "TABLE_MEMORY" | "RANGE" | "MAPPED",
    message: string,
  ) {
    super(`stage 2: ${message}`);
  }
}

const PAGE = 4096;
const ENTRIES = 512;
/** log2 of what an entry of a level covers. */
const LEVEL_BITS = [39, 30, 21, 12] as const;
const FIRST_BLOCK_LEVEL = 1;
const LAST_LEVEL = 3;

const VALID = 1n;
const TABLE_OR_PAGE = 2n;
const AF = 1n << 10n;
const INNER_SHAREABLE = 3n << 8n;
const XN = 1n << 54n;
const S2AP_READ = 1n << 6n;
const S2AP_WRITE = 1n << 7n;
/** MemAttr, bits 5:2: Normal Inner and Outer Write-Back; Device-nGnRE. */
const NORMAL_WB = 0b1111n << 2n;
const DEVICE_NGNRE = 0b0001n << 2n;
const ADDRESS = 0xffff_ffff_f000n;

/** VTCR_EL2 for a CPU with `paBits` physical address bits: 4 levels from 44 bits, else 3 (a 39-bit IPA). */
export function stage2Geometry(paBits: number): {
  readonly vtcr: bigint;
  readonly ipaBits: number;
  readonly startLevel: 0 | 1;
} {
  const fourLevels = paBits >= 44;
  const ps = [32, 36, 40, 42, 44, 48].findLastIndex((bits) => bits <= paBits);
  // An IPA has no more bits than a physical address.
  const t0sz = fourLevels ? 64 - Math.min(paBits, 48) : 25;
  const sl0 = fourLevels ? 2 : 1;
  const innerShareable = 3 << 12;
  const writeBackAllocate = (1 << 10) | (1 << 8);
  const res1 = 2 ** 31;
  const vtcr = BigInt(res1 + ((Math.max(ps, 0) << 16) | innerShareable | writeBackAllocate | (sl0 << 6) | t0sz));
  return { vtcr, ipaBits: 64 - t0sz, startLevel: fourLevels ? 0 : 1 };
}

export interface Stage2Config {
  /** The memory the tables may use: a whole number of pages. */
  readonly memory: Uint8Array;
  /** Physical address of its first byte, page aligned. */
  readonly base: number;
  /** Physical address bits of the CPU. */
  readonly paBits: number;
  /** Called after a change of what has been mapped: translations of [ipa, ipa + size) must not be used any more. */
  readonly invalidate?: (ipa: number, size: number) => void;
}

export class Stage2Tables {
  /** For VTCR_EL2. */
  readonly vtcr: bigint;
  readonly #ipaLimit: number;
  readonly #startLevel: 0 | 1;
  readonly #view: DataView;
  /** Pages given back, by number in the memory; and the first never used. */
  readonly #free: number[] = [];
  #next = 0;
  readonly #pages: number;
  readonly #root: number;

  /** Throws Stage2Error (RANGE, TABLE_MEMORY). */
  constructor(private readonly config: Stage2Config) {
    const { memory, base, paBits } = config;
    if (base % PAGE !== 0 || memory.byteLength % PAGE !== 0) {
      throw new Stage2Error(
        "RANGE",
        `table memory at ${hex(base)}, ${hex(memory.byteLength)} bytes, is not whole pages`,
      );
    }
    const { vtcr, ipaBits, startLevel } = stage2Geometry(paBits);
    this.vtcr = vtcr;
    this.#ipaLimit = 2 ** ipaBits;
    this.#startLevel = startLevel;
    this.#view = new DataView(memory.buffer, memory.byteOffset, memory.byteLength);
    this.#pages = memory.byteLength / PAGE;
    this.#root = this.#allocate();
  }

  /** For VTTBR_EL2: the root table and the VMID. */
  vttbr(vmid: number): bigint {
    return (BigInt(vmid) << 48n) | BigInt(this.config.base + this.#root * PAGE);
  }

  /** Pages of table memory in use. */
  get tablesInUse(): number {
    return this.#next - this.#free.length;
  }

  /**
   * Maps [ipa, ipa + size) to pa with the largest leaves that fit. Throws Stage2Error: RANGE, MAPPED (before
   * anything has changed), TABLE_MEMORY (what had been mapped till then stays).
   */
  map(ipa: number, pa: number, size: number, attributes: Stage2Attributes = RAM_ATTRIBUTES): void {
    this.#checkRange(ipa, size);
    if (pa % PAGE !== 0 || pa + size > 2 ** 48) throw new Stage2Error("RANGE", `no physical page at ${hex(pa)}`);
    const taken = this.#firstMapped(ipa, size);
    if (taken !== undefined) {
      throw new Stage2Error("MAPPED", `${hex(taken)} is mapped already: unmap it before mapping ${hex(ipa)} again`);
    }
    const leaf = leafBits(attributes);
    for (let done = 0; done < size; ) {
      const level = largestLevel(ipa + done, pa + done, size - done);
      const type = level === LAST_LEVEL ? TABLE_OR_PAGE : 0n;
      const slot = this.#slot(ipa + done, level);
      this.#release(this.#read(slot), level);
      this.#write(slot, BigInt(pa + done) | leaf | type | VALID);
      done += 2 ** LEVEL_BITS[level]!;
    }
  }

  /** Removes [ipa, ipa + size), splitting blocks that reach over its ends. Not mapped pages are passed over. */
  unmap(ipa: number, size: number): void {
    this.#checkRange(ipa, size);
    this.#clear(this.#root, this.#startLevel, 0, ipa, ipa + size);
    this.config.invalidate?.(ipa, size);
  }

  /** The leaf that translates `ipa`, as the hardware would find it. */
  query(ipa: number): Stage2Query {
    if (ipa < 0 || ipa >= this.#ipaLimit) return { mapped: false, level: 0 };
    let table = this.#root;
    for (let level: number = this.#startLevel; ; level++) {
      const descriptor = this.#read(entryOf(table, ipa, level));
      if ((descriptor & VALID) === 0n) return { mapped: false, level };
      if (!isTable(descriptor, level)) {
        const size = 2 ** LEVEL_BITS[level]!;
        const pa = Number(descriptor & ADDRESS) + (ipa % size);
        return { mapped: true, pa, level, size, descriptor, attributes: attributesOf(descriptor) };
      }
      table = this.#tableOf(descriptor);
    }
  }

  /** The entry of `level` for `ipa`, with the tables above it made where they are missing. */
  #slot(ipa: number, level: number): number {
    let table = this.#root;
    for (let at: number = this.#startLevel; at < level; at++) {
      const slot = entryOf(table, ipa, at);
      let descriptor = this.#read(slot);
      if ((descriptor & VALID) === 0n) {
        descriptor = this.#tableDescriptor(this.#allocate());
        this.#write(slot, descriptor);
      }
      table = this.#tableOf(descriptor);
    }
    return entryOf(table, ipa, level);
  }

  #firstMapped(ipa: number, size: number): number | undefined {
    for (let at = ipa; at < ipa + size; ) {
      const found = this.query(at);
      if (found.mapped) return at;
      const step = 2 ** LEVEL_BITS[found.level]!;
      at = Math.floor(at / step) * step + step;
    }
    return undefined;
  }

  /** Clears [from, to) below a table that begins at `base`. Returns whether the table is empty now. */
  #clear(table: number, level: number, base: number, from: number, to: number): boolean {
    const span = 2 ** LEVEL_BITS[level]!;
    let empty = true;
    for (let n = 0; n < ENTRIES; n++) {
      const slot = table * PAGE + n * 8;
      const descriptor = this.#read(slot);
      if ((descriptor & VALID) === 0n) continue;
      const start = base + n * span;
      const outside = start + span <= from || start >= to;
      const inside = start >= from && start + span <= to;
      if (outside) {
        empty = false;
      } else if (isTable(descriptor, level)) {
        const below = this.#tableOf(descriptor);
        if (this.#clear(below, level + 1, start, from, to)) {
          this.#write(slot, 0n);
          this.#free.push(below);
        } else {
          empty = false;
        }
      } else if (inside) {
        this.#write(slot, 0n);
      } else {
        this.#clear(this.#split(slot, descriptor, level), level + 1, start, from, to);
        empty = false;
      }
    }
    return empty;
  }

  /** Gives back the tables under an entry that maps nothing any more. */
  #release(descriptor: bigint, level: number): void {
    if ((descriptor & VALID) === 0n || !isTable(descriptor, level)) return;
    const table = this.#tableOf(descriptor);
    for (let n = 0; n < ENTRIES; n++) this.#release(this.#read(table * PAGE + n * 8), level + 1);
    this.#free.push(table);
  }

  /** Replaces a block by a table of the next level that maps the same. */
  #split(slot: number, block: bigint, level: number): number {
    const table = this.#allocate();
    const size = 2 ** LEVEL_BITS[level + 1]!;
    const type = level + 1 === LAST_LEVEL ? TABLE_OR_PAGE : 0n;
    for (let n = 0; n < ENTRIES; n++) this.#write(table * PAGE + n * 8, (block | type) + BigInt(n * size));
    this.#write(slot, this.#tableDescriptor(table));
    return table;
  }

  #allocate(): number {
    const page = this.#free.pop() ?? this.#next++;
    if (page >= this.#pages) {
      this.#next = this.#pages;
      throw new Stage2Error("TABLE_MEMORY", `all ${this.#pages} pages of table memory are in use: reserve more of it`);
    }
    new Uint8Array(this.#view.buffer, this.#view.byteOffset + page * PAGE, PAGE).fill(0);
    return page;
  }

  #tableDescriptor(table: number): bigint {
    return BigInt(this.config.base + table * PAGE) | TABLE_OR_PAGE | VALID;
  }

  #tableOf(descriptor: bigint): number {
    return (Number(descriptor & ADDRESS) - this.config.base) / PAGE;
  }

  #read(slot: number): bigint {
    return this.#view.getBigUint64(slot, true);
  }

  #write(slot: number, descriptor: bigint): void {
    this.#view.setBigUint64(slot, descriptor, true);
  }

  #checkRange(ipa: number, size: number): void {
    const whole = ipa >= 0 && size > 0 && ipa % PAGE === 0 && size % PAGE === 0;
    if (!whole || ipa + size > this.#ipaLimit) {
      throw new Stage2Error(
        "RANGE",
        `${hex(ipa)} + ${hex(size)} is not a range of whole pages below ${hex(this.#ipaLimit)}`,
      );
    }
  }
}

/** Byte offset of the entry for `ipa` in a table of `level`. */
function entryOf(table: number, ipa: number, level: number): number {
  return table * PAGE + (Math.floor(ipa / 2 ** LEVEL_BITS[level]!) % ENTRIES) * 8;
}

function isTable(descriptor: bigint, level: number): boolean {
  return level < LAST_LEVEL && (descriptor & TABLE_OR_PAGE) !== 0n;
}

function largestLevel(ipa: number, pa: number, size: number): number {
  for (let level = FIRST_BLOCK_LEVEL; level < LAST_LEVEL; level++) {
    const span = 2 ** LEVEL_BITS[level]!;
    if (ipa % span === 0 && pa % span === 0 && size >= span) return level;
  }
  return LAST_LEVEL;
}

function leafBits({ memory, read, write, execute }: Stage2Attributes): bigint {
  const type = memory === "normal" ? NORMAL_WB | INNER_SHAREABLE : DEVICE_NGNRE;
  return type | AF | (read ? S2AP_READ : 0n) | (write ? S2AP_WRITE : 0n) | (execute ? 0n : XN);
}

function attributesOf(descriptor: bigint): Stage2Attributes {
  return {
    memory: (descriptor & NORMAL_WB) === NORMAL_WB ? "normal" : "device",
    read: (descriptor & S2AP_READ) !== 0n,
    write: (descriptor & S2AP_WRITE) !== 0n,
    execute: (descriptor & XN) === 0n,
  };
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
