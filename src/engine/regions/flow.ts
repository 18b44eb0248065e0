/**
 * Which registers are in locals where a block begins, over a whole region. Straight code loads a register where it is
 * first used; a loop has all that it uses in locals before it begins.
 */
import { difference, EMPTY, intersection, NONE, type RegisterSet, type RegisterState, union } from "./registers.js";
import type { Shape } from "./structure.js";

export interface BlockUse {
  /** Read or written in the block. */
  readonly touched: RegisterSet;
  readonly setsFlags: boolean;
  /** Blocks of the region that follow with the registers as this one leaves them. */
  readonly successors: readonly number[];
  /** Blocks that follow with everything stored and nothing in locals. */
  readonly successorsAfresh: readonly number[];
}

/** The state where `use` has been made of `state`. */
export const after = (
  { kept, flagsDirty }: RegisterState,
  { touched, setsFlags }: Pick<BlockUse, "touched" | "setsFlags">,
): RegisterState => ({ kept: union(kept, touched), flagsDirty: flagsDirty || setsFlags });

/** States at the beginning of each block. */
export function flow(
  blocks: readonly BlockUse[],
  shapes: readonly Shape[],
  entries: readonly number[],
): RegisterState[] {
  const states: (RegisterState | undefined)[] = blocks.map(() => undefined);
  const arriving: RegisterState[][] = blocks.map(() => []);
  /** Whoever comes from outside the region loads whatever is to be in locals; what that is others decide. */
  const arrivals = (b: number): RegisterState[] => {
    const inside = arriving[b] as RegisterState[];
    return inside.length === 0 && entries.includes(b) ? [EMPTY] : inside;
  };
  const settle = (b: number, state: RegisterState): void => {
    const block = blocks[b] as BlockUse;
    states[b] = state;
    const left = after(state, block);
    for (const s of block.successors) arriving[s]?.push(left);
    for (const s of block.successorsAfresh) arriving[s]?.push(EMPTY);
  };
  const visit = (shape: Shape): void => {
    if (typeof shape === "number") {
      if (states[shape] === undefined) settle(shape, merge(arrivals(shape)));
      return;
    }
    const state = loopState(
      shape.blocks.map((b) => blocks[b] as BlockUse),
      merge(shape.rounds.flatMap(arrivals)),
      shape.rounds.length > 1,
    );
    for (const head of shape.rounds) settle(head, state);
    for (const part of shape.body) visit(part);
  };
  for (const shape of shapes) visit(shape);
  return states.map((s) => s ?? EMPTY);
}

/** What every way in has; the flags are taken for stored only where every way in has stored them. */
function merge(states: readonly RegisterState[]): RegisterState {
  const [first, ...rest] = states;
  if (first === undefined) return EMPTY;
  const kept = rest.reduce((all, s) => intersection(all, s.kept), first.kept);
  return { kept, flagsDirty: kept.flags && states.some((s) => s.flagsDirty) };
}

function loopState(blocks: readonly BlockUse[], before: RegisterState, dispatched: boolean): RegisterState {
  // Entered from outside in the middle, by the return of a call: each round begins afresh.
  if (dispatched || blocks.some((b) => b.successorsAfresh.length > 0)) return EMPTY;
  const touched = blocks.reduce((all, b) => union(all, b.touched), NONE);
  const kept = union(before.kept, touched);
  return { kept, flagsDirty: kept.flags && (before.flagsDirty || blocks.some((b) => b.setsFlags)) };
}

/** What an edge has to do: store the flags if the target takes them for stored, load what it takes for loaded. */
export const edge = (from: RegisterState, to: RegisterState): { storeFlags: boolean; load: RegisterSet } => ({
  storeFlags: from.flagsDirty && !to.flagsDirty,
  load: difference(to.kept, from.kept),
});
