/**
 * Hosted EL2: a guest at EL1 and EL0 behind stage 2, its exits decoded and handled (DDI 0487, D1.3 and D8.2; the
 * seed's run loop). One object serves all vCPUs of a machine.
 */
import { requireVersion, type Snapshot, type Stateful } from "../../bus/contract.js";
import { HCR_MASK as HCR } from "../../cpu/sysreg/bits.js";
import { sysregOffset } from "../../cpu/sysreg/table.js";
import type { Firmware } from "../el3/atf.js";
import { programEl3, SCTLR_OFF } from "../el3/monitor.js";
import type { PowerController, PowerUp } from "../el3/power.js";
import { asRegister, functionId, SmcccError } from "../el3/smccc.js";
import {
  type AddressSpace,
  type GuestTranslation,
  type HostedCpu,
  type HostedLog,
  indexOf,
  type Outcome,
  type PhysicalMemory,
  RESUME,
  type Vcpu,
  whereabouts,
} from "../ports.js";
import { decodeSync, deviceAccess, trapOf } from "./decode.js";
import type { Call, ExitObserver, ExitOf, ExitReason, VcpuExit } from "./exits.js";
import { EL2_ACCESS, GicFrames, type GicLayout } from "./gic-access.js";
import { injectExternalAbort, injectSError, injectSync, injectUndefined } from "./inject.js";
import { Mmio } from "./mmio.js";
import { sgiRegisterAt } from "./sgi.js";
import type { Stage2Tables } from "./stage2.js";
import { Abort, EC, exceptionClass, faultIpaOf, iss, Spsr, SysReg } from "./syndrome.js";
import { SYSREG_TRAPS, type SysregTrapRow } from "./sysreg-traps.js";
import { type VirtualInterruptState, VirtualInterrupts } from "./virtual-interrupts.js";

/** CNTHCTL_EL2: EL1PCTEN and EL1PCEN, the physical counter and timer belong to the guest. */
const CNTHCTL_UNTRAPPED = 3n;
/** VMPIDR_EL2.RES1. */
const MPIDR_RES1 = 1n << 31n;
const GPR_COUNT = 31;
/** What is looked at for each character of a console: where they are in a vCPU's block. */
const [ESR_EL2, FAR_EL2, HPFAR_EL2] = [sysregOffset("ESR_EL2"), sysregOffset("FAR_EL2"), sysregOffset("HPFAR_EL2")];

/** Exception classes that come with FAR_ELx. */
const HAS_FAR: ReadonlySet<number> = new Set([
  EC.InstructionAbortLower,
  EC.PCAlignment,
  EC.DataAbortLower,
  EC.WatchpointLower,
]);

export interface HypervisorConfig {
  readonly vcpus: readonly Vcpu[];
  readonly bus: AddressSpace;
  readonly memory: PhysicalMemory;
  readonly translation: GuestTranslation;
  readonly cpu: HostedCpu;
  readonly stage2: Stage2Tables;
  readonly firmware: Firmware;
  readonly power: PowerController;
  /** Without it interrupts are not virtualised: HCR_EL2.IMO and FMO stay clear and the guest has the GIC itself. */
  readonly gic?: GicLayout;
  /** SMC is trapped unless EL3 is guest code. */
  readonly el3: "hosted" | "guest" | "absent";
  /** Keep CNTP_* and CNTPCT_EL0 from EL1 and emulate them. Default false. */
  readonly trapPhysicalTimer?: boolean;
  /** CNTVOFF_EL2. Default 0. */
  readonly counterOffset?: bigint;
  readonly vmid?: number;
  /** Virtual time in nanoseconds, for exit observers. */
  readonly now: () => bigint;
  readonly log: HostedLog;
  /** HVC that the firmware does not own: X0 of the answer. Default NOT_SUPPORTED for all. */
  readonly hypercall?: (vcpu: Vcpu, call: Call) => bigint;
  /** A stage 2 fault that is no device access: true when it has been mapped and the guest may try again. */
  readonly nestedPageFault?: (vcpu: Vcpu, exit: ExitOf<"NestedPageFault">) => boolean;
  /** More trapped registers, found before the built-in ones. */
  readonly sysregTraps?: readonly SysregTrapRow[];
}

