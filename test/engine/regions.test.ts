/**
 * Compiled regions against the interpreter: random loops run on both, in slices of odd lengths, must leave the same
 * state at every slice's end (ARCHITECTURE.md, section 1: the run does not depend on which engine ran the code).
 */
import { describe, expect, it } from "vitest";
import { cpuModel } from "../../src/cpu/model.js";
import { buildSysregIndex } from "../../src/cpu/sysreg/engine-index.js";
import { resetSysregs } from "../../src/cpu/sysreg/reset.js";
import { Vcpu } from "../../src/cpu/vcpu.js";
import { Engine } from "../../src/engine/engine.js";
import { CPU, CPU_FEATURE } from "../../src/engine/layout.js";
import { expand, type Form } from "../../src/isa/pattern.js";
import { branches } from "../../src/isa/table/branches.js";
import { TABLE } from "../../src/isa/table/index.js";
import { system } from "../../src/isa/table/system.js";

const RAM = 0x4000_0000n;
const CODE = RAM;
const TABLES = RAM + 0x10_0000n;
const DATA = RAM + 0x20_0000n;
const COUNTER = 28;
const BASE = 27;
const ITERATIONS = 3000n;

/** A small deterministic generator (xorshift32). */
class Random {
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

const model = cpuModel("max");
const EXCLUDED = new Set([...system, ...branches].map((row) => row.name));
const MEMORY = /^(LD|ST|CAS|SWP|PRF)/;
/** BRAA, BLRAA and RETAA, to where nobody knows. */
const AUTHENTICATED_BRANCH = /^(BL?R|RET)A/;
const forms = TABLE.flatMap(expand).filter(
  (form) =>
    !EXCLUDED.has(form.row.name) &&
    !AUTHENTICATED_BRANCH.test(form.row.name) &&
    form.features.every((f) => model.features.has(f)),
);
const computing = forms.filter((form) => !MEMORY.test(form.row.name));
const accessing = forms.filter((form) =>
  /^(LDR|STR|LDP|STP|LD1|ST1|LDUR|STUR|LDADD|SWP|LDXR|STXR)/.test(form.row.name),
);

const field = (form: Form, name: string) => form.row.fields.find((f) => f.name === name);

/** A random word of a form that leaves the counter and the base register alone. */
function instance(form: Form, random: Random): number {
  for (;;) {
    let word = (random.next() & ~form.mask) | form.value;
    for (const name of ["Rd", "Rt", "Rt2", "Ra", "Rs"]) {
      const f = field(form, name);
      if (f) word = (word & ~(31 << f.lo)) | (random.below(27) << f.lo);
    }
    if (MEMORY.test(form.row.name)) {
      const n = field(form, "Rn");
      if (!n || field(form, "Rm")) return 0xd503201f;
      word = (word & ~(31 << n.lo)) | (BASE << n.lo);
    }
    return word >>> 0;
  }
}

/** Instructions that a program is made of: seven of ten compute, two access memory. */
interface Pools {
  readonly computing: readonly Form[];
  readonly accessing: readonly Form[];
}
const everything: Pools = { computing, accessing };
const floats: Pools = {
  computing: computing.filter(({ row }) => row.options.fp && /^([SU]CVTF|F|MOVI|DUP|INS|ORR_vector)/.test(row.name)),
  accessing: accessing.filter(({ row }) => row.options.fp && /^(LD|ST)[UPR]/.test(row.name)),
};
const crypto: Pools = {
  computing: computing.filter(({ row }) => /^(AES|SHA|SM[34]|CRC|PMULL|EOR3|BCAX|RAX1|XAR)/.test(row.name)),
  accessing: floats.accessing,
};

function program(random: Random, pools: Pools): number[] {
  const length = 1 + random.below(24);
  const body: number[] = [];
  for (let i = 0; i < length; i++) {
    const kind = random.below(10);
    const pool = kind < 7 ? pools.computing : pools.accessing;
    if (kind === 9) {
      // A forward branch over the next instruction or two.
      body.push((0x54000000 | ((1 + random.below(Math.min(3, length - i))) << 5) | random.below(15)) >>> 0);
    } else {
      body.push(instance(pool[random.below(pool.length)] as Form, random));
    }
  }
  // The base is set anew in every round, since write-back moves it: movz x27, #0x4020, lsl #16.
  const round = [0xd2a00000 | (0x4020 << 5) | BASE, 0x91400000 | (2 << 10) | (BASE << 5) | BASE, ...body];
  const back = -(round.length + 1);
  return [
    ...round,
    (0xd1000400 | (COUNTER << 5) | COUNTER) >>> 0,
    (0xb5000000 | ((back & 0x7ffff) << 5) | COUNTER) >>> 0,
    0x14000000,
  ];
}

async function machine(compile: boolean): Promise<{ engine: Engine; vcpu: Vcpu }> {
  const engine = await Engine.create(
    { cpus: 1, regions: [{ name: "ram", base: RAM, size: 16 << 20 }], features: model.features, compile },
    {
      ioAccess: () => 1,
      sysregAccess: () => {
        throw new Error("no system registers here");
      },
      shadowPage: (_cpu, _page, shared) => shared,
      isBreakpoint: () => 0,
      breakpointHit: () => 0,
      watchAccess: () => 0,
      guestWatch: () => 0,
      pointAction: () => 0,
      pointRead: () => 0n,
    },
  );
  buildSysregIndex(engine.memory.buffer, model);
  return { engine, vcpu: new Vcpu(engine.memory.buffer, engine.cpuBases[0] as number) };
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
const GP = 1n << 50n;

/** EL1 with the first GiB from 0x4000_0000 mapped flat as Normal memory, and vectors that spin. */
function start(
  { engine, vcpu }: { engine: Engine; vcpu: Vcpu },
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
  const data = new Uint8Array(0x8000);
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

function state({ engine, vcpu }: { engine: Engine; vcpu: Vcpu }): string {
  const registers = Array.from({ length: 31 }, (_, n) => vcpu.x(n).toString(16));
  const vectors = Array.from({ length: 32 }, (_, n) => Buffer.from(vcpu.v(n)).toString("hex"));
  const host = engine.hostAddress(DATA) as number;
  const data = Buffer.from(engine.bytes.subarray(host, host + 0x8000)).toString("base64");
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

function slice({ engine, vcpu }: { engine: Engine; vcpu: Vcpu }, budget: number): number {
  vcpu.set32(CPU.budget, budget);
  return engine.exports.run(vcpu.base);
}

/** FPCR at its default twice, then other roundings, FZ, DN, FZ16, AHP. */
const MODES = [0, 0, 1 << 22, 3 << 22, 1 << 24, 1 << 25, 1 << 19, (1 << 24) | (1 << 25), 1 << 26];

async function compare(pools: Pools, programs: number, modes: readonly number[]): Promise<void> {
  const compiled = await machine(true);
  const plain = await machine(false);
  const random = new Random(0x7a9f);
  for (let i = 0; i < programs; i++) {
    const words = program(random, pools);
    const seed = random.next() | 1;
    const fpcr = modes[i % modes.length] as number;
    for (const m of [compiled, plain]) {
      start(m, words, seed, { fpcr, special: pools === floats });
      m.engine.dropCode();
    }
    for (let turn = 0; turn < 8; turn++) {
      const budget = 1 + random.below(turn < 3 ? 40_000 : 3_000);
      const reasons = [compiled, plain].map((m) => slice(m, budget));
      expect(reasons[0]).toBe(reasons[1]);
      const listing = words.map((w) => w.toString(16).padStart(8, "0")).join(" ");
      expect(state(compiled), `program ${i}, turn ${turn}: ${listing}`).toBe(state(plain));
      compiled.engine.compileHot();
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
  }
  expect(compiled.engine.compiled.regions).toBeGreaterThan(programs / 3);
}

describe("random loops, compiled and interpreted", () => {
  it("go by landing pads in guarded pages, and fault where there is none", async () => {
    const compiled = await machine(true);
    const plain = await machine(false);
    const program = (pad: number): number[] => [
      ...[0x10000100, 0xd63f0000], // adr x0, f; blr x0
      ...[0x10000170, 0xd61f0200], // adr x16, g; br x16
      ...[pad, 0xd100079c], // back: bti j; sub x28, x28, #1
      ...[0xb5ffff5c, 0x14000000], // cbnz x28, the start; b .
      ...[0xd503245f, 0x91000421], // f: bti c; add x1, x1, #1
      ...[0xd503233f, 0xd50323bf, 0xd65f03c0], // paciasp; autiasp; ret
      ...[0xd50324df, 0x91000c42], // g: bti jc; add x2, x2, #3
      ...[0x10fffea5, 0xd61f00a0], // adr x5, back; br x5
    ];
    const [BTI_J, BTI_C] = [0xd503249f, 0xd503245f] as const;
    for (const pad of [BTI_J, BTI_C]) {
      for (const m of [compiled, plain]) {
        m.vcpu.set32(CPU.features, CPU_FEATURE.BTI);
        start(m, program(pad), 7, { block: GP });
        m.engine.dropCode();
      }
      for (let turn = 0; turn < 40; turn++) {
        const budget = 997 + 31 * turn;
        expect(slice(compiled, budget)).toBe(slice(plain, budget));
        expect(state(compiled), `turn ${turn}`).toBe(state(plain));
        // The compiler is loaded when something is hot.
        for (let wait = 0; turn === 20 && compiled.engine.compiled.regions === 0 && wait < 500; wait++) {
          compiled.engine.compileHot();
          await new Promise((resolve) => {
            setTimeout(resolve, 20);
          });
        }
      }
      // EC 0x0D, BTYPE 3: BR X5 in a guarded page.
      expect(plain.vcpu.sysreg("ESR_EL1")).toBe(pad === BTI_J ? 0n : 0x3600_0003n);
      expect(plain.vcpu.sysreg("SPSR_EL1") & 0xc00n).toBe(pad === BTI_J ? 0n : 0xc00n);
    }
    expect(compiled.engine.compiled.regions).toBeGreaterThan(0);
  }, 60_000);

  it("leave the same state after every slice", async () => {
    await compare(everything, 150, [0]);
  }, 120_000);
  it("of cryptographic instructions do so", async () => {
    await compare(crypto, 60, [0]);
  }, 120_000);
  it("of floating point do so in all modes, whatever the numbers are", async () => {
    await compare(floats, 180, MODES);
  }, 120_000);
});
