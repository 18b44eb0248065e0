/**
 * Breakpoints in code that is compiled: regions have such instructions and leave them to the interpreter, which asks
 * (docs/engine.md, "Slots"). With any breakpoints, set and removed at any time, both engines ask at the same
 * instructions, stop at the same ones, and leave the same state.
 */
import { describe, expect, it } from "vitest";
import { CPU, Exit } from "../../src/engine/layout.js";
import { Breakpoints, type CodePoint } from "../../src/machine/debug/breakpoints.js";
import { CODE, COUNTER, compileHot, type Machine, machine, Random, slice, start, state } from "./rig.js";

/** Where the program is in its page: it runs over into the next one. */
const BEFORE = 1024 - 12;
const NOP = 0xd503201f;

/** A loop with an inner loop, a branch either way, calls of a function before it and of one in the next page. */
const PROGRAM = [
  ...[0x8b000021, 0xd65f03c0], // f: add x1, x1, x0; ret
  ...[0x91000400, 0xd2800062], // start: add x0, x0, #1; mov x2, #3
  ...[0xf1000442, 0x54ffffe1], // inner: subs x2, x2, #1; b.ne inner
  ...[0x97fffffa, 0x36000060], // bl f; tbz w0, #0, even
  ...[0x91000c63, 0x14000002], // add x3, x3, #3; b over
  ...[0xca000084, 0x94000005], // even: eor x4, x4, x0; over: bl g, behind the page's end
  ...[0xd10007bd, 0x17fffff5], // sub x29, x29, #1; b start
  ...[NOP, NOP],
  ...[0x8b0100a5, 0xd65f03c0], // g: add x5, x5, x1; ret
];
/** `add x3, x3, #3`. */
const CHANGED = CODE + BigInt((BEFORE + 8) * 4);
const END = BEFORE + PROGRAM.length;

interface Debugged extends Machine {
  readonly breakpoints: Breakpoints;
  /** Where it was asked. */
  readonly asked: bigint[];
  readonly stops: { every: number };
}

/** A machine in which what is asked every so many times stops. */
async function debugged(compile: boolean | "all"): Promise<Debugged> {
  const asked: bigint[] = [];
  const stops = { every: 3 };
  const m: { breakpoints?: Breakpoints } = {};
  const made = await machine(compile, {
    host: {
      shadowPage: (_cpu, page, shared) => m.breakpoints?.shadowPage(page, shared) ?? shared,
      breakpointHit: (_cpu, pc, pass) => {
        asked.push(pc);
        return pass === 0 && asked.length % stops.every === 0 ? 1 : 0;
      },
    },
  });
  m.breakpoints = new Breakpoints(made.engine);
  return { ...made, breakpoints: m.breakpoints, asked, stops };
}

const listing = [...Array(BEFORE).fill(NOP), ...PROGRAM];

function begin(m: Machine): void {
  start(m, listing, 1);
  m.vcpu.setX(0, 0n);
  m.vcpu.setX(COUNTER, 1n << 40n);
  m.vcpu.pc = CODE + BigInt((BEFORE + 2) * 4);
}

describe("breakpoints in compiled code", () => {
  it.each([true, "all"] as const)(
    "are met by both engines alike, compile: %s",
    async (compile) => {
      const compiled = await debugged(compile);
      const plain = await debugged(false);
      const both = [compiled, plain];
      for (const m of both) begin(m);
      const random = new Random(0x51);
      const set = new Map<bigint, readonly CodePoint[]>();
      const toggle = (address: bigint): void => {
        const points = set.get(address);
        if (points) set.delete(address);
        else
          set.set(
            address,
            both.map(() => ({ address })),
          );
        both.forEach((m, i) => {
          const point = (points ?? set.get(address))?.[i] as CodePoint;
          if (points) m.breakpoints.remove(point);
          else m.breakpoints.insert(point);
        });
      };
      for (let turn = 0; turn < 400; turn++) {
        if (turn % 8 === 0) toggle(CODE + BigInt((BEFORE + random.below(PROGRAM.length)) * 4));
        // Out and in again, as GDB does whenever it stops.
        if (turn % 3 === 0) for (const at of [...set.keys(), ...set.keys()]) toggle(at);
        // add x3, x3, #turn
        const word = Buffer.alloc(4);
        word.writeInt32LE(0x91000063 | (turn << 10) | 0);
        if (turn % 50 === 49) for (const { engine } of both) engine.writePhysical(CHANGED, word);
        const pass = random.below(2);
        const budget = 1 + random.below(turn % 2 === 0 ? 30 : 20_000);
        for (const { vcpu, stops } of both) {
          vcpu.set32(CPU.passBreakpoint, pass);
          stops.every = turn % 4 === 0 ? 3 : 5_000;
        }
        const reasons = both.map((m) => slice(m, budget));
        expect(reasons[0], `turn ${turn}`).toBe(reasons[1]);
        expect(compiled.vcpu.get32(CPU.budget), `turn ${turn}`).toBe(plain.vcpu.get32(CPU.budget));
        expect(compiled.asked, `turn ${turn}`).toEqual(plain.asked);
        expect(state(compiled), `turn ${turn}`).toBe(state(plain));
        for (const { asked } of both) asked.length = 0;
        await compileHot(compiled, 2);
      }
      expect(compiled.engine.compiled.regions).toBeGreaterThan(10);
    },
    60_000,
  );

  it("leave the rest of their page compiled, and drop only code that has them", async () => {
    const m = await debugged(true);
    begin(m);
    const share = (): number => {
      const before = m.vcpu.get64(CPU.statCompiled);
      expect(slice(m, 1_000_000)).toBe(Exit.budget);
      return Number(m.vcpu.get64(CPU.statCompiled) - before) / 1_000_000;
    };
    const warm = async (regions: number): Promise<void> => {
      for (let wait = 0; m.engine.compiled.regions < regions && wait < 500; wait++) {
        share();
        await compileHot(m, 2);
      }
    };
    await warm(1);
    expect(share()).toBeGreaterThan(0.9);
    const before = m.engine.compiled.regions;
    // In a page of its own copy now, where nobody comes by: compiled afresh, and as well.
    const never: CodePoint = { address: CODE };
    m.breakpoints.insert(never);
    await warm(before + 1);
    expect(share()).toBeGreaterThan(0.9);
    const again = m.engine.compiled.regions;
    // Another one there drops nothing, nor does taking them out and putting them back.
    m.breakpoints.insert({ address: CODE + 8n });
    m.breakpoints.remove(never);
    m.breakpoints.insert({ ...never });
    expect(share()).toBeGreaterThan(0.9);
    await compileHot(m, 2);
    expect(m.engine.compiled.regions).toBe(again);
    expect(m.asked).toEqual([]);
    expect(END).toBeGreaterThan(1024);
  }, 60_000);
});
