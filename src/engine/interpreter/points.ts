/**
 * What breakpoints and watchpoints ask before they stop the machine. The functions here stand in the table until such a
 * point is reached for the first time after the points have changed: they have TypeScript compile what the points ask
 * and put it in their places (machine/debug/programs.ts), and ask that.
 */
import { pointAction } from "../imports.js";
import { defineFunction } from "../ir/module.js";
import { HANDLER_BREAKPOINT_PROGRAM, HANDLER_POINT_PROGRAM } from "./code-pages.js";
import { BREAKPOINT_PROGRAM, POINT_PROGRAM } from "./protocol.js";

/** Number of no program: `pointAction` is to compile. */
export const PREPARE_PROGRAMS = 0;

/** At `HANDLER_POINT_PROGRAM`: (cpu, number of a program) → 1 to stop. */
export const unpreparedPoint = defineFunction("unpreparedPoint", "ii", "i", (fb, cpu, program) => {
  fb.call(pointAction, cpu, fb.i32(PREPARE_PROGRAMS));
  fb.return(fb.callIndirect(POINT_PROGRAM, fb.i32(HANDLER_POINT_PROGRAM), cpu, program));
});

/** At `HANDLER_BREAKPOINT_PROGRAM`: (cpu, PC, 1 when a debugger wants its own passed) → 1 to stop. */
export const unpreparedBreakpoint = defineFunction("unpreparedBreakpoint", "ili", "i", (fb, cpu, pc, pass) => {
  fb.call(pointAction, cpu, fb.i32(PREPARE_PROGRAMS));
  fb.return(fb.callIndirect(BREAKPOINT_PROGRAM, fb.i32(HANDLER_BREAKPOINT_PROGRAM), cpu, pc, pass));
});
