/** Cases of a fuzzing guest (firmware/fuzz-NAME) on our machine and on the reference at once. */
import { type GuestOptions, runOnOurs, runOnQemu } from "../guests.js";
import { compareCases, type Difference } from "./cases.js";
import { type FuzzGuest, programOf } from "./deviations.js";

export interface Batch {
  readonly seed: number;
  readonly first: number;
  readonly count: number;
}

/** The guest is built already. Throws when a machine does not run it. */
export async function runBatch(guest: FuzzGuest, cpu: GuestOptions["cpu"], batch: Batch): Promise<Difference[]> {
  const text = `${batch.seed} ${batch.first} ${batch.count}`;
  const level = guest.level ?? 2;
  const { cpus = 1 } = guest;
  const options: GuestOptions = { level, cpu, cpus, file: { name: "opt/trapframe/cases", text } };
  const name = programOf(guest);
  const [ours, reference] = await Promise.all([runOnOurs(name, options), runOnQemu(name, options)]);
  if (ours.reason !== (level === 3 ? "stopped" : "system-off")) {
    throw new Error(`${name} with ${text} ended with ${ours.reason}`);
  }
  return compareCases(ours.console, reference, batch, guest.deviations);
}
