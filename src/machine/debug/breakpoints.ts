/**
 * Breakpoints by virtual address, outside guest memory: a virtual page that has some is executed from a predecode page
 * of its own, a shadow, in which bits say which slots ask (engine/interpreter/handlers.ts, `fetchSlow`). The guest's
 * code, and the predecode page that other virtual addresses of it share, stay as they are; so does what is compiled of
 * a shadow, but for code that has an instruction which gets a breakpoint or loses it.
 */
import type { Engine } from "../../engine/engine.js";
import { NO_RETURN } from "../../engine/interpreter/protocol.js";
import {
  BANK,
  BANKS_PER_CPU,
  CODE_PAGE,
  CPU,
  FETCH_ENTRIES,
  FETCH_ENTRY,
  FETCH_VICTIMS,
  GLOBAL,
  PAGE_BITS,
  PAGE_SIZE,
  SHADOW,
  SLOT_SIZE,
  SLOTS_PER_PAGE,
} from "../../engine/layout.js";

const PAGE_MASK = BigInt(PAGE_SIZE - 1);

/** The slots of a shadow, by bytes of its bits. */
const POINT_BYTES = SLOTS_PER_PAGE / 8;

const pageOf = (address: bigint): bigint => address & ~PAGE_MASK;

/** The slot of an instruction in its page. */
const slotOf = (address: bigint): number => Number(address & PAGE_MASK) / 4;

/** An address as 64 unsigned bits: WebAssembly hands out signed ones. */
const unsigned = (address: bigint): bigint => BigInt.asUintN(64, address);

/** An address at which somebody wants to be asked: a debugger, or the guest for itself. */
export interface CodePoint {
  readonly address: bigint;
  /** Left out for a debugger's. */
  readonly owner?: "guest";
}

export class Breakpoints {
  /** By address; several clients, or kinds, may have set the same one. */
  private readonly points = new Map<bigint, CodePoint[]>();
  /** Slots of the addresses in `points`, by virtual page. */
  private readonly pages = new Map<bigint, Set<number>>();
  /** Shadows by virtual page and, because it may be mapped to different memory, by the shared predecode page. */
  private shadows = new Map<bigint, Map<number, number>>();
  private generation = 0;
  private matchesAll = false;
  /** How many of the points are the guest's. */
  private guests = 0;

  constructor(private readonly engine: Engine) {}

  /** Every instruction is a breakpoint: one that matches a context and no address. */
  set everywhere(on: boolean) {
    if (on === this.matchesAll) return;
    this.matchesAll = on;
    this.announce();
    this.engine.dropCode();
  }

  insert(point: CodePoint): void {
    const address = unsigned(point.address);
    const here = this.points.get(address);
    if (point.owner === "guest") this.guests++;
    if (here !== undefined) {
      here.push(point);
      this.announce();
      return;
    }
    this.points.set(address, [point]);
    const page = pageOf(address);
    this.pages.set(page, (this.pages.get(page) ?? new Set()).add(slotOf(address)));
    this.changed(page);
  }

  /** Removes the very object that was inserted. */
  remove(point: CodePoint): void {
    const address = unsigned(point.address);
    const here = this.points.get(address);
    if (here?.includes(point) !== true) return;
    const rest = here.filter((other) => other !== point);
    if (point.owner === "guest") this.guests--;
    if (rest.length > 0) {
      this.points.set(address, rest);
      this.announce();
      return;
    }
    this.points.delete(address);
    const page = pageOf(address);
    const slots = this.pages.get(page);
    slots?.delete(slotOf(address));
    if (slots?.size === 0) this.pages.delete(page);
    this.changed(page);
  }

  /** The breakpoints at an address. */
  at(address: bigint): readonly CodePoint[] {
    return this.points.get(unsigned(address)) ?? [];
  }

  /** The engine asks, for each fetch that misses: the predecode page for a virtual page; 0 when there is no room. */
  shadowPage(virtualPage: bigint, shared: number): number {
    const page = unsigned(virtualPage);
    if (!this.matchesAll && !this.pages.has(page)) return shared;
    const shadows = this.shadowsOf(page);
    const known = shadows.get(shared);
    const shadow = known ?? this.allocate(page, shared);
    if (shadow === 0) return 0;
    shadows.set(shared, shadow);
    this.mark(shadow, this.pages.get(page) ?? new Set());
    return shadow;
  }

