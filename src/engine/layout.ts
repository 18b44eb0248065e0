/**
 * Where everything lives in the one WebAssembly.Memory. TypeScript, the interpreter and compiled regions take every
 * offset from here; sizes are in bytes.
 */

/** Hands out naturally aligned offsets in order. */
class Struct {
  constructor(private next: number) {}
  private take(size: number): number {
    this.next = Math.ceil(this.next / size) * size;
    const at = this.next;
    this.next += size;
    return at;
  }
  i32 = (): number => this.take(4);
  i64 = (): number => this.take(8);
  /** `count` words of `size` bytes. */
  array(count: number, size: number): number {
    const at = this.take(size);
    this.next = at + count * size;
    return at;
  }
  get end(): number {
    return this.next;
  }
}

const s = new Struct(0);
/**
 * Offsets in a vCPU block. Flags are kept apart and unpacked: N is the sign of `flagN`, Z is `flagZ` = 0, C is
 * `flagC` (0 or 1), V the sign of `flagV`.
 */
export const CPU = {
  /** X0–X30; slot 31 is always zero; slot 32 is the SP in use. */
  x: s.array(33, 8),
  sp: 32 * 8,
  pc: s.i64(),
  flagN: s.i64(),
  flagZ: s.i64(),
  flagV: s.i64(),
  flagC: s.i32(),
  /** What the flags come of, where they are not in these cells (engine/flags.ts). */
  flagSource: s.i32(),
  flagX: s.i64(),
  flagY: s.i64(),
  /** PSTATE.{EL, SP}, and D A I F as in SPSR bits 9–6. */
  el: s.i32(),
  spSel: s.i32(),
  daif: s.i32(),
  /** Always 0: with it `daif` is a 64-bit cell, and MRS of DAIF a plain load. */
  daifHigh: s.i32(),
  pan: s.i32(),
  uao: s.i32(),
  dit: s.i32(),
  ssbs: s.i32(),
  /** PSTATE.BTYPE; only ever set where the next instruction is in a guarded page, or by an exception return. */
  btype: s.i32(),
  il: s.i32(),
  ss: s.i32(),
  /** MDSCR_EL1.SS; and ISV and EX of the syndrome for the instruction stepped since the last exception return, or 0. */
  softwareStep: s.i32(),
  stepSyndrome: s.i32(),
  /** Instructions left in this slice; every attempted instruction takes one. */
  budget: s.i32(),
  /** Why the engine came back (Exit); 0 while it may go on. */
  exit: s.i32(),
  exitInfo: s.i64(),
  /** The predecode slot being executed, kept for slow paths that need the PC. */
  ip: s.i32(),
  /** First slot of the page being executed, and PC − slot/2. */
  slotBase: s.i32(),
  pcBias: s.i64(),
  /** Bank in use for data and fetch at the current EL, and its translation context (see mmu/tlb.ts). */
  bank: s.i32(),
  context: s.i32(),
  /** The context that LDTR and STTR go by unless PSTATE.UAO is set. */
  unprivilegedContext: s.i32(),
  /** Bank per translation context; 0 = not chosen since the registers last changed. */
  contextBanks: s.array(16, 4),
  /** Round robin for banks and least recent use. */
  bankClock: s.i32(),
  /** 1 while FP/SIMD at the current EL goes to the trap check. */
  fpTrap: s.i32(),
  /**
   * Keys of pointer authentication that are enabled here, and whether their use traps: KEY_ENABLED, KEY_USE_TRAPPED.
   */
  pointerAuth: s.i32(),
  /**
   * Bit n: code in guarded pages (FEAT_BTI) has been fetched at ELn, so that indirect branches there must be looked at.
   */
  guardedLevels: s.i32(),
  /** 32 bits each; the upper ones are always 0, so that MRS is a plain load. */
  fpcr: s.i64(),
  fpsr: s.i64(),
  /**
   * FPSR.IXC is set, and FPCR is at defaults (1) or sets FZ alone (-1): the host's result is the answer unless special.
   */
  fpFast: s.i32(),
  /** Trap groups (sysreg/traps.ts) that are active at the current EL, for reads and for writes. */
  readTraps: s.i32(),
  writeTraps: s.i32(),
  /** What the control registers mean at each EL: four MODE rows, recomputed in TypeScript when one of them changes. */
  modes: s.array(16, 4),
  /** Input lines: see IRQ_LINE; and whether HCR_EL2.{VI, VF, VSE} holds one pending. */
  irqLines: s.i32(),
  virtualPending: s.i32(),
  waiting: s.i32(),
  event: s.i32(),
  /** Exclusive monitor: armed, physical (host) address, size. */
  exclusive: s.i32(),
  exclusiveSize: s.i32(),
  exclusiveHost: s.i32(),
  /** Number of the vCPU, its MPIDR affinity is a system register. */
  index: s.i32(),
  /** 1 if EL2 exists and is enabled in the current Security state; whether EL2 and EL3 exist at all. */
  el2Enabled: s.i32(),
  hasEl2: s.i32(),
  hasEl3: s.i32(),
  /** CPU_FEATURE bits that exception entry and return look at. */
  features: s.i32(),
  /** Bit n: ELn is hosted, an exception to it leaves the engine. */
  hosted: s.i32(),
  /** A debugger stands on a breakpoint and wants it passed once. */
  passBreakpoint: s.i32(),
  /** A debugger steps: no interrupt is taken, whatever is pending; WFI, WFE and ISR_EL1 see it all the same. */
  holdInterrupts: s.i32(),
  /** Non-zero: some watchpoint exists, slow paths must ask. Set together with GLOBAL.watchedPages. */
  watch: s.i32(),
  /** A debugger's: bit n, an exception taken to ELn leaves the engine after entry; an ERET to ELn does. */
  catchLevels: s.i32(),
  returnLevels: s.i32(),
  /** 1: HLT #0xF000 above EL0 is a semihosting call. */
  semihosting: s.i32(),
  /** Results of the table walk (mmu/walk.ts). */
  walkPa: s.i64(),
  walkIpa: s.i64(),
  walkAttributes: s.i32(),
  walkFault: s.i32(),
  walkLevelSize: s.i32(),
  /** For AT: leave the output of stage 1 untranslated; and MAIR byte (7–0) and SH (9–8) of the result. */
  walkStage1Only: s.i32(),
  walkMemory: s.i32(),
  /** Walks leave access flags and dirty states in tables as they are: AT, and who only wants to know. */
  walkQuiet: s.i32(),
  /** Bit n: DC ZVA at ELn needs its access check. */
  zvaTrap: s.i32(),
  /** Virtual time at which the slice ends if all of its budget is used. */
  sliceEnd: s.i64(),
  /** Bytes of the host's stack that compiled regions have which stand in the middle of a call of another one. */
  hostStack: s.i32(),
  /**
   * Where the innermost of these calls returns to. NO_RETURN (interpreter/protocol.ts) when there is none, or when the
   * translation of that address, or its code, may have changed since the call.
   */
  returnAddress: s.i64(),
  /** Counters for --stats. */
  retired: s.i64(),
  /**
   * Instructions retired at each level, for the PMU's filters: by EL, with 4 added for EL0 and EL1 in Secure state; as
   * of when the budget was `levelMark`. What came since belongs to the level that the vCPU is at.
   */
  levelCounts: s.array(8, 8),
  levelMark: s.i32(),
  statTlbMiss: s.i64(),
  statFetchMiss: s.i64(),
  /** Branches to other pages, of regions or not, whose page the fetch TLB did not know: jump-cache misses. */
  statJumpMiss: s.i64(),
  statExceptions: s.i64(),
  statMmio: s.i64(),
  statDecoded: s.i64(),
  statSysreg: s.i64(),
  /** Instructions that compiled regions carried out. */
  statCompiled: s.i64(),
  /** Instructions that regions handed to the interpreter, by BAIL (bails.ts). */
  statBails: s.array(8, 8),
  statInterrupts: s.i64(),
  /** Ranges of virtual addresses held by translations larger than any granule: 4 × (first, last); unused with last 0. */
  largeRanges: s.array(8, 8),
  /** log2 of how many pages the largest translation takes that is no larger: a page of the guest's granule. */
  granulePages: s.i32(),
  /** Bounce buffer for accesses that do not go straight to RAM. */
  bounce: s.array(8, 8),
  /**
   * The last bytes of one page and the first of the next, 16 each, for an access of compiled code that goes over the
   * end.
   */
  pageBorder: s.array(2, 16),
  /** What is added to that access's address for its place there: as the addend of a TLB entry. */
  borderAddend: s.i32(),
  scratch: s.array(16, 8),
  /** V0–V31. */
  v: 2048,
  /** System-register slots, in the order of the table. */
  sysregs: 4096,
} as const;
if (s.end > CPU.v) throw new Error("vCPU block: fields run into the vector registers");

