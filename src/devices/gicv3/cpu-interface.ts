/**
 * GICv3 CPU interface of one vCPU (Arm IHI 0069H, sections 2.3 and 12.1): system register accesses in, the four
 * interrupt signals out.
 */
import type { IrqLine } from "../../bus/contract.js";
import { type AccessContext, type InterruptSystem, PhysicalInterface } from "./physical.js";
import type { Redistributor } from "./redistributor.js";
import { G0, G1S, type Group } from "./spec.js";
import { GIC_SYSTEM_REGISTERS, type GicRegister } from "./system-registers.js";
import { VirtualInterface } from "./virtual.js";

/** The interrupt signals to a vCPU. The GIC drives a line only when its level changes. */
export interface CpuOutputs {
  readonly irq: IrqLine;
  readonly fiq: IrqLine;
  readonly virq: IrqLine;
  readonly vfiq: IrqLine;
  /**
   * With two security states, Group 1 of each: whether that is an IRQ or an FIQ depends on the state of the PE (table
   * 4-3), which knows it.
   */
  readonly secureGroup1: IrqLine;
  readonly nonSecureGroup1: IrqLine;
}

const IRQ = 1;
const FIQ = 2;
const VIRQ = 4;
const VFIQ = 8;
const SECURE_GROUP1 = 16;
const NONSECURE_GROUP1 = 32;
const ALL_OUTPUTS = 63;
/** What the outputs are before they have been driven. */
const UNKNOWN = -1;

export interface CpuInterfaceConfig {
  readonly cpu: number;
  readonly listRegisters: number;
  /** INTID of the PPI that the virtual interface raises. */
  readonly maintenanceIntid: number;
}

export class CpuInterface {
  readonly physical: PhysicalInterface;
  readonly virtual: VirtualInterface;
  #outputs = UNKNOWN;

  constructor(
    readonly config: CpuInterfaceConfig,
    readonly redistributor: Redistributor,
    system: InterruptSystem,
    readonly outputs: CpuOutputs,
  ) {
    this.physical = new PhysicalInterface(config.cpu, redistributor, system);
    this.virtual = new VirtualInterface(config.listRegisters, (intid) => this.physical.deactivateForGuest(intid));
  }

  /** Whether the register exists here: list registers beyond the configured number do not (they are UNDEFINED). */
  implements(register: GicRegister): boolean {
    return (GIC_SYSTEM_REGISTERS[register].listRegister ?? 0) < this.config.listRegisters;
  }

  /** MRS. A write-only register gives 0: the CPU makes it UNDEFINED before it comes here. */
  read(register: GicRegister, ctx: AccessContext): bigint {
    const row = GIC_SYSTEM_REGISTERS[register];
    const form = ctx.virtual && row.icv ? row.icv : row;
    if (form.read === undefined) return 0n;
    const value = form.read(this, ctx);
    if (form.peek !== undefined) this.sync();
    return typeof value === "bigint" ? value : BigInt(value >>> 0);
  }

  /** What a debugger sees: reading ICC_IAR1_EL1 this way acknowledges nothing. */
  peek(register: GicRegister, ctx: AccessContext): bigint {
    const row = GIC_SYSTEM_REGISTERS[register];
    const form = ctx.virtual && row.icv ? row.icv : row;
    const value = (form.peek ?? form.read)?.(this, ctx) ?? 0;
    return typeof value === "bigint" ? value : BigInt(value >>> 0);
  }

  /** MSR. A write to a read-only register is ignored: the CPU makes it UNDEFINED before it comes here. */
  write(register: GicRegister, ctx: AccessContext, value: bigint): void {
    const row = GIC_SYSTEM_REGISTERS[register];
    const form = ctx.virtual && row.icv ? row.icv : row;
    if (form.write === undefined) return;
    form.write(this, value, ctx);
    this.sync();
  }

  /** Everything that follows from the state: the maintenance interrupt, the pending interrupt, the lines. */
  sync(): void {
    this.redistributor.bank.setLevel(this.config.maintenanceIntid, this.virtual.maintenance());
    this.physical.update();
    this.#drive();
  }

  /** Drives the lines even where they are believed to have the right level: after reset and restore. */
  resync(): void {
    this.#outputs = UNKNOWN;
    this.sync();
  }

  #drive(): void {
    let outputs = 0;
    const physical = this.physical.signalled();
    if (physical !== undefined) outputs |= this.#lineOf(physical);
    const virtual = this.virtual.signalled();
    if (virtual !== undefined) outputs |= virtual === G0 ? VFIQ : VIRQ;
    const changed = this.#outputs === UNKNOWN ? ALL_OUTPUTS : this.#outputs ^ outputs;
    if (changed === 0) return;
    this.#outputs = outputs;
    if (changed & IRQ) this.outputs.irq.set((outputs & IRQ) !== 0);
    if (changed & FIQ) this.outputs.fiq.set((outputs & FIQ) !== 0);
    if (changed & VIRQ) this.outputs.virq.set((outputs & VIRQ) !== 0);
    if (changed & VFIQ) this.outputs.vfiq.set((outputs & VFIQ) !== 0);
    if (changed & SECURE_GROUP1) this.outputs.secureGroup1.set((outputs & SECURE_GROUP1) !== 0);
    if (changed & NONSECURE_GROUP1) this.outputs.nonSecureGroup1.set((outputs & NONSECURE_GROUP1) !== 0);
  }

  #lineOf(group: Group): number {
    if (group === G0) return FIQ;
    if (this.physical.system.distributor.oneSecurityState) return IRQ;
    return group === G1S ? SECURE_GROUP1 : NONSECURE_GROUP1;
  }
}
