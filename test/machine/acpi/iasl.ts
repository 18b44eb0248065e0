import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** ACPICA's source of a table. An AML table is compiled again too: an error or a warning fails the test. */
export function disassemble(bytes: Uint8Array): string {
  const directory = mkdtempSync(join(tmpdir(), "trapframe-acpi-"));
  try {
    writeFileSync(join(directory, "table.aml"), bytes);
    const said = execFileSync("iasl", ["-d", "table.aml"], { cwd: directory, stdio: "pipe" }).toString();
    if (/error|warning/i.test(said)) throw new Error(`iasl: ${said}`);
    const source = readFileSync(join(directory, "table.dsl"), "latin1");
    if (source.includes("DefinitionBlock")) {
      const again = execFileSync("iasl", ["table.dsl"], { cwd: directory, stdio: "pipe" }).toString();
      if (!again.includes("0 Errors, 0 Warnings")) throw new Error(`iasl: ${again}`);
    }
    return source;
  } finally {
    rmSync(directory, { recursive: true });
  }
}
