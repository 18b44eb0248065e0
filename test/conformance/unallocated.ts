/** Words that are no instruction of ours, and how they are held to the reference: UNDEFINED there too. */
import { buildDecodeTree, decodeIn } from "../../src/isa/decode.js";
import { expand, type Form } from "../../src/isa/pattern.js";
import { TABLE } from "../../src/isa/table/index.js";
import { randomState } from "./generate.js";
import type { Random } from "./random.js";
import { disassemble, runReference } from "./reference.js";
import { SLOTS, type Test } from "./state.js";

const forms: readonly Form[] = TABLE.flatMap(expand);
const tree = buildDecodeTree(
  forms.map((form, handler) => ({ form, handler })),
  0,
);

/** What the reference has and the engine does not, or gets wrong, by mask and value. */
const EXCUSED: readonly (readonly [mask: number, value: number, why: string])[] = [
  [0xbf800000, 0x91800000, "MTE: ADDG, SUBG"],
  [0xdfe0fc00, 0x9ac00000, "MTE: SUBP, SUBPS"],
  [0xffe0f800, 0x9ac01000, "MTE: IRG, GMI"],
  [0xfe400000, 0x68000000, "MTE: STGP"],
  [0xff200000, 0xd9200000, "MTE: STG, LDG and their kin"],
  [0xfffff0ff, 0xd503409f, "MTE: MSR TCO"],
  [0xfffff000, 0xd50b7000, "MTE: DC on tags"],
  [0xfff80000, 0xd5080000, "MTE: DC on tags"],
  [0x8f7e0c00, 0x0e780800, "QEMU 7.2 aborts at unallocated words of two-register miscellaneous FP16"],
  [0xaf7e0c00, 0x0e700800, "QEMU 7.2 takes size<0> = 1 for across lanes and pairwise FP16"],
  [0xbff8fc00, 0x2f00fc00, "QEMU 7.2 takes op = 1 for FMOV (vector, immediate) FP16"],
];

/** A word no row matches: any at all, or one that differs from a row's in few bits. */
function drawUnallocated(r: Random): number {
  for (;;) {
    const form = r.pick(forms);
    const near = (form.value | (r.next() & ~form.mask)) ^ (1 << r.below(32)) ^ (r.oneIn(2) ? 1 << r.below(32) : 0);
    const word = (r.oneIn(4) ? r.next() : near) >>> 0;
    if (EXCUSED.some(([mask, value]) => (word & mask) >>> 0 === value)) continue;
    if (decodeIn(tree, 0, word) === undefined) return word;
  }
}

/** Draws a batch of such words; returns those that the reference executes, with their disassembly. */
export async function findAllocated(r: Random): Promise<string[]> {
  const tests = Array.from({ length: SLOTS }, (): Test => {
    return { row: "unallocated", words: [drawUnallocated(r)], isolated: true, state: randomState(r) };
  });
  const results = await runReference(tests);
  const words = tests.filter((_, i) => results[i]!.outcome !== "undefined").map((t) => t.words[0]!);
  return words.map((w) => `${w.toString(16).padStart(8, "0")}  ${disassemble([w], 0)}`);
}
