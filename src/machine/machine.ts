/**
 * A machine: engine, vCPUs, devices and hosted levels, from a description and boot options; and its life: run, stop,
 * reset, end. Configuration errors are ConfigErrors thrown by `create`; after that, nothing a guest does throws.
 */
import { createHash } from "node:crypto";
import type { AccessFault } from "../bus/address-space.js";
import type { Width } from "../bus/contract.js";
import type { DmaMemory } from "../bus/dma.js";
import { type CpuModel, cpuModel } from "../cpu/model.js";
import { accessSysreg } from "../cpu/sysreg/access.js";
import { buildSysregIndex } from "../cpu/sysreg/engine-index.js";
import type { GicCpuInterface, SysregHost } from "../cpu/sysreg/host.js";
import { pmuOverflowIn, syncPmu } from "../cpu/sysreg/pmu-counters.js";
import { resetSysregs } from "../cpu/sysreg/reset.js";
import { CounterRate, GenericTimer } from "../cpu/timer.js";
import { DAIF, Vcpu } from "../cpu/vcpu.js";
import { machineItems } from "../devices/fw-cfg/index.js";
import type { CpuOutputs } from "../devices/gicv3/index.js";
import type { BlockBackend } from "../devices/virtio/index.js";
import { Engine, type EngineHost, MemoryTooLarge, type Region } from "../engine/engine.js";
import {
  CPU,
  CPU_BLOCK_SIZE,
  CPU_FEATURE,
  DEBUG_EXIT,
  DEBUG_EXIT_SHIFT,
  Exit,
  GLOBAL,
  IRQ_LINE,
  SECURE_ADDRESS,
  WHOSE_BREAKPOINTS,
} from "../engine/layout.js";
import type { Endpoint } from "../gdb/endpoint.js";
import type { GdbServer } from "../gdb/server.js";
import { Alarms } from "./alarms.js";
import { type BootImage, type BootOptions, type LoadedRange, prepareBoot } from "./boot.js";
import { Breakpoints } from "./debug/breakpoints.js";
import { CaughtSysregs } from "./debug/catch/caught-sysregs.js";
import { factsOf, headline } from "./debug/catch/facts.js";
import { SelfHostedDebug } from "./debug/self-hosted.js";
import { SystemRegisters } from "./debug/system-registers.js";
import { WatchTable } from "./debug/watchpoints.js";
import type { MachineTarget } from "./debug-target.js";
import { affinityOf, descriptionFor } from "./description.js";
import { ConfigError } from "./errors.js";
import { dmaMemory, flashBank, flashRegions, memoryRegions } from "./firmware.js";
import { HostedLevels } from "./hosted-levels.js";
import type { LoadedFile } from "./loaders/content.js";
import { loadIntoMemory, rangeOf } from "./loaders/into-memory.js";
import { LOG_CATEGORIES, type LogCategory, MachineLog } from "./log.js";
import { buildPlatform, type Platform } from "./platform.js";
import {
  type Core,
  createCore,
  type DebugEvent,
  EXCEPTION_LEVELS,
  NANOSECONDS_PER_INSTRUCTION,
  Scheduler,
  type TakenException,
} from "./scheduler.js";
import { attachSemihosting, InputQueue } from "./semihosting/attach.js";
import type { Semihosting, SemihostingOptions } from "./semihosting/semihosting.js";
import { countedBy, type MachineStats } from "./stats.js";

/** The far end of the console's wire. */
export interface ConsoleBackend {
  transmit(byte: number): void;
  onReceive(listener: (bytes: Uint8Array) => void): void;
  /** No bytes will come any more. A backend that never says so leaves it out. */
  onEnd?(listener: () => void): void;
}

export interface MachineConfig extends BootOptions {
  readonly serial: ConsoleBackend;
  /** Default "compile": hot code becomes WebAssembly. The run is the same either way. */
  readonly engine?: "interpreter" | "compile" | "compile-all";
  /** A directory in which compiled code is kept from one run to the next; without, it is not. */
  readonly codeCache?: string;
  readonly idle: "realtime" | "skip";
  /** PSCI SYSTEM_RESET ends `run` rather than starting over. */
  readonly noReboot: boolean;
  /** Disks, for free slots of the machine's PCIe or virtio-mmio. */
  readonly drives?: readonly BlockBackend[];
  /** RTC at power-on, seconds since 1970. Default 2024-01-01: the same for every run, so that runs repeat. */
  readonly epoch?: number;
  readonly log?: { readonly categories: readonly string[]; write(line: string): void };
  /** HLT #0xF000 above EL0 calls the host. Without it, it is UNDEFINED. */
  readonly semihosting?: SemihostingOptions;
}

