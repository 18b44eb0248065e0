/**
 * GICv3: the registers that the distributor (for SPIs) and each redistributor (for SGIs and PPIs) both have, at
 * the same offsets: group, enable, pending, active, priority, configuration (Arm IHI 0069H, sections 12.9 and
 * 12.11).
 */
import type { Register } from "../../bus/register-map.js";
import type { InterruptBank } from "./bank.js";

export interface BankOwner {
  readonly bank: InterruptBank;
  /** First word of the bank that these registers show. */
  readonly firstWord: number;
  readonly oneSecurityState: boolean;
}

export interface BankRowOptions {
  readonly prefix: "GICD" | "GICR";
  /** Offset of the frame in the device's window. */
  readonly frame: number;
  /** Words of 32 interrupts that the registers cover. */
  readonly words: number;
  /** Whether NSACR lets Non-secure accesses change the pending state (SPIs), beyond generating SGIs. */
  readonly nsAccessToPending: boolean;
}

/**
 * From which level on GICD_NSACR (section 12.9.27) opens a register of a Secure interrupt to Non-secure accesses;
 * 0 for never.
 */
interface NsLevels {
  readonly read: 0 | 1 | 2;
  readonly write: 0 | 1 | 2;
}
const NEVER: NsLevels = { read: 0, write: 0 };
const SET_PENDING: NsLevels = { read: 1, write: 1 };
const CLEAR_PENDING: NsLevels = { read: 2, write: 2 };
const SEE_ACTIVE: NsLevels = { read: 2, write: 0 };

const EVEN_BITS = 0x5555_5555;

