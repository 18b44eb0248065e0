/**
 * A machine without an engine: real vCPU blocks, GIC, timer, bus and hosted levels; a test plays the guest by building
 * the traps that an engine would enter (DDI 0487, AArch64.TakeException).
 */
import { AddressSpace } from "../../src/bus/address-space.js";
import { BusFault, type MmioDevice, type Width } from "../../src/bus/contract.js";
import { cpuModel } from "../../src/cpu/model.js";
import { resetSysregs } from "../../src/cpu/sysreg/reset.js";
import { TIMER_NAMES, type TimerName } from "../../src/cpu/sysreg/timer-names.js";
import { GenericTimer } from "../../src/cpu/timer.js";
import { Vcpu } from "../../src/cpu/vcpu.js";
import { type AccessContext, type CpuOutputs, type GicRegister, Gicv3 } from "../../src/devices/gicv3/index.js";
import { CPU, CPU_BLOCK_SIZE } from "../../src/engine/layout.js";
import type { VcpuExit } from "../../src/hosted/el2/exits.js";
import { HostedHypervisor, type HypervisorConfig } from "../../src/hosted/el2/hypervisor.js";
import { Stage2Tables } from "../../src/hosted/el2/stage2.js";
import { Firmware } from "../../src/hosted/el3/atf.js";
import type { AffinityState, PowerController, PowerUp } from "../../src/hosted/el3/power.js";
import type { HostedCpu, Outcome } from "../../src/hosted/ports.js";
import { Wire } from "../bus/wires.js";

export const GICD = 0x0800_0000;
export const GICR = 0x080a_0000;
export const SGI_FRAME = GICR + 0x1_0000;
export const DEVICE = 0x0900_0000;
export const RAM = 0x4000_0000;
export const RAM_SIZE = 0x40_0000;
const MAINTENANCE = 25;

/** The guest's ICV registers. */
const GUEST: AccessContext = { el: 1, secure: false, virtual: true };

/** 4 KiB of bytes that remembers each access; its last 16 bytes answer nothing. */
export class FakeDevice implements MmioDevice {
  readonly bytes = new Uint8Array(4096);
  readonly log: string[] = [];
  /** Called after each access. */
  touched: () => void = () => {};

  read(offset: number, width: Width): bigint {
    this.log.push(`r${width}@${offset.toString(16)}`);
    const value = this.peek(offset, width);
    this.touched();
    return value;
  }

  write(offset: number, width: Width, value: bigint): void {
    if (offset >= 4080) throw new BusFault("reserved");
    this.log.push(`w${width}@${offset.toString(16)}=${value.toString(16)}`);
    for (let n = 0; n < width; n++) this.bytes[offset + n] = Number((value >> BigInt(8 * n)) & 0xffn);
    this.touched();
  }

  peek(offset: number, width: Width): bigint {
    if (offset >= 4080) throw new BusFault("reserved");
    let value = 0n;
    for (let n = 0; n < width; n++) value |= BigInt(this.bytes[offset + n] ?? 0) << BigInt(8 * n);
    return value;
  }
}

export class FakePower implements PowerController {
  readonly states: AffinityState[];
  readonly calls: string[] = [];
  last: PowerUp | undefined;

  constructor(readonly affinities: readonly bigint[]) {
    this.states = affinities.map((_, n) => (n === 0 ? "on" : "off"));
  }

  get cpuCount(): number {
    return this.affinities.length;
  }
  affinityOf = (cpu: number): bigint => this.affinities[cpu] ?? -1n;
  stateOf = (cpu: number): AffinityState => this.states[cpu] ?? "off";
  isExecutable = (address: bigint): boolean => address >= BigInt(RAM) && address < BigInt(RAM + RAM_SIZE);
  cpuOn(target: number, at: PowerUp): void {
    this.calls.push(`on ${target}`);
    this.states[target] = "on-pending";
    this.last = at;
  }
  cpuOff(cpu: number): void {
    this.calls.push(`off ${cpu}`);
    this.states[cpu] = "off";
  }
  powerDown(cpu: number, at: PowerUp, system: boolean): void {
    this.calls.push(`${system ? "system " : ""}power-down ${cpu}`);
    this.last = at;
  }
  systemOff = (): void => void this.calls.push("system-off");
  systemReset = (kind: string): void => void this.calls.push(`system-reset ${kind}`);
}