export interface MachineExit {
  /**
   * `exit`: by semihosting; `killed`: a debugger ended it; `stopped`: `stop()` was called; `failed`: it cannot go on.
   */
  readonly reason: "system-off" | "system-reset" | "exit" | "killed" | "stopped" | "failed";
  /** The status that the process is to have, 0 to 255: of `exit` what the guest wants. */
  readonly status?: number;
  /** Of `failed`: why, and where the vCPUs are. */
  readonly what?: string;
}

/** 2024-01-01T00:00:00Z. */
const DEFAULT_EPOCH = 1_704_067_200;

/** Bytes of a guest, beside which what the compiler's thread takes is little: U-Boot has more, small programs less. */
const MUCH_CODE = 256 << 10;

/** Bytes that are in memory at the first instruction. */
const guestSize = ({ flash = [] }: MachineConfig, { loads }: BootImage): number =>
  [...loads, ...flash].reduce((sum, image) => sum + (image?.bytes.length ?? 0), 0);

/** What a debugger adds to a running machine. */
export interface DebugHooks {
  /** The engine's questions about breakpoints and watchpoints. */
  readonly engine: Pick<EngineHost, "watchAccess" | "pointAction" | "pointRead"> & { stopsAt(pc: bigint): boolean };
  debugStop(core: Core, event: DebugEvent): void;
  /** An exception to a level of `scheduler.caughtLevels`: true to stop there. See SchedulerHost. */
  caught(core: Core, exception: TakenException): boolean;
  /** An exception return to a level of `Core.caughtReturns`, or in a step: true to stop behind it. */
  returned(core: Core): boolean;
  /** MRS or MSR of a register in `caughtSysregs` (by 15-bit encoding): true to stop before it. */
  sysregCaught(core: Core, encoding: number, isRead: boolean, rt: number): boolean;
  /** Whether any memory is watched for writes, or for being read. */
  watches(isWrite: boolean): boolean;
  /** A device, or who else is named, has read or written memory by itself; physical address and bytes. */
  deviceAccess(address: number, size: number, isWrite: boolean, by?: string): void;
  /** A vCPU was switched on or off, or the machine is about to be at power-on again. */
  powerChanged(core: Core, change: "on" | "off" | "reset"): void;
  /** `setPaused` has taken effect: every vCPU stands. Comes at least once, perhaps again while the pause lasts. */
  paused(): void;
  /** The machine ended: nothing will run any more, unless it is kept. */
  ended(exit: MachineExit): void;
  /** Whether a debugger may still start the machine again. */
  keeps(exit: MachineExit): boolean;
}

const NO_DEBUGGER: DebugHooks = {
  engine: { stopsAt: () => false, watchAccess() {}, pointAction: () => 1, pointRead: () => 0n },
  debugStop() {},
  caught: () => false,
  returned: () => false,
  sysregCaught: () => false,
  watches: () => false,
  deviceAccess() {},
  powerChanged() {},
  paused() {},
  ended() {},
  keeps: () => false,
};

/** How `listenGdb` listens. */
export interface GdbOptions {
  /** The machine stands at its first instruction until a debugger lets it go. */
  readonly wait: boolean;
  /** Something the user should know: one line. By default a warning of the process. */
  readonly warn?: (line: string) => void;
}

export class Machine {
  static readonly logCategories = LOG_CATEGORIES;

  readonly model: CpuModel;
  readonly platform: Platform;
  /** Guest memory as devices reach it, for looking at what they have there: nobody hears of an access. */
  readonly unseenMemory: DmaMemory;
  readonly scheduler: Scheduler;
  readonly cores: readonly Core[];
  readonly hosted: HostedLevels;
  /** Breakpoints of debuggers and of the guest. */
  readonly breakpoints: Breakpoints;
  readonly logging: MachineLog;
  private readonly watchers = { log: 0, debugger: 0, systemCalls: 0 };
  private registers: SystemRegisters | undefined;
  /** System registers of which `debug.sysregCaught` is asked. */
  readonly caughtSysregs: CaughtSysregs;
  readonly watchTable: WatchTable;
  private readonly selfHosted: SelfHostedDebug;
  /** Set by a debugger that attaches; see debug-target.ts. */
  debug: DebugHooks = NO_DEBUGGER;
  private target: MachineTarget | undefined;
  private readonly gdbServers: GdbServer[] = [];
  /** Where the boot CPU begins, and with what. */
  private readonly start: Pick<BootImage, "entry" | "context">;
  /** Memory that a reset makes what it was. */
  private readonly loads: readonly LoadedRange[];
  /** What is read again at a reset. */
  private files: readonly LoadedFile[] = [];
  private readonly alarms: Alarms;
  readonly sysregHost: SysregHost;
  /** Console bytes the UART has no room for yet. */
  private readonly input = new InputQueue();
  readonly semihosting: Semihosting | undefined;
  private exit: MachineExit | undefined;
  private resetRequested = false;
  /** `stop()` was called: nobody keeps the machine. */
  private stopping = false;
  private paused = false;
  private wakeLoop: (() => void) | undefined;
  private wallStart = 0;
  private wallIdle = 0;
  private wallTotal = 0;

