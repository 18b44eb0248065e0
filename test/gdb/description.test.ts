/** The two forms of a target description say the same to GDB, which writes down what it has understood of each. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { coreFeature } from "../../src/gdb/description/core.js";
import { fpuFeature } from "../../src/gdb/description/fpu.js";
import { pauthFeature } from "../../src/gdb/description/pauth.js";
import { systemFeature } from "../../src/gdb/description/system.js";
import { compactDescription, descriptionFile } from "../../src/gdb/description/xml.js";

const directory = mkdtempSync(join(tmpdir(), "trapframe-description-"));
afterAll(() => rmSync(directory, { recursive: true }));

const names = ["SCTLR_EL1", "SCTLR_EL2", "TCR_EL1", "HCR_EL2", "SPSR_EL1", "ESR_EL1", "VBAR_EL1", "SP_EL0", "MIDR_EL1"];
const features = [coreFeature, fpuFeature, systemFeature(names), pauthFeature];

/** The description in `file`, with what it includes, as GDB would write it. */
function understood(file: string): string {
  const command = `maintenance print xml-tdesc ${file}`;
  // GDB says what it does not understand on its standard error, and ends well.
  return execFileSync("gdb-multiarch", ["-nx", "-batch", "-ex", command], { encoding: "utf8", stdio: "pipe" });
}

it("says the same to GDB in one document as in many", () => {
  const target = descriptionFile(features, "target.xml") ?? "";
  const included = [...target.matchAll(/href="([^"]*)"/g)].map(([, name = ""]) => name);
  expect(included).toHaveLength(features.length);
  for (const name of included) writeFileSync(join(directory, name), descriptionFile(features, name) ?? "");
  const [plain, compact] = [join(directory, "target.xml"), join(directory, "compact.xml")];
  writeFileSync(plain, target);
  writeFileSync(compact, compactDescription(features));
  const expected = understood(plain);
  for (const { registers } of features) {
    for (const { name } of registers) expect(expected).toContain(`<reg name="${name}"`);
  }
  expect(understood(compact)).toBe(expected);
});

it("has no line that GDB does not read back from a file of traces", () => {
  for (const line of compactDescription(features).toString().split("\n")) expect(line.length).toBeLessThan(1000);
});
