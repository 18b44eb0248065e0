/** A vCPU with RAM and nothing else, for programs that are run on one engine and on another. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { cpuModel } from "../../src/cpu/model.js";
import { buildSysregIndex } from "../../src/cpu/sysreg/engine-index.js";
import { resetSysregs } from "../../src/cpu/sysreg/reset.js";
import { Vcpu } from "../../src/cpu/vcpu.js";
import { Engine, type EngineHost } from "../../src/engine/engine.js";
import { CPU } from "../../src/engine/layout.js";

export const RAM = 0x4000_0000n;
/** All that random programs reach from their bases, of which one is 0x2000 into it, by offsets of 12 bits scaled. */
const DATA_SIZE = 0xa000;
export const CODE = RAM;
export const TABLES = RAM + 0x10_0000n;
export const DATA = RAM + 0x20_0000n;
export const COUNTER = 28;
const ITERATIONS = 3000n;

/** A small deterministic generator (xorshift32). */
export class Random {
  constructor(private state: number) {}
  next(): number {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    return this.state >>> 0;
  }
  below(n: number): number {
    return this.next() % n;
  }
}

export const model = cpuModel("max");

export interface Machine {
  readonly engine: Engine;
  readonly vcpu: Vcpu;
  readonly others?: readonly Vcpu[];
}

interface RigOptions {
  /** Another build's, perhaps. */
  readonly create?: typeof Engine.create;
  readonly keepCode?: string;
  readonly touches?: boolean;
  /** The others are `others`. */
  readonly cpus?: number;
  readonly host?: Partial<EngineHost>;
}

export async function machine(
  compile: boolean | "all",
  { create = Engine.create, keepCode, touches = false, cpus = 1, host }: RigOptions = {},
): Promise<Machine> {
  const engine = await create(
    {
      cpus,
      regions: [{ name: "ram", base: RAM, size: 16 << 20 }],
      features: model.features,
      compile,
      hot: 400,
      keepCode,
      touches,
    },
    {
      ioAccess: () => 1,
      hostedAccess: () => 0,
      sysregAccess: () => {
        throw new Error("no system registers here");
      },
      shadowPage: (_cpu, _page, shared) => shared,
      breakpointHit: () => 0,
      watchAccess: () => 0,
      guestWatch: () => 0,
      pointAction: () => 0,
      pointRead: () => 0n,
      ...host,
    },
  );
  buildSysregIndex(engine.memory.buffer, model);
  const [vcpu, ...others] = engine.cpuBases.map((base) => new Vcpu(engine.memory.buffer, base)) as [Vcpu, ...Vcpu[]];
  return { engine, vcpu, others };
}

/** One that compiles on a thread and keeps code in a directory: only the build can, which is in dist/. */
export async function machineThatKeeps(keepCode: string): Promise<Machine> {
  const built = pathToFileURL(join(import.meta.dirname, "../../dist/engine/engine.js")).href;
  const { Engine: Built } = (await import(built)) as { Engine: typeof Engine };
  return machine(true, { create: Built.create.bind(Built), keepCode });
}

const SPECIAL = [
  0,
  -0,
  1,
  -2,
  0.5,
  3,
  1e308,
  -1e-308,
  5e-324,
  Infinity,
  -Infinity,
  NaN,
  2 ** 31,
  -(2 ** 63),
  1e-45,
  3e38,
];

/** A double, two singles, or whatever is there already. */
function writeFloat(view: DataView, at: number, random: Random): void {
  const value = (): number => SPECIAL[random.below(SPECIAL.length)] as number;
  const kind = random.below(3);
  if (kind === 0) view.setFloat64(at, value(), true);
  else if (kind === 1) for (const word of [0, 4]) view.setFloat32(at + word, value(), true);
}

/** Of a block: its code is guarded (FEAT_BTI). */
export const GP = 1n << 50n;

