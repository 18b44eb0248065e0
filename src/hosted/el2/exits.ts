/**
 * Why a vCPU left the guest for hosted EL2: the exit reasons of the seed's hypervisor, typed. Addresses are
 * intermediate physical ones (up to 48 bits, JS numbers), register values 64-bit unsigned.
 *
 * The seed's IoRead and IoWrite are not here: Arm has no port space.
 */
import type { Width } from "../../bus/contract.js";

export type Conduit = "hvc" | "smc";

/** HVC, or SMC with `SecureMonitorCall`: x0 and x1–x6. */
export interface Call {
  readonly nr: bigint;
  readonly args: readonly [bigint, bigint, bigint, bigint, bigint, bigint];
}

export type VcpuExit =
  | ({ readonly reason: "Hypercall" } & Call)
  | ({ readonly reason: "SecureMonitorCall" } & Call)
  /** The guest reads a device register into X`reg` (31: dropped), `regWidth` bytes of which are written. */
  | {
      readonly reason: "MmioRead";
      readonly addr: number;
      readonly width: Width;
      readonly reg: number;
      readonly regWidth: 4 | 8;
      readonly signedExt: boolean;
    }
  | { readonly reason: "MmioWrite"; readonly addr: number; readonly width: Width; readonly data: bigint }
  /** A device access whose syndrome says nothing of the register (ISS.ISV = 0): LDP, write-back, SIMD, exclusives. */
  | { readonly reason: "UnsyndromedAccess"; readonly addr: number; readonly va: bigint; readonly write: boolean }
  /** A DC or IC operation by address on something that has no cache. */
  | { readonly reason: "CacheMaintenance"; readonly addr: number }
  /** `addr` as in ESR_EL2.ISS with Rt and direction cleared; the value goes to X`reg`. */
  | { readonly reason: "SysRegRead"; readonly addr: number; readonly reg: number }
  | { readonly reason: "SysRegWrite"; readonly addr: number; readonly value: bigint }
  /** A physical interrupt was acknowledged at EL2; `vector` is its INTID. */
  | { readonly reason: "ExternalInterrupt"; readonly vector: number }
  /** PSCI CPU_ON: `targetCpu` is an MPIDR affinity. */
  | { readonly reason: "CpuUp"; readonly targetCpu: bigint; readonly entryPoint: bigint; readonly arg: bigint }
  | { readonly reason: "CpuDown" }
  /** PSCI CPU_SUSPEND and, with `system`, SYSTEM_SUSPEND. */
  | { readonly reason: "CpuSuspend"; readonly system: boolean }
  | { readonly reason: "SystemDown" }
  | { readonly reason: "SystemReset" }
  /** ICC_SGI<0|1>R_EL1 or ICC_ASGI1R_EL1. Targets are MPIDR affinities, empty with `sendToAll` (all others). */
  | {
      readonly reason: "SendIPI";
      readonly targetCpu: bigint;
      readonly targets: readonly bigint[];
      readonly sendToAll: boolean;
      readonly sendToSelf: boolean;
      readonly vector: number;
    }
  /** Stage 2 has nothing, or not enough, for a fetch, a stage 1 table walk or an access that no device can answer. */
  | { readonly reason: "NestedPageFault"; readonly addr: number; readonly access: FaultAccess }
  /** WFI, WFE and their forms with timeout, when trapped. */
  | { readonly reason: "Halt"; readonly for: "interrupt" | "event" }
  /** FP or SIMD while CPTR_EL2 traps it. */
  | { readonly reason: "FpAccess" }
  /** A synchronous exception of the guest itself that was routed to EL2 (debug, alignment, SVC under TGE…). */
  | { readonly reason: "GuestException"; readonly exceptionClass: number; readonly name: string }
  /** An abort from outside, at a data access or a fetch. */
  | { readonly reason: "ExternalAbort"; readonly access: FaultAccess }
  | { readonly reason: "SError" }
  /** Something a guest may not do here: it gets an Undefined Instruction exception. */
  | { readonly reason: "Undefined"; readonly exceptionClass: number; readonly name: string }
  /** The exit makes no sense: from EL2 itself, from AArch32, or a class that cannot come from below. */
  | { readonly reason: "FailEntry"; readonly what: string }
  | { readonly reason: "Nothing" };

export type FaultAccess = "read" | "write" | "execute" | "walk";
export type ExitReason = VcpuExit["reason"];

/** An exit of one reason. */
export type ExitOf<R extends ExitReason> = Extract<VcpuExit, { readonly reason: R }>;

/** Hears of every exit, in order: (vCPU, exit, virtual time in nanoseconds). */
export type ExitObserver = (vcpu: number, exit: VcpuExit, time: bigint) => void;