  /** @throws ConfigError for whatever of the options cannot be. */
  static async create(given: MachineConfig): Promise<Machine> {
    const config = { ...given, description: descriptionFor(given.description, given.el3) };
    if (config.el2 === "hosted" && config.el3 === "guest") {
      throw new ConfigError("USAGE", "--el2 hosted with --el3 guest: a guest's EL3 cannot stand above our EL2");
    }
    const boot = prepareBoot(config);
    const model = { ...cpuModel(config.cpu), counterFrequency: config.description.timer.frequency };
    const target: { machine?: Machine } = {};
    const host = engineHost(() => target.machine as Machine);
    try {
      const engine = await Engine.create(
        {
          cpus: config.cpus,
          regions: [
            { name: "ram", base: BigInt(config.description.ram.base), size: config.memory },
            ...flashRegions(config.description),
            ...memoryRegions(config.description),
            ...HostedLevels.regions(config),
          ],
          features: model.features,
          compile: config.engine === "compile-all" ? "all" : config.engine !== "interpreter",
          keepCode: config.codeCache,
          muchCode: guestSize(config, boot) >= MUCH_CODE,
        },
        host,
      );
      // Files are read while the machine is built: a new page costs the host more than what is read into it.
      const loading = loadIntoMemory(engine, boot.loads);
      try {
        target.machine = new Machine(config, boot, model, engine);
        target.machine.files = await loading;
      } catch (error) {
        // What is wrong with the machine is said, whatever becomes of its files.
        const files = await loading.catch(() => []);
        for (const file of files) file.close();
        engine.close();
        throw error;
      }
      return target.machine;
    } catch (error) {
      if (error instanceof MemoryTooLarge) throw new ConfigError("NO_ROOM", error.message);
      throw error;
    }
  }

