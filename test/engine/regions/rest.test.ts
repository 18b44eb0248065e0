/**
 * Functions of which a region has only what they do most times, in place of their calls: the rest of them is called.
 */
import { expect, it } from "vitest";
import { CPU } from "../../../src/engine/layout.js";
import { CODE, COUNTER, compileHot, type Machine, machine, sliceAlike, start, TABLES } from "../rig.js";

const [NOP, RET] = [0xd503201f, 0xd65f03c0];
const SYSTEM_REGISTER = 0xd53b4207; // mrs x7, nzcv

/** A loop, and at instruction `at` what it calls. */
const placed = (loop: readonly number[], at: number, called: readonly number[]): number[] => [
  ...loop,
  ...Array<number>(at - loop.length).fill(NOP),
  ...called,
];

/** A loop of calls of instruction `at`. */
const calling = (at: number): number[] => [
  ...[0x94000000 | at, 0xd100079c], // bl; sub x28, x28, #1
  ...[0xb5000000 | ((-2 & 0x7ffff) << 5) | COUNTER, 0x14000000], // cbnz x28, the first; b .
];

/**
 * A loop of calls of a function whose rest nothing interrupts. The flags that either way leaves are wanted behind the
 * call: csinc x3, x3, x3, lo.
 */
function flagsBehind(at: number): number[] {
  const loop = [0x94000000 | at, 0x9a833463, 0xd100079c, 0xb5000000 | ((-3 & 0x7ffff) << 5) | COUNTER, 0x14000000];
  const called = [
    // and x7, x28, #31; cmp x7, #5; cbz x7, the rest; add x1, x1, #1; ret
    ...[0x92401387, 0xf10014ff, 0xb4000067, 0x91000421, RET],
    // cmp x28, #100; add x2, x2, #1
    ...[0xf101939f, 0x91000442, ...Array<number>(60).fill(NOP), RET],
  ];
  return placed(loop, at, called);
}

/**
 * A loop of calls of a function that is `at` instructions from its beginning, and goes another way once in 32 times.
 */
function program(at: number): number[] {
  const called = [
    ...[0x92401387, 0xb4000067, 0x91000421, RET], // and x7, x28, #31; cbz x7, the rest; add x1, x1, #1; ret
    ...[0x3628005c, 0xd5182005], // tbz x28, #5, the next but one; msr ttbr0_el1, x5
    ...[SYSTEM_REGISTER, 0x91000442, ...Array<number>(60).fill(NOP), RET], // add x2, x2, #1
  ];
  return placed(calling(at), at, called);
}

/**
 * Runs a program on both machines, which must stay alike, until the loop and the rest are compiled, and on from there.
 */
async function runAlike(compiled: Machine, plain: Machine, words: readonly number[]): Promise<void> {
  for (const m of [compiled, plain]) {
    start(m, words, 7);
    for (const n of [1, 2, 3]) m.vcpu.setX(n, 0n);
    m.vcpu.setX(5, TABLES);
    m.vcpu.setX(COUNTER, 1n << 40n);
  }
  for (let turn = 0; turn < 60; turn++) {
    sliceAlike(compiled, plain, 30_009 + 37 * turn, `turn ${turn}`);
    await compileHot(compiled, turn < 40 ? 20 : 1);
    // By then the loop is hot, and later the rest.
    const regions = turn === 10 ? 1 : turn === 40 ? 2 : 0;
    for (let i = 0; i < 500 && compiled.engine.compiled.regions < regions; i++) await compileHot(compiled, 20);
  }
}

/**
 * Runs a program alike, and says where the innermost call of a region was expected to come back to at each access to a
 * system register.
 */
async function awaitedIn(words: readonly number[]): Promise<{ compiled: Machine; awaited: bigint[] }> {
  const awaited: bigint[] = [];
  const machines: Machine[] = [];
  const hostOf = (n: number) => ({
    sysregAccess(): void {
      const { engine, vcpu } = machines[n] as Machine;
      if (n === 0) awaited.push(engine.view.getBigUint64(vcpu.base + CPU.returnAddress, true));
      vcpu.pc += 4n;
    },
  });
  for (const n of [0, 1]) machines.push(await machine(n === 0, { host: hostOf(n) }));
  const [compiled, plain] = machines as [Machine, Machine];
  await runAlike(compiled, plain, words);
  return { compiled, awaited };
}

/** How often it was behind the call at an instruction. */
const behind = (awaited: readonly bigint[], call: number): number =>
  awaited.filter((address) => address === CODE + 4n * BigInt(call + 1)).length;

it.each([
  ["the same page", 100],
  ["another page", 1124],
])("comes back into the region from the rest of a function in %s", async (_name, at) => {
  const { compiled, awaited } = await awaitedIn(program(at));
  const [often, seldom] = [compiled.vcpu.x(1), compiled.vcpu.x(2)];
  expect(often).toBeGreaterThan(30n * seldom);
  expect(seldom).toBeGreaterThan(1000n);
  // Where it comes back to is forgotten each other time.
  expect(behind(awaited, 0)).toBeGreaterThan(100);
});

it.each([
  ["the same page", 100],
  ["another page", 1124],
])("goes on behind the call with the flags that the rest of a function in %s has left", async (_name, at) => {
  const [compiled, plain] = [await machine(true), await machine(false)];
  await runAlike(compiled, plain, flagsBehind(at));
  expect(compiled.vcpu.x(2)).toBeGreaterThan(1000n);
});

const nops = (count: number): number[] => Array<number>(count).fill(NOP);
const bl = (from: number, to: number): number => (0x94000000 | ((to - from) & 0x3ffffff)) >>> 0;
const [KEEP_LINK, TAKE_LINK] = [0xaa1e03e9, 0xaa0903fe]; // mov x9, x30; mov x30, x9

it("a call is come back from where what is behind it is of another page", async () => {
  const [last, far] = [1023, 1200];
  const first = last - 60;
  const called = [KEEP_LINK, ...nops(59), bl(last, far), TAKE_LINK, RET];
  const words = placed(placed(calling(first), first, called), far, [SYSTEM_REGISTER, ...nops(60), RET]);
  const { awaited } = await awaitedIn(words);
  expect(behind(awaited, last)).toBeGreaterThan(100);
});

it("a function in place of its call comes back to another region without leaving all calls", async () => {
  const [first, small] = [100, 600];
  // So far before the loop that this is compiled without it.
  const before = [KEEP_LINK, ...nops(230), 0xd280010a]; // mov x10, #8
  const call = first + before.length;
  const loop = [...nops(30), 0xd100054a, (0xb500000a | ((-31 & 0x7ffff) << 5)) >>> 0]; // sub x10, x10, #1; cbnz x10, the first
  const called = [...before, bl(call, small), ...loop, SYSTEM_REGISTER, TAKE_LINK, RET];
  const words = placed(placed(calling(first), first, called), small, [0x91000421, RET]); // add x1, x1, #1; ret
  const { awaited } = await awaitedIn(words);
  expect(behind(awaited, 0)).toBeGreaterThan(100);
});
