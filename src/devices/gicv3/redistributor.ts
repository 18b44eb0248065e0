/**
 * GICv3 redistributor (Arm IHI 0069H, section 12.11): the SGIs, PPIs and LPIs of one PE, in the frames RD_base and
 * SGI_base.
 */
import type { DmaMemory } from "../../bus/dma.js";
import { type Register, RegisterMap } from "../../bus/register-map.js";
import { type BankState, InterruptBank } from "./bank.js";
import { bankRows } from "./bank-registers.js";
import { ID_REGISTERS, IIDR } from "./distributor-registers.js";
import { type LpiState, Lpis } from "./lpi.js";
import { G0, G1S, GICR_CTLR, GICR_WAKER, type Group } from "./spec.js";

/** Bytes of RD_base and SGI_base together: redistributors follow each other at this distance. */
export const REDISTRIBUTOR_SIZE = 0x2_0000;
const SGI_BASE = 0x1_0000;
const ALL_SGIS = 0xffff;

export interface RedistributorState {
  readonly control: number;
  readonly processorSleep: boolean;
  readonly bank: BankState;
  readonly lpis: LpiState | null;
}

export interface RedistributorConfig {
  /** GICR_TYPER.Processor_Number: the vCPU's index. */
  readonly cpu: number;
  readonly affinity: number;
  /** The last of a contiguous region. */
  readonly last: boolean;
  /** Where the tables of LPIs are; without it there are none. */
  readonly memory?: DmaMemory | undefined;
}

export class Redistributor {
  readonly bank = new InterruptBank(1, ALL_SGIS);
  readonly lpis: Lpis | undefined;
  readonly firstWord = 0;
  /** GICR_CTLR: the DPG bits; register writes take effect at once, so RWP and UWP are zero. */
  control = 0;
  /**
   * GICR_WAKER.ProcessorSleep. A handshake only: a guest that never wakes its redistributor is served all the
   * same, as much bare-metal code expects of a virtual machine.
   */
  processorSleep = true;

  constructor(
    readonly config: RedistributorConfig,
    private readonly distributor: { readonly oneSecurityState: boolean },
  ) {
    if (config.memory) this.lpis = new Lpis(config.memory);
  }

  get oneSecurityState(): boolean {
    return this.distributor.oneSecurityState;
  }

  /** Whether this PE takes part in the choice of a target for 1-of-N SPIs of a group. */
  takesAny(group: Group): boolean {
    const excluded = group === G0 ? GICR_CTLR.DPG0 : group === G1S ? GICR_CTLR.DPG1S : GICR_CTLR.DPG1NS;
    return (this.control & excluded) === 0;
  }

  reset(): void {
    this.bank.reset();
    this.lpis?.reset();
    this.control = 0;
    this.processorSleep = true;
  }

  save(): RedistributorState {
    const { control, processorSleep, bank, lpis } = this;
    return { control, processorSleep, bank: bank.save(), lpis: lpis?.save() ?? null };
  }

  restore({ control, processorSleep, bank, lpis }: RedistributorState): void {
    this.control = control;
    this.processorSleep = processorSleep;
    this.bank.restore(bank);
    if (lpis) this.lpis?.restore(lpis);
  }
}

const DPG_ALL = GICR_CTLR.DPG0 | GICR_CTLR.DPG1NS | GICR_CTLR.DPG1S;

const ROWS: readonly Register<Redistributor>[] = [
  {
    name: "GICR_CTLR",
    offset: 0x0000,
    width: 4,
    access: "RW",
    fields: { DPG1S: [26, 26], DPG1NS: [25, 25], DPG0: [24, 24], RWP: [3, 3], CES: [1, 1], EnableLPIs: [0, 0] },
    read: (gicr, _, secure) => (gicr.control & writableControl(gicr, secure)) | lpiControl(gicr),
    write: (gicr, _, value, secure) => {
      gicr.lpis?.enable((value & GICR_CTLR.EnableLPIs) !== 0);
      const mask = writableControl(gicr, secure);
      gicr.control = (gicr.control & ~mask) | (value & mask);
    },
  },
  { name: "GICR_IIDR", offset: 0x0004, width: 4, access: "RO", read: () => IIDR },
  {
    name: "GICR_TYPER",
    offset: 0x0008,
    width: 8,
    access: "RO",
    narrow: [4],
    fields: { Affinity_Value: [63, 32], Processor_Number: [23, 8], DPGS: [5, 5], Last: [4, 4], PLPIS: [0, 0] },
    read: ({ config, lpis }) =>
      (BigInt(config.affinity >>> 0) << 32n) |
      BigInt((config.cpu << 8) | (1 << 5) | (config.last ? 1 << 4 : 0) | (lpis ? 1 : 0)),
  },
  {
    name: "GICR_WAKER",
    offset: 0x0014,
    width: 4,
    access: "RW",
    fields: { ChildrenAsleep: [2, 2], ProcessorSleep: [1, 1] },
    read: (gicr, _, secure) => {
      if (!secure && !gicr.oneSecurityState) return 0;
      return gicr.processorSleep ? GICR_WAKER.ProcessorSleep | GICR_WAKER.ChildrenAsleep : 0;
    },
    write: (gicr, _, value, secure) => {
      if (secure || gicr.oneSecurityState) gicr.processorSleep = (value & GICR_WAKER.ProcessorSleep) !== 0;
    },
  },
  {
    name: "GICR_PROPBASER",
    offset: 0x0070,
    width: 8,
    access: "RW",
    narrow: [4],
    fields: {
      OuterCache: [58, 56],
      Physical_Address: [51, 12],
      Shareability: [11, 10],
      InnerCache: [9, 7],
      IDbits: [4, 0],
    },
    read: ({ lpis }) => lpis?.propbaser ?? 0n,
    write: ({ lpis }, _, value) => lpis?.writePropbaser(value),
  },
  {
    name: "GICR_PENDBASER",
    offset: 0x0078,
    width: 8,
    access: "RW",
    narrow: [4],
    fields: {
      PTZ: [62, 62],
      OuterCache: [58, 56],
      Physical_Address: [51, 16],
      Shareability: [11, 10],
      InnerCache: [9, 7],
    },
    read: ({ lpis }) => lpis?.pendbaser ?? 0n,
    write: ({ lpis }, _, value) => lpis?.writePendbaser(value),
  },
  {
    name: "GICR_PIDR/CIDR (word <n>)",
    offset: 0xffd0,
    width: 4,
    count: ID_REGISTERS.length,
    access: "RO",
    read: (_, index) => ID_REGISTERS[index] ?? 0,
  },
  ...bankRows<Redistributor>({ prefix: "GICR", frame: SGI_BASE, words: 1, nsAccessToPending: false }),
];

/** Reserved locations are RES0; accesses of other widths are ignored. */
export const GICR_REGISTERS = new RegisterMap<Redistributor>(
  { name: "GICR", size: REDISTRIBUTOR_SIZE, unknown: "RAZ/WI", badWidth: "RAZ/WI", splitWide: false },
  ROWS,
);

function writableControl(gicr: Redistributor, secure: boolean): number {
  return secure || gicr.oneSecurityState ? DPG_ALL : GICR_CTLR.DPG1NS;
}

function lpiControl({ lpis }: Redistributor): number {
  if (lpis === undefined) return 0;
  return GICR_CTLR.CES | (lpis.enabled ? GICR_CTLR.EnableLPIs : 0);
}
