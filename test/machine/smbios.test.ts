import { describe, expect, it } from "vitest";
import { loadMachineDescription } from "../../src/machine/description.js";
import { smbiosFiles } from "../../src/machine/smbios.js";

const files = smbiosFiles({ description: loadMachineDescription("virt"), cpu: "max", cpus: 4, memory: 2 ** 31 });
const content = (name: string): Buffer => Buffer.from(files.find((file) => file.name === name)!.bytes);

/** Type, fields and strings of each structure. */
function structures(table: Buffer): { type: number; fields: Buffer; strings: string[] }[] {
  const found = [];
  for (let at = 0; at < table.length; ) {
    const type = table[at]!;
    const end = at + table[at + 1]!;
    const after = table.indexOf("\0\0", end, "latin1") + 2;
    const strings = table.toString("latin1", end, after - 2).split("\0");
    found.push({ type, fields: table.subarray(at, end), strings });
    at = after;
  }
  return found;
}

describe("SMBIOS", () => {
  it("has an entry point of version 3.0 whose sum is right and that says how long the table is", () => {
    const anchor = content("etc/smbios/smbios-anchor");
    expect(anchor.toString("latin1", 0, 5)).toBe("_SM3_");
    expect([anchor.length, anchor[6], anchor[7]]).toEqual([24, 24, 3]);
    expect(anchor.reduce((sum, byte) => (sum + byte) & 0xff, 0)).toBe(0);
    expect(anchor.readUInt32LE(12)).toBe(content("etc/smbios/smbios-tables").length);
  });

  it("has structures of the sizes that DSP0134 3.0 gives, to the end of the table", () => {
    const found = structures(content("etc/smbios/smbios-tables"));
    expect(found.map(({ type, fields }) => [type, fields.length])).toEqual([
      [1, 0x1b],
      [3, 0x16],
      [4, 0x30],
      [16, 0x17],
      [17, 0x28],
      [19, 0x1f],
      [32, 0x0b],
      [127, 4],
    ]);
    const [system, , processor, , dimm, mapped] = found;
    expect(system?.strings).toEqual(["trapframe", "virt"]);
    expect([processor?.strings[2], processor?.fields.readUInt16LE(0x2a)]).toEqual(["max", 4]);
    expect(dimm?.fields.readUInt16LE(0x0c)).toBe(2048);
    expect(mapped?.fields.readBigUInt64LE(0x0f)).toBe(0x4000_0000n);
    expect(mapped?.fields.readBigUInt64LE(0x17)).toBe(0xbfff_ffffn);
  });
});
