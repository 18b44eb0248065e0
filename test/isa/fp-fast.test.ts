// The common case of floating point stays on the host's own instructions: with FPCR at its default and ordinary
// operands no instruction asks the exact path, neither once FPSR.IXC is set nor before.

import { beforeAll, describe, expect, it } from "vitest";
import { Vcpu } from "../../src/cpu/vcpu.js";
import { Engine, type EngineHost } from "../../src/engine/engine.js";
import { bindFpExact } from "../../src/engine/fp/imports.js";
import { CPU } from "../../src/engine/layout.js";
import { FEATURES } from "../../src/isa/features.js";
import { expand, type Form } from "../../src/isa/pattern.js";
import { fpScalar } from "../../src/isa/table/fp-scalar.js";
import { fpVector } from "../../src/isa/table/fp-vector.js";

const RAM = 0x8000_0000n;
const IXC = 1 << 4;
const CPACR_FPEN = 3n << 20n;

/** Vectors whose elements of 2, 4 or 8 bytes lie in [1, 2): as halves, as singles and as doubles. */
const FILLS: readonly ((view: DataView, at: number, n: number) => void)[] = [
  (view, at, n) => {
    for (let i = 0; i < 16; i += 2) view.setUint16(at + i, 0x3c00 + n * 11 + i, true);
  },
  (view, at, n) => {
    for (let i = 0; i < 16; i += 4) view.setFloat32(at + i, 1 + n / 37 + i / 64, true);
  },
  (view, at, n) => {
    for (let i = 0; i < 16; i += 8) view.setFloat64(at + i, 1 + n / 37 + i / 64, true);
  },
];

/** General registers hold small integers, or fixed-point numbers with many fraction bits. */
const SHIFTS = [0n, 32n] as const;

/** Nothing here reaches devices, system registers or breakpoints. */
const unused = {
  ioAccess: () => 0,
  hostedAccess: () => 0,
  sysregAccess: () => {},
  shadowPage: () => 0,
  breakpointHit: () => 0,
  watchAccess: () => 0,
  guestWatch: () => 0,
  pointAction: () => 0,
  pointRead: () => 0n,
};

class Rig {
  exactCalls = 0;
  private constructor(
    private readonly engine: Engine,
    private readonly vcpu: Vcpu,
  ) {}

  static async create(): Promise<Rig> {
    let rig: Rig | undefined;
    let exact: ReturnType<typeof bindFpExact> | undefined;
    const host = {
      fpExact: (...args: Parameters<NonNullable<typeof exact>>) => {
        (rig as Rig).exactCalls++;
        return (exact as NonNullable<typeof exact>)(...args);
      },
    };
    const regions = [{ name: "ram", base: RAM, size: 0x1000 }];
    const engine = await Engine.create({ cpus: 1, regions, features: new Set(FEATURES) }, {
      ...unused,
      ...host,
    } as EngineHost);
    exact = bindFpExact(engine.memory.buffer);
    const vcpu = new Vcpu(engine.memory.buffer, engine.cpuBases[0] as number);
    vcpu.setSysreg("CPACR_EL1", CPACR_FPEN);
    vcpu.recomputeModes();
    engine.exports.flushCpu(vcpu.base);
    engine.exports.enterMode(vcpu.base);
    rig = new Rig(engine, vcpu);
    return rig;
  }

  /** How often one instruction asks the exact path with a fill of the vector and a shift of the general registers. */
  run(word: number, fill: (typeof FILLS)[number], shift: bigint, fpsr: number): number {
    const { engine, vcpu } = this;
    const at = engine.hostAddress(RAM) as number;
    engine.aboutToWrite(at, 4);
    engine.view.setUint32(at, word, true);
    for (let n = 0; n < 31; n++) engine.view.setBigUint64(vcpu.base + CPU.x + 8 * n, BigInt(3 * n + 1) << shift, true);
    for (let n = 0; n < 32; n++) fill(engine.view, vcpu.base + CPU.v + 16 * n, n);
    vcpu.setFpcr(0);
    vcpu.setFpsr(fpsr);
    vcpu.pc = RAM;
    vcpu.set32(CPU.budget, 1);
    this.exactCalls = 0;
    engine.exports.run(vcpu.base);
    expect(vcpu.pc, `PC after 0x${word.toString(16)}`).toBe(RAM + 4n);
    return this.exactCalls;
  }
}

/** The open bits of a word: register numbers, immediates, and scales of a few fraction bits. */
const OPEN_BITS = [0x0003f420, 0x0007e8c5] as const;

describe("floating point on ordinary operands", () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await Rig.create();
  });

  const rows = [...fpScalar, ...fpVector];
  it.each(rows.map((r) => [r.name, r] as const))("%s stays on the host", (_name, r) => {
    for (const form of expand(r) as Form[]) {
      for (const open of OPEN_BITS) {
        const word = (form.value | (open & ~form.mask)) >>> 0;
        for (const fpsr of [IXC, 0]) {
          // The operand's format is the form's own: one of the fills and shifts suits it.
          const calls = FILLS.flatMap((fill) => SHIFTS.map((shift) => rig.run(word, fill, shift, fpsr)));
          expect(Math.min(...calls), `0x${word.toString(16)}, FPSR ${fpsr}`).toBe(0);
        }
      }
    }
  });
});
