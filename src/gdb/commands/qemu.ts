/**
 * Packets of QEMU's stub that scripts send by `maintenance packet` (QEMU manual, "GDB usage", sections "Examining
 * physical memory" and "Changing single-stepping behaviour"): `qqemu.PhyMemMode`, `qqemu.sstepbits` and their kin.
 */

import { command, invalid, nothing, OK, UNSUPPORTED } from "./command.js";

/**
 * Bits of the single-step setting: QEMU's three, and one that is ours, because QEMU has no such behaviour: interrupts are
 * taken and their handlers run to completion before the step ends.
 */
export const STEP_BITS = { ENABLE: 1, NOIRQ: 2, NOTIMER: 4, RETURN: 8 } as const;
const KNOWN_STEP_BITS = 0xf;

const text = (mode: number): string => `0x${mode.toString(16)}`;

export const qemuSupported = command({
  name: "qqemu.Supported",
  parse: nothing,
  handle: ({ target }) =>
    [
      ...(target.stepBits === undefined ? [] : ["sstepbits", "sstep"]),
      ...(target.physicalMemory === undefined ? [] : ["PhyMemMode"]),
    ].join(";"),
});

export const stepBits = command({
  name: "qqemu.sstepbits",
  parse: nothing,
  handle: ({ target }) =>
    target.stepBits === undefined
      ? UNSUPPORTED
      : Object.entries(STEP_BITS)
          .map(([name, bit]) => `${name}=${bit.toString(16)}`)
          .join(","),
});

export const stepMode = command({
  name: "qqemu.sstep",
  parse: nothing,
  handle: ({ target }) => (target.stepBits === undefined ? UNSUPPORTED : text(target.stepBits)),
});

export const setStepMode = command({
  name: "Qqemu.sstep",
  words: true,
  parse(args) {
    args.expect("=");
    args.accept("0x");
    return args.count();
  },
  handle({ target }, mode) {
    if (target.stepBits === undefined) return UNSUPPORTED;
    if ((mode & ~KNOWN_STEP_BITS) !== 0)
      return invalid(`sstep=${text(mode)}: there is no bit ${text(mode & ~KNOWN_STEP_BITS)}`);
    if ((mode & STEP_BITS.ENABLE) === 0)
      return invalid(`sstep=${text(mode)}: bit 0, ENABLE, must be set: a step is a step here`);
    if ((mode & STEP_BITS.NOIRQ) !== 0 && (mode & STEP_BITS.RETURN) !== 0) {
      return invalid(`sstep=${text(mode)}: NOIRQ masks interrupts, so no handler RETURNs; take one of them`);
    }
    target.stepBits = mode;
    return OK;
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
