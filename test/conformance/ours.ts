/**
 * Our side: the interpreter runs each test at EL0 behind stage 1 tables that map what the reference maps.
 */

import { Vcpu } from "../../src/cpu/vcpu.js";
import { Engine } from "../../src/engine/engine.js";
import { CPU, Exit } from "../../src/engine/layout.js";
import { FEATURES, type Feature } from "../../src/isa/features.js";
import { silentHost } from "../engine/host.js";
import {
  addressOf,
  BRK,
  CODE,
  CODE_SIZE,
  DATA,
  DATA_END,
  DATA_TAIL,
  ISOLATED,
  ISOLATED_AT,
  type Outcome,
  PAGE,
  READ_ONLY,
  type Result,
  SLOTS,
  STATE,
  type Test,
  WINDOW,
  WINDOW_SIZE,
} from "./state.js";

/** Physical memory: the pages of the map one after another, then the tables. */
const RAM = 0x8000_0000n;
const RAM_SIZE = 0x8_0000;
const TABLES = 0x6_0000;
/** Vectors of endless loops: what is left of a test's budget after an exception goes there. */
const VECTORS = 0x3000_0000;
const BRANCH_TO_SELF = 0x14000000;

interface Mapping {
  readonly va: number;
  readonly size: number;
  readonly offset: number;
  readonly writable: boolean;
}
const MAPPINGS: readonly Mapping[] = [
  { va: CODE, size: CODE_SIZE, offset: 0, writable: true },
  // Neighbours for the guest, apart in memory.
  { va: DATA, size: PAGE, offset: 0x3_8000, writable: true },
  { va: DATA + PAGE, size: PAGE, offset: 0x3_0000, writable: true },
  { va: READ_ONLY, size: PAGE, offset: 0x3_2000, writable: false },
  { va: ISOLATED, size: PAGE, offset: 0x3_4000, writable: true },
  { va: VECTORS, size: PAGE, offset: 0x3_6000, writable: false },
];
const offsetOf = (va: number): number => {
  const found = MAPPINGS.find((m) => va >= m.va && va < m.va + m.size)!;
  return found.offset + va - found.va;
};

/** Translation tables of 4 KiB pages, four levels (DDI 0487, D8.3). */
class Tables {
  private next = TABLES + PAGE;
  constructor(private readonly ram: DataView) {}

  private child(table: number, index: number): number {
    const at = table + 8 * index;
    const entry = this.ram.getBigUint64(at, true);
    if (entry !== 0n) return Number((entry & 0xffff_ffff_f000n) - RAM);
    const made = this.next;
    this.next += PAGE;
    this.ram.setBigUint64(at, (RAM + BigInt(made)) | 3n, true);
    return made;
  }

  map(va: number, offset: number, writable: boolean): void {
    const index = (level: number): number => Math.floor(va / 2 ** (39 - 9 * level)) % 512;
    let table = TABLES;
    for (let level = 0; level < 3; level++) table = this.child(table, index(level));
    // Page, AttrIndx 0, AP[2:1], SH inner, AF.
    const attributes = 0x3n | ((writable ? 1n : 3n) << 6n) | (3n << 8n) | (1n << 10n);
    this.ram.setBigUint64(table + 8 * index(3), (RAM + BigInt(offset)) | attributes, true);
  }
}

/** Bytes of the window in its first page. */
const FIRST_PART = PAGE - (WINDOW % PAGE);

const DATA_ABORT = 0x24;
const INSTRUCTION_ABORT = 0x20;
const FSC_ALIGNMENT = 0x21;

export class Ours {
  private constructor(
    private readonly engine: Engine,
    private readonly vcpu: Vcpu,
    private readonly ram: number,
  ) {}

  /** Of a CPU with `features`; without the argument, of one with all of them. */
  static async create(features: Iterable<Feature> = FEATURES): Promise<Ours> {
    const engine = await Engine.create(
      { cpus: 1, regions: [{ name: "ram", base: RAM, size: RAM_SIZE }], features: new Set(features) },
      silentHost("a conformance test"),
    );
    const vcpu = new Vcpu(engine.memory.buffer, engine.cpuBases[0]!);
    const ram = engine.hostAddress(RAM)!;
    const tables = new Tables(new DataView(engine.memory.buffer, ram, RAM_SIZE));
    for (const m of MAPPINGS) {
      for (let at = 0; at < m.size; at += PAGE) tables.map(m.va + at, m.offset + at, m.writable);
    }
    const ours = new Ours(engine, vcpu, ram);
    ours.setUpRegisters();
    return ours;
  }

  private setUpRegisters(): void {
    const v = this.vcpu;
    v.setSysreg("TTBR0_EL1", RAM + BigInt(TABLES));
    v.setSysreg("MAIR_EL1", 0xffn);
    // T0SZ 16, write-back tables, no walks for the upper half, 48-bit physical, TBI0.
    v.setSysreg("TCR_EL1", 16n | (1n << 8n) | (1n << 10n) | (3n << 12n) | (1n << 23n) | (5n << 32n) | (1n << 37n));
    // M, C, I, and what lets EL0 use DC ZVA, CTR_EL0, cache maintenance.
    v.setSysreg("SCTLR_EL1", 1n | (1n << 2n) | (1n << 12n) | (1n << 14n) | (1n << 15n) | (1n << 26n));
    v.setSysreg("CPACR_EL1", 3n << 20n);
    v.setSysreg("VBAR_EL1", BigInt(VECTORS));
    // Non-secure, so that EL1 is as Linux has it.
    v.setSysreg("SCR_EL3", 1n | (1n << 10n));
    v.pstate = 0;
    v.recomputeModes();
    this.engine.exports.flushCpu(v.base);
    this.engine.exports.enterMode(v.base);
    this.fillPage(ISOLATED, BRK);
    this.fillPage(VECTORS, BRANCH_TO_SELF);
  }