/**
 * A row of `CPU.modes`, by EL: active trap groups, FP access trapped (0 or 1), translation context in bits 0–7 with
 * PSTATE.PAN added to it where bit 8 is set, and LDTR and STTR go by EL0's of the regime where bit 9 is; from bit 16 on
 * what CPU.pointerAuth becomes.
 */
export const MODE = { readTraps: 0, writeTraps: 4, fpTrap: 8, context: 12, size: 16 } as const;
export const MODE_CONTEXT = { number: 0xff, addPan: 1 << 8, unprivileged: 1 << 9 } as const;
export const MODE_POINTER_AUTH = 16;

/**
 * Translation contexts: regime and privilege. The PAN variant of a privileged one is the next number, EL0's of its
 * regime the next lower multiple of 4.
 */
export const CONTEXT = { el10User: 0, el10: 1, el10Pan: 2, el2: 3, el20User: 4, el20: 5, el20Pan: 6, el3: 7 } as const;

/**
 * Banks that no access looks at, but what fills the others does: results of stage 2 by IPA; and, at a context's number
 * plus `shared`, its global translations of the upper half, which all address spaces have.
 */
export const CACHE_CONTEXT = { stage2: 8, shared: 8 } as const;
export const CONTEXTS = 16;

export const CPU_SYSREG_SLOTS = 1024;
export const CPU_BLOCK_SIZE = CPU.sysregs + CPU_SYSREG_SLOTS * 8;