/** EL1 with the first GiB from 0x4000_0000 mapped flat as Normal memory, and vectors that spin. */
export function start(
  { engine, vcpu }: Machine,
  words: readonly number[],
  seed: number,
  { fpcr = 0, special = false, block = 0n } = {},
): void {
  const random = new Random(seed);
  resetSysregs(vcpu, { model, index: 0, cpus: 1, affinity: 0n });
  const bytes = new Uint8Array(words.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [i, word] of words.entries()) view.setUint32(i * 4, word >>> 0, true);
  engine.writePhysical(CODE, bytes);
  for (let at = 0; at < 16; at++)
    engine.writePhysical(RAM + 0x8_0000n + BigInt(at * 0x80), Uint8Array.of(0, 0, 0, 0x14));
  const table = new Uint8Array(0x1000);
  new DataView(table.buffer).setBigUint64(8, RAM | 0x701n | block, true);
  engine.writePhysical(TABLES, table);
  const data = new Uint8Array(DATA_SIZE);
  for (let i = 0; i < data.length; i++) data[i] = random.next();
  if (special) for (let at = 0; at < data.length; at += 8) writeFloat(new DataView(data.buffer), at, random);
  engine.writePhysical(DATA, data);
  vcpu.setSysreg("TTBR0_EL1", TABLES);
  vcpu.setSysreg("MAIR_EL1", 0xffn);
  vcpu.setSysreg("TCR_EL1", 25n | (1n << 23n) | (2n << 32n));
  vcpu.setSysreg("VBAR_EL1", RAM + 0x8_0000n);
  vcpu.setSysreg("CPACR_EL1", 3n << 20n);
  // EnIA, EnIB, EnDA, EnDB: keys of pointer authentication are used.
  vcpu.setSysreg("SCTLR_EL1", 0x30d0_0801n | 0xc800_2000n);
  for (const key of ["APIA", "APIB", "APDA", "APDB", "APGA"]) {
    vcpu.setSysreg(`${key}KeyHi_EL1`, (BigInt(random.next()) << 32n) | BigInt(random.next()));
    vcpu.setSysreg(`${key}KeyLo_EL1`, (BigInt(random.next()) << 32n) | BigInt(random.next()));
  }
  // Machines that are compared may have run different programs before.
  vcpu.set32(CPU.exclusive, 0);
  vcpu.pstate = 0x3c5;
  vcpu.recomputeModes();
  engine.exports.flushCpu(vcpu.base);
  for (let n = 0; n < 31; n++) vcpu.setX(n, (BigInt(random.next()) << 32n) | BigInt(random.next()));
  for (let n = 0; n < 32; n++) for (let i = 0; i < 16; i++) vcpu.v(n)[i] = random.next();
  if (special) {
    for (let n = 0; n < 32; n++) {
      const { buffer, byteOffset } = vcpu.v(n);
      for (const at of [0, 8]) writeFloat(new DataView(buffer, byteOffset, 16), at, random);
    }
  }
  vcpu.sp = DATA + 0x4000n;
  vcpu.setX(COUNTER, ITERATIONS);
  vcpu.setFpcr(fpcr);
  vcpu.setFpsr(0);
  vcpu.setNzcv(random.next());
  vcpu.pc = CODE;
}

export function state({ engine, vcpu }: Machine): string {
  const registers = Array.from({ length: 31 }, (_, n) => vcpu.x(n).toString(16));
  const vectors = Array.from({ length: 32 }, (_, n) => Buffer.from(vcpu.v(n)).toString("hex"));
  const host = engine.hostAddress(DATA) as number;
  const data = Buffer.from(engine.bytes.subarray(host, host + DATA_SIZE)).toString("base64");
  return JSON.stringify([
    vcpu.pc.toString(16),
    vcpu.sp.toString(16),
    vcpu.pstate,
    vcpu.fpsr,
    vcpu.sysreg("ESR_EL1").toString(16),
    vcpu.sysreg("ELR_EL1").toString(16),
    registers,
    vectors,
    data,
  ]);
}

export function slice({ engine, vcpu }: Machine, budget: number): number {
  vcpu.set32(CPU.budget, budget);
  return engine.exports.run(vcpu.base);
}

/** A slice of two machines ends alike, and leaves them in the same state; throws where it does not. */
export function sliceAlike(one: Machine, other: Machine, budget: number, when: string): void {
  const [ours, theirs] = [one, other].map((m) => `exit ${slice(m, budget)}, ${state(m)}`);
  if (ours !== theirs) throw new Error(`${when}:\none   ${ours}\nother ${theirs}`);
}

/** Lets the compiler, which is loaded when something is hot, have its say. */
export async function compileHot({ engine }: Machine, milliseconds = 30): Promise<void> {
  engine.compileHot();
  await new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}

/** Lets the compiler have its say until there is a region that was not there; ten seconds at the most. */
export async function untilCompiled(m: Machine): Promise<void> {
  const { regions } = m.engine.compiled;
  for (let i = 0; i < 500 && m.engine.compiled.regions === regions; i++) await compileHot(m, 20);
}

/** Instructions, or anything of 32 bits. */
export function writeWords({ engine }: Machine, at: bigint, ...words: readonly number[]): void {
  engine.writePhysical(at, new Uint8Array(Uint32Array.from(words).buffer));
}

export function writeDoubleword({ engine }: Machine, at: bigint, value: bigint): void {
  engine.writePhysical(at, new Uint8Array(BigUint64Array.of(value).buffer));
}

/** CODE as a block, and the 2 MiB from DATA on by pages, described from TABLES + 0x2000 on. */
export function mapByPages(m: Machine): void {
  const [level2, level3] = [TABLES + 0x1000n, TABLES + 0x2000n];
  writeDoubleword(m, TABLES + 8n, level2 | 3n);
  writeDoubleword(m, level2, CODE | 0x701n);
  writeDoubleword(m, level2 + 8n, level3 | 3n);
}

/** What `start` and `mapByPages` have written, in the order that SCTLR_EL1.EE has tables read in. */
export function turnTables({ engine }: Machine): void {
  const tables = engine.hostAddress(TABLES) as number;
  engine.bytes.set(Buffer.from(engine.bytes.slice(tables, tables + 0x3000)).swap64(), tables);
}

/** Where the descriptor of a page from DATA on is. */
export const pageEntry = (page: bigint): bigint => TABLES + 0x2000n + ((page - DATA) / 0x1000n) * 8n;
