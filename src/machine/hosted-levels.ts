/**
 * The hosted exception levels of a machine: hosted EL2 (a hypervisor of ours) and hosted EL3 (firmware of ours), and
 * the power states that PSCI moves vCPUs through.
 */
import type { Width } from "../bus/contract.js";
import type { Vcpu } from "../cpu/vcpu.js";
import type { RegionSpec } from "../engine/engine.js";
import { CONTEXT, CPU } from "../engine/layout.js";
import type { VcpuExit } from "../hosted/el2/exits.js";
import { HostedHypervisor } from "../hosted/el2/hypervisor.js";
import { RAM_ATTRIBUTES, Stage2Tables } from "../hosted/el2/stage2.js";
import { Firmware } from "../hosted/el3/atf.js";
import { HostedMonitor } from "../hosted/el3/monitor.js";
import type { AffinityState, PowerController, PowerUp } from "../hosted/el3/power.js";
import type { GuestTranslation, Outcome, PhysicalMemory } from "../hosted/ports.js";
import { ACCESS, FAULT } from "../mmu/walk.js";
import { gicOf } from "./description.js";
import type { Machine, MachineConfig } from "./machine.js";
import { type Core, NANOSECONDS_PER_INSTRUCTION } from "./scheduler.js";

/** PSTATE at the first instruction of a guest's EL3: EL3h, D A I F masked. */
const EL3H = 0x3cd;
/** Hosted EL2's own memory lies above anything a machine file can place. */
const TABLES = { name: "stage-2 tables", base: 1n << 43n, size: 4 << 20 } as const;

export class HostedLevels implements PowerController {
  private readonly firmware: Firmware;
  private readonly monitor: HostedMonitor;
  /** Hear of every exception to hosted EL3, before it is handled: the vector's offset. */
  readonly el3Observers: ((core: Core, vector: number) => void)[] = [];
  /** Undefined when EL2 is the guest's. */
  readonly hypervisor: HostedHypervisor | undefined;

  constructor(private readonly machine: Machine) {
    const { config, sysregHost } = machine;
    this.firmware = new Firmware({ power: this });
    const log = (line: string): void => machine.log("hosted", () => line);
    this.monitor = new HostedMonitor({ firmware: this.firmware, cpu: sysregHost, guestLevel: 2, log });
    if (config.el2 === "hosted") {
      this.hypervisor = new HostedHypervisor({
        vcpus: machine.cores.map(({ vcpu }) => vcpu),
        bus: machine.platform.bus,
        memory: physicalMemory(machine),
        translation: guestTranslation(machine),
        cpu: sysregHost,
        stage2: this.buildStage2(),
        firmware: this.firmware,
        power: this,
        gic: {
          distributor: gicOf(config.description).distributor.base,
          redistributors: gicOf(config.description).redistributors.base,
          maintenanceIntid: 16 + gicOf(config.description).maintenancePpi,
          its: gicOf(config.description).its,
          setLpiPending: (cpu, intid) => machine.platform.gic.setLpi(cpu, intid, true),
        },
        el3: "hosted",
        now: () => machine.scheduler.now() * NANOSECONDS_PER_INSTRUCTION,
        log,
      });
      this.hypervisor.observers.push((vcpu, exit) => this.logAccess(vcpu, exit));
    }
  }

  /** A device access of the guest's that hosted EL2 carries out; the value of a read is not known yet. */
  private logAccess(cpu: number, exit: VcpuExit): void {
    if (exit.reason !== "MmioRead" && exit.reason !== "MmioWrite") return;
    this.machine.log("mmio", () => {
      const pc = this.core(cpu).vcpu.sysreg("ELR_EL2").toString(16);
      const at = `0x${exit.addr.toString(16)} (${exit.width} byte${exit.width === 1 ? "" : "s"})`;
      const what =
        exit.reason === "MmioRead" ? `reads ${at} to X${exit.reg}` : `writes ${at}: 0x${exit.data.toString(16)}`;
      return `CPU${cpu} PC 0x${pc} ${what}`;
    });
  }

