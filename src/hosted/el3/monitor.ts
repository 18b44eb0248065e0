/**
 * Hosted EL3 when EL2 is the guest's or absent: SMC and what else SCR_EL3 routes there (DDI 0487, D1.3; DEN0028 for the
 * calls themselves).
 */
import { HCR_MASK, SCR_MASK as SCR } from "../../cpu/sysreg/bits.js";
import { injectSError, injectSync, injectUndefined } from "../el2/inject.js";
import { Abort, EC, exceptionClass, iss, Spsr } from "../el2/syndrome.js";
import { type HostedCpu, type HostedLog, indexOf, type Outcome, RESUME, type Vcpu, whereabouts } from "../ports.js";
import type { Firmware } from "./atf.js";
import type { PowerUp } from "./power.js";

/** SCR_EL3[5:4]. */
const SCR_RES1 = 3n << 4n;
/** Non-secure below, AArch64, HVC and SMC (SMD = 0) enabled; features that are trapped by default are not. */
const SCR_NORMAL_WORLD = SCR.NS | SCR_RES1 | SCR.HCE | SCR.RW | SCR.APK | SCR.API | SCR.EnSCXT | SCR.HXEn;

/** SCTLR_ELx with MMU and caches off: the RES1 bits of EL2 and EL3 (DDI 0487, "SCTLR_EL2"). */
export const SCTLR_OFF = 0x30c5_0830n;

const VECTOR_KIND = 0x180;
const SYNC = 0x000;
const SERROR = 0x180;
const LOWER_AARCH64 = 0x400;
const LOWER_AARCH32 = 0x600;

/** The registers of hosted EL3, for a Normal world below it. Interrupts and aborts stay below. */
export function programEl3(vcpu: Vcpu, cpu: HostedCpu): void {
  vcpu.setSysreg("SCR_EL3", SCR_NORMAL_WORLD);
  vcpu.setSysreg("CPTR_EL3", 0n);
  vcpu.setSysreg("MDCR_EL3", 0n);
  vcpu.setSysreg("SCTLR_EL3", SCTLR_OFF);
  vcpu.setSysreg("CNTFRQ_EL0", BigInt(cpu.model.counterFrequency));
}

export interface MonitorConfig {
  readonly firmware: Firmware;
  readonly cpu: HostedCpu;
  /** The level that begins: 2 when the CPU has EL2. */
  readonly guestLevel: 1 | 2;
  readonly log: HostedLog;
}

export class HostedMonitor {
  /** Calls and exceptions so far, by name. */
  readonly counters: Record<string, number> = {};

  constructor(private readonly config: MonitorConfig) {}

  /** Sets up a vCPU after reset or power-up: it stands at EL3, and ERET takes it to `at` with X0 = context. */
  enter(vcpu: Vcpu, at: PowerUp): void {
    const { cpu, guestLevel } = this.config;
    vcpu.pstate = Number(Spsr.DAIF) | 0xd;
    programEl3(vcpu, cpu);
    // Below EL2 nothing says that EL1 is AArch64 but HCR_EL2.RW; firmware leaves it set.
    vcpu.setSysreg("HCR_EL2", HCR_MASK.RW);
    vcpu.setSysreg("SCTLR_EL2", SCTLR_OFF);
    vcpu.setSysreg("SPSR_EL3", Spsr.DAIF | (guestLevel === 2 ? Spsr.EL2h : Spsr.EL1h));
    vcpu.setSysreg("ELR_EL3", at.entry);
    for (let n = 1; n <= 30; n++) vcpu.setX(n, 0n);
    vcpu.setX(0, at.context);
    vcpu.recomputeModes();
    cpu.translationChanged(vcpu);
    cpu.interruptsChanged(vcpu);
  }

  /** Handles an exception to EL3; `vectorOffset` as the engine's exit gives it. Never throws for a guest's doing. */
  handle(vcpu: Vcpu, vectorOffset: number): Outcome {
    if (vectorOffset < LOWER_AARCH64 || vectorOffset >= LOWER_AARCH32) {
      const what = `EL3 took an exception at vector 0x${vectorOffset.toString(16)}, ${whereabouts(vcpu, 3)}: only EL0 to EL2 in AArch64 run code here`;
      this.config.log(what);
      return { kind: "failed", what };
    }
    const kind = vectorOffset & VECTOR_KIND;
    if (kind === SYNC) return this.#synchronous(vcpu);
    this.#count(kind === SERROR ? "SError" : "interrupt");
    if (kind === SERROR)
      this.#passDown(vcpu, "an SError", () => injectSError(vcpu, iss(vcpu.sysreg("ESR_EL3")), this.#below(vcpu)));
    else this.#interrupt(vcpu);
    return RESUME;
  }

  #synchronous(vcpu: Vcpu): Outcome {
    const esr = vcpu.sysreg("ESR_EL3");
    const ec = exceptionClass(esr);
    const how = this.#below(vcpu);
    switch (ec) {
      // ELR_EL3 is the instruction after the SMC.
      case EC.SMC64:
        this.#count("SMC");
        return this.config.firmware.call(vcpu);
      case EC.WFx:
        this.#count("WFx");
        vcpu.setSysreg("ELR_EL3", vcpu.sysreg("ELR_EL3") + 4n);
        return { kind: "wait", for: (iss(esr) & 1) === 0 ? "interrupt" : "event" };
      case EC.InstructionAbortLower:
      case EC.DataAbortLower:
        this.#count("external abort");
        this.#passDown(vcpu, "an external abort", () =>
          injectSync(vcpu, ec, iss(esr) & ~Abort.onlyForStage2, vcpu.sysreg("FAR_EL3"), how),
        );
        return RESUME;
      default:
        this.#count("other");
        this.#passDown(vcpu, `exception class 0x${ec.toString(16)}`, () => injectUndefined(vcpu, how));
        return RESUME;
    }
  }

  /** No group of interrupts is EL3's: SCR_EL3 keeps them below, whoever changed it. */
  #interrupt(vcpu: Vcpu): void {
    this.config.log(`an interrupt was routed to EL3, ${whereabouts(vcpu, 3)}: SCR_EL3.{IRQ, FIQ} cleared`);
    vcpu.setSysreg("SCR_EL3", SCR_NORMAL_WORLD);
    vcpu.recomputeModes();
    this.config.cpu.interruptsChanged(vcpu);
  }

  #passDown(vcpu: Vcpu, what: string, inject: () => void): void {
    const { to } = this.#below(vcpu);
    this.config.log(`EL3 took ${what}, ${whereabouts(vcpu, 3)}: vCPU ${indexOf(vcpu)} gets it at EL${to}`);
    inject();
  }

  /** EL2 if the exception came from there, else EL1: as the exception would have gone without EL3. */
  #below(vcpu: Vcpu): { readonly from: 3; readonly to: 1 | 2 } {
    return { from: 3, to: Spsr.el(vcpu.sysreg("SPSR_EL3")) === 2 ? 2 : 1 };
  }

  #count(what: string): void {
    this.counters[what] = (this.counters[what] ?? 0) + 1;
  }
}
