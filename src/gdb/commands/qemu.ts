/**
 * Packets of QEMU's stub that scripts send by `maintenance packet` (QEMU manual, "GDB usage", sections "Examining
 * physical memory" and "Changing single-stepping behaviour"): `qqemu.PhyMemMode`, `qqemu.sstepbits` and their kin.
 */

import { command, invalid, nothing, OK, UNSUPPORTED } from "./command.js";

/** Bits of the single-step setting. */
const STEP = { ENABLE: 1, NOIRQ: 2, NOTIMER: 4 } as const;

/** A step holds interrupts back; virtual time goes on by its one instruction. */
const STEPPING = STEP.ENABLE | STEP.NOIRQ;

const stepText = `0x${STEPPING.toString(16)}`;

export const qemuSupported = command({
  name: "qqemu.Supported",
  observers: true,
  parse: nothing,
  handle: ({ target }) => `sstepbits;sstep${target.physicalMemory === undefined ? "" : ";PhyMemMode"}`,
});

export const stepBits = command({
  name: "qqemu.sstepbits",
  observers: true,
  parse: nothing,
  handle: () =>
    Object.entries(STEP)
      .map(([name, bit]) => `${name}=${bit.toString(16)}`)
      .join(","),
});

export const stepMode = command({ name: "qqemu.sstep", observers: true, parse: nothing, handle: () => stepText });

export const setStepMode = command({
  name: "Qqemu.sstep",
  parse(args) {
    args.expect("=");
    args.accept("0x");
    return args.count();
  },
  handle(_session, mode) {
    if (mode === STEPPING) return OK;
    return invalid(
      `sstep=0x${mode.toString(16)}: a step here holds interrupts and lets time pass, ${stepText}, and no other`,
    );
  },
});

export const physicalMode = command({
  name: "qqemu.PhyMemMode",
  observers: true,
  parse: nothing,
  handle: ({ target: { physicalMemory } }) => (physicalMemory === undefined ? UNSUPPORTED : physicalMemory ? "1" : "0"),
});

/** GDB keeps memory it has read for code and stacks: `set code-cache off`, `set stack-cache off` after a change. */
export const setPhysicalMode = command({
  name: "Qqemu.PhyMemMode",
  parse(args) {
    args.expect(":");
    return args.count();
  },
  handle({ target }, mode) {
    if (target.physicalMemory === undefined) return UNSUPPORTED;
    if (mode > 1) return invalid(`PhyMemMode:${mode.toString(16)}: 1 for physical memory, 0 for virtual`);
    target.physicalMemory = mode === 1;
    return OK;
  },
});
