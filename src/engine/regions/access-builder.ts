/**
 * How the Builder of compiled regions reaches memory: by the TLB, inline; by the page that an access at an address
 * nearby has found in the same block; or, in loops, by the page that the same access found the last time. Whatever is
 * not memory of the quick kind bails.
 */
import { entryTouched, reach, TOUCHED, touch } from "../../mmu/access.js";
import { ACCESS } from "../../mmu/walk.js";
import type { BailCause } from "../bails.js";
import { type AccessOptions, type AccessSize, Builder } from "../builder.js";
import type { Statement } from "../ir/function.js";
import type { I32, I64, Node, V128, Value } from "../ir/value.js";
import { BANK, CPU, PAGE_BITS, PAGE_SIZE, SITES, TLB_ENTRIES, TLB_ENTRY } from "../layout.js";
import { CONTROL, LOADS, OPS, type OpName, type StoreName } from "../wasm/opcodes.js";
import { slotOf } from "./places.js";

/** Of less than 64 bits: what a W register gets. */
const LOAD_HALF = { 1: "i32.load8_u", 2: "i32.load16_u", 4: "i32.load" } as const;
const LOAD_SCALAR_VECTOR = { 4: "v128.load32_zero", 8: "v128.load64_zero" } as const;
const STORE: Record<AccessSize, StoreName> = { 1: "i64.store8", 2: "i64.store16", 4: "i64.store32", 8: "i64.store" };

/**
 * Thrown where an instruction cannot be compiled: the interpreter carries it out in the middle of the region. One
 * object for all, because it is thrown so often that collecting a stack each time would show.
 */
export const NOT_COMPILABLE = new Error("the interpreter's instruction");

/** X0 to X30, and SP. */
const REGISTERS = 32;

const LOW_HALF = 0xffff_ffffn;

/** An access whose address moves by fewer bits is likely to stay in its page. */
const SITE_SPREAD = 11;

/**
 * A page that an access of the block has found by the TLB; others at addresses that differ by constants look there
 * first. What they look at is noted only where there are any: the places for that are empty until then.
 */
interface FoundPage {
  /** Its virtual address, and what is added to addresses in it for the host's. */
  readonly address: I64;
  readonly addend: I32;
  readonly noteAddress: Statement[];
  readonly noteAddend: Statement[];
  /** TOUCHED, and where it may turn out that the access was let through for itself only. */
  readonly touched?: I32 | undefined;
  readonly restrict?: Statement[];
  /** Locals with address and addend, once noted. */
  locals: readonly [number, number] | undefined;
}

/**
 * An access (ACCESS) of some bytes, by which translations; and how what it stores is put to a place of the host's, if
 * it may go over a page's end.
 */
interface Access {
  readonly access: number;
  readonly size: number;
  readonly va: I64;
  readonly user: boolean;
  readonly store: ((host: I32, offset: number) => void) | undefined;
}

/**
 * The address of a page, or so far away that nothing near the access is in it where that was let through for itself.
 */
function farUnlessWhole(touched: I32, address: I64): I64 {
  return address.xor(
    touched
      .and(TOUCHED.access & ~TOUCHED.page)
      .toI64U()
      .shl(61),
  );
}

export abstract class AccessBuilder extends Builder {
  abstract override readonly cpu: I32;
  readonly bank = this.newLocal("i");
  /** The instruction at hand, by number (discover.ts). */
  protected at = 0;
  /**
   * Which registers hold addresses that differ by constants: the same number says so. And the pages of accesses at such
   * addresses, by that number and the kind of access.
   */
  private readonly origins: number[] = [];
  private nextOrigin = 0;
  /** Bits that each register's value has at most; and what of registers with less than 64 was read, which stays so. */
  private readonly widths: number[] = [];
  private readonly narrowReads = new Map<Node, number>();
  private readonly pages = new Map<number, FoundPage>();
  /** Block.unsteady of the block. */
  private unsteady: number | undefined;
  /** The last site given out: accesses of one loop have different ones, and those of other regions others mostly. */
  private nextSite: number | undefined;
  protected readonly registerOfLocal = new Map<number, number>();
  private readonly borrowed = { i: { locals: [] as number[], lent: 0 }, l: { locals: [] as number[], lent: 0 } };

  /** RegionContext.touches. */
  protected abstract get touches(): boolean;
  /** Whether what is built now is carried out whenever its instruction is. */
  protected abstract get certain(): boolean;
  /** Goes back to the interpreter before this instruction, which carries it out. */
  protected abstract bail(cause: BailCause): void;

  /** A block begins, with its Block.unsteady. */
  protected beginAccesses(unsteady: number | undefined): void {
    this.unsteady = unsteady;
    for (let n = 0; n < REGISTERS; n++) {
      this.origins[n] = n;
      this.widths[n] = 64;
    }
    this.nextOrigin = REGISTERS;
    this.narrowReads.clear();
    this.pages.clear();
    this.borrowed.i.lent = this.borrowed.l.lent = 0;
  }

