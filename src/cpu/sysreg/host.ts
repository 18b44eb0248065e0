/**
 * What system-register accesses need of the rest of the machine, and what they tell it.
 */
import type { CpuModel } from "../model.js";
import type { GenericTimer } from "../timer.js";
import type { Vcpu } from "../vcpu.js";

/** An exception to take before the instruction at the PC; `iss` is ISS with IL to be set by the taker. */
export interface SyncException {
  readonly targetEl: number;
  /** Exception class, ESR_ELx[31:26]. */
  readonly ec: number;
  readonly iss: number;
}

/** The state an access to a GIC system register is made from. */
export interface GicAccess {
  readonly el: 1 | 2 | 3;
  /** SCR_EL3.NS is 0: selects the Secure copy of a banked register, also at EL3. */
  readonly secure: boolean;
  /** SCR_EL3.FIQ: Non-secure software sees only its half of the priorities. */
  readonly fiqToEl3: boolean;
  /** SCR_EL3.IRQ: interrupts of Group 1 are EL3's to deactivate. */
  readonly irqToEl3: boolean;
  /** The access reaches the virtual interface (ICV_*): EL1 with HCR_EL2.{IMO, FMO} as the register asks. */
  readonly virtual: boolean;
}

/** ICC_*, ICV_* and ICH_* of one vCPU (IHI 0069). Names are the ICC_* and ICH_* ones. */
export interface GicCpuInterface {
  implements(name: string): boolean;
  read(name: string, access: GicAccess): bigint;
  /** As `read`, without its side effects. */
  peek(name: string, access: GicAccess): bigint;
  write(name: string, access: GicAccess, value: bigint): void;
}

export interface SysregHost {
  readonly model: CpuModel;
  /** Takes a synchronous exception; sets the PC. */
  raise(vcpu: Vcpu, exception: SyncException): void;
  /** The encoding is UNDEFINED here; sets the PC. */
  undefined(vcpu: Vcpu): void;
  /** The CPU interface of a vCPU; its system registers are UNDEFINED without one. */
  gic(vcpu: Vcpu): GicCpuInterface | undefined;
  timer(vcpu: Vcpu): GenericTimer;
  /**
   * Instructions this vCPU has retired at each level, the one being executed included: what the PMU counts. Index EL,
   * plus 4 for EL0 and EL1 in Secure state.
   */
  retired(vcpu: Vcpu): readonly bigint[];
  /** The PMU's overflow interrupt output. */
  pmuInterrupt(vcpu: Vcpu, level: boolean): void;
  /** A control register of a translation regime changed (SCTLR, TCR, HCR, VTCR, SCR): what TLBs hold is stale. */
  translationChanged(vcpu: Vcpu): void;
  /** A TTBR, VTTBR or CONTEXTIDR changed: another bank is in use. */
  tableBaseChanged(vcpu: Vcpu): void;
  /** The rows at CPU.modes or their copies for the current EL and PSTATE.PAN changed. */
  modesChanged(vcpu: Vcpu): void;
  /** PSTATE.{A, I, F} or the routing of interrupts changed. */
  interruptsChanged(vcpu: Vcpu): void;
  /** A breakpoint, watchpoint or MDSCR_EL1 control changed. */
  debugChanged(vcpu: Vcpu): void;
}
