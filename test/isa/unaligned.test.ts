/** FEAT_LSE2: what may be unaligned, and where (DDI 0487, B2.2.1 "Requirements for single-copy atomicity", B2.5). */
import { beforeAll, describe, expect, it } from "vitest";
import { CPU, CPU_FEATURE } from "../../src/engine/layout.js";
import { VectorMachine } from "./vector-machine.js";

const A = 1n << 1n;
const nAA = 1n << 6n;

// X0 is the address; X1 goes in or comes out.
const LDAR = 0xc8dffc01;
const STLR = 0xc89ffc01;
const LDAPR = 0xf8bfc001;
const LDADD = 0xf8210002;
const CAS = 0xc8a17c02;
const LDXR = 0xc85f7c01;
const STXR = 0xc8027c01;
const LDXP32 = 0x887f0801;
const CASP = 0x48247c02;
const DC_ZVA = 0xd50b7420;

let m: VectorMachine;
beforeAll(async () => {
  m = await VectorMachine.create();
});

/** Runs the words at EL3 with X0 so many bytes into a 16-byte quantity. */
function outcome(words: readonly number[], offset: number, { lse2 = true, sctlr = 0n } = {}): string {
  m.vcpu.set32(CPU.features, lse2 ? CPU_FEATURE.LSE2 : 0);
  m.mapNormal(sctlr);
  m.vcpu.setX(0, m.address(0x100 + offset));
  for (let n = 1; n < 8; n++) m.vcpu.setX(n, 0n);
  return m.attempt(...words);
}

describe("unaligned accesses of 8 bytes", () => {
  it.each([
    ["LDAR", [LDAR]],
    ["STLR", [STLR]],
    ["LDAPR", [LDAPR]],
    ["LDADD", [LDADD]],
    ["CAS", [CAS]],
    ["LDXR", [LDXR]],
    ["LDXR, STXR", [LDXR, STXR]],
    ["LDXP of words", [LDXP32]],
  ])("%s within 16 bytes needs LSE2, and SCTLR_EL3.A = 0", (_, words) => {
    expect(outcome(words, 4)).toBe("completed");
    expect(outcome(words, 8)).toBe("completed");
    expect(outcome(words, 4, { lse2: false })).toBe("exception");
    expect(outcome(words, 4, { sctlr: A })).toBe("exception");
    expect(outcome(words, 12)).toBe("exception");
    // What is left of the budget goes on at the vector, where nothing is.
    if (words.length === 1) expect(m.vcpu.sysreg("ESR_EL3") & 0x3fn).toBe(0x21n);
  });

  it.each([
    ["LDAR", LDAR],
    ["STLR", STLR],
    ["LDAPR", LDAPR],
  ])("%s over 16 bytes needs SCTLR_EL3.nAA", (_, word) => {
    expect(outcome([word], 12, { sctlr: nAA })).toBe("completed");
    expect(outcome([word], 0xffc - 0x100, { sctlr: nAA })).toBe("completed");
  });

  it.each([
    ["LDADD", LDADD],
    ["CAS", CAS],
    ["LDXR", LDXR],
  ])("%s over 16 bytes is never allowed", (_, word) => {
    expect(outcome([word], 12, { sctlr: nAA })).toBe("exception");
  });
});

it("stores what an unaligned store-exclusive has", () => {
  m.setMemory(0x100, new Uint8Array(16));
  expect(outcome([LDXR, 0xd2800541, STXR], 3)).toBe("completed");
  expect(m.vcpu.x(2)).toBe(0n);
  expect(m.memory(0x103, 1)[0]).toBe(42);
});

it("a pair of 16 bytes stays aligned, and DC ZVA zeroes its block", () => {
  expect(outcome([CASP], 8)).toBe("exception");
  expect(outcome([CASP], 0)).toBe("completed");
  m.setMemory(0x100, new Uint8Array(64).fill(7));
  expect(outcome([DC_ZVA], 5)).toBe("completed");
  expect([...m.memory(0x100, 64)].every((byte) => byte === 0)).toBe(true);
});