/** How a load or store is made; `wide` (to an X register) where that does not follow from the width in bytes. */
interface MmioOptions {
  readonly width?: number;
  readonly reg?: number;
  readonly signed?: boolean;
  readonly wide?: boolean;
  readonly cpu?: number;
}

export interface RigOptions extends Partial<HypervisorConfig> {
  readonly cpus?: number;
  readonly affinities?: readonly bigint[];
  readonly listRegisters?: number;
  /** Interrupts are not virtualised. */
  readonly ownGic?: boolean;
}

export class Machine {
  readonly vcpus: readonly Vcpu[];
  readonly lines: readonly Record<keyof CpuOutputs, Wire>[];
  readonly gic: Gicv3;
  readonly bus: AddressSpace;
  readonly device = new FakeDevice();
  readonly ram = new Uint8Array(RAM_SIZE);
  readonly tableMemory = new Uint8Array(64 * 4096);
  readonly stage2: Stage2Tables;
  readonly power: FakePower;
  readonly firmware: Firmware;
  readonly hypervisor: HostedHypervisor;
  readonly cpu: HostedCpu;
  readonly exits: VcpuExit[] = [];
  readonly logged: string[] = [];
  readonly timers: readonly GenericTimer[];
  /** PAR_EL1 by page, for what the engine's stage 1 would answer; default: flat. */
  readonly stage1 = new Map<bigint, bigint>();
  instruction: number | undefined;
  time = 0n;

  constructor({ cpus = 1, affinities, listRegisters = 4, ownGic = false, ...overrides }: RigOptions = {}) {
    const model = cpuModel("cortex-a72");
    const buffer = new ArrayBuffer(cpus * CPU_BLOCK_SIZE);
    this.power = new FakePower(affinities ?? Array.from({ length: cpus }, (_, n) => BigInt(n)));
    this.vcpus = Array.from({ length: cpus }, (_, index) => {
      const vcpu = new Vcpu(buffer, index * CPU_BLOCK_SIZE);
      vcpu.set32(CPU.index, index);
      vcpu.set32(CPU.hasEl2, 1);
      vcpu.set32(CPU.hasEl3, 1);
      resetSysregs(vcpu, { model, index, cpus, affinity: this.power.affinityOf(index) });
      vcpu.pstate = 0x3cd;
      return vcpu;
    });
    this.lines = this.vcpus.map(() => ({
      ...{ irq: new Wire(), fiq: new Wire(), virq: new Wire(), vfiq: new Wire() },
      ...{ secureGroup1: new Wire(), nonSecureGroup1: new Wire() },
    }));
    this.gic = new Gicv3({
      listRegisters,
      cpus: this.lines.map((outputs, cpu) => ({ affinity: Number(this.power.affinityOf(cpu)), outputs })),
    });
    this.timers = this.vcpus.map((vcpu, cpu) => {
      const lines = Object.fromEntries(TIMER_NAMES.map((name) => [name, new Wire()])) as Record<TimerName, Wire>;
      return new GenericTimer(vcpu, () => this.time, {
        ...lines,
        physical: this.gic.ppi(cpu, 14),
        virtual: this.gic.ppi(cpu, 11),
      });
    });
    this.bus = new AddressSpace();
    this.bus.map({ name: "gicd", base: GICD, size: 0x1_0000, device: this.gic.distributor });
    const { redistributorFrames, redistributorWindow } = this.gic;
    this.bus.map({ name: "gicr", base: GICR, size: redistributorWindow, device: redistributorFrames });
    this.bus.map({ name: "fake", base: DEVICE, size: 4096, device: this.device });
    this.stage2 = new Stage2Tables({ memory: this.tableMemory, base: 0x8000_0000, paBits: 44 });
    this.stage2.map(RAM, RAM, RAM_SIZE);
    this.firmware = new Firmware({ power: this.power });
    this.cpu = {
      model,
      gic: (vcpu) => this.gic.cpuInterface(vcpu.get32(CPU.index)),
      timer: (vcpu) => this.timers[vcpu.get32(CPU.index)] as GenericTimer,
      translationChanged: () => {},
      interruptsChanged: () => {},
    };
    this.hypervisor = new HostedHypervisor({
      vcpus: this.vcpus,
      bus: this.bus,
      memory: {
        read: (address, width) => this.#ramAccess(address, width, (at) => readBytes(this.ram, at, width)),
        write: (address, width, value) =>
          this.#ramAccess(address, width, (at) => writeBytes(this.ram, at, width, value)) ?? false,
      },
      translation: {
        readInstruction: () => this.instruction,
        translateStage1: (_, va) => this.stage1.get(va & ~0xfffn) ?? va & 0xffff_ffff_f000n,
      },
      cpu: this.cpu,
      stage2: this.stage2,
      firmware: this.firmware,
      power: this.power,
      ...(ownGic ? {} : { gic: { distributor: GICD, redistributors: GICR, maintenanceIntid: MAINTENANCE } }),
      el3: "hosted",
      now: () => this.time,
      log: (line) => this.logged.push(line),
      ...overrides,
    });
    this.hypervisor.observers.push((_, exit) => this.exits.push(exit));
  }

