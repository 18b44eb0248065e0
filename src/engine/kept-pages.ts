/**
 * What guest memory held when it was loaded, for the next reset. Every way to write says so before (PAGE_FLAG.kept,
 * `aboutToWrite`). A page of a file is read again from that; another one is copied then, unless an instruction's worth
 * is written, of which what was there before is noted. Linux patches a word in nearly every function that it has while
 * it boots, and leaves most other pages alone: of an Image of 34 MB it writes to 9 MB.
 */
import { AREA, PAGE_FLAG, PAGE_SIZE } from "./layout.js";

/** Bytes of a write that is noted. */
const WORD = 4;
/** So many of a page are noted; it is copied at the next. */
const MAX_NOTES = 64;
/** A note: the word's host address, what it held, and the index of the note before it in the same page, −1 for none. */
const NOTE = { at: 0, word: 1, before: 2, size: 3 } as const;

/** Bytes. */
const SLAB = 64 * PAGE_SIZE;

/** What .bss holds: one for all of them. */
const ZEROS = new Uint8Array(PAGE_SIZE);

/** Where what was loaded still is. */
export interface Origin {
  /** Bytes. */
  readonly length: number;
  /** Throws when it is not what it was. */
  check(): void;
  /** Fills `target` with what is so many bytes behind its beginning. */
  readAgain(target: Uint8Array, from: number): void;
}

/** What of memory is kept: `size` bytes, the first of which an origin has, if there is one. */
interface Range {
  readonly host: number;
  readonly size: number;
  readonly origin: Origin | undefined;
}

type RangeOfOrigin = Range & { readonly origin: Origin };

/** Words of a page, by the index of the last of their notes. */
interface Notes {
  last: number;
  count: number;
}

/** What a page held: a copy of it, what a range's origin has, or what it holds now but for the words in notes. */
type Kept = Uint8Array | RangeOfOrigin | Notes;

const isNotes = (kept: Kept | undefined): kept is Notes => kept !== undefined && "count" in kept;

export class KeptPages {
  private readonly ranges: Range[] = [];
  /** By the host address of the page. */
  private readonly pages = new Map<number, Kept>();
  private notes = new Int32Array(NOTE.size << 12);
  private noted = 0;
  private slab = ZEROS;
  private used = SLAB;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly view: DataView,
  ) {}

  /** [host, host + size) shall hold after a `restore` what it holds now. No TLB entry may let it be written already. */
  keep(host: number, size: number, origin: Origin | undefined): void {
    this.ranges.push({ host, size, origin });
    for (const page of pagesOf(host, size)) this.mark(page, true);
  }

  /** Throws what an origin does that is not what it was. */
  check(): void {
    for (const { origin } of this.ranges) origin?.check();
  }

  /** Makes memory what it was. No TLB entry may let it be written afterwards, and its code must be decoded again. */
  restore(): void {
    for (const { host, size } of this.ranges) {
      for (const page of pagesOf(host, size)) {
        const kept = this.pages.get(page);
        if (kept === undefined) continue;
        if ("host" in kept) {
          kept.origin.readAgain(this.pageAt(page), page - kept.host);
          continue;
        }
        const from = Math.max(page, host);
        const to = Math.min(page + PAGE_SIZE, host + size);
        this.bytes.set(this.heldBy(page, kept).subarray(from - page, to - page), from);
      }
    }
    this.pages.clear();
    this.noted = 0;
    for (const { host, size } of this.ranges) for (const page of pagesOf(host, size)) this.mark(page, true);
  }

  /** `size` bytes at `host`, in a page that is kept, are about to be written. */
  save(host: number, size: number): void {
    const page = host - (host % PAGE_SIZE);
    const kept = this.pages.get(page);
    if (kept !== undefined && !isNotes(kept)) throw new Error(`the page at 0x${page.toString(16)} is kept twice`);
    const whole = this.ranges.find(hasWhole(page));
    if (whole) {
      this.pages.set(page, whole);
      this.mark(page, false);
      return;
    }
    if (size === WORD && host % WORD === 0 && (kept?.count ?? 0) < MAX_NOTES) {
      this.note(page, host, kept);
      return;
    }
    this.pages.set(page, kept || !this.isZero(page) ? this.heldBy(page, kept) : ZEROS);
    this.mark(page, false);
  }

  private isZero(page: number): boolean {
    // Most pages are told by their first word.
    return this.view.getInt32(page, true) === 0 && Buffer.compare(this.pageAt(page), ZEROS) === 0;
  }

  private pageAt(page: number): Uint8Array {
    return this.bytes.subarray(page, page + PAGE_SIZE);
  }

  /** Room for a page: many in one buffer, which costs V8 as much as one page would. */
  private newPage(): Uint8Array {
    if (this.used === SLAB) {
      this.slab = new Uint8Array(SLAB);
      this.used = 0;
    }
    this.used += PAGE_SIZE;
    return this.slab.subarray(this.used - PAGE_SIZE, this.used);
  }

  private note(page: number, host: number, kept: Notes | undefined): void {
    const index = this.noted++;
    const at = index * NOTE.size;
    if (at >= this.notes.length) {
      const more = new Int32Array(this.notes.length * 2);
      more.set(this.notes);
      this.notes = more;
    }
    this.notes[at + NOTE.at] = host;
    this.notes[at + NOTE.word] = this.view.getInt32(host, true);
    this.notes[at + NOTE.before] = kept?.last ?? -1;
    if (kept) {
      kept.last = index;
      kept.count++;
    } else this.pages.set(page, { last: index, count: 1 });
  }

  /** What a page held when it was loaded. */
  private heldBy(page: number, kept: Uint8Array | Notes | undefined): Uint8Array {
    if (kept instanceof Uint8Array) return kept;
    const held = this.newPage();
    held.set(this.pageAt(page));
    if (kept === undefined) return held;
    const view = new DataView(held.buffer, held.byteOffset);
    for (let index = kept.last; index >= 0; ) {
      const at = index * NOTE.size;
      view.setInt32(((this.notes[at + NOTE.at] ?? 0) >>> 0) - page, this.notes[at + NOTE.word] ?? 0, true);
      index = this.notes[at + NOTE.before] ?? -1;
    }
    return held;
  }

  private mark(page: number, kept: boolean): void {
    const at = AREA.pageFlags + Math.floor(page / PAGE_SIZE);
    const flags = this.bytes[at] ?? 0;
    this.bytes[at] = kept ? flags | PAGE_FLAG.kept : flags & ~PAGE_FLAG.kept;
  }
}

/** Whether the origin of a range has all that a page held. */
const hasWhole =
  (page: number) =>
  (range: Range): range is RangeOfOrigin =>
    range.origin !== undefined && page >= range.host && page + PAGE_SIZE <= range.host + range.origin.length;

function* pagesOf(host: number, size: number): Generator<number> {
  const first = host - (host % PAGE_SIZE);
  for (let page = first; page < host + size; page += PAGE_SIZE) yield page;
}
