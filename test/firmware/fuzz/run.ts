/** Cases of a fuzzing guest (firmware/fuzz-NAME) on our machine and on the reference at once. */
import { type GuestOptions, runOnOurs, runOnQemu } from "../guests.js";
import { compareCases, type Difference } from "./cases.js";
import type { FuzzGuest } from "./deviations.js";

export interface Batch {
  readonly seed: number;
  readonly first: number;
  readonly count: number;
}

/** The guest is built already. Throws when a machine does not run it. */
export async function runBatch(guest: FuzzGuest, cpu: GuestOptions["cpu"], batch: Batch): Promise<Difference[]> {
  const append = `seed=${batch.seed} first=${batch.first} cases=${batch.count}`;
  const options: GuestOptions = { level: 2, cpu, append };
  const name = `fuzz-${guest.name}`;
  const [ours, reference] = await Promise.all([runOnOurs(name, options), runOnQemu(name, options)]);
  if (ours.reason !== "system-off") throw new Error(`${name} with ${append} ended with ${ours.reason}`);
  return compareCases(ours.console, reference, batch, guest.deviations);
}