  private constructor(
    readonly config: MachineConfig,
    boot: BootImage,
    model: CpuModel,
    readonly engine: Engine,
  ) {
    this.start = { entry: boot.entry, context: boot.context };
    this.loads = boot.loads.map(rangeOf);
    this.model = model;
    this.logging = new MachineLog(config.log);
    this.breakpoints = new Breakpoints(engine);
    this.watchTable = new WatchTable(engine);
    this.selfHosted = new SelfHostedDebug(engine, this.breakpoints, this.watchTable, model);
    buildSysregIndex(engine.memory.buffer, model);
    this.caughtSysregs = new CaughtSysregs(engine);
    const vcpus = engine.cpuBases.map((base) => new Vcpu(engine.memory.buffer, base));
    // Devices set alarms and lines while they are built, before there is a scheduler.
    this.alarms = new Alarms((deadline) => this.scheduler?.deadlineSet(deadline));
    const now = (): bigint => this.scheduler?.now() ?? 0n;
    const isGuests = (region: Region): boolean => !HostedLevels.isOwnMemory(region) && region.secure !== true;
    const memory = dmaMemory(engine, isGuests, (address, size, isWrite) =>
      this.debug.deviceAccess(address, size, isWrite),
    );
    this.unseenMemory = dmaMemory(engine, isGuests, () => {});
    this.platform = buildPlatform(config.description, {
      cpus: vcpus.map((vcpu, i) => ({ affinity: affinityOf(config.description, i), outputs: this.outputsOf(vcpu) })),
      clock: { now: () => now() * NANOSECONDS_PER_INSTRUCTION },
      alarm: (ring) => this.alarms.create(ring),
      serial: {
        transmit: (byte) => config.serial.transmit(byte),
        inputWanted: () => this.deliverInput(),
      },
      epoch: config.epoch ?? DEFAULT_EPOCH,
      securityExtensions: config.el3 === "guest",
      flashBank: (bank) => flashBank(engine, config, bank),
      memory,
      drives: config.drives ?? [],
      fwCfg: { items: machineItems(boot.handedOver), memory },
      onFault: (fault) => this.onBusFault(fault),
      power: (what) => (what === "off" ? this.end({ reason: "system-off" }) : this.requestReset()),
      log: (line) => this.log("faults", () => line),
    });
    const ppi = config.description.timer.ppi;
    const rate = new CounterRate(model.counterFrequency);
    setCounterRate(engine, rate);
    this.cores = vcpus.map((vcpu, index) => {
      const line = (number: number) => this.platform.gic.ppi(index, number);
      const timer = new GenericTimer(
        vcpu,
        now,
        {
          physical: line(ppi.nonSecure),
          virtual: line(ppi.virtual),
          hypervisor: line(ppi.hypervisor),
          hypervisorVirtual: line(HYPERVISOR_VIRTUAL_PPI),
          secure: line(ppi.secure),
        },
        rate,
      );
      return createCore(index, vcpu, timer, {
        overflowIn: () => pmuOverflowIn(vcpu, this.sysregHost),
        update: () => {
          // Without an interrupt to come nobody sees how far the counters are before the next access to them.
          if (vcpu.sysregLow("PMINTENSET_EL1") !== 0) syncPmu(vcpu, this.sysregHost);
        },
      });
    });
    this.scheduler = new Scheduler(engine, this.cores, {
      hosted: (core, level) => this.hosted.handle(core, level),
      nextAlarm: () => this.alarms.next(),
      ringAlarms: () => this.alarms.ring(now()),
      wakeRequested: (core) => this.platform.gic.cpuInterface(core.index).physical.wakeRequest,
      debugStop: (core, event) => this.debug.debugStop(core, event),
      caught: (core, exception) => this.exceptionTaken(core, exception),
      returned: (core) => this.debug.returned(core),
      semihosting: (core) => this.semihosting?.call(core),
    });
    this.sysregHost = this.makeSysregHost();
    if (this.logging.has("exceptions")) this.watchExceptions("log", EXCEPTION_LEVELS);
    this.hosted = new HostedLevels(this);
    const { semihosting, epoch = DEFAULT_EPOCH } = config;
    if (semihosting !== undefined) {
      const { loads } = this;
      const wake = (): void => this.wakeLoop?.();
      this.semihosting = attachSemihosting(semihosting, { machine: this, input: this.input, epoch, loads, wake });
    }
    config.serial.onReceive((bytes) => this.inputArrived(bytes));
    config.serial.onEnd?.(() => this.inputArrived(undefined));
    this.powerOn();
  }

  // --- power ---------------------------------------------------------------------------------------------------------

  /** vCPUs, devices and time as at power-on. Like a real reset it leaves RAM as it was, but for what was loaded. */
  private powerOn(): void {
    this.engine.dropCode();
    this.scheduler.reset();
    for (const { device } of this.platform.devices) device.reset();
    this.semihosting?.reset();
    for (const core of this.cores) {
      this.resetCore(core);
      core.state = "off";
    }
    this.hosted.reset();
    // Firmware of the guest's own brings up every CPU from reset; PSCI of ours wakes the others when it is asked to.
    const started = this.config.el3 === "guest" ? this.cores : this.cores.slice(0, 1);
    for (const core of started) {
      const context = core.index === 0 ? BigInt(this.start.context) : 0n;
      this.hosted.start(core, { entry: BigInt(this.start.entry), context });
      core.state = "running";
    }
  }

  /**
   * Architectural reset of one vCPU: registers, PSTATE, TLBs; it stands at EL3 with everything masked. May be its own
   * doing, by PSCI: the slice it is in goes on.
   */
  resetCore({ index, vcpu, timer }: Core): void {
    const { engine, config, model } = this;
    vcpu.clear();
    vcpu.set32(CPU.index, index);
    vcpu.set32(CPU.semihosting, config.semihosting === undefined ? 0 : 1);
    vcpu.set32(CPU.hasEl2, 1);
    vcpu.set32(CPU.hasEl3, 1);
    vcpu.set32(CPU.hosted, HostedLevels.levelsOf(config));
    let features = 0;
    for (const [name, bit] of Object.entries(CPU_FEATURE)) {
      if (model.features.has(name as keyof typeof CPU_FEATURE)) features |= bit;
    }
    vcpu.set32(CPU.features, features);
    vcpu.set32(CPU.el, 3);
    vcpu.set32(CPU.spSel, 1);
    vcpu.set64(CPU.flagZ, 1n);
    vcpu.daif = DAIF.all;
    resetSysregs(vcpu, {
      model,
      index,
      cpus: config.cpus,
      affinity: this.affinityOf(index),
    });
    timer.update();
    this.selfHosted.changed(vcpu);
    engine.exports.flushCpu(vcpu.base);
  }

