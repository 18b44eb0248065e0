/** What `scripts/fuzz-stub` is asked for: which machines, and how many packets each. */

import { parseArgs } from "node:util";

export const USAGE = "usage: scripts/fuzz-stub [--packets 1000000] [--seed 1] [--target fake|machine|both]";

/** The small machine of the packet tests, and the one of the product, which is slower. */
const SHARES = { fake: 1, machine: 0.1 } as const;
export type SubjectName = keyof typeof SHARES;

export interface Plan {
  readonly seed: number;
  readonly packets: ReadonlyMap<SubjectName, number>;
}

/** Throws what is wrong with the arguments. A target that is named gets all packets; of both the real one gets a tenth. */
export function planOf(args: readonly string[]): Plan {
  const { values } = parseArgs({
    args: [...args],
    options: {
      packets: { type: "string", default: "1000000" },
      seed: { type: "string", default: "1" },
      target: { type: "string", default: "both" },
    },
  });
  const packets = count("--packets", values.packets);
  const seed = count("--seed", values.seed);
  const { target } = values;
  if (target === "both") {
    const shares = Object.entries(SHARES).map(
      ([name, share]) => [name as SubjectName, Math.ceil(packets * share)] as const,
    );
    return { seed, packets: new Map(shares) };
  }
  if (target !== "fake" && target !== "machine") throw new Error(`--target ${target}: fake, machine or both`);
  return { seed, packets: new Map([[target, packets]]) };
}

function count(option: string, text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new Error(`${option} ${text}: not a number of at most ten digits`);
  return Number(text);
}