  /** Levels that are hosted, as bits. */
  static levelsOf({ el2, el3 }: Pick<MachineConfig, "el2" | "el3">): number {
    return (el2 === "hosted" ? 1 << 2 : 0) | (el3 === "hosted" ? 1 << 3 : 0);
  }

  /** Memory that hosted levels need for themselves, out of the guest's sight. */
  static regions({ el2 }: MachineConfig): RegionSpec[] {
    return el2 === "hosted" ? [TABLES] : [];
  }

  static isOwnMemory({ name }: RegionSpec): boolean {
    return name === TABLES.name;
  }

  /** The guest's memory at its own addresses; everything else faults to EL2. */
  private buildStage2(): Stage2Tables {
    const { engine, model } = this.machine;
    const tables = engine.regions.find((r) => r.name === TABLES.name);
    if (tables === undefined) throw new Error("hosted EL2 without its table memory");
    const stage2 = new Stage2Tables({
      memory: engine.bytes.subarray(tables.host, tables.host + tables.size),
      base: Number(TABLES.base),
      paBits: model.physicalAddressBits,
      invalidate: () => {
        for (const base of engine.cpuBases) engine.exports.flushCpu(base);
      },
    });
    for (const region of engine.regions) {
      if (region !== tables) stage2.map(Number(region.base), Number(region.base), region.size, RAM_ATTRIBUTES);
    }
    return stage2;
  }

  reset(): void {
    this.firmware.reset();
    this.hypervisor?.reset();
  }

  /** Exits to hosted levels so far, by cause. */
  counts(): Record<string, number> {
    return { ...this.hypervisor?.counters, ...this.monitor.counters };
  }

  /** A vCPU begins at the highest level that the guest owns. */
  start({ vcpu }: Core, at: PowerUp): void {
    const { config, engine } = this.machine;
    if (config.el3 === "guest") {
      vcpu.pstate = EL3H;
      engine.exports.flushCpu(vcpu.base);
      vcpu.setX(0, at.context);
      vcpu.pc = at.entry;
      return;
    }
    if (this.hypervisor) this.hypervisor.enter(vcpu, at);
    else this.monitor.enter(vcpu, at);
    engine.exports.flushCpu(vcpu.base);
    engine.exports.eret(vcpu.base);
  }

  /** An exception to a hosted level: handled, and the guest returned to. */
  handle(core: Core, level: 2 | 3): void {
    const { vcpu } = core;
    const offset = Number(vcpu.exitInfo);
    if (level === 3) for (const observer of this.el3Observers) observer(core, offset);
    const outcome = level === 2 ? this.handleAt2(vcpu, offset) : this.monitor.handle(vcpu, offset);
    switch (outcome.kind) {
      case "gone":
        return;
      case "failed":
        this.machine.fail(outcome.what);
        return;
      default:
        this.machine.engine.exports.eret(vcpu.base);
        if (outcome.kind === "wait") core.state = outcome.for === "interrupt" ? "wfi" : "wfe";
    }
  }

  private handleAt2(vcpu: Vcpu, offset: number): Outcome {
    return this.hypervisor
      ? this.hypervisor.handle(vcpu, offset)
      : { kind: "failed", what: "an exception was taken to hosted EL2, but EL2 is the guest's" };
  }

  /** A device access of the guest's that hosted EL2 carries out while the engine waits. */
  access(vcpu: Vcpu): boolean {
    return this.hypervisor?.access(vcpu) ?? false;
  }

  /** An interrupt's wire may have fallen without an exit: what is held for the guest is looked at again. */
  resample(vcpu: Vcpu): void {
    this.hypervisor?.resample(vcpu);
  }