/**
 * A predecode slot: handler index (u16), heat (u16: branches to it; for a way into a compiled region, its number),
 * instruction word (u32). Slot address / 2 advances like the PC.
 */
export const SLOT_SIZE = 8;
export const SLOTS_PER_PAGE = 1024;
/**
 * A predecode page: the slots, one sentinel slot behind them, then what the page is of. */
export const CODE_PAGE = {
  sentinel: SLOTS_PER_PAGE * SLOT_SIZE,
  /** Host address of the guest page the slots were decoded from. */
  host: SLOTS_PER_PAGE * SLOT_SIZE + 8,
  /** Virtual page of a page with breakpoints of its own (a shadow), else 0. */
  shadowVa: SLOTS_PER_PAGE * SLOT_SIZE + 16,
  /** SHADOW. */
  isShadow: SLOTS_PER_PAGE * SLOT_SIZE + 24,
  /** Next shadow of the same guest page. */
  nextShadow: SLOTS_PER_PAGE * SLOT_SIZE + 28,
  /** Guest writes to the page since its code was last dropped or decoded. */
  writes: SLOTS_PER_PAGE * SLOT_SIZE + 32,
  /** Compiled regions have code of this page or a shadow of it: a write to it drops all of them. */
  hasRegions: SLOTS_PER_PAGE * SLOT_SIZE + 36,
  /** While there are: what the guest page holds (`hashPage`); of a shadow, an even number that is its own; else 0. */
  hash: SLOTS_PER_PAGE * SLOT_SIZE + 40,
  /** Of a shadow: a bit for each slot, set where a breakpoint is. */
  points: SLOTS_PER_PAGE * SLOT_SIZE + 64,
  size: SLOTS_PER_PAGE * SLOT_SIZE + 64 + SLOTS_PER_PAGE / 8,
} as const;

/** Whether a predecode page is a shadow, and whether all its slots are breakpoints. */
export const SHADOW = { no: 0, some: 1, all: 2 } as const;

