/**
 * How the instructions of a region are numbered: by their distance from the first one of the hot slot's page, in
 * instructions, so that the next virtual page begins at 1,024. A function whose code stands in place of its call has
 * numbers of its own for the same instructions: those of another _context_ (callees.ts).
 */
import { SLOTS_PER_PAGE } from "../layout.js";

/**
 * More than the direct branches of functions that call each other reach together, both ways: each 2^25 instructions.
 */
const CONTEXT_SPAN = 2 ** 30;

/** The context of an instruction: 0 for the region's own. */
export const contextOf = (at: number): number => Math.floor((at + CONTEXT_SPAN / 2) / CONTEXT_SPAN);

/** The number of the same instruction in context 0. */
export const ownNumber = (at: number): number => at - contextOf(at) * CONTEXT_SPAN;

/** The number in a context of what is `at` in another. */
export const inContext = (context: number, at: number): number => context * CONTEXT_SPAN + ownNumber(at);

/** The page of an instruction, by its distance from the hot slot's. */
export const pageOf = (at: number): number => Math.floor(ownNumber(at) / SLOTS_PER_PAGE);

export const slotOf = (at: number): number => ownNumber(at) - pageOf(at) * SLOTS_PER_PAGE;

/** How many pages before and behind the hot slot's a region has code of, beside the functions that it calls. */
export const NEIGHBOURS = 1;

/** The same for a region that goes from one bytecode to the next: interpreters are large functions. */
export const DISPATCH_NEIGHBOURS = 8;
