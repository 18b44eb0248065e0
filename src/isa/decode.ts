/**
 * The decode tree: from a set of encoding forms to nodes in memory that wasm and TypeScript descend alike. Inner node:
 * shift, mask, children. Leaf: −1, count, then (mask, value, handler) rows tried in order.
 */
import type { Form } from "./pattern.js";

interface Entry {
  readonly mask: number;
  readonly value: number;
  readonly handler: number;
}

const LEAF_SIZE = 4;
const MAX_WIDTH = 8;

/** Forms that win over others come first; otherwise the more bits fixed the earlier. */
function inPriority(forms: readonly { form: Form; handler: number }[]): Entry[] {
  const beats = (a: Form, b: Form): boolean => a.row.options.over?.includes(b.row.name) ?? false;
  const sorted = [...forms].sort((a, b) => (beats(a.form, b.form) ? -1 : beats(b.form, a.form) ? 1 : 0));
  // Array.sort needs a consistent order; winners are few, so move them to the front explicitly.
  const winners = sorted.filter((f) => f.form.row.options.over?.length);
  const rest = sorted.filter((f) => !f.form.row.options.over?.length);
  return [...winners, ...rest].map((f) => ({ mask: f.form.mask, value: f.form.value, handler: f.handler }));
}

class TreeWriter {
  readonly words: number[] = [];

  constructor(private readonly base: number) {}

  private reserve(count: number): number {
    const at = this.words.length;
    for (let i = 0; i < count; i++) this.words.push(0);
    return at;
  }

  /** Returns the node's address. `tested` are the bits already decided on the way down. */
  node(entries: readonly Entry[], tested: number): number {
    const field = entries.length > LEAF_SIZE ? this.chooseField(entries, tested) : undefined;
    if (field === undefined) {
      const at = this.reserve(2 + entries.length * 3);
      this.words[at] = -1;
      this.words[at + 1] = entries.length;
      entries.forEach((e, i) => {
        this.words[at + 2 + i * 3] = e.mask;
        this.words[at + 3 + i * 3] = e.value;
        this.words[at + 4 + i * 3] = e.handler;
      });
      return this.base + at * 4;
    }
    const { shift, width } = field;
    const fieldMask = ((1 << width) - 1) << shift;
    const at = this.reserve(2 + (1 << width));
    this.words[at] = shift;
    this.words[at + 1] = (1 << width) - 1;
    const made = new Map<string, number>();
    for (let v = 0; v < 1 << width; v++) {
      const subset = entries.filter((e) => ((e.value ^ (v << shift)) & e.mask & fieldMask) === 0);
      const key = subset.map((e) => `${e.mask}:${e.value}`).join();
      let child = made.get(key);
      if (child === undefined) {
        child = this.node(subset, tested | fieldMask);
        made.set(key, child);
      }
      this.words[at + 2 + v] = child;
    }
    return this.base + at * 4;
  }

  /** The run of untested bits that splits the entries best. */
  private chooseField(entries: readonly Entry[], tested: number): { shift: number; width: number } | undefined {
    let best: { shift: number; width: number } | undefined;
    let bestCost = Number.POSITIVE_INFINITY;
    for (let shift = 0; shift < 32; shift++) {
      for (let width = 1; width <= MAX_WIDTH && shift + width <= 32; width++) {
        const mask = ((1 << width) - 1) << shift;
        if (tested & mask) break;
        const fixed = entries.reduce((n, e) => n + bitCount(e.mask & mask), 0);
        if (fixed === 0) continue;
        // Entries that leave k of the field's bits open appear in 2^k children.
        let copies = 0;
        for (const e of entries) copies += 2 ** (width - bitCount(e.mask & mask));
        const cost = (copies + 2 ** width * 0.5) / 2 ** width / entries.length + width * 0.002;
        if (copies <= entries.length * 2 ** width * 0.75 && cost < bestCost) {
          bestCost = cost;
          best = { shift, width };
        }
      }
    }
    return best;
  }
}

function bitCount(v: number): number {
  let x = v - ((v >>> 1) & 0x55555555);
  x = (x & 0x33333333) + ((x >>> 2) & 0x33333333);
  return (((x + (x >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24;
}

export interface DecodeTree {
  /** Address of the root node. */
  readonly root: number;
  /** What is to be stored from `base` on. */
  readonly words: Int32Array;
}

/** Builds the tree for memory address `base`. */
export function buildDecodeTree(forms: readonly { form: Form; handler: number }[], base: number): DecodeTree {
  const writer = new TreeWriter(base);
  const root = writer.node(inPriority(forms), 0);
  return { root, words: Int32Array.from(writer.words) };
}

/** The same descent in TypeScript: handler index of a word, or undefined. */
export function decodeIn(tree: DecodeTree, base: number, word: number): number | undefined {
  const at = (address: number): number => tree.words[(address - base) >> 2] ?? 0;
  let node = tree.root;
  for (;;) {
    const shift = at(node);
    if (shift < 0) break;
    node = at(node + 8 + (((word >>> shift) & at(node + 4)) << 2));
  }
  for (let i = 0, row = node + 8; i < at(node + 4); i++, row += 12) {
    if (((word & at(row)) | 0) === at(row + 4)) return at(row + 8);
  }
  return undefined;
}