/**
 * Software TLB of a bank: entries indexed by the low bits of the virtual page number. It reaches as far as the working
 * set of a program that compresses or sorts: a miss costs as much as some tens of instructions.
 */
export const TLB_BITS = 14;
export const TLB_ENTRIES = 1 << TLB_BITS;
/**
 * Tags hold the virtual page, or have one of the low bits set and match nothing. An entry of zeroes matches nothing
 * either, but for the first of a bank: no other is that of page 0. Flags are attributes (mmu/walk.ts) and
 * WATCHED_BYTES.
 */
export const TLB_ENTRY = { read: 0, write: 8, addend: 16, flags: 20, page: 24, size: 32 } as const;
export const TLB_ATTRIBUTES = 0xff;
/** A tag of the page with this is of one that would be quick but for the watched bytes in it. */
export const WATCHED_TAG = 1n;
/** A tag of the page with this is of one that is quick for aligned accesses: Device memory that is RAM; SCTLR_ELx.A. */
export const ALIGNED_TAG = 2n;
/** Where in the page the first of them is, and how many bytes there are from there to the last, without it. */
export const WATCHED_BYTES = { first: 8, more: 20 } as const;
/** Neighbouring entries of which a bank knows by one bit whether any was filled. */
export const TLB_GROUP = TLB_ENTRIES / 64;
/** Displaced entries that a bank keeps: two pages that want the same entry by turns need no walk each time. */
export const VICTIMS = 256;
export const FETCH_VICTIMS = 64;
export const FETCH_BITS = 10;
export const FETCH_ENTRIES = 1 << FETCH_BITS;
export const FETCH_ENTRY = { tag: 0, codePage: 8, guarded: 12, size: 16 } as const;
/**
 * Sites: what single accesses of compiled code found last in the bank, and look at first. A tag is compared with an
 * address of which the bits that must be zero for its alignment are left; all of it is in the data entries as well. By
 * turns they are for reads and for writes.
 */
export const SITES = 64;
/**
 * A bank: header (`filled` has a bit for each TLB_GROUP; `sitesClean` is non-zero while no site matches anything,
 * `hasVictims` once an entry was displaced; `controls` are registers, see mmu/banks.ts), data entries, displaced ones,
 * fetch entries, displaced ones, the sites' tags (64 bits each) and addends (32 bits each).
 */
const victims = 64 + TLB_ENTRIES * TLB_ENTRY.size;
const fetchEntries = victims + VICTIMS * TLB_ENTRY.size;
const fetchVictims = fetchEntries + FETCH_ENTRIES * FETCH_ENTRY.size;
const siteTags = fetchVictims + FETCH_VICTIMS * FETCH_ENTRY.size;
const siteAddends = siteTags + SITES * 8;
export const BANK = {
  key: 0,
  filled: 8,
  lastUse: 16,
  context: 20,
  sitesClean: 24,
  hasVictims: 28,
  controls: 32,
  data: 64,
  victims,
  fetch: fetchEntries,
  fetchVictims,
  siteTags,
  siteAddends,
  size: siteAddends + SITES * 4,
} as const;
export const BANKS_PER_CPU = 32;