  /** MPIDR_EL1 affinity, Aff3 in bits 39–32. */
  affinityOf(index: number): bigint {
    const affinity = affinityOf(this.config.description, index);
    return BigInt(affinity & 0xffffff) | (BigInt(affinity >>> 24) << 32n);
  }

  /** PSCI SYSTEM_OFF and the like: the machine ends after the current instruction. */
  end(exit: MachineExit): void {
    this.exit ??= exit;
    for (const core of this.cores) core.state = "off";
    this.scheduler.endSlice();
    this.wakeLoop?.();
  }

  /** The machine cannot go on (a hosted level has no state to return to, a file is gone): says so and stops. */
  fail(what: string): void {
    this.end({ reason: "failed", status: 1, what: `${what}\n${this.describeCores().join("\n")}` });
  }

  /** A person presses the power key; the guest does with it what it wants. False where the board has none. */
  pressPowerKey(): boolean {
    this.platform.powerKey?.press();
    this.wakeLoop?.();
    return this.platform.powerKey !== undefined;
  }

  /** PSCI SYSTEM_RESET: starts over before the next instruction, or ends with `--no-reboot`. */
  requestReset(): void {
    if (this.config.noReboot) {
      this.end({ reason: "system-reset" });
      return;
    }
    this.resetRequested = true;
    this.scheduler.endSlice();
  }

  /** Why there can be no reset: a file is not any more what was loaded, or cannot be read. Undefined when there can. */
  resetRefusal(): string | undefined {
    return refusalOf(() => this.engine.checkMemory());
  }

  /**
   * Back to power-on at once; for a debugger, while the machine stands, and there is no `resetRefusal`. When a file
   * cannot be read after all, the machine ends.
   */
  reset(): void {
    const unread = refusalOf(() => this.engine.restoreMemory());
    this.exit = undefined;
    this.resetRequested = false;
    this.powerOn();
    if (unread !== undefined) this.fail(unread);
  }

  private resetByGuest(): void {
    const refusal = this.resetRefusal();
    if (refusal !== undefined) {
      this.fail(refusal);
      return;
    }
    this.reset();
    this.debug.powerChanged(this.cores[0] as Core, "reset");
  }

  // --- life ----------------------------------------------------------------------------------------------------------

  /** Runs until the guest, a debugger or `stop` ends the machine. */
  async run(): Promise<MachineExit> {
    this.wallStart = performance.now();
    const stop = (): boolean => this.exit !== undefined || this.paused || this.resetRequested;
    for (;;) {
      while (this.exit === undefined) {
        if (this.resetRequested) this.resetByGuest();
        if (this.paused) {
          this.debug.paused();
          if (this.paused) this.wallIdle += await this.sleep(undefined);
          else await nextTurn();
          continue;
        }
        if (this.scheduler.runTurn(stop) === "idle" && !stop()) await this.idle();
        // Who has asked for the pause waits to hear of it.
        else if (!this.paused) await nextTurn();
      }
      this.debug.ended(this.exit);
      while (this.exit !== undefined && !this.stopping && this.debug.keeps(this.exit)) await this.sleep(undefined);
      if (this.exit !== undefined) break;
    }
    this.wallTotal += performance.now() - this.wallStart;
    this.wallStart = 0;
    return this.exit;
  }

  /** All vCPUs wait: time is skipped, or passes in reality. */
  private async idle(): Promise<void> {
    const wait = this.scheduler.idleWait();
    // Who waits for the outside waits in real time.
    const blocked = this.cores.some((core) => core.blocked);
    if (this.config.idle === "skip" && wait !== undefined && !blocked) {
      this.scheduler.passIdle();
      await nextTurn();
      return;
    }
    const elapsed = await this.sleep(wait);
    this.wallIdle += elapsed;
    this.scheduler.passIdle(elapsed);
  }

  /** Waits `ms` milliseconds (for ever if undefined), less if something from outside happens; how long it was. */
  private sleep(ms: number | undefined): Promise<number> {
    const start = performance.now();
    return new Promise((resolve) => {
      // Without a deadline a long timer keeps the process alive: the guest may still be spoken to.
      const timer = setTimeout(() => this.wakeLoop?.(), ms ?? 60_000);
      this.wakeLoop = () => {
        clearTimeout(timer);
        this.wakeLoop = undefined;
        resolve(performance.now() - start);
      };
    });
  }

