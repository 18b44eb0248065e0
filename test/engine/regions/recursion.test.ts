/** Regions that call each other deeper than there is room for on the host's stack. */
import { expect, it } from "vitest";
import { COUNTER, compileHot, DATA, machine, sliceAlike, start } from "../rig.js";

const [NOP, RET] = [0xd503201f, 0xd65f03c0];
const DEPTH = 20_000n;
const FRAME = 32n;

/** Sums what it is given, that less one, and so on, by calling itself, again and again. Too large to stand in place of its calls. */
const FUNCTION = 5;
const PADDING = 60;
const program = [
  ...[0xaa1403e0, 0x94000000 | (FUNCTION - 1)], // mov x0, x20; bl
  ...[0xd100079c, 0xb5000000 | ((-3 & 0x7ffff) << 5) | COUNTER, 0x14000000], // sub x28, x28, #1; cbnz x28; b .
  ...[0xb4000000 | ((PADDING + 8) << 5), 0xa9be03fe, ...Array<number>(PADDING).fill(NOP)], // cbz x0, the end; stp x30, x0, [sp, #-32]!
  ...[0xd1000400, 0x94000000 | (-(PADDING + 3) & 0x3ffffff)], // sub x0, x0, #1; bl
  ...[0xf94007e1, 0x8b010000, 0xa8c207fe, RET], // ldr x1, [sp, #8]; add x0, x0, x1; ldp x30, x1, [sp], #32; ret
  RET,
];

it("ends as if it were interpreted", async () => {
  const compiled = await machine(true);
  const plain = await machine(false);
  for (const m of [compiled, plain]) {
    start(m, program, 5);
    m.vcpu.sp = DATA + 0x1000n + (DEPTH + 1n) * FRAME;
    m.vcpu.setX(20, DEPTH);
    m.vcpu.setX(COUNTER, 1n << 40n);
  }
  const rounds = (): bigint => (1n << 40n) - compiled.vcpu.x(COUNTER);
  for (let turn = 0; turn < 60 && rounds() < 12n; turn++) {
    sliceAlike(compiled, plain, 500_009 + 37 * turn, `turn ${turn}`);
    await compileHot(compiled, turn < 3 ? 200 : 1);
  }
  expect(compiled.engine.compiled.regions).toBeGreaterThan(0);
  expect(rounds()).toBe(12n);
  expect(compiled.vcpu.x(20)).toBe(DEPTH);
});
