import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readFdt, writeFdt } from "../../../src/machine/device-tree/fdt.js";
import { cells, DeviceTreeNode, EMPTY, pairs, strings } from "../../../src/machine/device-tree/tree.js";
import { ConfigError } from "../../../src/machine/errors.js";
import { dtc } from "./dtc.js";

function sample(): DeviceTreeNode {
  const root = new DeviceTreeNode("").set("#address-cells", cells(2)).set("#size-cells", cells(2));
  root.set("compatible", strings("a,b", "c"));
  root
    .add("memory@12345678")
    .set("device_type", strings("memory"))
    .set("reg", pairs(0x12345678, 2 ** 40 + 16));
  root
    .add("empty")
    .set("there", EMPTY)
    .add("deeper")
    .set("odd", new Uint8Array([1, 2, 3]));
  return root;
}

function failure(bytes: Uint8Array): string {
  try {
    readFdt(bytes, "x.dtb");
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).message;
  }
  throw new Error("the tree was accepted");
}

describe("writeFdt", () => {
  it("writes what dtc reads", () => {
    expect(dtc(writeFdt(sample()), "dtb", "dts").replaceAll(/\s+/g, " ")).toContain(
      'compatible = "a,b\\0c"; memory@12345678 { device_type = "memory"; reg = <0x00 0x12345678 0x100 0x10>; }; ' +
        "empty { there; deeper { odd = [01 02 03]; }; }; };",
    );
  });

  it("is a multiple of 8 bytes long, structure block at a multiple of 4", () => {
    const blob = writeFdt(sample());
    const view = new DataView(blob.buffer, blob.byteOffset, blob.length);
    expect(blob.length % 8).toBe(0);
    expect(view.getUint32(4)).toBe(blob.length);
    expect(view.getUint32(8) % 4).toBe(0);
    expect(view.getUint32(20)).toBe(17);
  });
});

describe("readFdt", () => {
  it("reads back what was written", () => {
    expect(readFdt(writeFdt(sample()), "x")).toEqual(sample());
  });

  it("reads what dtc wrote, version 16 too, with more room than it uses", () => {
    const source = Buffer.from('/dts-v1/; / { a = "text"; b { c = <1 2>; }; };');
    const expected = new DeviceTreeNode("").set("a", strings("text"));
    expected.add("b").set("c", cells(1, 2));
    for (const options of [[], ["-V", "16"], ["-S", "4096"]]) {
      expect(readFdt(dtc(source, "dts", "dtb", options), "x")).toEqual(expected);
    }
  });

  it("says what is wrong with a file that is none", () => {
    expect(failure(Buffer.from("short"))).toMatch(/^x.dtb: not a usable device tree: 5 bytes/);
    expect(failure(Buffer.from(`/dts-v1/; / { ${" ".repeat(50)} };`))).toMatch(/this is source; compile it/);
    expect(failure(Buffer.alloc(64))).toMatch(/it begins 0x0, not 0xd00dfeed/);
    const blob = writeFdt(sample());
    expect(failure(blob.subarray(0, blob.length - 8))).toMatch(/it says it is \d+ bytes long/);
    const old = Buffer.from(blob);
    old.writeUInt32BE(3, 20);
    expect(failure(old)).toMatch(/version 3/);
  });

  it("answers any damaged blob with a tree or one line", () => {
    const blob = writeFdt(sample());
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(blob.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        (changes) => {
          const damaged = Buffer.from(blob);
          for (const [offset, value] of changes) {
            damaged[offset] = value;
          }
          try {
            readFdt(damaged, "x");
          } catch (error) {
            expect(error).toBeInstanceOf(ConfigError);
          }
        },
      ),
      { numRuns: 3000, seed: 3 },
    );
  });
});