  /** Register `n` is about to be written. */
  protected noteAddress(n: number, value: I64): void {
    this.origins[n] = (this.certain ? this.originOf(value) : undefined) ?? this.nextOrigin++;
    this.widths[n] = this.certain ? this.widthOf(value.node) : 64;
  }

  /** Register `n` was read, as this value. */
  protected noteRead(n: number, { node }: I32 | I64): void {
    const width = this.widths[n] as number;
    if (width < 64) this.narrowReads.set(node, width);
  }

  /** The register that a value is, give or take a constant. */
  protected movedRegister({ opcode, args, immediates }: Node): number | undefined {
    if (opcode === CONTROL["local.get"]) return this.registerOfLocal.get(immediates[0] as number);
    if (opcode !== OPS["i64.add"][0] && opcode !== OPS["i64.sub"][0]) return undefined;
    const [a, b] = args;
    return a && b?.constant !== undefined ? this.movedRegister(a) : undefined;
  }

  private originOf({ node }: I64): number | undefined {
    const n = this.movedRegister(node);
    return n === undefined ? undefined : this.origins[n];
  }

  /** Host address of an access that hits the TLB, or does once the table walk has filled it; any other bails. */
  private host(
    access: number,
    size: number,
    address: I64,
    options?: AccessOptions,
    store?: (host: I32, offset: number) => void,
  ): I32 {
    if (options?.aligned && size > 1) this.ifRare(address.wrap().and(size - 1), () => this.bail("alignment"));
    const user = options?.unprivileged === true;
    const mayCross = size > 1 && !options?.aligned;
    const a: Access = { access, size, va: address, user, store: mayCross ? store : undefined };
    const site = user ? undefined : this.siteOf(access, address);
    const find = (): { host: I32; page: FoundPage } => (site === undefined ? this.lookUp(a) : this.lookAt(site, a));
    const origin = this.originOf(address);
    if (origin === undefined) return find().host;
    const pageKey = (wanted: number): number => (origin * 2 + Number(user)) * 2 + wanted;
    const key = pageKey(access);
    // What may be written may be read.
    const near = this.pages.get(key) ?? this.pages.get(pageKey(ACCESS.write));
    if (near) return this.hostBeside(near, a);
    const { host, page } = find();
    if (this.certain) this.pages.set(key, page);
    return host;
  }

  /**
   * The site of an access that is likely to find the page it found the last time: in a loop, at an address that moves
   * by constants or is in a small table. For others the TLB is quicker, which does not guess.
   */
  private siteOf(access: number, { node }: I64): number | undefined {
    if (this.unsteady === undefined || this.spread(node) > SITE_SPREAD) return undefined;
    // What may be read may not be written: a site is for one of them.
    this.nextSite = (this.nextSite ?? slotOf(this.at) * 7) + 1;
    return 2 * (this.nextSite % (SITES / 2)) + access;
  }

  /** Bits by which a loop's rounds may move an address at most, as far as the block knows. */
  private spread(node: Node): number {
    const { opcode, args, immediates, constant } = node;
    if (constant !== undefined) return 0;
    const [a, b] = args;
    if (opcode === CONTROL["local.get"]) {
      const n = this.registerOfLocal.get(immediates[0] as number);
      if (n === undefined) return 64;
      return ((this.unsteady as number) >>> n) & 1 ? (this.widths[n] as number) : 0;
    }
    if (opcode === OPS["i64.add"][0] || opcode === OPS["i64.sub"][0]) {
      return Math.max(this.spread(a as Node), this.spread(b as Node));
    }
    if (opcode === OPS["i64.shl"][0]) return this.spread(a as Node) + Number(b?.constant ?? 64);
    return this.widthOf(node);
  }

  /** Bits that a value has at most. */
  private widthOf(node: Node): number {
    const { opcode, args, constant, type } = node;
    const own = type === "i" ? 32 : 64;
    if (typeof constant === "bigint" || typeof constant === "number") {
      return BigInt.asUintN(own, BigInt(constant)).toString(2).length;
    }
    const [a, b] = args;
    switch (opcode) {
      case CONTROL["local.get"]:
        return this.narrowReads.get(node) ?? own;
      case LOADS["i32.load8_u"][0]:
        return 8;
      case LOADS["i32.load16_u"][0]:
        return 16;
      case LOADS["i64.load32_u"][0]:
        return 32;
      case OPS["i64.and"][0]:
      case OPS["i32.and"][0]:
        return Math.min(this.widthOf(a as Node), this.widthOf(b as Node));
      case OPS["i64.or"][0]:
      case OPS["i64.xor"][0]:
      case OPS["i32.or"][0]:
      case OPS["i32.xor"][0]:
        return Math.max(this.widthOf(a as Node), this.widthOf(b as Node));
      case OPS["i64.extend_i32_u"][0]:
      case OPS["i32.wrap_i64"][0]:
        return Math.min(32, this.widthOf(a as Node));
      default:
        return own;
    }
  }

