/** The interrupt controller and what its ITS maps, for whoever shows it. */
import type { GicDescription, ItsDescription } from "../../devices/gicv3/index.js";
import type { Machine } from "../machine.js";

export interface Interrupts extends GicDescription {
  /** Undefined where the machine has none. */
  readonly its: ItsDescription | undefined;
}

export function describeInterrupts({ platform, unseenMemory: memory }: Machine): Interrupts {
  const its = platform.its?.describe(memory);
  return { ...platform.gic.describe(its && { its, memory }), its };
}
