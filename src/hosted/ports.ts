/**
 * What the hosted exception levels need of the machine. A vCPU comes here standing at the hosted level's vector, after
 * the whole architectural entry.
 */
import type { AddressSpace } from "../bus/address-space.js";
import type { Width } from "../bus/contract.js";
import type { SysregHost } from "../cpu/sysreg/host.js";
import type { Vcpu } from "../cpu/vcpu.js";
import { CPU } from "../engine/layout.js";

/** Number of a vCPU, from 0. */
export function indexOf(vcpu: Vcpu): number {
  return vcpu.get32(CPU.index);
}

/** RAM and ROM by physical address, for the rare access that the engine leaves to a hosted level. */
export interface PhysicalMemory {
  /**
   * The zero-extended value, or `undefined` where there is no memory. The address is a multiple of the width or not.
   */
  read(address: number, width: Width): bigint | undefined;
  /** Whether there was writable memory. */
  write(address: number, width: Width, value: bigint): boolean;
}

/** What hosted EL2 asks of the engine about the guest it interrupted. */
export interface GuestTranslation {
  /** The instruction word at the guest's ELR_EL2, or `undefined` when it cannot be read (any more). */
  readInstruction(vcpu: Vcpu): number | undefined;
  /**
   * PAR_EL1 as AT S1E<el>R or W would leave it, `el` being the guest's level (from SPSR_EL2); PAR_EL1 itself keeps
   * its value.
   */
  translateStage1(vcpu: Vcpu, va: bigint, access: "read" | "write"): bigint;
}

/** The part of the system-register host that the hosted levels use and tell of what they change. */
export type HostedCpu = Pick<SysregHost, "gic" | "timer" | "model" | "translationChanged" | "interruptsChanged">;

/** What becomes of a vCPU after a hosted level has handled its exit. */
export type Outcome =
  /** Return to the guest (ERET). */
  | { readonly kind: "resume" }
  /** Return to the guest, which then waits as by WFI (`interrupt`) or WFE (`event`). */
  | { readonly kind: "wait"; readonly for: "interrupt" | "event" }
  /** The power controller has taken the vCPU or the whole system: do not return to the guest. */
  | { readonly kind: "gone" }
  /** No state is left to return to: the machine has to stop with this as its reason. */
  | { readonly kind: "failed"; readonly what: string };

export const RESUME: Outcome = { kind: "resume" };
export const GONE: Outcome = { kind: "gone" };

/** For the log: what happened, to which vCPU, where. */
export type HostedLog = (line: string) => void;

/** `vCPU 1 EL0 PC 0x401000`: where a guest was when it came to a hosted level. */
export function whereabouts(vcpu: Vcpu, level: 2 | 3): string {
  const el = (vcpu.sysreg(`SPSR_EL${level}`) >> 2n) & 3n;
  return `vCPU ${indexOf(vcpu)} EL${el} PC 0x${vcpu.sysreg(`ELR_EL${level}`).toString(16)}`;
}

export type { AddressSpace, Vcpu, Width };
