/**
 * GICv3 distributor (Arm IHI 0069H, section 12.9): SPIs, their routing, and the group enables. Affinity routing is
 * always on for both security states.
 */
import type { IrqLine, MmioDevice, Width } from "../../bus/contract.js";
import { type BankState, InterruptBank } from "./bank.js";
import { GICD_REGISTERS } from "./distributor-registers.js";
import { FIRST_SPI, G0, G1NS, G1S, GICD_CTLR, GICD_CTLR_NS, type Group } from "./spec.js";

export interface DistributorConfig {
  /** A multiple of 32, at most 960 (the last of which are the special INTIDs: no SPI). */
  readonly spis: number;
  /** Two security states after reset (GICD_CTLR.DS = 0). */
  readonly securityExtensions: boolean;
  /** Affinity of each vCPU: Aff3 << 24 | Aff2 << 16 | Aff1 << 8 | Aff0. */
  readonly affinities: readonly number[];
  /** The redistributors have LPIs. */
  readonly lpis: boolean;
}

export interface DistributorState {
  readonly control: number;
  readonly bank: BankState;
  readonly routeAffinity: readonly number[];
  readonly routeToAny: readonly number[];
}

/** `targets` of an SPI that any participating PE may take (GICD_IROUTER.Interrupt_Routing_Mode). */
export const ANY_CPU = -1;
/** `targets` of an SPI routed to an affinity that no PE has. */
const NO_CPU = -2;

const GROUP_ENABLES = GICD_CTLR.EnableGrp0 | GICD_CTLR.EnableGrp1NS | GICD_CTLR.EnableGrp1S;

export class Distributor implements MmioDevice {
  readonly bank: InterruptBank;
  /** The bank's word 0 belongs to the redistributors. */
  readonly firstWord = 1;
  /** vCPU of each INTID, or ANY_CPU. */
  readonly targets: Int16Array;
  /** GICD_IROUTER as written: the affinity, and the routing mode. */
  readonly #routeAffinity: Uint32Array;
  readonly #routeToAny: Uint8Array;
  readonly #cpuOfAffinity: ReadonlyMap<number, number>;
  /** GICD_CTLR in the layout of the Secure view, without the ARE bits. */
  #control = 0;

  /** `changed` is called after anything that may change what some vCPU is signalled. */
  constructor(
    readonly config: DistributorConfig,
    readonly changed: () => void,
    /** After the wire or pending state of one SPI has changed: `target` is a vCPU or ANY_CPU. */
    readonly spiChanged: (target: number) => void,
  ) {
    this.bank = new InterruptBank(1 + config.spis / 32, 0);
    this.targets = new Int16Array(this.bank.words * 32);
    this.#routeAffinity = new Uint32Array(this.targets.length);
    this.#routeToAny = new Uint8Array(this.targets.length);
    this.#cpuOfAffinity = new Map(config.affinities.map((affinity, cpu) => [affinity, cpu]));
    this.reset();
  }

  read(offset: number, width: Width, secure = false): bigint {
    return GICD_REGISTERS.read(this, offset, width, secure);
  }

  write(offset: number, width: Width, value: bigint, secure = false): void {
    GICD_REGISTERS.write(this, offset, width, value, secure);
    this.changed();
  }

  peek(offset: number, width: Width, secure = false): bigint {
    return GICD_REGISTERS.peek(this, offset, width, secure);
  }

  /** The number of INTIDs in use: 32 more than there are SPIs. */
  get intids(): number {
    return this.bank.words * 32;
  }

