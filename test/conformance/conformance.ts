/** Draws tests of rows of the table, runs them on both sides, and collects the differences. */
import { expand, type Row } from "../../src/isa/pattern.js";
import { TABLE } from "../../src/isa/table/index.js";
import { pointerAuthentication } from "../../src/isa/table/pointer-authentication.js";
import { system } from "../../src/isa/table/system.js";
import { compare, type Difference } from "./compare.js";
import { drawTest } from "./generate.js";
import { Ours } from "./ours.js";
import { Random } from "./random.js";
import { runReference } from "./reference.js";
import { SLOTS, type Test } from "./state.js";

/** System instructions that mean something at EL0 without changing anything outside the test's state. */
const HARMLESS_SYSTEM = new Set(["HINT", "CLREX", "DSB", "DMB", "ISB", "SB"]);

/**
 * Rows that can be drawn: all but the system ones, which need more than one instruction at EL0 (see test/cpu), and
 * pointer authentication, whose keys the reference's user mode does not tell (see test/firmware/protection.test.ts).
 */
export const TESTED_ROWS: readonly Row[] = TABLE.filter(
  (r) => (!system.includes(r) || HARMLESS_SYSTEM.has(r.name)) && !pointerAuthentication.includes(r),
);

/** Runs tests in batches on both sides at once. `onBatch` is told how many have been run. */
export class Conformance {
  private constructor(private readonly ours: Ours) {}

  static async create(): Promise<Conformance> {
    return new Conformance(await Ours.create());
  }

  /** The differences among at most SLOTS tests, which must have been drawn with their places in the list. */
  async run(tests: readonly Test[]): Promise<Difference[]> {
    const reference = runReference(tests);
    const got = this.ours.run(tests);
    const expected = await reference;
    const differences: Difference[] = [];
    tests.forEach((test, i) => {
      const difference = compare(test, i, expected[i]!, got[i]!);
      if (difference) differences.push(difference);
    });
    return differences;
  }

  /** `count` tests of each row. Returns every difference. */
  async runRows(rows: readonly Row[], count: number, seed: number): Promise<Difference[]> {
    const differences: Difference[] = [];
    let batch: Test[] = [];
    const flush = async (): Promise<void> => {
      differences.push(...(await this.run(batch)));
      batch = [];
    };
    for (const row of rows) {
      const forms = expand(row);
      const r = new Random(seed ^ hashOf(row.name));
      for (let i = 0; i < count; i++) {
        batch.push(drawTest(r, forms, batch.length));
        if (batch.length === SLOTS) await flush();
      }
    }
    if (batch.length > 0) await flush();
    return differences;
  }
}

/** So that a row's tests do not depend on its place in the table. */
function hashOf(name: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) h = Math.imul(h ^ name.charCodeAt(i), 0x01000193);
  return h >>> 0;
}