  /**
   * Sets the bits of a shadow. That is done when it is fetched from next, because GDB takes all its breakpoints out
   * whenever the machine stops, and puts them back.
   */
  private mark(shadow: number, slots: ReadonlySet<number>): void {
    if (this.matchesAll) return;
    const { view, bytes } = this.engine;
    const wanted = new Uint8Array(POINT_BYTES);
    for (const slot of slots) wanted[slot >>> 3] = (wanted[slot >>> 3] ?? 0) | (1 << (slot & 7));
    const bits = bytes.subarray(shadow + CODE_PAGE.points, shadow + CODE_PAGE.points + POINT_BYTES);
    const differ = Array.from({ length: SLOTS_PER_PAGE }, (_, slot) => slot).filter(
      (slot) => (((bits[slot >>> 3] ?? 0) ^ (wanted[slot >>> 3] ?? 0)) >>> (slot & 7)) & 1,
    );
    if (differ.length === 0) return;
    bits.set(wanted);
    this.engine.dropInstructions(shadow, differ);
    // They are decoded again, and find that they are breakpoints or none.
    for (const slot of differ) view.setBigUint64(shadow + slot * SLOT_SIZE, 0n, true);
  }

  /** Links a new shadow behind the shared page, where a guest write to the code finds it. */
  private allocate(page: bigint, shared: number): number {
    const { view, bytes, exports } = this.engine;
    const shadow = exports.allocateCodePage(view.getInt32(shared + CODE_PAGE.host, true)) >>> 0;
    if (shadow === 0) return 0;
    view.setBigUint64(shadow + CODE_PAGE.shadowVa, page, true);
    view.setInt32(shadow + CODE_PAGE.isShadow, this.matchesAll ? SHADOW.all : SHADOW.some, true);
    if (this.matchesAll) bytes.fill(0xff, shadow + CODE_PAGE.points, shadow + CODE_PAGE.points + POINT_BYTES);
    view.setInt32(shadow + CODE_PAGE.nextShadow, view.getInt32(shared + CODE_PAGE.nextShadow, true), true);
    view.setInt32(shared + CODE_PAGE.nextShadow, shadow, true);
    return shadow;
  }

  private shadowsOf(page: bigint): Map<number, number> {
    if (this.generation !== this.engine.codeGeneration) {
      this.generation = this.engine.codeGeneration;
      this.shadows.clear();
    }
    const known = this.shadows.get(page);
    if (known !== undefined) return known;
    const none = new Map<number, number>();
    this.shadows.set(page, none);
    return none;
  }

  /** A breakpoint came to a page or left it. */
  private changed(page: bigint): void {
    this.announce();
    this.forgetFetches(page);
  }

  private announce(): void {
    this.engine.view.setInt32(GLOBAL.breakpoints, this.pages.size + (this.matchesAll ? 1 : 0), true);
    this.engine.view.setInt32(GLOBAL.guestBreakpoints, this.guests + (this.matchesAll ? 1 : 0), true);
  }

  /** Every vCPU looks up the predecode page of a virtual page again. */
  private forgetFetches(page: bigint): void {
    const { view, bytes, cpuBases } = this.engine;
    const index = Number((page >> BigInt(PAGE_BITS)) & BigInt(FETCH_ENTRIES - 1));
    const banks = view.getInt32(GLOBAL.bankBase, true);
    for (let n = 0; n < cpuBases.length * BANKS_PER_CPU; n++) {
      const bank = banks + n * BANK.size;
      view.setBigInt64(bank + BANK.fetch + index * FETCH_ENTRY.size + FETCH_ENTRY.tag, -1n, true);
      const victims = bank + BANK.fetchVictims;
      bytes.fill(0xff, victims, victims + FETCH_VICTIMS * FETCH_ENTRY.size);
    }
    // As forgetTranslations (mmu/banks.ts) has it.
    for (const base of cpuBases) view.setBigInt64(base + CPU.returnAddress, NO_RETURN, true);
  }
}