  /** GICD_CTLR.DS: one security state. */
  get oneSecurityState(): boolean {
    return (this.#control & GICD_CTLR.DS) !== 0;
  }

  /** Whether a group is enabled for the whole system. */
  enables(group: Group): boolean {
    const bit = group === G0 ? GICD_CTLR.EnableGrp0 : group === G1S ? GICD_CTLR.EnableGrp1S : GICD_CTLR.EnableGrp1NS;
    return (this.#control & bit) !== 0;
  }

  /** The wire of SPI `number` (counted from 0, INTID 32 + number): for one driver. */
  spi(number: number): IrqLine {
    const intid = FIRST_SPI + number;
    if (!Number.isInteger(number) || number < 0 || intid >= this.intids) {
      throw new RangeError(`gicv3: no SPI ${number}: this distributor has ${this.intids - FIRST_SPI} (0 to …)`);
    }
    return {
      set: (level) => {
        if (this.bank.setLevel(intid, level)) this.spiChanged(this.targets[intid] as number);
      },
    };
  }

  /** The vCPU with an affinity, if any. */
  cpuOf(affinity: number): number | undefined {
    return this.#cpuOfAffinity.get(affinity >>> 0);
  }

  /** GICD_CTLR. Register writes take effect at once, so RWP is always zero. */
  readControl(secure: boolean): number {
    const control = this.#control;
    if (this.oneSecurityState) return control | GICD_CTLR.ARE_S;
    if (secure) return control | GICD_CTLR.ARE_S | GICD_CTLR.ARE_NS;
    return GICD_CTLR_NS.ARE_NS | (control & GICD_CTLR.EnableGrp1NS ? GICD_CTLR_NS.EnableGrp1A : 0);
  }

  writeControl(value: number, secure: boolean): void {
    if (this.oneSecurityState) {
      const enables = GICD_CTLR.EnableGrp0 | GICD_CTLR.EnableGrp1NS;
      this.#control = GICD_CTLR.DS | (value & enables);
    } else if (secure) {
      // Once set, DS stays until reset; from then on there is no Secure Group 1.
      const writable = value & GICD_CTLR.DS ? GROUP_ENABLES & ~GICD_CTLR.EnableGrp1S : GROUP_ENABLES;
      this.#control = value & (writable | GICD_CTLR.DS);
    } else {
      const enable = value & GICD_CTLR_NS.EnableGrp1A ? GICD_CTLR.EnableGrp1NS : 0;
      this.#control = (this.#control & ~GICD_CTLR.EnableGrp1NS) | enable;
    }
  }

  /** GICD_IROUTER<intid>: Aff3 in bits 39:32, the routing mode in bit 31, Aff2, Aff1, Aff0 below. */
  readRouter(intid: number, secure: boolean): bigint {
    if (!this.#mayRoute(intid, secure)) return 0n;
    const affinity = this.#routeAffinity[intid] as number;
    const low = ((affinity & 0xff_ffff) | (this.#routeToAny[intid] ? 0x8000_0000 : 0)) >>> 0;
    return BigInt(low) | (BigInt(affinity >>> 24) << 32n);
  }

  writeRouter(intid: number, value: bigint, secure: boolean): void {
    if (!this.#mayRoute(intid, secure)) return;
    const low = Number(value & 0xffff_ffffn);
    const aff3 = Number((value >> 32n) & 0xffn);
    this.#routeAffinity[intid] = ((aff3 << 24) | (low & 0xff_ffff)) >>> 0;
    this.#routeToAny[intid] = low >>> 31;
    this.#retarget(intid);
  }

  /** GICD_SETSPI_* and GICD_CLRSPI_*: a message in place of a wire. */
  message(intid: number, set: boolean, secure: boolean, fromSecureRegister: boolean): void {
    if (intid < FIRST_SPI || intid >= this.intids) return;
    if (fromSecureRegister && !secure && !this.oneSecurityState) return;
    const needed = set ? 1 : 2;
    const group = this.bank.groupOf(intid, this.oneSecurityState);
    const allowed =
      secure || this.oneSecurityState || group === G1NS || (this.bank.nsAccess[intid] as number) >= needed;
    if (!allowed) return;
    if (set) this.bank.latch(intid);
    else this.bank.latched[intid >> 5] = (this.bank.latched[intid >> 5] as number) & ~(1 << (intid & 31));
  }

  reset(): void {
    this.bank.reset();
    this.#routeAffinity.fill(0);
    this.#routeToAny.fill(0);
    this.#control = this.config.securityExtensions ? 0 : GICD_CTLR.DS;
    for (let intid = FIRST_SPI; intid < this.intids; intid++) this.#retarget(intid);
  }

  save(): DistributorState {
    return {
      control: this.#control,
      bank: this.bank.save(),
      routeAffinity: [...this.#routeAffinity],
      routeToAny: [...this.#routeToAny],
    };
  }

  restore(state: DistributorState): void {
    this.bank.restore(state.bank);
    this.#control = state.control;
    this.#routeAffinity.set(state.routeAffinity);
    this.#routeToAny.set(state.routeToAny);
    for (let intid = FIRST_SPI; intid < this.intids; intid++) this.#retarget(intid);
  }

  #mayRoute(intid: number, secure: boolean): boolean {
    if (intid < FIRST_SPI || intid >= this.intids) return false;
    if (secure || this.oneSecurityState) return true;
    return this.bank.groupOf(intid, false) === G1NS || this.bank.nsAccess[intid] === 3;
  }

  #retarget(intid: number): void {
    const cpu = this.cpuOf(this.#routeAffinity[intid] as number) ?? NO_CPU;
    this.targets[intid] = this.#routeToAny[intid] ? ANY_CPU : cpu;
  }
}