  /** `run` resolves soon after, with reason `stopped`. */
  stop(): void {
    this.stopping = true;
    this.end({ reason: "stopped" });
  }

  /**
   * A GDB stub listens at `address`; resolves to where it does, with the port really taken. A client gives the same
   * view of the machine wherever it connects. @throws EndpointError when it cannot listen.
   */
  async listenGdb(
    address: Endpoint,
    { wait, warn = (line) => process.emitWarning(line) }: GdbOptions,
  ): Promise<Endpoint> {
    const [{ MachineTarget }, { listenForGdb }] = await Promise.all([
      import("./debug-target.js"),
      import("../gdb/server.js"),
    ]);
    this.target ??= new MachineTarget(this, { wait, warn });
    const server = await listenForGdb({ target: this.target, endpoint: address, warn });
    this.gdbServers.push(server);
    return server.endpoint;
  }

  /** Writes compiled code to `codeCache`, where there is new one. Throws what the file system says. */
  keepCode(): void {
    this.engine.saveCode();
  }

  /**
   * Closes the stub and the files that were loaded, and ends the compiler: no reset after it. The console's backend is
   * the caller's.
   */
  async close(): Promise<void> {
    this.engine.close();
    for (const file of this.files) file.close();
    await Promise.all(this.gdbServers.splice(0).map((server) => server.close()));
  }

  /** A debugger halts or releases the whole machine; takes effect at the next instruction boundary. */
  setPaused(paused: boolean): void {
    this.paused = paused;
    if (paused) this.scheduler.endSlice();
    this.wakeLoop?.();
  }

  get isPaused(): boolean {
    return this.paused;
  }

  get ended(): MachineExit | undefined {
    return this.exit;
  }

  stats(): MachineStats {
    const running = this.wallStart === 0 ? 0 : performance.now() - this.wallStart;
    return {
      ...countedBy(this),
      wallSeconds: (this.wallTotal + running) / 1000,
      idleSeconds: this.wallIdle / 1000,
    };
  }

  /** SHA-256 of all architectural state: RAM, vCPUs, devices, time. Equal runs have equal ones. */
  stateHash(): string {
    const hash = createHash("sha256");
    const { engine } = this;
    for (const { host, size } of engine.regions) hash.update(engine.bytes.subarray(host, host + size));
    for (const { vcpu, state } of this.cores) {
      const words = Array.from({ length: 31 }, (_, n) => vcpu.x(n));
      hash.update(JSON.stringify([...words, vcpu.sp, vcpu.pc, vcpu.pstate, vcpu.fpcr, vcpu.fpsr, state], asText));
      hash.update(engine.bytes.subarray(vcpu.base + CPU.v, vcpu.base + CPU_BLOCK_SIZE));
    }
    for (const { device } of this.platform.devices) hash.update(JSON.stringify(device.save(), asText));
    hash.update(String(this.scheduler.now()));
    return hash.digest("hex");
  }

  // --- what the engine and devices reach -----------------------------------------------------------------------------

  /** Interrupt lines of a vCPU, as the GIC drives them. A change ends the slice so that it is seen at once. */
  private outputsOf(vcpu: Vcpu): CpuOutputs {
    const line = (bit: number) => ({
      set: (level: boolean): void => {
        const before = vcpu.get32(CPU.irqLines);
        const after = level ? before | bit : before & ~bit;
        if (after === before) return;
        vcpu.set32(CPU.irqLines, after);
        if (level) this.scheduler?.endSlice();
      },
    });
    return {
      irq: line(IRQ_LINE.irq),
      fiq: line(IRQ_LINE.fiq),
      virq: line(IRQ_LINE.virq),
      vfiq: line(IRQ_LINE.vfiq),
      secureGroup1: line(IRQ_LINE.secureGroup1),
      nonSecureGroup1: line(IRQ_LINE.nonSecureGroup1),
    };
  }

