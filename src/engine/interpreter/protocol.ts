/**
 * How handlers and the interpreter loop talk: a handler gets (cpu, instruction word, slot) and returns the slot to go
 * on with, or 0 when the PC is in the vCPU block and everything (exits, interrupts, fetch) must be looked at again.
 */
export const HANDLER = { params: "iii", result: "i" } as const;

/**
 * What a region returns, in place of a slot, for a return to where the innermost call of a region expects it
 * (CPU.returnAddress). The PC is in the block, so that for anyone but that call it is as good as 0.
 */
export const RETURNED = 2;
/** CPU.returnAddress while nothing is expected; a call returns to a multiple of 4. */
export const NO_RETURN = 1n;

/** What a watchpoint asks before it stops: (cpu, number of a program) → 1 to stop. The PC is in the block. */
export const POINT_PROGRAM = { params: "ii", result: "i" } as const;
/** What the debugger's breakpoints at a PC ask: (cpu, PC, 1 when its own are to be passed) → 1 to stop. */
export const BREAKPOINT_PROGRAM = { params: "ili", result: "i" } as const;
