/**
 * What breakpoints and watchpoints ask before they stop the machine. These functions stand in the table until a debugger
 * sets points that have conditions or commands; then compiled ones take their places (machine/debug/programs.ts).
 */
import { defineFunction } from "../ir/module.js";

/** Handler `HANDLER_POINT_PROGRAM`: (cpu, number of a program) → 1 to stop. */
export const noPointProgram = defineFunction("noPointProgram", "ii", "i", (fb) => fb.return(fb.i32(1)));

/** Handler `HANDLER_BREAKPOINT_PROGRAM`: (cpu, PC) → 1 to stop at the breakpoints there. */
export const noBreakpointProgram = defineFunction("noBreakpointProgram", "il", "i", (fb) => fb.return(fb.i32(1)));
