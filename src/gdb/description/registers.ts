/**
 * GDB's register numbers over a target's features: one number per register, in the order of the description (GDB
 * manual, "Target Description Format": a register without a `regnum` follows the one before it).
 */

import type { RegisterFeature } from "./feature.js";

/** Where a register is, and its size. `feature` and `index` are as `DebugTarget.readRegister` takes them. */
export interface RegisterSlot {
  readonly feature: number;
  readonly index: number;
  readonly name: string;
  /** Size in bytes. */
  readonly size: number;
}

export interface RegisterFile {
  /** By GDB's number. */
  readonly slots: readonly RegisterSlot[];
  /** The ones `g` and `G` carry: numbers 0 up. */
  readonly general: readonly RegisterSlot[];
  /** Length of the `g` block in bytes. */
  readonly generalSize: number;
}

/** By the features: each connection begins with hundreds of registers, always the same. */
const known = new WeakMap<readonly RegisterFeature[], RegisterFile>();

/** Numbers the registers of `features`. */
export function registerFile(features: readonly RegisterFeature[]): RegisterFile {
  const file = known.get(features) ?? numbered(features);
  known.set(features, file);
  return file;
}

function numbered(features: readonly RegisterFeature[]): RegisterFile {
  const slots: RegisterSlot[] = [];
  const general: RegisterSlot[] = [];
  features.forEach(({ registers, general: inBlock }, feature) => {
    registers.forEach(({ name, bits }, index) => {
      const slot = { feature, index, name, size: bits / 8 };
      slots.push(slot);
      if (inBlock) general.push(slot);
    });
  });
  return { slots, general, generalSize: general.reduce((sum, { size }) => sum + size, 0) };
}