const g = new Struct(64);
/** Offsets of what all vCPUs share, from address 0. */
export const GLOBAL = {
  /** Virtual time in instructions, as of the start of the running slice. */
  time: g.i64(),
  cpuCount: g.i32(),
  cpuBase: g.i32(),
  cpuStride: g.i32(),
  bankBase: g.i32(),
  /** Root of the decode tree. */
  decodeRoot: g.i32(),
  /** Predecode pool: next free page, end. */
  codeNext: g.i32(),
  /** From here on to codeEnd no predecode page has ever been. */
  codeFresh: g.i32(),
  codeEnd: g.i32(),
  codeStart: g.i32(),
  /** Non-zero: breakpoints exist. */
  breakpoints: g.i32(),
  /** Bit n: a watched byte is in a virtual page whose number is n modulo 64; `watchCount` rows say which exactly. */
  watchedPages: g.i64(),
  watchCount: g.i32(),
  /** Of these, how many are physical. */
  physicalWatches: g.i32(),
  /** Non-zero: some breakpoint has conditions, commands or collects, so that it asks before it stops. */
  pointPrograms: g.i32(),
  /** Set by `pointRead` when it could not read. */
  pointFailed: g.i32(),
  /** Bytes that the access at hand is going to store, which are in CPU.bounce; 0 where nobody knows yet. */
  storeSize: g.i32(),
  /** Non-zero: the guest has breakpoints of its own. */
  guestBreakpoints: g.i32(),
  /** Handlers from this index on are compiled regions; branches to a slot before it counts as hot. */
  firstRegion: g.i32(),
  hot: g.i32(),
  /** And before compiled code of its page that was kept from an earlier run is looked for. */
  look: g.i32(),
  /** Counts how often regions were dropped: one that finds it changed under it gives up. */
  drops: g.i32(),
  /** Counter ticks are virtual time × up ÷ down; with 0 for up they are a quarter of it, 62.5 MHz. */
  counterUp: g.i32(),
  counterDown: g.i32(),
  /** Regions of RAM-like memory: count, then REGION rows. */
  regionCount: g.i32(),
  regions: g.array(16 * 4, 8),
  end: g.end,
} as const;

/** A region of RAM or ROM: guest physical base and size, host address, flags. */
export const REGION = { base: 0, size: 8, host: 16, flags: 20, rowSize: 32 } as const;
export const REGION_READ_ONLY = 1;
/** Only Secure accesses find it. */
export const REGION_SECURE = 2;

/** Set in a physical address of the Secure address space: CPU.walkPa, and what `physicalToHost` takes. */
export const SECURE_ADDRESS = 1n << 55n;
export const MAX_REGIONS = 16;

export const PAGE_BITS = 12;
export const PAGE_SIZE = 1 << PAGE_BITS;

/** Fixed areas after the globals. */
export const AREA = {
  /** Per 15-bit system-register encoding (op0[0], op1, CRn, CRm, op2): 16 bytes, see SYSREG_ENTRY. */
  sysregIndex: 0x1_0000,
  /** Watched ranges: WATCH rows. */
  watches: 0x9_0000,
  /** Values of trace state variables and what else programs of points keep: 8 bytes each. */
  pointCells: 0xf_0000,
  /** Per host page: predecode page (u32). */
  codePages: 0x10_0000,
  /** Per host page: PAGE_FLAG bits (u8). */
  pageFlags: 0x50_0000,
  /** Decode tree. */
  decodeTree: 0x60_0000,
  /** Remainders of bytes (engine/crypto/crc.ts). */
  crcTables: 0x7f_0000,
  /** Vectors that instructions look up in (engine/crypto/sbox.ts). */
  substitutionTables: 0x7f_4000,
  /**
   * How often regions that leave TLB misses to the interpreter did so (u16), by REGION_MISSES of their handler index.
   */
  regionMisses: 0x7f_6000,
  /** Where indirect branches led while they were interpreted: BRANCH_TARGET rows. */
  branchTargets: 0x7f_8000,
  /** Per host page with PAGE_FLAG.maybeWritable: by which of a bank's entries, or SEVERAL_WRITERS (u16). */
  pageWriters: 0x80_0000,
  /** vCPU blocks, then banks, then the predecode pool, then guest RAM. */
  dynamic: 0xa0_0000,
} as const;

/**
 * A row of the table of watched ranges, whoever set it: first and last byte without the address's top byte; bit 0
 * watches reads, bit 1 writes, WATCH_PHYSICAL says whose addresses they are; vCPU's index plus 1, or 0 for all of them.
 * `program` is the owner's: for the debugger the number of a program that is asked whether to stop (mmu/watch.ts), 0
 * for none.
 */
export const WATCH = { first: 0, last: 8, access: 16, owner: 20, cpu: 24, program: 28, size: 32 } as const;
export const WATCH_PHYSICAL = 4;
export const WATCH_OWNER = { debugger: 0, guest: 1 } as const;
export const MAX_WATCHES = (AREA.pointCells - AREA.watches) / WATCH.size;
export const POINT_CELLS = (AREA.codePages - AREA.pointCells) / 8;

