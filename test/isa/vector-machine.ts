/** A vCPU at EL3 with its MMU off and some RAM, to run short sequences of instructions on vector registers. */
import { Vcpu } from "../../src/cpu/vcpu.js";
import { Engine } from "../../src/engine/engine.js";
import { CPU, Exit } from "../../src/engine/layout.js";
import { FEATURES } from "../../src/isa/features.js";
import { silentHost } from "../engine/host.js";

const RAM = 0x4000_0000n;
const RAM_SIZE = 0x2_0000;
/** Where data is, up to the end of the RAM. */
const DATA = 0x1_0000;
const TABLES = RAM + 0x1_f000n;
const EL3H = 0xd;

export class VectorMachine {
  private constructor(
    private readonly engine: Engine,
    readonly vcpu: Vcpu,
  ) {}

  static async create(): Promise<VectorMachine> {
    const engine = await Engine.create(
      { cpus: 1, regions: [{ name: "ram", base: RAM, size: RAM_SIZE }], features: new Set(FEATURES) },
      // Nothing answers outside the RAM: an external abort.
      { ...silentHost("the instructions"), ioAccess: () => 1, hostedAccess: () => 0 },
    );
    const vcpu = new Vcpu(engine.memory.buffer, engine.cpuBases[0]!);
    vcpu.pstate = EL3H;
    vcpu.recomputeModes();
    engine.exports.enterMode(vcpu.base);
    return new VectorMachine(engine, vcpu);
  }

  /** Executes the words once, in order. Throws if one of them takes an exception. */
  run(...words: number[]): void {
    if (this.attempt(...words) !== "completed")
      throw new Error(`an exception at 0x${this.vcpu.sysreg("ELR_EL3").toString(16)}`);
  }

  /** The same where an exception is a result. */
  attempt(...words: number[]): "completed" | "exception" {
    const { engine, vcpu } = this;
    engine.writePhysical(RAM, new Uint8Array(Uint32Array.from(words).buffer));
    vcpu.pc = RAM;
    vcpu.set32(CPU.budget, words.length);
    const exit = engine.exports.run(vcpu.base);
    if (exit !== Exit.budget) throw new Error(`the engine came back with exit ${exit}`);
    return vcpu.pc === RAM + 4n * BigInt(words.length) ? "completed" : "exception";
  }

  /** Has the MMU on, RAM as Normal memory, and what else SCTLR_EL3 is to have; without it data is Device memory. */
  mapNormal(sctlr: bigint): void {
    const { engine, vcpu } = this;
    const table = new Uint8Array(0x1000);
    // A block of 1 GiB: AF, Inner Shareable, AttrIndx 0.
    new DataView(table.buffer).setBigUint64(8, RAM | 0x741n, true);
    engine.writePhysical(TABLES, table);
    vcpu.setSysreg("TTBR0_EL3", TABLES);
    vcpu.setSysreg("MAIR_EL3", 0xffn);
    vcpu.setSysreg("TCR_EL3", 25n | (2n << 16n));
    vcpu.setSysreg("SCTLR_EL3", 0x30c5_0831n | sctlr);
    vcpu.recomputeModes();
    engine.exports.flushCpu(vcpu.base);
  }

  setV(n: number, bytes: Uint8Array): void {
    this.vcpu.v(n).set(bytes);
  }
  v(n: number): Uint8Array {
    return Uint8Array.from(this.vcpu.v(n));
  }

  /** Guest address of data memory, of 64 KiB at whose end the RAM ends. */
  address(offset: number): bigint {
    return RAM + BigInt(DATA + offset);
  }
  setMemory(offset: number, bytes: Uint8Array): void {
    this.engine.writePhysical(this.address(offset), bytes);
  }
  memory(offset: number, length: number): Uint8Array {
    const at = this.engine.hostAddress(this.address(offset))!;
    return this.engine.bytes.slice(at, at + length);
  }
}
