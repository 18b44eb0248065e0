/** Host I/O: the program's file in pieces, and nothing else. */
import { describe, expect, it } from "vitest";
import { FakeMachine } from "./fake-machine.js";
import { segmentations, Wire } from "./wire.js";

const PATH = "/where/it/was/kernel.elf";
// Every byte there is, those included that travel escaped.
const BYTES = Uint8Array.from({ length: 300 }, (_, n) => n & 0xff);
const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");
const named = (path: string): string => Buffer.from(path).toString("hex");

class WithProgram extends FakeMachine {
  readonly execFile = { path: PATH, bytes: BYTES };
}

describe.each(segmentations)("host files, packets sent %s", (segmentation) => {
  const open = (): Wire => new Wire(new WithProgram(), segmentation);

  it("are offered by a target that has a program", () => {
    const wire = open();
    expect(wire.reply("qSupported:multiprocess+")).toContain(";qXfer:exec-file:read+");
    expect(wire.reply("qXfer:exec-file:read:1:0,1000")).toBe(`l${PATH}`);
    expect(wire.reply("qXfer:exec-file:read::0,6")).toBe("m/where");
    const without = new Wire(new FakeMachine(), segmentation);
    expect(without.reply("qSupported:multiprocess+")).not.toContain("exec-file");
    expect(without.reply("vFile:setfs:0")).toBe("");
    expect(without.reply(`vFile:open:${named(PATH)},0,0`)).toBe("");
    expect(without.reply("qXfer:exec-file:read::0,1000")).toBe("E16");
  });

  it("are read from any place, to their end", () => {
    const wire = open();
    expect(wire.reply("vFile:setfs:1")).toBe("F0");
    expect(wire.reply(`vFile:open:${named(PATH)},0,0`)).toBe("F0");
    expect(wire.reply(`vFile:open:${named(PATH)},0,1a4`)).toBe("F1");
    expect(wire.reply("vFile:pread:0,1000,0")).toBe(`F12c;${latin1(BYTES)}`);
    expect(wire.reply("vFile:pread:1,3,23")).toBe("F3;#$%");
    expect(wire.reply("vFile:pread:1,10,128")).toBe(`F4;${latin1(BYTES.subarray(0x128))}`);
    expect(wire.reply("vFile:pread:1,10,12c")).toBe("F0;");
    expect(wire.reply("vFile:pread:1,10,ffffffffffffffff")).toBe("F0;");
    expect(wire.reply("vFile:close:0")).toBe("F0");
    expect(wire.reply("vFile:pread:0,1,0")).toBe("F-1,9");
    // A descriptor that is free is given again.
    expect(wire.reply(`vFile:open:${named(PATH)},0,0`)).toBe("F0");
    expect(wire.ask("vFile:pread:0,100")).toEqual(["E16"]);
    expect(wire.defects).toEqual([]);
  });

  it("are described in the protocol's own form", () => {
    const wire = open();
    wire.ask(`vFile:open:${named(PATH)},0,0`);
    const reply = Buffer.from(wire.reply("vFile:fstat:0"), "latin1");
    expect(reply.subarray(0, 4).toString()).toBe("F40;");
    const stat = reply.subarray(4);
    expect(stat.length).toBe(64);
    expect([stat.readUInt32BE(8), stat.readBigUInt64BE(28), stat.readBigUInt64BE(44)]).toEqual([0o100444, 300n, 1n]);
    expect(wire.reply(`vFile:stat:${named(PATH)}`)).toBe(reply.toString("latin1"));
    expect(wire.reply(`vFile:stat:${named("/etc/passwd")}`)).toBe("F-1,2");
  });

  it.each([
    ["another file", `open:${named("/etc/passwd")},0,0`, "F-1,2"],
    ["a way round to it", `open:${named("/where/it/was/../was/kernel.elf")},0,0`, "F-1,2"],
    ["a name with a zero in it", `open:${named(PATH)}00,0,0`, "F-1,2"],
    ["writing", `open:${named(PATH)},1,0`, "F-1,1e"],
    ["reading and writing", `open:${named(PATH)},2,0`, "F-1,1e"],
    ["making it", `open:${named(PATH)},200,1b6`, "F-1,1e"],
    ["a write", "pwrite:0,0,abc", "F-1,1e"],
    ["a removal", `unlink:${named(PATH)}`, "F-1,1e"],
    ["what is no link", `readlink:${named(PATH)}`, "F-1,16"],
    ["a link that is not there", `readlink:${named("/proc/self/exe")}`, "F-1,2"],
    ["a descriptor that is not open", "fstat:7", "F-1,9"],
    ["closing what is not open", "close:ffffffffffff", "F-1,9"],
    ["an operation there is not", "rename:00,00", ""],
  ])("refuse %s", (_what, request, answer) => {
    const wire = open();
    expect(wire.reply(`vFile:${request}`)).toBe(answer);
    expect(wire.reply("vFile:setfs:0")).toBe("F0");
    expect(wire.defects).toEqual([]);
  });

  it("are as many as there is room for, each client's its own", () => {
    const machine = new WithProgram();
    const [one, other] = [new Wire(machine, segmentation), new Wire(machine, segmentation, { observer: true })];
    for (let n = 0; n < 16; n++) expect(one.reply(`vFile:open:${named(PATH)},0,0`)).toBe(`F${n.toString(16)}`);
    expect(one.reply(`vFile:open:${named(PATH)},0,0`)).toBe("F-1,17");
    expect(other.reply("vFile:pread:0,1,0")).toBe("F-1,9");
    expect(other.reply(`vFile:open:${named(PATH)},0,0`)).toBe("F0");
  });

  it.each(["vFile", "vFile:", "vFile:open", "vFile:open:", "vFile:open:2,0,0", "vFile:close:", "vFile:pread:0"])(
    "take %s for malformed, or for unknown",
    (packet) => {
      const wire = open();
      expect(wire.reply(packet)).toMatch(/^$|^E/);
      expect(wire.defects).toEqual([]);
    },
  );
});
