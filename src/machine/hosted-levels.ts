/**
 * The hosted exception levels of a machine: hosted EL2 (a hypervisor of ours) and hosted EL3 (firmware of ours), and
 * the power states that PSCI moves vCPUs through.
 */
import { Firmware } from "../hosted/el3/atf.js";
import type { AffinityState, PowerController, PowerUp } from "../hosted/el3/power.js";
import type { RegionSpec } from "../engine/engine.js";
import type { Machine, MachineConfig } from "./machine.js";
import type { Core } from "./scheduler.js";

/** SCR_EL3 as firmware leaves it: NS, RW, HCE. */
const SCR_NORMAL_WORLD = (1n << 0n) | (1n << 10n) | (1n << 8n);
/** PSTATE at the first instruction: EL2h or EL3h, D A I F masked. */
const EL2H = 0x3c9;
const EL3H = 0x3cd;

export class HostedLevels implements PowerController {
  private readonly firmware: Firmware;

  constructor(private readonly machine: Machine) {
    this.firmware = new Firmware({ power: this });
  }

  /** Memory that hosted levels need for themselves, out of the guest's sight. */
  static regions(_config: MachineConfig): RegionSpec[] {
    return [];
  }

  reset(): void {
    this.firmware.reset();
  }

  counts(): Record<string, number> {
    return {};
  }

  /** A vCPU begins at the highest level that the guest owns. */
  start({ vcpu }: Core, { entry, context }: PowerUp): void {
    const { config, engine } = this.machine;
    if (config.el3 === "guest") {
      vcpu.pstate = EL3H;
    } else {
      vcpu.setSysreg("SCR_EL3", SCR_NORMAL_WORLD);
      vcpu.pstate = EL2H;
    }
    vcpu.recomputeModes();
    engine.exports.flushCpu(vcpu.base);
    vcpu.setX(0, context);
    vcpu.pc = entry;
  }

  /** An exception to a hosted level: handled, and the guest returned to. */
  handle(core: Core, _level: 2 | 3): void {
    const outcome = this.firmware.call(core.vcpu);
    if (outcome.kind === "gone") return;
    this.machine.engine.exports.eret(core.vcpu.base);
  }

  // --- PowerController ------------------------------------------------------------------------------------------------

  get cpuCount(): number {
    return this.machine.cores.length;
  }

  private core(cpu: number): Core {
    return this.machine.cores[cpu] as Core;
  }

  affinityOf(cpu: number): bigint {
    return this.machine.affinityOf(cpu);
  }

  stateOf(cpu: number): AffinityState {
    return this.core(cpu).state === "off" ? "off" : "on";
  }

  isExecutable(address: bigint): boolean {
    return this.machine.engine.hostAddress(address) !== undefined;
  }

  cpuOn(target: number, at: PowerUp): void {
    const core = this.core(target);
    this.machine.resetCore(core);
    this.start(core, at);
    core.state = "running";
  }

  cpuOff(cpu: number): void {
    this.core(cpu).state = "off";
  }

  powerDown(cpu: number, at: PowerUp, _system: boolean): void {
    const core = this.core(cpu);
    this.machine.resetCore(core);
    this.start(core, at);
    core.state = "wfi";
  }

  systemOff(): void {
    this.machine.end({ reason: "system-off" });
  }

  systemReset(_kind: "cold" | "warm"): void {
    this.machine.requestReset();
  }
}