  // --- PowerController -----------------------------------------------------------------------------------------------

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
    const region = this.machine.engine.regionAt(address);
    return region !== undefined && !HostedLevels.isOwnMemory(region);
  }

  cpuOn(target: number, at: PowerUp): void {
    const core = this.core(target);
    this.machine.log("psci", () => `CPU_ON of CPU${target}, entry 0x${at.entry.toString(16)}`);
    this.machine.resetCore(core);
    this.start(core, at);
    core.state = "running";
    this.machine.debug.powerChanged(core, "on");
  }

  cpuOff(cpu: number): void {
    this.machine.log("psci", () => `CPU_OFF by CPU${cpu}`);
    const core = this.core(cpu);
    // Nothing runs there any more: who looks at it is to see the caller, not the vector of a level without code.
    if ((core.vcpu.get32(CPU.hosted) >>> core.vcpu.el) & 1) this.machine.engine.exports.eret(core.vcpu.base);
    core.state = "off";
    this.machine.debug.powerChanged(core, "off");
  }

  powerDown(cpu: number, at: PowerUp, system: boolean): void {
    const core = this.core(cpu);
    this.machine.log("psci", () => `${system ? "SYSTEM_SUSPEND" : "CPU_SUSPEND"} by CPU${cpu}`);
    // The device tree says that the timers are always on: they can end the sleep, and nobody sets them anew after it.
    const timers = core.timer.save();
    this.machine.resetCore(core);
    this.start(core, at);
    core.timer.restore(timers);
    core.state = "suspended";
  }

  systemOff(): void {
    this.machine.log("psci", () => "SYSTEM_OFF");
    this.machine.end({ reason: "system-off" });
  }

  systemReset(kind: "cold" | "warm"): void {
    this.machine.log("psci", () => `SYSTEM_RESET (${kind})`);
    this.machine.requestReset();
  }
}

function physicalMemory({ engine }: Machine): PhysicalMemory {
  const at = (address: number, width: Width): { host: number; writable: boolean } | undefined => {
    const region = engine.regionAt(BigInt(address));
    if (region === undefined) return undefined;
    const offset = address - Number(region.base);
    return offset + width <= region.size ? { host: region.host + offset, writable: !region.readOnly } : undefined;
  };
  return {
    read(address, width) {
      const found = at(address, width);
      if (found === undefined) return undefined;
      let value = 0n;
      for (let i = width - 1; i >= 0; i--) value = (value << 8n) | BigInt(engine.bytes[found.host + i] ?? 0);
      return value;
    },
    write(address, width, value) {
      if (!at(address, width)?.writable) return false;
      const bytes = Uint8Array.from({ length: width }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
      engine.writePhysical(BigInt(address), bytes);
      return true;
    },
  };
}

/** PAR_EL1 (DDI 0487, "PAR_EL1"): bit 11 is RES1. */
const PAR = { F: 1n, RES1: 1n << 11n, PTW: 1n << 8n, S: 1n << 9n, addressMask: 0x0000_ffff_ffff_f000n } as const;

function guestTranslation({ engine }: Machine): GuestTranslation {
  const contextOf = (vcpu: Vcpu): number => {
    const spsr = Number(vcpu.sysreg("SPSR_EL2") & 0xffff_ffffn);
    if (((spsr >>> 2) & 3) === 0) return CONTEXT.el10User;
    return (spsr >>> 22) & 1 ? CONTEXT.el10Pan : CONTEXT.el10;
  };
  return {
    readInstruction(vcpu) {
      const pc = vcpu.sysreg("ELR_EL2");
      if (engine.exports.walk(vcpu.base, contextOf(vcpu), pc, ACCESS.execute) !== 0) return undefined;
      const host = engine.hostAddress(vcpu.get64(CPU.walkPa));
      return host === undefined ? undefined : engine.view.getUint32(host, true);
    },
    translateStage1(vcpu, va, access) {
      vcpu.set32(CPU.walkStage1Only, 1);
      const fault = engine.exports.walk(vcpu.base, contextOf(vcpu), va, ACCESS[access]);
      vcpu.set32(CPU.walkStage1Only, 0);
      if (fault === 0) {
        const memory = BigInt(vcpu.get32(CPU.walkMemory));
        return (
          (vcpu.get64(CPU.walkIpa) & PAR.addressMask) | PAR.RES1 | ((memory & 0xffn) << 56n) | ((memory >> 8n) << 7n)
        );
      }
      const status = BigInt(fault & 0x3f) << 1n;
      return PAR.F | PAR.RES1 | status | (fault & FAULT.onWalk ? PAR.PTW : 0n) | (fault & FAULT.stage2 ? PAR.S : 0n);
    },
  };
}
