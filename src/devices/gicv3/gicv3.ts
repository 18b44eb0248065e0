/**
 * GICv3 (Arm IHI 0069H): one distributor, a redistributor and a CPU interface for each vCPU, wired together.
 * With memory for their tables the redistributors have LPIs, which an ITS (its.ts) sends.
 */
import {
  BusFault,
  type IrqLine,
  type MmioDevice,
  requireVersion,
  type Snapshot,
  SnapshotError,
  type Stateful,
} from "../../bus/contract.js";
import type { DmaMemory } from "../../bus/dma.js";
import { CpuInterface, type CpuOutputs } from "./cpu-interface.js";
import { describeGic, type GicDescription, type Mapped } from "./describe.js";
import { ANY_CPU, Distributor, type DistributorState } from "./distributor.js";
import type { LpiTargets } from "./its-spec.js";
import type { InterruptSystem, PhysicalState } from "./physical.js";
import { GICR_REGISTERS, REDISTRIBUTOR_SIZE, Redistributor, type RedistributorState } from "./redistributor.js";
import { FIRST_PPI, G0, G1NS, G1S, type Group } from "./spec.js";
import type { VirtualState } from "./virtual.js";

export interface GicConfig {
  /** One entry per vCPU. */
  readonly cpus: readonly CpuWiring[];
  /** Number of SPIs: a multiple of 32, 32 to 960. Default 256, as QEMU's virt board. */
  readonly spis?: number;
  /** Two security states after reset, GICD_CTLR.DS writable once. Default false: one state, DS is RAO/WI. */
  readonly securityExtensions?: boolean;
  /** ICH_LR<n>_EL2 registers of each vCPU, 1 to 16. Default 4. */
  readonly listRegisters?: number;
  /** PPI number of the virtual interface's maintenance interrupt. Default 9 (INTID 25). */
  readonly maintenancePpi?: number;
  /** Where the tables of LPIs are. Default: no LPIs. */
  readonly lpiMemory?: DmaMemory | undefined;
}

export interface CpuWiring {
  /** MPIDR_EL1's affinity: Aff3 << 24 | Aff2 << 16 | Aff1 << 8 | Aff0. */
  readonly affinity: number;
  readonly outputs: CpuOutputs;
}

export interface GicSnapshot extends Snapshot {
  readonly distributor: DistributorState;
  readonly cpus: readonly {
    readonly redistributor: RedistributorState;
    readonly physical: PhysicalState;
    readonly virtual: VirtualState;
  }[];
}

/** A GIC that the architecture does not allow; raised before the machine starts. */
export class GicConfigError extends Error {
  readonly code = "GIC_CONFIG";
}

const SNAPSHOT_VERSION = 2;

export class Gicv3 implements InterruptSystem, LpiTargets, Stateful<GicSnapshot> {
  /** The 64 KiB window of GICD_*. */
  readonly distributor: Distributor;
  /** The window of GICR_*: `redistributorWindow` bytes, in the order of the vCPUs. */
  readonly redistributorFrames: MmioDevice;
  readonly redistributorWindow: number;
  readonly #redistributors: readonly Redistributor[];
  readonly #cpus: readonly CpuInterface[];