  private makeSysregHost(): SysregHost {
    const { exports } = this.engine;
    const { pmuPpi } = this.config.description.cpu;
    const core = (vcpu: Vcpu): Core => this.cores[vcpu.get32(CPU.index)] as Core;
    return {
      model: this.model,
      raise: (vcpu, { targetEl, ec, iss }) => exports.raise(vcpu.base, targetEl, ec, iss, vcpu.pc),
      undefined: (vcpu) => exports.raiseUndefined(vcpu.base),
      gic: (vcpu) => this.platform.gic.cpuInterface(vcpu.get32(CPU.index)) as unknown as GicCpuInterface,
      timer: (vcpu) => core(vcpu).timer,
      retired: (vcpu) => vcpu.retiredByLevel(),
      pmuInterrupt: (vcpu, level) => this.platform.gic.ppi(vcpu.get32(CPU.index), pmuPpi).set(level),
      translationChanged: (vcpu) => exports.flushCpu(vcpu.base),
      tableBaseChanged: (vcpu) => exports.contextChanged(vcpu.base),
      modesChanged: (vcpu) => exports.enterMode(vcpu.base),
      interruptsChanged: () => {},
      debugChanged: (vcpu) => this.selfHosted.changed(vcpu),
    };
  }

  /** MRS or MSR off the fast path. */
  accessSysreg(cpu: number, encoding: number, isRead: boolean, rt: number): void {
    const core = this.coreAt(cpu);
    const { vcpu, timer } = core;
    vcpu.set64(CPU.statSysreg, vcpu.get64(CPU.statSysreg) + 1n);
    const name = encoding & 0x7fff;
    if (this.caughtSysregs.has(name)) {
      if (this.debug.sysregCaught(core, name, isRead, rt)) {
        vcpu.exit = Exit.debug;
        vcpu.set64(CPU.exitInfo, BigInt(DEBUG_EXIT.systemRegister << DEBUG_EXIT_SHIFT));
        return;
      }
      if (this.caughtSysregs.access(vcpu, name, isRead, rt, timer.count())) return;
    }
    // What hosted EL2 holds for the guest must be true when the guest looks (ICC_IAR1_EL1) and after it writes a timer.
    this.hosted.resample(vcpu);
    accessSysreg(vcpu, this.sysregHost, encoding, isRead, rt);
    if (isRead) return;
    this.scheduler.deadlineSet(timer.nextDeadline());
    const overflow = core.pmu.overflowIn();
    if (overflow !== undefined) this.scheduler.deadlineSet(this.scheduler.now() + overflow);
    this.hosted.resample(vcpu);
  }

  /**
   * A breakpoint is reached: 1 to stop for a debugger, 2 when the guest's exception was taken, 0 when the instruction
   * is to run. `whose`: WHOSE_BREAKPOINTS.
   */
  breakpointHit(cpu: number, pc: bigint, whose: number): number {
    const address = BigInt.asUintN(64, pc);
    if (whose !== WHOSE_BREAKPOINTS.guest && this.debug.engine.stopsAt(address)) return 1;
    if (whose === WHOSE_BREAKPOINTS.debugger) return 0;
    return this.selfHosted.breakpointTaken(this.coreAt(cpu).vcpu, address) ? 2 : 0;
  }

  /** An access touches what the guest watches: whether its Watchpoint exception was taken. */
  watchpointHit(cpu: number, va: bigint, isWrite: boolean, user: boolean, n: number): number {
    return this.selfHosted.watchpointTaken(this.coreAt(cpu).vcpu, va, isWrite, user, n) ? 1 : 0;
  }

  private coreAt(base: number): Core {
    return this.cores[this.engine.view.getInt32(base + CPU.index, true)] as Core;
  }

  /** A device access by a guest that reaches physical memory itself (no hosted EL2 in between). */
  ioAccess(cpu: number, size: number, isWrite: boolean): number {
    const { vcpu } = this.coreAt(cpu);
    const physical = vcpu.get64(CPU.walkPa);
    const address = Number(physical & (SECURE_ADDRESS - 1n));
    const secure = (physical & SECURE_ADDRESS) !== 0n;
    if (size > 8) return 1;
    const width = size as Width;
    this.scheduler.engineLeft();
    if (isWrite) {
      const value = BigInt.asUintN(8 * size, vcpu.get64(CPU.bounce));
      this.log("mmio", () => `${whereabouts(vcpu)} writes ${describeAccess(address, width, value)}`);
      return this.platform.bus.write(address, width, value, secure) === undefined ? 0 : 1;
    }
    const result = this.platform.bus.read(address, width, secure);
    if (typeof result !== "bigint") return 1;
    this.log("mmio", () => `${whereabouts(vcpu)} reads ${describeAccess(address, width, result)}`);
    vcpu.set64(CPU.bounce, result);
    return 0;
  }

  /** A device access that hosted EL2 is to carry out. */
  hostedAccess(cpu: number): number {
    if (!this.hosted.access(this.coreAt(cpu).vcpu)) return 0;
    this.scheduler.engineLeft();
    return 1;
  }

