/** Regions that call each other deeper than there is room for on the host's stack. */
import { expect, it } from "vitest";
import { COUNTER, compileHot, DATA, type Machine, machine, sliceAlike, start } from "../rig.js";

const [NOP, RET] = [0xd503201f, 0xd65f03c0];
const DEPTH = 20_000n;
const FRAME = 32n;
const FUNCTION = 5;
const SYSTEM_REGISTER = 0xd53b4207; // mrs x7, nzcv

/**
 * Sums what it is given, that less one, and so on, by calling itself, again and again; at the end it asks for a system
 * register. With `work` it is too large to stand in place of its calls.
 */
function program(work: readonly number[]): number[] {
  const { length } = work;
  return [
    ...[0xaa1403e0, 0x94000000 | (FUNCTION - 1)], // mov x0, x20; bl
    ...[0xd100079c, 0xb5000000 | ((-3 & 0x7ffff) << 5) | COUNTER, 0x14000000], // sub x28, x28, #1; cbnz x28; b .
    ...[0xb4000000 | ((length + 8) << 5), 0xa9be03fe, ...work], // cbz x0, the end; stp x30, x0, [sp, #-32]!
    ...[0xd1000400, 0x94000000 | (-(length + 3) & 0x3ffffff)], // sub x0, x0, #1; bl
    ...[0xf94007e1, 0x8b010000, 0xa8c207fe, RET], // ldr x1, [sp, #8]; add x0, x0, x1; ldp x30, x1, [sp], #32; ret
    ...[SYSTEM_REGISTER, RET],
  ];
}

/**
 * ldr x1 to x6, [x21 to x26]; an EOR of each and the one before, many times: values that all have places of their own.
 */
const memory = Array.from({ length: 120 }, (_, i) =>
  i % 2 === 0
    ? 0xf9400000 | ((i % 8) << 10) | ((21 + (i % 6)) << 5) | (1 + (i % 6))
    : 0xca000000 | ((1 + (i % 6)) << 16) | ((1 + ((i + 1) % 6)) << 5) | (1 + (i % 6)),
);
/** fmla v0 to v15 by v16 to v31, and V registers stored and loaded. */
const vectors = Array.from({ length: 90 }, (_, i) =>
  i % 3 === 0
    ? 0x3d800000 | ((i % 8) << 10) | ((21 + (i % 6)) << 5) | (i % 16)
    : 0x4e20cc00 | ((31 - (i % 16)) << 16) | ((16 + (i % 16)) << 5) | (i % 16),
);

/** Room that JavaScript needs in what is called from the innermost region. */
const depthOf = (n: number): number => (n === 0 ? 0 : 1 + depthOf(n - 1));

it.each([
  ["little", Array<number>(60).fill(NOP)],
  ["memory", memory],
  ["vectors", vectors],
])("ends as if it were interpreted, with %s in its frames, and leaves room for JavaScript", async (_name, work) => {
  let asked = 0;
  const machines: Machine[] = [];
  const hostOf = (n: number) => ({
    sysregAccess(): void {
      asked += n === 0 ? depthOf(2000) / 2000 : 0;
      (machines[n] as Machine).vcpu.pc += 4n;
    },
  });
  for (const n of [0, 1]) machines.push(await machine(n === 0, { host: hostOf(n) }));
  const [compiled, plain] = machines as [Machine, Machine];
  for (const m of machines) {
    start(m, program(work), 5);
    for (let n = 21; n < 27; n++) m.vcpu.setX(n, DATA + BigInt(n) * 0x80n);
    m.vcpu.sp = DATA + 0x1000n + (DEPTH + 1n) * FRAME;
    m.vcpu.setX(20, DEPTH);
    m.vcpu.setX(COUNTER, 1n << 40n);
  }
  const rounds = (): bigint => (1n << 40n) - compiled.vcpu.x(COUNTER);
  for (let turn = 0; turn < 60 && rounds() < 6n; turn++) {
    sliceAlike(compiled, plain, 1_500_009 + 37 * turn, `turn ${turn}`);
    await compileHot(compiled, turn < 3 ? 200 : 1);
  }
  expect(compiled.engine.compiled.regions).toBeGreaterThan(0);
  expect(rounds()).toBeGreaterThanOrEqual(6n);
  expect(asked).toBeGreaterThanOrEqual(6);
  expect(compiled.vcpu.x(20)).toBe(DEPTH);
});