export function bankRows<D extends BankOwner>(options: BankRowOptions): Register<D>[] {
  const { prefix, frame, words, nsAccessToPending } = options;

  const present = (owner: D, word: number): boolean => word >= owner.firstWord && word < owner.bank.words;

  /** The interrupts of a word that an access may see (section 4.6.2 and NSACR). */
  const visible = (owner: D, word: number, secure: boolean, nsLevel: number): number => {
    const { bank } = owner;
    if (!present(owner, word)) return 0;
    if (secure || owner.oneSecurityState) return -1;
    let mask = bank.group[word] as number;
    if (nsLevel > 0 && nsAccessToPending) {
      for (let bit = 0; bit < 32; bit++) {
        if ((bank.nsAccess[word * 32 + bit] as number) >= nsLevel) mask |= 1 << bit;
      }
    }
    return mask;
  };

  /** A pair of registers where writing ones sets, or clears, bits of one bitmap. */
  const setOrClear = (
    name: string,
    offset: number,
    levels: NsLevels,
    show: (bank: InterruptBank, word: number) => number,
    act: (bank: InterruptBank, word: number, bits: number) => void,
  ): Register<D> => ({
    name: `${prefix}_${name}<n>`,
    offset: frame + offset,
    width: 4,
    count: words,
    access: "RW",
    read: (owner, word, secure) => {
      const mask = visible(owner, word, secure, levels.read);
      return mask === 0 ? 0 : show(owner.bank, word) & mask;
    },
    write: (owner, word, value, secure) => {
      const bits = value & visible(owner, word, secure, levels.write);
      if (bits !== 0) act(owner.bank, word, bits);
    },
  });

  /** A bitmap that only Secure accesses reach while there are two security states. */
  const secureBitmap = (name: string, offset: number, bitmap: "group" | "groupModifier"): Register<D> => {
    const reachable = (owner: D, word: number, secure: boolean): boolean =>
      present(owner, word) && (owner.oneSecurityState ? bitmap === "group" : secure);
    return {
      name: `${prefix}_${name}<n>`,
      offset: frame + offset,
      width: 4,
      count: words,
      access: "RW",
      read: (owner, word, secure) => (reachable(owner, word, secure) ? (owner.bank[bitmap][word] as number) : 0),
      write: (owner, word, value, secure) => {
        if (reachable(owner, word, secure)) owner.bank[bitmap][word] = value;
      },
    };
  };

  return [
    secureBitmap("IGROUPR", 0x080, "group"),
    setOrClear("ISENABLER", 0x100, NEVER, enabled, (bank, word, bits) => {
      bank.enabled[word] = enabled(bank, word) | bits;
    }),
    setOrClear("ICENABLER", 0x180, NEVER, enabled, (bank, word, bits) => {
      bank.enabled[word] = enabled(bank, word) & ~bits;
    }),
    setOrClear("ISPENDR", 0x200, SET_PENDING, pending, (bank, word, bits) => {
      bank.latched[word] = (bank.latched[word] as number) | bits;
    }),
    setOrClear("ICPENDR", 0x280, CLEAR_PENDING, pending, (bank, word, bits) => {
      bank.latched[word] = (bank.latched[word] as number) & ~bits;
    }),
    setOrClear("ISACTIVER", 0x300, SEE_ACTIVE, active, (bank, word, bits) => {
      bank.active[word] = active(bank, word) | bits;
    }),
    setOrClear("ICACTIVER", 0x380, SEE_ACTIVE, active, (bank, word, bits) => {
      bank.active[word] = active(bank, word) & ~bits;
    }),
    {
      name: `${prefix}_IPRIORITYR (INTID <n>)`,
      offset: frame + 0x400,
      width: 1,
      count: words * 32,
      access: "RW",
      wide: [4],
      // A Non-secure access sees the lower half of the priorities as a whole range (section 4.8.1).
      read: (owner, index, secure) => {
        if (!(visible(owner, index >> 5, secure, 0) & (1 << (index & 31)))) return 0;
        const priority = owner.bank.priority[index] as number;
        return secure || owner.oneSecurityState ? priority : (priority << 1) & 0xff;
      },
      write: (owner, index, value, secure) => {
        if (!(visible(owner, index >> 5, secure, 0) & (1 << (index & 31)))) return;
        owner.bank.setPriority(index, secure || owner.oneSecurityState ? value : 0x80 | (value >> 1));
      },
    },
    {
      name: `${prefix}_ICFGR<n>`,
      offset: frame + 0xc00,
      width: 4,
      count: words * 2,
      access: "RW",
      read: (owner, index, secure) => {
        const word = index >> 1;
        const edges = present(owner, word) ? (owner.bank.edge[word] as number) & visible(owner, word, secure, 0) : 0;
        return spread(edges >>> (16 * (index & 1))) << 1;
      },
      write: (owner, index, value, secure) => {
        const word = index >> 1;
        const half = 16 * (index & 1);
        if (!present(owner, word)) return;
        const { edge, alwaysEdge } = owner.bank;
        const mask = (0xffff << half) & visible(owner, word, secure, 0) & ~(word === 0 ? alwaysEdge : 0);
        edge[word] = ((edge[word] as number) & ~mask) | ((gather(value >>> 1) << half) & mask);
      },
    },
    secureBitmap("IGRPMODR", 0xd00, "groupModifier"),
    {
      // The redistributor has one of them, for SGIs (section 12.11.22).
      name: `${prefix}_NSACR<n>`,
      offset: frame + 0xe00,
      width: 4,
      count: nsAccessToPending ? words * 2 : 1,
      access: "RW",
      read: (owner, index, secure) => {
        if (!present(owner, index >> 1) || owner.oneSecurityState || !secure) return 0;
        let value = 0;
        for (let i = 0; i < 16; i++) value |= (owner.bank.nsAccess[index * 16 + i] as number) << (2 * i);
        return value;
      },
      write: (owner, index, value, secure) => {
        if (!present(owner, index >> 1) || owner.oneSecurityState || !secure) return;
        for (let i = 0; i < 16; i++) owner.bank.nsAccess[index * 16 + i] = (value >>> (2 * i)) & 3;
      },
    },
  ];
}

function enabled(bank: InterruptBank, word: number): number {
  return bank.enabled[word] as number;
}

function pending(bank: InterruptBank, word: number): number {
  return bank.pending(word);
}

function active(bank: InterruptBank, word: number): number {
  return bank.active[word] as number;
}

/** 16 bits to the even bits of 32. */
function spread(bits: number): number {
  let value = bits & 0xffff;
  value = (value | (value << 8)) & 0x00ff_00ff;
  value = (value | (value << 4)) & 0x0f0f_0f0f;
  value = (value | (value << 2)) & 0x3333_3333;
  return (value | (value << 1)) & EVEN_BITS;
}

/** The even bits of 32 to 16 bits. */
function gather(bits: number): number {
  let value = bits & EVEN_BITS;
  value = (value | (value >>> 1)) & 0x3333_3333;
  value = (value | (value >>> 2)) & 0x0f0f_0f0f;
  value = (value | (value >>> 4)) & 0x00ff_00ff;
  return (value | (value >>> 8)) & 0xffff;
}