  /** From the serial line; `undefined` at its end. A semihosting call that waits comes before the UART. */
  private inputArrived(bytes: Uint8Array | undefined): void {
    this.input.add(bytes);
    this.semihosting?.inputArrived();
    this.deliverInput();
    this.wakeLoop?.();
  }

  private deliverInput(): void {
    const uart = this.platform?.console;
    for (let bytes = this.input.first; uart !== undefined && bytes !== undefined; bytes = this.input.first) {
      const room = Math.min(uart.roomForInput(), bytes.length);
      const taken = room === 0 ? 0 : uart.receive(bytes.subarray(0, room));
      if (taken === 0) return;
      this.input.take(taken);
    }
  }

  // --- log -----------------------------------------------------------------------------------------------------------

  /** Writes a line for those who asked for the category; the text is made only then. */
  log(category: LogCategory, line: () => string): void {
    this.logging.write(category, line);
  }

  switchLog(category: LogCategory, on: boolean): void {
    this.logging.set(category, on);
    this.watchExceptions("log", this.logging.has("exceptions") ? EXCEPTION_LEVELS : 0);
  }

  /** Bit n: exceptions to ELn are of interest for the log, or to a debugger. */
  watchExceptions(by: "log" | "debugger" | "systemCalls", levels: number): void {
    this.watchers[by] = levels;
    this.scheduler.caughtLevels = this.watchers.log | this.watchers.debugger | this.watchers.systemCalls;
  }

  private exceptionTaken(core: Core, exception: TakenException): boolean {
    if (this.logging.has("exceptions")) {
      this.registers ??= new SystemRegisters(this);
      const facts = factsOf(this, this.registers, core, exception);
      this.log("exceptions", () => `CPU${core.index} ${headline(facts)}, at 0x${facts.pc.toString(16)}`);
    }
    return this.debug.caught(core, exception);
  }

  private onBusFault(fault: AccessFault): void {
    this.log("faults", () => fault.reason);
  }

  /** Where the vCPUs stand, one line each: for logs and errors. */
  describeCores(): string[] {
    return this.cores.map(({ index, vcpu, state }) => `CPU${index} EL${vcpu.el} PC 0x${vcpu.pc.toString(16)} ${state}`);
  }
}

/** A PPI number that the machine file does not name: EL2 virtual timer (BSA). */
const HYPERVISOR_VIRTUAL_PPI = 12;

/** For JSON: snapshots hold bigints and typed arrays. */
function asText(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return `${value}n`;
  return ArrayBuffer.isView(value)
    ? Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("hex")
    : value;
}

const whereabouts = (vcpu: Vcpu): string => `CPU${vcpu.get32(CPU.index)} EL${vcpu.el} PC 0x${vcpu.pc.toString(16)}`;

const describeAccess = (address: number, width: Width, value: bigint): string =>
  `0x${address.toString(16)} (${width} byte${width === 1 ? "" : "s"}): 0x${value.toString(16)}`;

/** Lets the event loop have its turn: console, sockets, signals. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** The engine's imports; the machine exists by the time the guest runs. */
function engineHost(machine: () => Machine): EngineHost {
  return {
    ioAccess: (cpu, size, access) => machine().ioAccess(cpu, size, access === 1),
    hostedAccess: (cpu) => machine().hostedAccess(cpu),
    sysregAccess: (cpu, encoding, isRead, rt) => machine().accessSysreg(cpu, encoding, isRead !== 0, rt),
    shadowPage: (_cpu, page, shared) => machine().breakpoints.shadowPage(page, shared),
    breakpointHit: (cpu, pc, whose) => machine().breakpointHit(cpu, pc, whose),
    guestWatch: (cpu, va, access, user, n) => machine().watchpointHit(cpu, va, access === 1, user !== 0, n),
    watchAccess: (cpu, va, access, row) => machine().debug.engine.watchAccess(cpu, va, access, row),
    pointAction: (cpu, program) => machine().debug.engine.pointAction(cpu, program),
    pointRead: (cpu, kind, argument, size) => machine().debug.engine.pointRead(cpu, kind, argument, size),
  };
}

/** The engine reads the counters by itself. */
function setCounterRate({ view }: Engine, { up, down }: CounterRate): void {
  const isUsual = up === 1n && down === 4n;
  view.setUint32(GLOBAL.counterUp, isUsual ? 0 : Number(up), true);
  view.setUint32(GLOBAL.counterDown, Number(down), true);
}

/** What a ConfigError says, if that is thrown. */
function refusalOf(action: () => void): string | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
}
