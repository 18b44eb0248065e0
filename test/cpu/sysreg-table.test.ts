import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { cpuModel } from "../../src/cpu/model.js";
import { buildSysregIndex } from "../../src/cpu/sysreg/engine-index.js";
import { ALL, encodingName, hiddenSlot, register, type SysregRow } from "../../src/cpu/sysreg/row.js";
import { SYSREGS, sysregByEncoding, sysregByName, sysregOffset, tableDefects } from "../../src/cpu/sysreg/table.js";
import { TRAP_BIT } from "../../src/cpu/sysreg/traps.js";
import { AREA, CPU, CPU_BLOCK_SIZE, SYSREG_ENTRY, SYSREG_FLAG } from "../../src/engine/layout.js";
import { encodingOf } from "./sysreg-fixture.js";

/** What the assembler of GNU binutils makes of the names: written once with it, checked without. */
const ASSEMBLED = new Map(
  readFileSync(new URL("sysreg-encodings.txt", import.meta.url), "utf8")
    .trim()
    .split("\n")
    .map((line) => line.split(" ") as [string, string]),
);
/** Names that the assembler does not know: reserved ID encodings, and Cortex-A72's own. */
const OWN_NAMES = /^ID_RAZ|^(L2|CPU)\w+_EL1$|^CBAR_EL1$/;

describe("the table", () => {
  test("has the encodings that the assembler knows", () => {
    for (const row of SYSREGS) {
      if (row.encoding < 0 || OWN_NAMES.test(row.name)) continue;
      expect(`${row.name} ${encodingName(row.encoding)}`).toBe(`${row.name} ${ASSEMBLED.get(row.name)}`);
    }
  });

  test("covers the whole ID space, names and encodings lead to the same row", () => {
    for (let low = 1 << 3; low < 8 << 3; low++) expect(sysregByEncoding((1 << 14) | low)?.trap).toBe("id3");
    for (const row of SYSREGS) {
      expect(sysregByName(row.name)).toBe(row);
      if (row.encoding >= 0) expect(sysregByEncoding(row.encoding)).toBe(row);
    }
  });

  test("gives each register a slot of its own inside the vCPU block, and aliases their register's", () => {
    const offsets = SYSREGS.filter((row) => row.aliasOf === undefined).map((row) => sysregOffset(row.name));
    expect(new Set(offsets).size).toBe(offsets.length);
    expect(Math.min(...offsets)).toBe(CPU.sysregs);
    expect(Math.max(...offsets)).toBeLessThan(CPU_BLOCK_SIZE);
    expect(sysregOffset("SCTLR_EL12")).toBe(sysregOffset("SCTLR_EL1"));
    expect(() => sysregOffset("SCTLR_EL9")).toThrow("SCTLR_EL9");
  });

  test("finds its own defects", () => {
    const good = register("A_EL1", [3, 0, 1, 0, 0]);
    const cases: [SysregRow[], RegExp | undefined][] = [
      [[good, hiddenSlot("B")], undefined],
      [[good, register("A_EL1", [3, 0, 1, 0, 1])], /A_EL1 has two rows/],
      [[good, register("B_EL1", [3, 0, 1, 0, 0])], /B_EL1 and A_EL1 are both S3_0_C1_C0_0/],
      [[register("C_EL1", [3, 0, 1, 0, 2], { e2h: "C_EL2" })], /C_EL1 leads to C_EL2/],
      [[{ ...good, readEl: 15, writeEl: 15 }], /neither read nor written/],
      [Array.from({ length: 1025 }, (_, n) => hiddenSlot(`S${n}`)), /1025 rows/],
    ];
    for (const [rows, defect] of cases) {
      if (defect) expect(tableDefects(rows).join()).toMatch(defect);
      else expect(tableDefects(rows)).toEqual([]);
    }
  });
});

