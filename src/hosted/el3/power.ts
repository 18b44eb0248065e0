/** What PSCI acts through: the power state of the vCPUs and of the system (Arm DEN0022, sections 3 to 5). */

/** DEN0022, 5.1.5 AFFINITY_INFO. */
export type AffinityState = "on" | "off" | "on-pending";

/** Where a vCPU begins after power-up: the address, and X0. */
export interface PowerUp {
  readonly entry: bigint;
  readonly context: bigint;
}

/**
 * Implemented by the scheduler. A vCPU that is switched on begins like a new one: reset, then the entry of the
 * highest hosted level (`HostedHypervisor.enter` or `HostedMonitor.enter`).
 */
export interface PowerController {
  readonly cpuCount: number;
  /** MPIDR_EL1 affinity of a vCPU: Aff3 in bits 39:32, Aff2, Aff1, Aff0 in 23:0. */
  affinityOf(cpu: number): bigint;
  stateOf(cpu: number): AffinityState;
  /** Whether a physical address can be one to begin at (RAM or ROM of the guest). */
  isExecutable(address: bigint): boolean;
  cpuOn(target: number, at: PowerUp): void;
  /** The calling vCPU goes off; it does not run again before `cpuOn`. */
  cpuOff(cpu: number): void;
  /**
   * The calling vCPU loses its state, but for its timers, until an interrupt is pending for it, then begins at `at`.
   * With
   * `system` it is the last one on and the whole system sleeps.
   */
  powerDown(cpu: number, at: PowerUp, system: boolean): void;
  systemOff(): void;
  systemReset(kind: "cold" | "warm"): void;
}

/** The vCPU of an affinity, or `undefined`. */
export function cpuByAffinity(power: PowerController, affinity: bigint): number | undefined {
  for (let cpu = 0; cpu < power.cpuCount; cpu++) if (power.affinityOf(cpu) === affinity) return cpu;
  return undefined;
}