  /** Nothing is cleared where the upper half of a W register is empty already. */
  override op(name: OpName, a: Value, b?: Value, c?: Value): Value {
    const inner =
      name === "i64.extend_i32_u" && a.node.opcode === OPS["i32.wrap_i64"][0]
        ? a.node.args[0]
        : name === "i64.and" && b?.node.constant === LOW_HALF
          ? a.node
          : undefined;
    return inner && this.widthOf(inner) <= 32 ? this.wrap(inner) : super.op(name, a, b, c);
  }

  /** The bank that LDTR and STTR look in. Where none is chosen yet, the instruction is the interpreter's. */
  private userBank(): I32 {
    const cell = (at: number): I32 => this.load("i32.load", this.cpu, at) as I32;
    this.ifRare(cell(CPU.uao), () => this.bail("other"));
    const place = this.cpu.add(cell(CPU.unprivilegedContext).shl(2));
    const bank = this.variable(this.load("i32.load", place, CPU.contextBanks) as I32).get();
    this.ifRare(bank.eqz(), () => this.bail("other"));
    return bank;
  }

  /** At a site, or else by the TLB. */
  private lookAt(number: number, a: Access): { host: I32; page: FoundPage } {
    const { size, va } = a;
    const siteTag = BANK.siteTags + number * 8;
    const siteAddend = BANK.siteAddends + number * 4;
    const bank = this.local32(this.bank);
    const tag = (): I64 => this.load("i64.load", bank, siteTag) as I64;
    const own = va.and(-BigInt(PAGE_SIZE));
    // What is not aligned may go over the page's end: it never is where it looks.
    this.ifRare(va.and(BigInt(-PAGE_SIZE | (size - 1))).ne(tag()), () => {
      const found = this.variable(own);
      const { addend } = this.entryFor(a, (touched) => {
        // The tag of no access, and near no address.
        const alone = touched.and(TOUCHED.access).eq(TOUCHED.access).toI64U();
        found.set(farUnlessWhole(touched, own).or(alone));
      });
      this.store("i64.store", bank, found.get(), siteTag);
      this.store("i32.store", bank, addend, siteAddend);
      this.store("i32.store", bank, this.i32(0), BANK.sitesClean);
    });
    const noteAddress = this.placeholder();
    const addend = this.load("i32.load", bank, siteAddend) as I32;
    const noteAddend = this.placeholder();
    const page = { address: tag(), addend, noteAddress, noteAddend, locals: undefined };
    return { host: va.wrap().add(addend), page };
  }

  /** By the TLB. */
  private lookUp(a: Access): { host: I32; page: FoundPage } {
    let found: I32 | undefined;
    let restrict: Statement[] = [];
    const { address, addend, noteAddress } = this.entryFor(a, (touched) => {
      found = touched;
      restrict = this.placeholder();
    });
    const noteAddend = this.placeholder();
    const page: FoundPage = { address, addend, noteAddress, noteAddend, touched: found, restrict, locals: undefined };
    return { host: a.va.wrap().add(addend), page };
  }

  /**
   * The TLB's entry for an access, as the page of its last byte and the entry's addend. Where the entry is not about
   * that the access bails, or has its addend by `touch`; the rest of that way is `then`'s, which gets what `touch`
   * says.
   */
  private entryFor(a: Access, then?: (touched: I32) => void): { address: I64; addend: I32; noteAddress: Statement[] } {
    const { access, size, va, user } = a;
    const tag = access === ACCESS.write ? TLB_ENTRY.write : TLB_ENTRY.read;
    const entryShift = Math.log2(TLB_ENTRY.size);
    const index = va.shrU(PAGE_BITS - entryShift).wrap();
    const bank = user ? this.userBank() : this.local32(this.bank);
    const own = bank.add(index.and((TLB_ENTRIES - 1) << entryShift));
    const entry = this.leavesMisses(user) ? undefined : this.variable(own);
    const address = (size === 1 ? va : va.add(size - 1)).and(-BigInt(PAGE_SIZE));
    const noteAddress = this.placeholder();
    this.ifRare(address.ne(this.load("i64.load", entry?.get() ?? own, BANK.data + tag) as I64), () => {
      // What fills the TLB knows one bank: a region would not miss less for those of the other.
      if (entry === undefined) return this.bail(user ? "other" : "memory");
      const touched = this.touch(touch, a);
      entry.set(entryTouched(touched).sub(BANK.data));
      then?.(touched);
    });
    const addend = this.load("i32.load", entry?.get() ?? own, BANK.data + TLB_ENTRY.addend) as I32;
    return { address, addend, noteAddress };
  }