  /** Throws GicConfigError. */
  constructor(config: GicConfig) {
    const { cpus, spis = 256, securityExtensions = false, listRegisters = 4, maintenancePpi = 9, lpiMemory } = config;
    check(spis % 32 === 0 && spis >= 32 && spis <= 960, `${spis} SPIs: give a multiple of 32 from 32 to 960`);
    check(cpus.length > 0, "a GIC needs at least one vCPU");
    check(listRegisters >= 1 && listRegisters <= 16, `${listRegisters} list registers: give 1 to 16`);
    const affinities = cpus.map(({ affinity }) => affinity >>> 0);
    check(new Set(affinities).size === affinities.length, "two vCPUs have the same affinity");

    this.distributor = new Distributor(
      { spis, securityExtensions, affinities, lpis: lpiMemory !== undefined },
      () => this.#syncAll(),
      (target) => this.#syncTarget(target),
    );
    this.#redistributors = affinities.map((affinity, cpu) => {
      const last = cpu === cpus.length - 1;
      return new Redistributor({ cpu, affinity, last, memory: lpiMemory }, this.distributor);
    });
    this.#cpus = cpus.map(
      ({ outputs }, cpu) =>
        new CpuInterface(
          { cpu, listRegisters, maintenanceIntid: FIRST_PPI + maintenancePpi },
          this.#redistributors[cpu] as Redistributor,
          this,
          outputs,
        ),
    );
    this.redistributorWindow = cpus.length * REDISTRIBUTOR_SIZE;
    this.redistributorFrames = {
      read: (offset, width, secure) => GICR_REGISTERS.read(this.#frame(offset), inFrame(offset), width, secure),
      peek: (offset, width, secure) => GICR_REGISTERS.peek(this.#frame(offset), inFrame(offset), width, secure),
      write: (offset, width, value, secure) => {
        GICR_REGISTERS.write(this.#frame(offset), inFrame(offset), width, value, secure);
        this.cpuInterface(Math.floor(offset / REDISTRIBUTOR_SIZE)).sync();
      },
    };
  }

  get cpuCount(): number {
    return this.#cpus.length;
  }

  /** The system registers and the signals of a vCPU. Throws RangeError. */
  cpuInterface(cpu: number): CpuInterface {
    const found = this.#cpus[cpu];
    if (found === undefined) throw new RangeError(`gicv3: no vCPU ${cpu}: there are ${this.#cpus.length}`);
    return found;
  }

  /** The wire of SPI `number` (0 is INTID 32). One driver; wires that are shared need an OR before them. */
  spi(number: number): IrqLine {
    return this.distributor.spi(number);
  }

  /** The wire of PPI `number` (0 to 15: INTIDs 16 to 31) of a vCPU. */
  ppi(cpu: number, number: number): IrqLine {
    const cpuInterface = this.cpuInterface(cpu);
    if (!Number.isInteger(number) || number < 0 || number > 15) {
      throw new RangeError(`gicv3: no PPI ${number}: they are 0 to 15`);
    }
    return {
      set: (level) => {
        if (cpuInterface.redistributor.bank.setLevel(FIRST_PPI + number, level)) cpuInterface.sync();
      },
    };
  }

  spiChangedBy(cpu: number, intid: number): void {
    const target = this.distributor.targets[intid] as number;
    if (target !== cpu) this.#syncTarget(target);
  }

  /** ICC_SGI0R_EL1, ICC_SGI1R_EL1, ICC_ASGI1R_EL1 (section 12.2.20): makes an SGI pending at its targets. */
  sendSgi(from: number, value: bigint, group: Group, secure: boolean): void {
    const lowHalf = Number(value & 0xffff_ffffn);
    const highHalf = Number((value >> 32n) & 0xffff_ffffn);
    const intid = (lowHalf >>> 24) & 0xf;
    if (highHalf & (1 << 8)) {
      for (let cpu = 0; cpu < this.#cpus.length; cpu++) if (cpu !== from) this.#takeSgi(cpu, intid, group, secure);
      return;
    }
    const aff3 = (highHalf >>> 16) & 0xff;
    const aff2 = highHalf & 0xff;
    const aff1 = (lowHalf >>> 16) & 0xff;
    const rangeSelector = (highHalf >>> 12) & 0xf;
    const cluster = (aff3 << 24) | (aff2 << 16) | (aff1 << 8) | (rangeSelector << 4);
    for (let targets = lowHalf & 0xffff; targets !== 0; targets &= targets - 1) {
      const cpu = this.distributor.cpuOf(cluster | (31 - Math.clz32(targets & -targets)));
      if (cpu !== undefined) this.#takeSgi(cpu, intid, group, secure);
    }
  }

  setLpi(cpu: number, intid: number, pending: boolean): boolean {
    const changed = this.#redistributors[cpu]?.lpis?.setPending(intid, pending) ?? false;
    if (changed) this.cpuInterface(cpu).sync();
    return changed;
  }

  /** Why a CPU's redistributor cannot have an LPI pending; undefined if it can. */
  whyNoLpi(cpu: number, intid: number): string | undefined {
    const lpis = this.#redistributors[cpu]?.lpis;
    return lpis === undefined ? "the machine has no ITS, so no LPIs" : lpis.whyNot(intid);
  }

  invalidateLpi(cpu: number, intid?: number): void {
    this.#redistributors[cpu]?.lpis?.invalidate(intid);
    this.cpuInterface(cpu).sync();
  }

  /** Commands that involve LPIs of a redistributor where they are disabled are ignored (GICR_CTLR.EnableLPIs). */
  moveLpis(from: number, to: number, intid?: number): void {
    const [source, target] = [from, to].map((cpu) => this.#redistributors[cpu]?.lpis);
    if (source === target || !source?.enabled || !target?.enabled) return;
    for (const each of source.take(intid)) target.setPending(each, true);
    this.cpuInterface(from).sync();
    this.cpuInterface(to).sync();
  }

  /** What a debugger shows: plain data, no side effects; with what the ITS maps, LPIs that are enabled are in it. */
  describe(mapped?: Mapped): GicDescription {
    return describeGic(this.distributor, this.#cpus, mapped);
  }

  reset(): void {
    this.distributor.reset();
    for (const cpu of this.#cpus) {
      cpu.redistributor.reset();
      cpu.physical.reset();
      cpu.virtual.reset();
    }
    for (const cpu of this.#cpus) cpu.resync();
  }

  save(): GicSnapshot {
    return {
      version: SNAPSHOT_VERSION,
      distributor: this.distributor.save(),
      cpus: this.#cpus.map(({ redistributor, physical, virtual }) => ({
        redistributor: redistributor.save(),
        physical: physical.save(),
        virtual: virtual.save(),
      })),
    };
  }

  restore(state: GicSnapshot): void {
    requireVersion("gicv3", state, SNAPSHOT_VERSION);
    sameShape("vCPUs", state.cpus.length, this.#cpus.length);
    sameShape("interrupts", state.distributor.bank.priority.length, this.distributor.intids);
    for (const { virtual } of state.cpus) {
      sameShape("list registers", virtual.lrLow.length, this.cpuInterface(0).config.listRegisters);
    }
    this.distributor.restore(state.distributor);
    state.cpus.forEach(({ redistributor, physical, virtual }, index) => {
      const cpu = this.cpuInterface(index);
      cpu.redistributor.restore(redistributor);
      cpu.physical.restore(physical);
      cpu.virtual.restore(virtual);
    });
    for (const cpu of this.#cpus) cpu.resync();
  }

  /** Whether the target takes the SGI: its group, and what GICR_NSACR permits (table 12-14). */
  #takeSgi(cpu: number, intid: number, requested: Group, secure: boolean): void {
    const target = this.cpuInterface(cpu);
    const { bank } = target.redistributor;
    const oneState = this.distributor.oneSecurityState;
    const configured = bank.groupOf(intid, oneState);
    // A Group 1 request of the most trusted state there is also makes an SGI pending that the target has in Group 0.
    const reachesGroup0 = oneState ? requested === G1NS : requested === G1S;
    const matches = requested === configured || (reachesGroup0 && configured === G0);
    if (!matches) return;
    if (!secure && !oneState && configured !== G1NS) {
      const needed = configured === G0 ? 1 : 2;
      if ((bank.nsAccess[intid] as number) < needed) return;
    }
    bank.latch(intid);
    target.sync();
  }

  #syncTarget(target: number): void {
    if (target === ANY_CPU) this.#syncAll();
    else this.#cpus[target]?.sync();
  }

  #syncAll(): void {
    for (const cpu of this.#cpus) cpu.sync();
  }

  #frame(offset: number): Redistributor {
    const frame = this.#redistributors[Math.floor(offset / REDISTRIBUTOR_SIZE)];
    if (frame === undefined) throw new BusFault(`GICR: offset 0x${offset.toString(16)} is behind the last frame`);
    return frame;
  }
}

function inFrame(offset: number): number {
  return offset % REDISTRIBUTOR_SIZE;
}

/** Refuses a snapshot before anything of it has been taken over. */
function sameShape(what: string, snapshot: number, machine: number): void {
  if (snapshot === machine) return;
  throw new SnapshotError(
    `gicv3: the snapshot has ${snapshot} ${what} where this machine has ${machine}; ` +
      "restore it into a machine of the same description",
  );
}

function check(condition: boolean, message: string): void {
  if (!condition) throw new GicConfigError(`gicv3: ${message}`);
}
