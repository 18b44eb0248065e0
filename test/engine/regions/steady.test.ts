/** Which registers move by constants in a short loop. */
import { expect, it } from "vitest";
import { discovered, WARM } from "./pages.js";

const [NOP, RET, CBNZ_X4] = [0xd503201f, 0xd65f03c0, 0xb5000004];

/** Registers that do not, of a loop of such instructions that goes round often. */
function unsteady(words: readonly number[]): number | undefined {
  const back = (CBNZ_X4 | ((-words.length & 0x7ffff) << 5)) >>> 0;
  const { blocks } = discovered({ 0: [NOP, ...words, back, RET] }, { heat: { 1: 10 * WARM } }, 1);
  return blocks.find(({ start }) => start === 1)?.unsteady;
}

it.each([
  ["a counter", [0x91000484], []], // add x4, x4, #1
  ["an index into an array", [0x91000484, 0x8b040c20], []], // add x0, x1, x4, lsl #3
  ["an index extended, and moved", [0x91000484, 0x93407c85, 0x8b050026, 0xaa0603e7], []], // sxtw; add x6, x1, x5; mov x7, x6
  ["what is loaded, and what it is added to", [0xf9400022, 0x8b020063, 0x8b020085], [2, 3, 5]], // ldr x2; add x3, x3, x2; add x5, x4, x2
  ["what steps by a register", [0x8b010000], [0]], // add x0, x0, x1
  ["what comes of that before and behind it", [0x91004046, 0x8b010042, 0xd1004045], [2, 5, 6]], // add x6, x2, #16; add x2, x2, x1; sub x5, x2, #16
  ["a product", [0x9b027c20], [0]], // mul x0, x1, x2
])("%s", (_, words, moved) => {
  expect(unsteady(words)).toBe(moved.reduce((set, n) => set | (1 << n), 0));
});
