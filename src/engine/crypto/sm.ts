/** SM3 (GB/T 32905-2016) and SM4 (GB/T 32907-2016) steps, as DDI 0487 divides them into instructions. */
import { type DefinedFunction, defineFunction } from "../ir/module.js";
import type { I32 } from "../ir/value.js";
import { substitute } from "./sbox.js";
import { choose, fromWords, majority, type Words, words } from "./words.js";

type Mixing = (x: I32, y: I32, z: I32) => I32;
const parity: Mixing = (x, y, z) => x.xor(y).xor(z);

/** (Vd, Vn, word of the schedule): one round of half the state; `first` is the half with A, which has T and SS2. */
const sm3Round = (name: string, first: boolean, mixing: Mixing): DefinedFunction<"vvi", "v"> =>
  defineFunction(name, "vvi", "v", (fb, d, n, w) => {
    const [d0, d1, d2, d3] = words(d);
    const other = n.i32(3);
    const addend = first ? other.xor(d3.rotl(12)) : other;
    const t = mixing(d3, d2, d1).add(d0).add(addend).add(w);
    const top = first ? t : t.xor(t.rotl(9)).xor(t.rotl(17));
    fb.return(fromWords(fb, [d1, d2.rotl(first ? 9 : 19), d3, top]));
  });

export const sm3tt1a = sm3Round("sm3tt1a", true, parity);
export const sm3tt1b = sm3Round("sm3tt1b", true, majority);
export const sm3tt2a = sm3Round("sm3tt2a", false, parity);
export const sm3tt2b = sm3Round("sm3tt2b", false, choose);

/** (Vn, Vm, Va). */
export const sm3ss1 = defineFunction("sm3ss1", "vvv", "v", (fb, n, m, a) => {
  const sum = n.i32(3).rotl(12).add(m.i32(3)).add(a.i32(3));
  fb.return(fb.v128Zero().withElement(32, 3, sum.rotl(7).toI64U()));
});

const p1 = (x: I32): I32 => x.xor(x.rotl(15)).xor(x.rotl(23));

export const sm3Part1 = defineFunction("sm3Part1", "vvv", "v", (fb, d, n, m) => {
  const [x0, x1, x2, x3] = words(d.xor(n));
  const [, m1, m2, m3] = words(m);
  const r0 = p1(x0.xor(m1.rotl(15)));
  fb.return(fromWords(fb, [r0, p1(x1.xor(m2.rotl(15))), p1(x2.xor(m3.rotl(15))), p1(x3.xor(r0.rotl(15)))]));
});

export const sm3Part2 = defineFunction("sm3Part2", "vvv", "v", (fb, d, n, m) => {
  const mixed = words(n).map((word, i) => word.xor((words(m)[i] as I32).rotl(7))) as unknown as Words;
  const [r0, r1, r2, r3] = words(d).map((word, i) => word.xor(mixed[i] as I32)) as unknown as Words;
  fb.return(fromWords(fb, [r0, r1, r2, r3.xor(p1(mixed[0].rotl(15)))]));
});

type Linear = (x: I32) => I32;

/** (state, four keys or constants): four rounds of SM4 or of its key schedule. */
const sm4Rounds = (name: string, linear: Linear): DefinedFunction<"vv", "v"> =>
  defineFunction(name, "vv", "v", (fb, state, keys) => {
    let x: Words = words(state);
    for (const key of words(keys)) {
      const mixed = fb.v128Zero().withElement(32, 0, x[3].xor(x[2]).xor(x[1]).xor(key).toI64U());
      const substituted = substitute(fb, "sm4", mixed).i32(0);
      x = [x[1], x[2], x[3], x[0].xor(linear(substituted))];
    }
    fb.return(fromWords(fb, x));
  });

export const sm4Encrypt = sm4Rounds("sm4Encrypt", (x) =>
  x.xor(x.rotl(2)).xor(x.rotl(10)).xor(x.rotl(18)).xor(x.rotl(24)),
);
export const sm4KeySchedule = sm4Rounds("sm4KeySchedule", (x) => x.xor(x.rotl(13)).xor(x.rotl(23)));