  private fillPage(va: number, word: number): void {
    this.writeWords(
      va,
      Array.from({ length: PAGE / 4 }, () => word),
    );
  }

  /** Runs a batch of at most SLOTS tests. */
  run(tests: readonly Test[]): Result[] {
    if (tests.length > SLOTS) throw new Error(`${tests.length} tests in a batch, ${SLOTS} fit`);
    tests.forEach((test, i) => {
      if (!test.isolated) this.writeWords(addressOf(test, i), test.words);
    });
    this.engine.dropCode();
    return tests.map((test, i) => this.runOne(test, addressOf(test, i)));
  }

  private writeWords(va: number, words: readonly number[]): void {
    const at = this.ram + offsetOf(va);
    words.forEach((word, i) => {
      this.engine.view.setUint32(at + 4 * i, word, true);
    });
  }

  private runOne(test: Test, address: number): Result {
    const { engine, vcpu } = this;
    if (test.isolated) {
      engine.aboutToWrite(this.ram + offsetOf(ISOLATED) + ISOLATED_AT, 4 * test.words.length);
      this.writeWords(address, test.words);
    }
    this.load(test.state);
    vcpu.pc = BigInt(address);
    vcpu.set32(CPU.budget, test.words.length);
    const exit = engine.exports.run(vcpu.base);
    return this.store(exit === Exit.budget ? this.outcome() : `exit ${exit}`);
  }

  private load(state: Uint8Array): void {
    const { engine, vcpu } = this;
    const view = new DataView(state.buffer, state.byteOffset);
    engine.bytes.set(state.subarray(STATE.x, STATE.x + 31 * 8), vcpu.base + CPU.x);
    vcpu.sp = view.getBigUint64(STATE.sp, true);
    vcpu.setNzcv(view.getUint32(STATE.nzcv, true));
    vcpu.setFpcr(view.getUint32(STATE.fpcr, true));
    vcpu.setFpsr(view.getUint32(STATE.fpsr, true));
    engine.bytes.set(state.subarray(STATE.v, STATE.v + 512), vcpu.base + CPU.v);
    engine.bytes.set(state.subarray(STATE.window, STATE.window + FIRST_PART), this.ram + offsetOf(WINDOW));
    engine.bytes.set(state.subarray(STATE.window + FIRST_PART), this.ram + offsetOf(WINDOW + FIRST_PART));
    const tail = this.ram + offsetOf(DATA_END - DATA_TAIL);
    engine.bytes.fill(0, tail, tail + DATA_TAIL);
    vcpu.set32(CPU.exclusive, 0);
  }

  /** The state after the test; an exception is taken back as the reference's signal handler sees it. */
  private store(outcome: Outcome): Result {
    const { engine, vcpu } = this;
    const state = new Uint8Array(STATE.size);
    const view = new DataView(state.buffer);
    state.set(engine.bytes.subarray(vcpu.base + CPU.x, vcpu.base + CPU.x + 31 * 8), STATE.x);
    view.setBigUint64(STATE.sp, vcpu.spOf(0), true);
    view.setBigUint64(STATE.pc, outcome === "completed" ? vcpu.pc : vcpu.sysreg("ELR_EL1"), true);
    const nzcv = outcome === "completed" ? vcpu.nzcv() : vcpu.sysregLow("SPSR_EL1") & 0xf0000000;
    view.setUint32(STATE.nzcv, nzcv >>> 0, true);
    view.setUint32(STATE.fpcr, vcpu.fpcr, true);
    view.setUint32(STATE.fpsr, vcpu.fpsr, true);
    state.set(engine.bytes.subarray(vcpu.base + CPU.v, vcpu.base + CPU.v + 512), STATE.v);
    const [first, second] = [this.ram + offsetOf(WINDOW), this.ram + offsetOf(WINDOW + FIRST_PART)];
    state.set(engine.bytes.subarray(first, first + FIRST_PART), STATE.window);
    state.set(engine.bytes.subarray(second, second + WINDOW_SIZE - FIRST_PART), STATE.window + FIRST_PART);
    if (vcpu.el !== 0) {
      vcpu.pstate = 0;
      engine.exports.enterMode(vcpu.base);
    }
    return { outcome, far: vcpu.sysreg("FAR_EL1"), state };
  }

  private outcome(): Outcome {
    const { vcpu } = this;
    if (vcpu.el === 0) return "completed";
    const esr = vcpu.sysregLow("ESR_EL1");
    const ec = esr >>> 26;
    if (ec === 0) return "undefined";
    if (ec === DATA_ABORT) return (esr & 0x3f) === FSC_ALIGNMENT ? "bus error" : "segment fault";
    if (ec === INSTRUCTION_ABORT) return "segment fault";
    return `exception class 0x${ec.toString(16)}`;
  }
}
