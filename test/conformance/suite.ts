import { beforeAll, describe, expect, it } from "vitest";
import type { Difference } from "./compare.js";
import { Conformance, TESTED_ROWS } from "./conformance.js";
import { referencePresent } from "./reference.js";

const TESTS_PER_ROW = 400;
const SEED = 1;
/** A row that is wrong is often wrong everywhere: this many of its differences are enough to see how. */
const SHOWN = 3;

/** Every `of`-th row of the table, beginning with `shard`: one test a row. */
export function conformanceSuite(shard: number, of: number): void {
  const rows = TESTED_ROWS.filter((_, i) => i % of === shard);
  describe.skipIf(!referencePresent)(`A64 against QEMU, part ${shard + 1} of ${of}`, () => {
    const byRow = new Map<string, Difference[]>();

    beforeAll(async () => {
      const conformance = await Conformance.create();
      for (const difference of await conformance.runRows(rows, TESTS_PER_ROW, SEED)) {
        byRow.set(difference.row, [...(byRow.get(difference.row) ?? []), difference]);
      }
    });

    it.each(rows.map((r) => r.name))("%s", (name) => {
      const found = byRow.get(name) ?? [];
      if (found.length === 0) return;
      const shown = found.slice(0, SHOWN).map((d) => d.message);
      expect.fail(`${found.length} of ${TESTS_PER_ROW} differ\n${shown.join("\n")}`);
    });
  });
}