  #ramAccess<T>(address: number, width: number, access: (at: number) => T): T | undefined {
    const at = address - RAM;
    return at >= 0 && at + width <= RAM_SIZE ? access(at) : undefined;
  }

  vcpu(cpu = 0): Vcpu {
    return this.vcpus[cpu] as Vcpu;
  }

  /** Brings a vCPU to EL1 through `enter`, as a kernel that has just begun. */
  start(cpu = 0, at: PowerUp = { entry: BigInt(RAM + 0x8_0000), context: 0n }): this {
    this.hypervisor.enter(this.vcpu(cpu), at);
    this.eret(cpu);
    return this;
  }

  eret(cpu = 0, level: 2 | 3 = 2): void {
    const vcpu = this.vcpu(cpu);
    vcpu.pc = vcpu.sysreg(`ELR_EL${level}`);
    vcpu.pstate = Number(vcpu.sysreg(`SPSR_EL${level}`));
  }

  /** Enters EL2 (or EL3) as the engine would, handles, and returns unless the vCPU is gone. */
  trap(esr: bigint, { far = 0n, ipa = 0, cpu = 0, level = 2 as 2 | 3, offset = 0x400, after = false } = {}): Outcome {
    const vcpu = this.vcpu(cpu);
    vcpu.setSysreg(`ESR_EL${level}`, esr);
    vcpu.setSysreg(`FAR_EL${level}`, far);
    if (level === 2) vcpu.setSysreg("HPFAR_EL2", BigInt(Math.floor(ipa / 4096)) << 4n);
    vcpu.setSysreg(`ELR_EL${level}`, vcpu.pc + (after ? 4n : 0n));
    vcpu.setSysreg(`SPSR_EL${level}`, BigInt(vcpu.pstate));
    vcpu.pstate = 0x3c0 | (level << 2) | 1;
    const outcome = this.hypervisor.handle(vcpu, offset);
    if (outcome.kind === "resume" || outcome.kind === "wait") this.eret(cpu);
    return outcome;
  }

  hvc(id: number | bigint, ...args: (number | bigint)[]): Outcome {
    return this.#call(id, args, (0x16n << 26n) | (1n << 25n), true);
  }

  smc(id: number | bigint, ...args: (number | bigint)[]): Outcome {
    return this.#call(id, args, (0x17n << 26n) | (1n << 25n), false);
  }

  #call(id: number | bigint, args: (number | bigint)[], esr: bigint, after: boolean): Outcome {
    for (const [n, value] of [id, ...args].entries()) this.vcpu().setX(n, BigInt(value));
    return this.trap(esr, { after });
  }

  /** A load or store with a full syndrome. */
  mmio(addr: number, write: boolean, { width = 4, reg = 0, signed = false, wide, cpu = 0 }: MmioOptions = {}): Outcome {
    const sas = BigInt(Math.log2(width));
    const iss =
      (1n << 24n) |
      (sas << 22n) |
      (BigInt(signed) << 21n) |
      (BigInt(reg) << 16n) |
      (BigInt(wide ?? width === 8) << 15n) |
      (BigInt(write) << 6n) |
      0x07n;
    return this.trap((0x24n << 26n) | (1n << 25n) | iss, { far: BigInt(addr), ipa: addr, cpu });
  }

  /** The guest writes a device or GIC register. */
  poke(addr: number, value: number | bigint, width: Width = 4, cpu = 0): void {
    this.vcpu(cpu).setX(1, BigInt(value));
    this.mmio(addr, true, { width, reg: 1, cpu });
  }

  peek(addr: number, width: Width = 4, cpu = 0): bigint {
    this.mmio(addr, false, { width, reg: 2, cpu });
    return this.vcpu(cpu).x(2);
  }

  /** Lets vCPUs take the physical interrupts that are signalled. */
  pump(): void {
    let rounds = 0;
    for (let again = true; again; ) {
      again = false;
      if (++rounds > 1000) throw new Error("a storm of interrupts at EL2");
      for (const [cpu, { irq, fiq }] of this.lines.entries()) {
        if (!irq.level && !fiq.level) continue;
        again = true;
        this.trap(0n, { cpu, offset: fiq.level ? 0x500 : 0x480 });
      }
    }
  }

  /** The guest's MRS and MSR of its (virtual) interrupt interface. */
  icv(register: GicRegister, cpu = 0): number {
    return Number(this.gic.cpuInterface(cpu).read(register, GUEST));
  }

  setIcv(register: GicRegister, value: number, cpu = 0): void {
    this.gic.cpuInterface(cpu).write(register, GUEST, BigInt(value));
  }

  /** Brings the guest's GIC up as Linux does: Group 1, every interrupt at 0xA0. */
  startGic(): this {
    this.poke(GICD, 0x13);
    for (let word = 1; word < 4; word++) this.poke(GICD + 0x80 + 4 * word, 0xffff_ffff);
    for (let word = 8; word < 32; word++) this.poke(GICD + 0x400 + 4 * word, 0xa0a0_a0a0);
    for (const cpu of this.vcpus.keys()) {
      const frame = SGI_FRAME + cpu * 0x2_0000;
      this.poke(frame + 0x80, 0xffff_ffff);
      this.poke(frame + 0x180, 0xffff_0000);
      this.poke(frame + 0x100, 0x0000_ffff);
      for (let word = 0; word < 8; word++) this.poke(frame + 0x400 + 4 * word, 0xa0a0_a0a0);
      this.setIcv("ICC_PMR_EL1", 0xf0, cpu);
      this.setIcv("ICC_IGRPEN1_EL1", 1, cpu);
    }
    this.exits.length = 0;
    return this;
  }
}

function readBytes(bytes: Uint8Array, at: number, width: number): bigint {
  let value = 0n;
  for (let n = 0; n < width; n++) value |= BigInt(bytes[at + n] ?? 0) << BigInt(8 * n);
  return value;
}

function writeBytes(bytes: Uint8Array, at: number, width: number, value: bigint): boolean {
  for (let n = 0; n < width; n++) bytes[at + n] = Number((value >> BigInt(8 * n)) & 0xffn);
  return true;
}
