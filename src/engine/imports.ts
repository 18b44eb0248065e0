/** Functions TypeScript supplies to the interpreter module. Each gets the vCPU block's address first. */
import { fpExactImport } from "./fp/imports.js";
import { importFunction } from "./ir/module.js";

/** Device access at walkPa: (cpu, size, is write) → 0, or 1 when nothing answers. The value is in CPU.bounce. */
export const ioAccess = importFunction("ioAccess", "iii", "i");
/**
 * A device access that faulted at hosted EL2's stage 2 and that EL2's registers describe: (cpu) → 1 when EL2 has
 * carried it out, 0 when nothing has happened. What is read is in CPU.bounce.
 */
export const hostedAccess = importFunction("hostedAccess", "i", "i");
/** MRS/MSR that wasm does not do itself: (cpu, 16-bit encoding, is read, Rt). Moves the PC on itself. */
export const sysregAccess = importFunction("sysregAccess", "iiii", "");
/** The predecode page to use for a virtual page while breakpoints exist: (cpu, virtual page, shared page) → page. */
export const shadowPage = importFunction("shadowPage", "ili", "i");
/**
 * A breakpoint's slot is reached: (cpu, PC, WHOSE_BREAKPOINTS) → 0 to run the instruction, 1 when the machine must stop
 * before it, 2 when the guest's own Breakpoint exception was taken.
 */
export const breakpointHit = importFunction("breakpointHit", "ili", "i");
/**
 * The machine is about to stop before an access to a watched range: (cpu, address in the row's space, access, row of
 * the table).
 */
export const watchAccess = importFunction("watchAccess", "ilii", "");
/**
 * An access to a range that the guest watches: (cpu, first watched byte it touches, access, 1 when made as from EL0,
 * number of the watchpoint) → 1 when the guest's Watchpoint exception was taken.
 */
export const guestWatch = importFunction("guestWatch", "iliii", "i");
/** A program of a breakpoint or watchpoint has something for TypeScript to do: (cpu, its number) → 1 to stop. */
export const pointAction = importFunction("pointAction", "ii", "i");
/**
 * A program reads what only TypeScript can: (cpu, kind, argument, size) → value; sets GLOBAL.pointFailed if it cannot.
 */
export const pointRead = importFunction("pointRead", "iili", "l");

/** A slot has become hot: (cpu, slot). It may be compiled; nothing the guest sees depends on it. */
export const hotSlot = importFunction("hotSlot", "ii", "");
/** The region entered at a slot has left misses to the interpreter often: (slot). It may be compiled anew. */
export const missesOften = importFunction("missesOften", "i", "");
/** A predecode page is dropped that compiled regions have code of: (page). */
export const dropRegions = importFunction("dropRegions", "i", "");
/** Memory that is kept for a reset is about to be written, within a page: (host address, size). */
export const saveKept = importFunction("saveKept", "ii", "");

export const ENGINE_IMPORTS = [
  hotSlot,
  missesOften,
  dropRegions,
  saveKept,
  ioAccess,
  hostedAccess,
  sysregAccess,
  shadowPage,
  breakpointHit,
  watchAccess,
  guestWatch,
  pointAction,
  pointRead,
  fpExactImport,
] as const;
