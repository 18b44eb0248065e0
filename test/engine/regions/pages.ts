/** Code by pages, as the compiler sees it. */
import { allForms } from "../../../src/engine/interpreter/forms.js";
import type { Linker } from "../../../src/engine/ir/function.js";
import type { RegionContext } from "../../../src/engine/regions/built-block.js";
import { discover, type KnownRegion, type PageCode, type Pages } from "../../../src/engine/regions/discover.js";
import { TypeTable } from "../../../src/engine/wasm/encoder.js";

export const WARM = 10;

/** For functions that nobody runs. */
export const LINKER: Linker = { types: new TypeTable(), functionIndex: () => 0 };
/** A machine that has no system registers. */
export const CONTEXT: RegionContext = {
  touches: false,
  onlyCpu: undefined,
  flushes: false,
  sysregEntry: () => ({ flags: 0, offset: 0, readTraps: 0, writeTraps: 0 }),
};
const FORMS = allForms();
const formOf = (word: number) => FORMS.find(({ mask, value }) => ((word & mask) ^ value) === 0);

interface Known {
  /** How often instructions were branched to, by number. */
  readonly heat?: Readonly<Record<number, number>>;
  /** Where indirect branches of page 0 led. */
  readonly targets?: readonly { slot: number; at: number; count: number }[];
  /** Where regions are entered, by number. */
  readonly entries?: readonly number[];
  /** Regions that are worth a branch, by the numbers of their entries. */
  readonly regions?: Readonly<Record<number, KnownRegion>>;
}

type Code = Readonly<Record<number, readonly number[]>>;

/** The code is pages by distance, all of it executed. */
export function pagesOf(code: Code, { heat = {}, targets = [], entries = [], regions = {} }: Known): Pages {
  return (distance: number): PageCode | undefined => {
    const words = code[distance];
    const at = (slot: number): number => distance * 1024 + slot;
    return (
      words && {
        hash: 1n,
        word: (slot) => (words[slot] ?? 0) | 0,
        form: (slot) => formOf(words[slot] ?? 0),
        isBreakpoint: () => false,
        wasExecuted: (slot) => slot < words.length,
        heat: (slot) => heat[at(slot)] ?? 0,
        isEntry: (slot) => entries.includes(at(slot)) || at(slot) in regions,
        targets: (slot) => (distance === 0 ? targets.filter((target) => target.slot === slot) : []),
        region: (slot) => regions[at(slot)],
      }
    );
  };
}

/** What a region at `head` has. */
export const discovered = (code: Code, known: Known, head = 0) => discover(pagesOf(code, known), head, WARM);
