/** The GIC as a Non-secure hypervisor reaches it: System registers from EL2, and frames by address (IHI 0069, 12). */
import type { AddressSpace } from "../../bus/address-space.js";
import type { GicAccess } from "../../cpu/sysreg/host.js";

export const EL2_ACCESS: GicAccess = { el: 2, secure: false, fiqToEl3: false, irqToEl3: false, virtual: false };

/** Where the frames are, and which INTID the virtual interface raises at its own PE. */
export interface GicLayout {
  readonly distributor: number;
  /** First redistributor; they follow in the order of the vCPUs. */
  readonly redistributors: number;
  /** The PPI's INTID (25 on the `virt` machine). */
  readonly maintenanceIntid: number;
  /** The ITS: its commands look at pending LPIs. */
  readonly its?: { readonly base: number; readonly size: number } | undefined;
  /** Makes an LPI pending again; only an ITS or its own pending table can do that otherwise. */
  readonly setLpiPending?: (cpu: number, intid: number) => void;
}

const DISTRIBUTOR_SIZE = 0x1_0000;
const REDISTRIBUTOR_SIZE = 0x2_0000;
const SGI_BASE = 0x1_0000;
const FIRST_SPI = 32;
const FIRST_LPI = 8192;

/** Offsets that GICD and the SGI_base frame of GICR share. */
const REG = { IGROUPR: 0x080, ISENABLER: 0x100, ISPENDR: 0x200, ISACTIVER: 0x300, IPRIORITYR: 0x400 } as const;
/** Registers of the SGI_base frame with one bit per interrupt that are not IGROUPR0. */
const BITMAPS: ReadonlySet<number> = new Set([0x100, 0x180, 0x200, 0x280, 0x300, 0x380]);
const ICFGR1 = 0xc04;

/** The distributor's and the redistributors' registers, on the bus, as one vCPU's hypervisor uses them. */
export class GicFrames {
  constructor(
    private readonly bus: AddressSpace,
    private readonly layout: GicLayout,
    private readonly cpus: number,
  ) {}

  /** Whether an address is in one of the GIC's frames. */
  contains(address: number): boolean {
    const { distributor, redistributors, its } = this.layout;
    if (its && address >= its.base && address < its.base + its.size) return true;
    if (address >= distributor && address < distributor + DISTRIBUTOR_SIZE) return true;
    return address >= redistributors && address < redistributors + this.cpus * REDISTRIBUTOR_SIZE;
  }

  isPending(cpu: number, intid: number): boolean {
    return this.#peekBit(cpu, intid, REG.ISPENDR);
  }

  isActive(cpu: number, intid: number): boolean {
    return this.#peekBit(cpu, intid, REG.ISACTIVER);
  }

  setPending(cpu: number, intid: number): void {
    if (intid >= FIRST_LPI) {
      this.layout.setLpiPending?.(cpu, intid);
      return;
    }
    this.#setBit(cpu, intid, REG.ISPENDR);
  }

  /** The maintenance interrupt of a vCPU: Group 1, the highest priority, enabled. */
  enableMaintenance(cpu: number): void {
    const { maintenanceIntid } = this.layout;
    const groups = this.bus.peek(this.#register(cpu, 0, REG.IGROUPR), 4);
    if (typeof groups === "bigint") {
      this.bus.write(this.#register(cpu, 0, REG.IGROUPR), 4, groups | (1n << BigInt(maintenanceIntid)));
    }
    this.bus.write(this.#frame(cpu, 0) + REG.IPRIORITYR + maintenanceIntid, 1, 0n);
    this.#setBit(cpu, maintenanceIntid, REG.ISENABLER);
  }

  /** What a guest's read sees: EL2's own interrupt is not there. */
  filterRead(address: number, value: bigint): bigint {
    return BITMAPS.has(this.#sgiOffset(address)) ? value & ~this.#ownBit : value;
  }

  /** What a guest's write does: nothing to EL2's own interrupt. */
  filterWrite(address: number, width: number, value: bigint): bigint {
    const offset = this.#sgiOffset(address);
    const own = this.layout.maintenanceIntid;
    if (BITMAPS.has(offset)) return value & ~this.#ownBit;
    if (offset === REG.IGROUPR) return value | this.#ownBit;
    if (offset === ICFGR1) return value & ~(3n << BigInt(2 * (own - 16)));
    const byte = REG.IPRIORITYR + own - offset;
    return byte >= 0 && byte < width ? value & ~(0xffn << BigInt(8 * byte)) : value;
  }

  get #ownBit(): bigint {
    return 1n << BigInt(this.layout.maintenanceIntid);
  }

  /** Offset in an SGI_base frame, or -1. */
  #sgiOffset(address: number): number {
    const offset = address - this.layout.redistributors;
    if (offset < 0 || offset >= this.cpus * REDISTRIBUTOR_SIZE) return -1;
    return (offset % REDISTRIBUTOR_SIZE) - SGI_BASE;
  }

  #frame(cpu: number, intid: number): number {
    if (intid >= FIRST_SPI) return this.layout.distributor;
    return this.layout.redistributors + cpu * REDISTRIBUTOR_SIZE + SGI_BASE;
  }

  #register(cpu: number, intid: number, bank: number): number {
    return this.#frame(cpu, intid) + bank + 4 * (intid >> 5);
  }

  #peekBit(cpu: number, intid: number, bank: number): boolean {
    const word = this.bus.peek(this.#register(cpu, intid, bank), 4);
    return typeof word === "bigint" && ((word >> BigInt(intid & 31)) & 1n) !== 0n;
  }

  /** Sets one bit of a write-one-to-set register. */
  #setBit(cpu: number, intid: number, bank: number): void {
    this.bus.write(this.#register(cpu, intid, bank), 4, 1n << BigInt(intid & 31));
  }
}