  /** Whether what misses is the interpreter's. */
  private leavesMisses(user: boolean): boolean {
    return user || !this.touches;
  }

  /** What `touch` or `reach` says of an access, unless that is 0, which bails. */
  private touch(callee: typeof touch | typeof reach, { access, size, va, store }: Access): I32 {
    store?.(this.cpu, CPU.bounce);
    const touched = this.call(callee, this.cpu, va, this.i32(size), this.i32(access));
    this.ifRare(touched.eqz(), () => this.bail("memory"));
    return touched;
  }

  /** In a page that was found, or else by `reach`. */
  private hostBeside(page: FoundPage, a: Access): I32 {
    const { size, va, user } = a;
    const [address, addend] = this.noted(page);
    const host = this.variable(va.wrap().add(this.local32(addend)));
    const offset = va.sub(this.readLocal(address, "l") as I64);
    this.ifRare(offset.gtU(PAGE_SIZE - size), () => {
      host.set(this.leavesMisses(user) ? va.wrap().add(this.entryFor(a).addend) : this.touch(reach, a));
    });
    return host.get();
  }

  /** Locals that are of some use in this block only, by type. */
  private borrowLocal(type: "i" | "l"): number {
    const { locals, lent } = this.borrowed[type];
    const local = locals[lent] ?? this.newLocal(type);
    locals[lent] = local;
    this.borrowed[type].lent++;
    return local;
  }

  private noted(page: FoundPage): readonly [number, number] {
    if (page.locals) return page.locals;
    const [address, addend] = [this.borrowLocal("l"), this.borrowLocal("i")];
    page.noteAddress.push(...this.nest(() => this.writeLocal(address, page.address)));
    page.noteAddend.push(...this.nest(() => this.writeLocal(addend, page.addend)));
    const { touched, restrict } = page;
    if (touched) restrict?.push(...this.nest(() => this.writeLocal(address, farUnlessWhole(touched, page.address))));
    page.locals = [address, addend];
    return page.locals;
  }

  private loadAt(size: AccessSize, host: I32, offset = 0): I64 {
    return size === 8 ? this.load("i64.load", host, offset) : this.load(LOAD_HALF[size], host, offset).toI64U();
  }

  readHost(size: number, address: I64, options?: AccessOptions): I32 {
    return this.host(ACCESS.read, size, address, options);
  }
  loadMem(size: AccessSize, address: I64, options?: AccessOptions): I64 {
    return this.loadAt(size, this.readHost(size, address, options));
  }
  loadMem128(address: I64, options?: AccessOptions): V128 {
    return this.load("v128.load", this.readHost(16, address, options)) as V128;
  }
  storeMem(size: AccessSize, address: I64, value: I64, options?: AccessOptions): void {
    const store = (host: I32, offset: number): void => this.store(STORE[size], host, value, offset);
    store(this.host(ACCESS.write, size, address, options, store), 0);
  }
  storeMem128(address: I64, value: V128, options?: AccessOptions): void {
    const store = (host: I32, offset: number): void => this.store("v128.store", host, value, offset);
    store(this.host(ACCESS.write, 16, address, options, store), 0);
  }
  loadPair(size: 4 | 8, address: I64): [I64, I64] {
    const host = this.host(ACCESS.read, 2 * size, address);
    return [this.loadAt(size, host), this.loadAt(size, host, size)];
  }
  override loadScalarVector(size: 4 | 8, address: I64): V128 {
    return this.load(LOAD_SCALAR_VECTOR[size], this.host(ACCESS.read, size, address)) as V128;
  }
  override loadScalarVectors(size: 4 | 8, address: I64): [V128, V128] {
    const host = this.host(ACCESS.read, 2 * size, address);
    return [this.load(LOAD_SCALAR_VECTOR[size], host) as V128, this.load(LOAD_SCALAR_VECTOR[size], host, size) as V128];
  }
  storePair(size: 4 | 8, address: I64, first: I64, second: I64): void {
    const store = (host: I32, offset: number): void => {
      this.store(STORE[size], host, first, offset);
      this.store(STORE[size], host, second, offset + size);
    };
    store(this.host(ACCESS.write, 2 * size, address, undefined, store), 0);
  }
  exclusiveHost(size: number, address: I64): I32 {
    return this.host(ACCESS.write, size, address, { aligned: true });
  }
  /** No TLB entry lets big-endian data have the inline path (`refill`). */
  dataOrder(value: I64): I64 {
    return value;
  }

  local32(local: number): I32 {
    return this.readLocal(local, "i") as I32;
  }
}
