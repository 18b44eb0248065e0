/**
 * Which registers are in locals where a block begins, over a whole region. Straight code loads a register where it is
 * first used; a loop has all that it uses in locals before it begins.
 */
import { intersection, NONE, type RegisterSet, union } from "./registers.js";
import type { Shape } from "./structure.js";

export interface BlockUse {
  /** Read or written in the block. */
  readonly touched: RegisterSet;
  /** Blocks of the region that follow with the registers as this one leaves them. */
  readonly successors: readonly number[];
  /** Blocks that follow with nothing in locals. */
  readonly successorsAfresh: readonly number[];
  /** Blocks that follow so seldom that all that they want in locals is best loaded on the way. */
  readonly successorsSeldom: readonly number[];
}

/** What is in locals at the beginning of each block. */
export function flow(blocks: readonly BlockUse[], shapes: readonly Shape[], entries: readonly number[]): RegisterSet[] {
  const kept: (RegisterSet | undefined)[] = blocks.map(() => undefined);
  const arriving: RegisterSet[][] = blocks.map(() => []);
  /** Whoever comes from outside the region loads whatever is to be in locals; what that is others decide. */
  const arrivals = (b: number): RegisterSet[] => {
    const inside = arriving[b] as RegisterSet[];
    return inside.length === 0 && entries.includes(b) ? [NONE] : inside;
  };
  const settle = (b: number, set: RegisterSet): void => {
    const block = blocks[b] as BlockUse;
    kept[b] = set;
    const left = union(set, block.touched);
    for (const s of block.successors) arriving[s]?.push(left);
    for (const s of block.successorsAfresh) arriving[s]?.push(NONE);
  };
  const visit = (shape: Shape): void => {
    if (typeof shape === "number") {
      if (kept[shape] === undefined) settle(shape, merge(arrivals(shape)));
      return;
    }
    const set = keptInLoop(
      shape.blocks.map((b) => blocks[b] as BlockUse),
      merge(shape.rounds.flatMap(arrivals)),
      shape.rounds.length > 1,
    );
    for (const head of shape.rounds) settle(head, set);
    for (const part of shape.body) visit(part);
  };
  for (const shape of shapes) visit(shape);
  return kept.map((set) => set ?? NONE);
}

/** What every way in has. */
function merge(sets: readonly RegisterSet[]): RegisterSet {
  const [first, ...rest] = sets;
  return first === undefined ? NONE : rest.reduce(intersection, first);
}

function keptInLoop(blocks: readonly BlockUse[], before: RegisterSet, dispatched: boolean): RegisterSet {
  // Entered from outside in the middle, by the return of a call: each round begins afresh.
  if (dispatched || blocks.some((b) => b.successorsAfresh.length > 0)) return NONE;
  return blocks.reduce((all, b) => union(all, b.touched), before);
}
