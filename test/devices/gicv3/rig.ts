/** A GIC with wires one can look at, and short names for what software does to it. */
import type { Width } from "../../../src/bus/contract.js";
import { type AccessContext, type GicConfig, type GicRegister, Gicv3 } from "../../../src/devices/gicv3/index.js";
import { Wire } from "../../bus/wires.js";

export const EL1: AccessContext = { el: 1, secure: false, virtual: false };
export const EL1V: AccessContext = { el: 1, secure: false, virtual: true };
export const EL2: AccessContext = { el: 2, secure: false, virtual: false };
export const SECURE_EL1: AccessContext = { el: 1, secure: true, virtual: false };
/** At EL3 with SCR_EL3.NS = 1: the Non-secure copies of banked registers. */
export const EL3: AccessContext = { el: 3, secure: false, virtual: false };
export const EL3_SECURE: AccessContext = { el: 3, secure: true, virtual: false };

export const SGI_BASE = 0x1_0000;
const FRAME = 0x2_0000;

export class Outputs {
  readonly irq = new Wire();
  readonly fiq = new Wire();
  readonly virq = new Wire();
  readonly vfiq = new Wire();
  readonly secureGroup1 = new Wire();
  readonly nonSecureGroup1 = new Wire();

  /** What a PE in Non-secure state below EL3 sees: the names of the lines that are high. */
  get high(): string {
    const levels = {
      irq: this.irq.level || this.nonSecureGroup1.level,
      fiq: this.fiq.level || this.secureGroup1.level,
      virq: this.virq.level,
      vfiq: this.vfiq.level,
    };
    return (["irq", "fiq", "virq", "vfiq"] as const).filter((name) => levels[name]).join(" ");
  }
}

export class Rig {
  readonly gic: Gicv3;
  readonly outputs: Outputs[];

  /** `affinities`: default 16 vCPUs to an Aff1. */
  constructor(cpus = 1, config: Partial<GicConfig> = {}, affinities?: readonly number[]) {
    this.outputs = Array.from({ length: cpus }, () => new Outputs());
    this.gic = new Gicv3({
      cpus: this.outputs.map((outputs, cpu) => ({
        affinity: affinities?.[cpu] ?? ((cpu >> 4) << 8) | (cpu & 15),
        outputs,
      })),
      ...config,
    });
  }

  out(cpu = 0): string {
    return (this.outputs[cpu] as Outputs).high;
  }

  gicd(offset: number, value?: number, width: Width = 4, secure = false): number {
    if (value !== undefined) this.gic.distributor.write(offset, width, BigInt(value >>> 0), secure);
    return Number(this.gic.distributor.read(offset, width, secure));
  }

  gicr(offset: number, value?: number, cpu = 0, width: Width = 4, secure = false): number {
    const frames = this.gic.redistributorFrames;
    if (value !== undefined) frames.write(cpu * FRAME + offset, width, BigInt(value >>> 0), secure);
    return Number(frames.read(cpu * FRAME + offset, width, secure));
  }

  mrs(register: GicRegister, ctx = EL1, cpu = 0): number {
    return Number(this.gic.cpuInterface(cpu).read(register, ctx));
  }

  mrs64(register: GicRegister, ctx = EL1, cpu = 0): bigint {
    return this.gic.cpuInterface(cpu).read(register, ctx);
  }

  msr(register: GicRegister, value: number | bigint, ctx = EL1, cpu = 0): void {
    this.gic.cpuInterface(cpu).write(register, ctx, BigInt(value));
  }

  /** Brings up distributor, redistributors and CPU interfaces for Group 1, every interrupt at priority 0xA0. */
  enableGroup1(): this {
    this.gicd(0x0000, 0x13);
    for (let word = 1; word < 9; word++) this.gicd(0x080 + 4 * word, 0xffff_ffff);
    for (let word = 8; word < 72; word++) this.gicd(0x400 + 4 * word, 0xa0a0_a0a0);
    this.outputs.forEach((_, cpu) => {
      this.gicr(0x0014, 0, cpu);
      this.gicr(SGI_BASE + 0x080, 0xffff_ffff, cpu);
      for (let word = 0; word < 8; word++) this.gicr(SGI_BASE + 0x400 + 4 * word, 0xa0a0_a0a0, cpu);
      this.msr("ICC_PMR_EL1", 0xf0, EL1, cpu);
      this.msr("ICC_IGRPEN1_EL1", 1, EL1, cpu);
    });
    return this;
  }

  enable(intid: number, cpu = 0): void {
    const bit = 1 << (intid & 31);
    if (intid < 32) this.gicr(SGI_BASE + 0x100, bit, cpu);
    else this.gicd(0x100 + 4 * (intid >> 5), bit);
  }

  priority(intid: number, value: number, cpu = 0): void {
    if (intid < 32) this.gicr(SGI_BASE + 0x400 + intid, value, cpu, 1);
    else this.gicd(0x400 + intid, value, 1);
  }

  isPending(intid: number, cpu = 0): boolean {
    return this.#bit(0x200, intid, cpu);
  }

  isActive(intid: number, cpu = 0): boolean {
    return this.#bit(0x300, intid, cpu);
  }

  #bit(offset: number, intid: number, cpu: number): boolean {
    const word = intid < 32 ? this.gicr(SGI_BASE + offset, undefined, cpu) : this.gicd(offset + 4 * (intid >> 5));
    return ((word >>> (intid & 31)) & 1) === 1;
  }
}

/** ICH_LR<n>_EL2 in fields. */
export function listRegister(fields: {
  vintid: number;
  state?: "pending" | "active";
  priority?: number;
  group?: 0 | 1;
  pintid?: number;
  maintenance?: boolean;
}): bigint {
  const { vintid, state = "pending", priority = 0xa0, group = 1, pintid, maintenance = false } = fields;
  return (
    BigInt(vintid) |
    (pintid === undefined ? 0n : (1n << 61n) | (BigInt(pintid) << 32n)) |
    (maintenance ? 1n << 41n : 0n) |
    (BigInt(priority) << 48n) |
    (BigInt(group) << 60n) |
    (state === "pending" ? 1n << 62n : 2n << 62n)
  );
}