describe("the engine's index", () => {
  const buffer = new ArrayBuffer(AREA.sysregIndex + (1 << 15) * SYSREG_ENTRY.size);
  buildSysregIndex(buffer, cpuModel("cortex-a72"));
  const view = new DataView(buffer, AREA.sysregIndex);
  const entry = (encoding: number) => {
    const word = (offset: number): number => view.getUint32(encoding * SYSREG_ENTRY.size + offset, true);
    const flags = word(SYSREG_ENTRY.flags);
    return {
      offset: word(SYSREG_ENTRY.offset),
      readEl: flags & 15,
      writeEl: (flags >> 4) & 15,
      plain: `${flags & SYSREG_FLAG.plainRead ? "r" : ""}${flags & SYSREG_FLAG.plainWrite ? "w" : ""}`,
      other: flags & ~0x3ff,
      traps: word(SYSREG_ENTRY.readTraps),
    };
  };
  const bit = (name: keyof typeof TRAP_BIT): number => 1 << (TRAP_BIT[name] ?? Number.NaN);

  test.each(
    (
      "SP_EL0 ELR_EL1 SPSR_EL1 ESR_EL1 FAR_EL1 TPIDR_EL0 TPIDR_EL1 TPIDR_EL2 TTBR0_EL1 TTBR1_EL1 CONTEXTIDR_EL1 " +
      "VBAR_EL1 MAIR_EL1 PAR_EL1 ELR_EL2 SPSR_EL2 ESR_EL2 FAR_EL2 HPFAR_EL2 SP_EL1"
    ).split(" "),
  )("%s is read and written in place", (name) => {
    expect(entry(encodingOf(name))).toMatchObject({ offset: sysregOffset(name), plain: "rw" });
  });

  test.each([
    "SCTLR_EL1",
    "TCR_EL1",
    "HCR_EL2",
    "CPACR_EL1",
    "CNTKCTL_EL1",
    "MIDR_EL1",
    "DCZID_EL0",
    "ID_AA64PFR0_EL1",
  ])("%s is not written in place", (name) => {
    expect(entry(encodingOf(name)).plain).not.toContain("w");
  });

  test("plain writes have no mask that a store would miss", () => {
    for (const row of SYSREGS) {
      if (row.encoding < 0 || row.aliasOf || !entry(row.encoding).plain.includes("w")) continue;
      expect([row.name, row.writable ?? ALL]).toEqual([row.name, ALL]);
    }
  });

  test("says what traps, what changes context, and which are counters", () => {
    expect(entry(encodingOf("TTBR0_EL1"))).toMatchObject({
      other: SYSREG_FLAG.changesContext,
      traps: bit("virtualMemory") | bit("redirect"),
    });
    expect(entry(encodingOf("CNTVCT_EL0"))).toMatchObject({
      plain: "",
      readEl: 0,
      other: SYSREG_FLAG.virtualCounter,
      traps: bit("virtualCounter"),
    });
    expect(entry(encodingOf("CNTPCT_EL0")).other).toBe(SYSREG_FLAG.physicalCounter);
    expect(entry(encodingOf("DCZID_EL0"))).toMatchObject({ plain: "r", traps: bit("zeroing") });
    expect(entry(encodingOf("MIDR_EL1"))).toMatchObject({ plain: "r", traps: bit("identity") });
    expect(entry(encodingOf("DAIF"))).toMatchObject({ offset: CPU.daif, plain: "r", traps: bit("daif") });
    expect(entry(encodingOf("TPIDRRO_EL0"))).toMatchObject({ readEl: 0, writeEl: 1 });
  });

  test("leaves unknown encodings, aliases and absent features to the slow path", () => {
    const none = { offset: 0, readEl: 15, writeEl: 15, plain: "" };
    expect(entry(encodingOf("SCTLR_EL12"))).toMatchObject(none);
    expect(entry(encodingOf("TTBR1_EL2"))).toMatchObject(none);
    expect(entry((1 << 14) | (7 << 11) | 5)).toMatchObject(none);
  });
});
