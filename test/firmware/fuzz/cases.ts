/** What two machines printed of the same cases, line by line. */
import type { FuzzDeviation } from "./deviations.js";

export interface Difference {
  /** The number of the case. */
  readonly number: number;
  /** The lines of the case before the first that differs: of both machines. */
  readonly before: readonly string[];
  readonly ours: string;
  readonly reference: string;
}

const NOTHING = "(nothing)";

/** The lines of each case by its number; a case begins with "#NUMBER". */
function casesOf(console: string): Map<number, string[]> {
  const cases = new Map<number, string[]>();
  let current: string[] | undefined;
  for (const line of console.split(/\r?\n/)) {
    const number = /^#(\d+)/.exec(line)?.[1];
    if (number !== undefined) {
      current = [];
      cases.set(Number(number), current);
    }
    if (line !== "") current?.push(line);
  }
  return cases;
}

function without(line: string, fields: readonly string[]): string {
  return line.replace(/ (\w+)=\S*/g, (field, name: string) => (fields.includes(name) ? "" : field));
}

function explains({ line, reference, only }: FuzzDeviation, ours: string, theirs: string): boolean {
  if (!line.test(ours) || reference?.test(theirs) === false) return false;
  return only === undefined || without(ours, only) === without(theirs, only);
}

/** Of each of the `count` cases from `first`: the first line that differs and that no deviation explains. */
export function compareCases(
  ours: string,
  reference: string,
  { first, count }: { readonly first: number; readonly count: number },
  deviations: readonly FuzzDeviation[],
): Difference[] {
  const [a, b] = [casesOf(ours), casesOf(reference)];
  const differences: Difference[] = [];
  for (let number = first; number < first + count; number++) {
    const [mine, theirs] = [a.get(number) ?? [], b.get(number) ?? []];
    // A case that one of them does not have differs in its first line; one that neither has, too.
    for (let i = 0; i < Math.max(mine.length, theirs.length, 1); i++) {
      const [x, y] = [mine[i] ?? NOTHING, theirs[i] ?? NOTHING];
      if (x === y && x !== NOTHING) continue;
      const known = deviations.find((deviation) => explains(deviation, x, y));
      if (known?.diverges) break;
      if (known) continue;
      differences.push({ number, before: mine.slice(0, i), ours: x, reference: y });
      break;
    }
  }
  return differences;
}