export interface HypervisorState extends Snapshot {
  readonly version: 1;
  readonly interrupts: readonly VirtualInterruptState[];
}

const VECTOR = { sync: 0x400, irq: 0x480, fiq: 0x500, serror: 0x580 } as const;

export class HostedHypervisor implements Stateful<HypervisorState> {
  /** Hear of every exit before it is handled, but of those of `access` behind that. */
  readonly observers: ExitObserver[] = [];
  /** Exits so far by reason. */
  readonly counters: Partial<Record<ExitReason, number>> = {};

  readonly #mmio: Mmio;
  readonly #frames: GicFrames | undefined;
  readonly #interrupts: readonly VirtualInterrupts[];
  readonly #sysregs: ReadonlyMap<number, SysregTrapRow>;

  constructor(private readonly config: HypervisorConfig) {
    const { bus, memory, translation, stage2, gic, vcpus, cpu, sysregTraps = [] } = config;
    this.#frames = gic && new GicFrames(bus, gic, vcpus.length);
    this.#mmio = new Mmio(bus, memory, translation, stage2, this.#frames);
    this.#interrupts = vcpus.flatMap((vcpu, index) => {
      const cpuInterface = cpu.gic(vcpu);
      if (gic === undefined || this.#frames === undefined || cpuInterface === undefined) return [];
      const { maintenanceIntid } = gic;
      const trapsChanged = (ichHcr: bigint): void => {
        vcpu.setSysreg("ICH_HCR_EL2", ichHcr);
        vcpu.recomputeModes();
      };
      return new VirtualInterrupts({
        cpu: index,
        gic: cpuInterface,
        frames: this.#frames,
        maintenanceIntid,
        trapsChanged,
      });
    });
    this.#sysregs = new Map([...SYSREG_TRAPS, ...sysregTraps].map((row) => [row.address, row]));
  }

  /** Sets up a vCPU after reset or power-up: it stands at EL2, and ERET takes it to `at` at EL1 with X0 = context. */
  enter(vcpu: Vcpu, at: PowerUp): void {
    const { config } = this;
    const { cpu, stage2, power } = config;
    if (config.el3 === "hosted") programEl3(vcpu, cpu);
    vcpu.pstate = Number(Spsr.DAIF | Spsr.EL2h);
    const interrupts = this.#interrupts[indexOf(vcpu)];
    const routed = interrupts === undefined ? 0n : HCR.IMO | HCR.FMO;
    // The keys and their use are the guest's, and so are software's numbers of its contexts.
    const keys = cpu.model.features.has("PAuth") ? HCR.APK | HCR.API : 0n;
    const contextNumbers = cpu.model.features.has("CSV2_2") ? HCR.EnSCXT : 0n;
    const registers: Record<string, bigint> = {
      HCR_EL2: HCR.VM | HCR.RW | keys | contextNumbers | routed | (config.el3 === "guest" ? 0n : HCR.TSC),
      VTCR_EL2: stage2.vtcr,
      VTTBR_EL2: stage2.vttbr(config.vmid ?? 1),
      SCTLR_EL2: SCTLR_OFF,
      CNTHCTL_EL2: config.trapPhysicalTimer ? 0n : CNTHCTL_UNTRAPPED,
      CNTVOFF_EL2: config.counterOffset ?? 0n,
      CPTR_EL2: 0n,
      // HPMN: every event counter is the guest's.
      MDCR_EL2: BigInt(cpu.model.pmuCounters),
      VPIDR_EL2: cpu.model.midr,
      VMPIDR_EL2: MPIDR_RES1 | power.affinityOf(indexOf(vcpu)),
      SPSR_EL2: Spsr.DAIF | Spsr.EL1h,
      ELR_EL2: at.entry,
    };
    for (const [name, value] of Object.entries(registers)) vcpu.setSysreg(name, value);
    vcpu.setX(0, at.context);
    for (let n = 1; n < GPR_COUNT; n++) vcpu.setX(n, 0n);
    interrupts?.program();
    this.#controlsChanged(vcpu);
    cpu.timer(vcpu).update();
  }

  /**
   * Handles an exception to EL2. `vectorOffset` is the engine's exit information. What the outcome says is the
   * caller's to do: ERET, ERET and wait, or nothing. Never throws for a guest's doing.
   */
  handle(vcpu: Vcpu, vectorOffset: number): Outcome {
    switch (vectorOffset) {
      case VECTOR.sync: {
        const exit = decodeSync(
          trapOf(vcpu, (va, access) => this.config.translation.translateStage1(vcpu, va, access)),
        );
        this.#observe(vcpu, exit);
        return this.#handleSync(vcpu, exit);
      }
      case VECTOR.irq:
        return this.#handleInterrupt(vcpu, 1);
      case VECTOR.fiq:
        return this.#handleInterrupt(vcpu, 0);
      case VECTOR.serror:
        this.#observe(vcpu, { reason: "SError" });
        this.#handleSError(vcpu);
        return RESUME;
      default:
        return this.#fail(
          vcpu,
          `exception at vector 0x${vectorOffset.toString(16)}: only AArch64 at EL0 and EL1 run code here`,
        );
    }
  }

  /**
   * The wire of an interrupt may have fallen without an exit (a timer reprogrammed by its guest): call it before the
   * guest's next look at its virtual interface. Does nothing when nothing is held for the guest.
   */
  resample(vcpu: Vcpu): void {
    this.#interrupts[indexOf(vcpu)]?.resample();
  }

  /** After the reset of the whole machine; `enter` follows for the first vCPU. */
  reset(): void {
    for (const interrupts of this.#interrupts) interrupts.reset();
  }

  save(): HypervisorState {
    return { version: 1, interrupts: this.#interrupts.map((interrupts) => interrupts.save()) };
  }

  /** After the GIC has been restored. */
  restore(state: HypervisorState): void {
    requireVersion("hosted EL2", state, 1);
    this.#interrupts.forEach((interrupts, n) => {
      const saved = state.interrupts[n];
      if (saved !== undefined) interrupts.restore(saved);
    });
  }

  #handleSync(vcpu: Vcpu, exit: VcpuExit): Outcome {
    switch (exit.reason) {
      case "MmioRead":
      case "MmioWrite":
        return this.#handleMmio(vcpu, exit);
      case "UnsyndromedAccess":
        return this.#handleUnsyndromed(vcpu, exit);
      case "CacheMaintenance":
        return this.#advance(vcpu);
      case "SysRegRead":
      case "SysRegWrite":
        return this.#handleSysReg(vcpu, exit);
      case "SendIPI":
        return this.#handleSgi(vcpu);
      case "Hypercall":
        return this.#handleHypercall(vcpu, exit);
      case "SecureMonitorCall":
      case "CpuUp":
      case "CpuDown":
      case "CpuSuspend":
      case "SystemDown":
      case "SystemReset":
        return this.#handleFirmwareCall(vcpu, exit.reason);
      case "Halt":
        this.#advance(vcpu);
        return { kind: "wait", for: exit.for };
      case "FpAccess":
        return this.#handleFpAccess(vcpu);
      case "NestedPageFault":
        return this.#handlePageFault(vcpu, exit);
      case "GuestException":
      case "ExternalAbort":
        return this.#reflect(vcpu);
      case "Undefined":
        this.#log(vcpu, `${exit.name} (EC 0x${exit.exceptionClass.toString(16)}) is UNDEFINED here`);
        injectUndefined(vcpu);
        return RESUME;
      case "FailEntry":
        return this.#fail(vcpu, exit.what);
      case "SError":
        this.#handleSError(vcpu);
        return RESUME;
      case "ExternalInterrupt":
      case "Nothing":
        return RESUME;
    }
  }

  /**
   * A device access that the engine waits for in the middle of the instruction: ESR, FAR, HPFAR, SPSR and ELR_EL2
   * describe it, and CPU.bounce gets what is read. Whether it was carried out; if not, the exception is taken.
   */
  access(vcpu: Vcpu): boolean {
    const address = faultIpaOf(vcpu.get32(FAR_EL2), vcpu.get32(HPFAR_EL2), vcpu.get32(HPFAR_EL2 + 4));
    if (!this.config.bus.find(address)) return false;
    const exit = deviceAccess(vcpu.get32(ESR_EL2), address, vcpu);
    this.#beforeDevice(address);
    const carriedOut = this.#mmio.answer(vcpu, exit);
    if (carriedOut) this.#observe(vcpu, exit);
    this.#afterDevice(address, exit.reason === "MmioWrite");
    return carriedOut;
  }

  #handleMmio(vcpu: Vcpu, exit: ExitOf<"MmioRead" | "MmioWrite">): Outcome {
    this.#beforeDevice(exit.addr);
    const failure = this.#mmio.transfer(vcpu, exit);
    this.#afterDevice(exit.addr, exit.reason === "MmioWrite");
    if (failure === undefined) return this.#advance(vcpu);
    this.#log(vcpu, `${failure}; the guest gets an external abort`);
    injectExternalAbort(vcpu, { fetch: false, write: exit.reason === "MmioWrite", far: vcpu.sysreg("FAR_EL2") });
    return RESUME;
  }

  #handleUnsyndromed(vcpu: Vcpu, access: ExitOf<"UnsyndromedAccess">): Outcome {
    this.#beforeDevice(access.addr);
    const abort = this.#mmio.complete(vcpu, access, (exit) => this.#observe(vcpu, exit));
    this.#afterDevice(access.addr, access.write);
    if (abort === undefined) return this.#advance(vcpu);
    const { far, write, stage1, why } = abort;
    if (stage1 !== undefined) {
      injectSync(vcpu, EC.DataAbortLower, stage1 | (write ? 1 << 6 : 0), far);
    } else {
      this.#log(vcpu, `${why} (IPA 0x${access.addr.toString(16)}); the guest gets an external abort`);
      injectExternalAbort(vcpu, { fetch: false, write, far });
    }
    return RESUME;
  }

  /** What the guest has not acknowledged returns to the distributor before the guest looks there. */
  #beforeDevice(address: number): void {
    if (this.#frames?.contains(address)) for (const interrupts of this.#interrupts) interrupts.withdraw();
  }

  /** A device's register may have lowered its line; one of the GIC may have made an interrupt inactive. */
  #afterDevice(address: number, write: boolean): void {
    if (!this.#frames?.contains(address)) for (const interrupts of this.#interrupts) interrupts.resample();
    else if (write) for (const interrupts of this.#interrupts) interrupts.dropInactive();
  }

  #handleSysReg(vcpu: Vcpu, exit: ExitOf<"SysRegRead" | "SysRegWrite">): Outcome {
    const row = this.#sysregs.get(exit.addr);
    const trap = { vcpu, cpu: this.config.cpu, interrupts: this.#interrupts[indexOf(vcpu)] };
    if (exit.reason === "SysRegRead" && row?.read !== undefined) {
      vcpu.setX(exit.reg, row.read(trap));
      return this.#advance(vcpu);
    }
    if (exit.reason === "SysRegWrite" && row?.write !== undefined) {
      row.write(trap, exit.value);
      return this.#advance(vcpu);
    }
    this.#log(vcpu, `${exit.reason} of system register ISS 0x${exit.addr.toString(16)} is UNDEFINED here`);
    injectUndefined(vcpu);
    return RESUME;
  }

  #handleSgi(vcpu: Vcpu): Outcome {
    const syndrome = iss(vcpu.sysreg("ESR_EL2"));
    const register = sgiRegisterAt(SysReg.address(syndrome));
    if (register !== undefined) {
      this.config.cpu.gic(vcpu)?.write(register, EL2_ACCESS, vcpu.x(SysReg.rt(syndrome)));
    }
    return this.#advance(vcpu);
  }

  #handleHypercall(vcpu: Vcpu, call: Call): Outcome {
    if (this.config.firmware.owns(functionId(call.nr))) return this.config.firmware.call(vcpu);
    vcpu.setX(0, asRegister(this.config.hypercall?.(vcpu, call) ?? SmcccError.NOT_SUPPORTED));
    return RESUME;
  }

  /** HVC's ELR_EL2 is behind the instruction already; a trapped SMC's is not. */
  #handleFirmwareCall(vcpu: Vcpu, reason: ExitReason): Outcome {
    if (exceptionClass(vcpu.sysreg("ESR_EL2")) === EC.SMC64) this.#advance(vcpu);
    if (reason === "CpuDown" || reason === "CpuSuspend") this.#interrupts[indexOf(vcpu)]?.withdraw();
    return this.config.firmware.call(vcpu);
  }

  /** CPTR_EL2 never traps as `enter` leaves it; whoever set a trap there meant to see the first use only. */
  #handleFpAccess(vcpu: Vcpu): Outcome {
    if (vcpu.sysreg("CPTR_EL2") === 0n) return this.#reflect(vcpu);
    vcpu.setSysreg("CPTR_EL2", 0n);
    vcpu.recomputeModes();
    return RESUME;
  }

  #handlePageFault(vcpu: Vcpu, exit: ExitOf<"NestedPageFault">): Outcome {
    if (this.config.nestedPageFault?.(vcpu, exit)) return RESUME;
    const esr = vcpu.sysreg("ESR_EL2");
    const fetch = exceptionClass(esr) === EC.InstructionAbortLower;
    this.#log(
      vcpu,
      `stage 2 has nothing for ${exit.access} at IPA 0x${exit.addr.toString(16)}; the guest gets an external abort`,
    );
    injectExternalAbort(vcpu, { fetch, write: !fetch && Abort.wnr(iss(esr)), far: vcpu.sysreg("FAR_EL2") });
    return RESUME;
  }

  /** The guest takes at EL1 what it would have taken there without EL2. */
  #reflect(vcpu: Vcpu): Outcome {
    const esr = vcpu.sysreg("ESR_EL2");
    const ec = exceptionClass(esr);
    const isAbort = ec === EC.DataAbortLower || ec === EC.InstructionAbortLower;
    const far = HAS_FAR.has(ec) ? vcpu.sysreg("FAR_EL2") : undefined;
    injectSync(vcpu, ec, iss(esr) & (isAbort ? ~Abort.onlyForStage2 : -1), far);
    return RESUME;
  }

  #handleInterrupt(vcpu: Vcpu, group: 0 | 1): Outcome {
    const taken = this.#interrupts[indexOf(vcpu)]?.take(group) ?? [];
    if (taken.length === 0) this.#observe(vcpu, { reason: "Nothing" });
    for (const vector of taken) this.#observe(vcpu, { reason: "ExternalInterrupt", vector });
    return RESUME;
  }

  /** At once when the guest's PSTATE.A lets it through, else pending by HCR_EL2.VSE. */
  #handleSError(vcpu: Vcpu): void {
    const syndrome = iss(vcpu.sysreg("ESR_EL2"));
    if ((vcpu.sysreg("SPSR_EL2") & Spsr.A) === 0n) {
      injectSError(vcpu, syndrome);
      return;
    }
    vcpu.setSysreg("HCR_EL2", vcpu.sysreg("HCR_EL2") | HCR.AMO | HCR.VSE);
    this.#controlsChanged(vcpu);
  }

  #advance(vcpu: Vcpu): Outcome {
    vcpu.setSysreg("ELR_EL2", vcpu.sysreg("ELR_EL2") + 4n);
    // A completed instruction leaves PSTATE.SS clear: software step sees it as one step (DDI 0487, D2.11).
    vcpu.setSysreg("SPSR_EL2", vcpu.sysreg("SPSR_EL2") & ~Spsr.SS);
    return RESUME;
  }

  #fail(vcpu: Vcpu, what: string): Outcome {
    const message = `hosted EL2: ${what} (${whereabouts(vcpu, 2)})`;
    this.config.log(message);
    return { kind: "failed", what: message };
  }

  #controlsChanged(vcpu: Vcpu): void {
    vcpu.recomputeModes();
    this.config.cpu.translationChanged(vcpu);
    this.config.cpu.interruptsChanged(vcpu);
  }

  #observe(vcpu: Vcpu, exit: VcpuExit): void {
    this.counters[exit.reason] = (this.counters[exit.reason] ?? 0) + 1;
    if (this.observers.length === 0) return;
    const time = this.config.now();
    for (const observer of this.observers) observer(indexOf(vcpu), exit, time);
  }

  #log(vcpu: Vcpu, what: string): void {
    this.config.log(`hosted EL2: ${whereabouts(vcpu, 2)}: ${what}`);
  }
}