/**
 * The two places that an indirect branch led to most, and how often each since it was noted; the row is found by the
 * address of the branch's slot, which it also names.
 */
export const BRANCH_TARGET = { slot: 0, counts: [4, 24], targets: [8, 16], size: 32 } as const;
export const BRANCH_TARGETS = (AREA.pageWriters - AREA.branchTargets) / BRANCH_TARGET.size;

/** Rows of AREA.regionMisses. A power of two: regions share them when there are more. */
export const REGION_MISSES = (AREA.branchTargets - AREA.regionMisses) / 2;

/**
 * Whether code of a page is decoded; whether a TLB entry may allow it to be written without further ado; whether what
 * it holds is kept for a reset (engine/kept-pages.ts). HEARD_OF: who writes it says so before (`aboutToWrite`).
 */
export const PAGE_FLAG = { hasCode: 1, maybeWritable: 2, kept: 4 } as const;
export const HEARD_OF = PAGE_FLAG.hasCode | PAGE_FLAG.kept;
export const SEVERAL_WRITERS = 0xffff;

/** flags: bits 0–3 lowest EL that may read (15 never), 4–7 write, bit 8 plain read, 9 plain write, 10 effect. */
export const SYSREG_FLAG = {
  plainRead: 1 << 8,
  plainWrite: 1 << 9,
  changesContext: 1 << 10,
  virtualCounter: 1 << 11,
  physicalCounter: 1 << 12,
  fpControl: 1 << 13,
} as const;
export const SYSREG_ENTRY = { offset: 0, flags: 4, readTraps: 8, writeTraps: 12, size: 16 } as const;

/** Bits of CPU.pointerAuth: which keys are enabled at the current EL, and that what uses one traps. */
export const KEY_ENABLED = { IA: 1, IB: 2, DA: 4, DB: 8 } as const;
export const KEY_USE_TRAPPED = 16;

/** Bits of CPU.features. */
export const CPU_FEATURE = {
  PAN: 1,
  SSBS: 2,
  UAO: 4,
  DIT: 8,
  HPDS: 16,
  XNX: 32,
  BTI: 64,
  LSE2: 128,
  TTST: 256,
} as const;

/**
 * With two Security states the GIC has a line for Group 1 of each: whether it is an IRQ or an FIQ depends on where the
 * PE is (IHI 0069, table 4-3).
 */
export const IRQ_LINE = {
  irq: 1,
  fiq: 2,
  virq: 4,
  vfiq: 8,
  serror: 16,
  secureGroup1: 32,
  nonSecureGroup1: 64,
} as const;

/** Reasons for which the engine returns to TypeScript. */
export const Exit = {
  none: 0,
  /** The slice's budget is used up. */
  budget: 1,
  /** WFI with nothing pending, WFE without an event. */
  wfi: 2,
  wfe: 3,
  /** An exception to a hosted EL2 or EL3; the CPU stands at that level's vector. */
  hosted2: 4,
  hosted3: 5,
  breakpoint: 6,
  watchpoint: 7,
  /** The predecode pool is full. */
  codeFull: 8,
  /** Something the scheduler must look at (interrupt lines, power state) changed. */
  attention: 9,
  /** Exit by HLT for semihosting, and what a debugger catches: CPU.exitInfo is DEBUG_EXIT and what belongs to it. */
  debug: 10,
} as const;

/**
 * Whose breakpoints are asked for: not the debugger's where it wants its own passed (CPU.passBreakpoint), and not the
 * guest's where nothing can be fetched, because an Instruction Abort comes before its Breakpoint exception (DDI 0487,
 * D1.3, "Prioritization of Synchronous exceptions").
 */
export const WHOSE_BREAKPOINTS = { all: 0, guest: 1, debugger: 2 } as const;

/** Kinds of Exit.debug, in bits 31-16 of CPU.exitInfo. Bits 15-0 of `exception`: the vector's offset. */
export const DEBUG_EXIT = { exception: 1, return: 2, semihosting: 3, systemRegister: 4 } as const;
export const DEBUG_EXIT_SHIFT = 16;
