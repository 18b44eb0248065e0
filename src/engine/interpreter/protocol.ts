/**
 * How handlers and the interpreter loop talk: a handler gets (cpu, instruction word, slot) and returns the slot to go
 * on with, or 0 when the PC is in the vCPU block and everything (exits, interrupts, fetch) must be looked at again.
 */
export const HANDLER = { params: "iii", result: "i" } as const;
