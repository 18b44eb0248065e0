/** LLDB's packets, and the rows of GDB's table that no GDB 13 sends by itself. */

import { describe, expect, it } from "vitest";
import { FakeMachine, RAM } from "./fake-machine.js";
import { segmentations, Wire } from "./wire.js";

const text = (hexText: string) => Buffer.from(hexText, "hex").toString();

describe.each(segmentations)("LLDB, packets sent %s", (segmentation) => {
  function open() {
    const machine = new FakeMachine();
    const wire = new Wire(machine, segmentation);
    expect(wire.reply("qSupported:xmlRegisters=i386,arm,mips,arc;multiprocess+")).toContain("qEcho+");
    return { machine, wire };
  }

  it("is told of host and process", () => {
    const { wire } = open();
    const host = Object.fromEntries(
      wire
        .reply("qHostInfo")
        .split(";")
        .map((pair) => pair.split(":")),
    );
    expect(text(host.triple)).toBe("aarch64-unknown-none");
    expect(host).toMatchObject({ endian: "little", ptrsize: "8", watchpoint_exceptions_received: "before" });
    expect(wire.reply("qProcessInfo")).toMatch(/^pid:1;.*triple:/);
    expect(wire.reply("qGDBServerVersion")).toMatch(/^name:trapframe;version:/);
    expect(wire.reply("qEcho:42")).toBe("qEcho:42");
    expect(wire.reply("qWatchpointSupportInfo:")).toMatch(/^num:\d+;$/);
  });

  it("reads registers one by one, of the thread that it names", () => {
    const { machine, wire } = open();
    expect(wire.reply("QThreadSuffixSupported")).toBe("OK");
    expect(wire.reply("P5=0102030405060708;thread:0002;")).toBe("OK");
    expect([machine.x(0, 5), machine.x(1, 5)]).toEqual([0n, 0x0807060504030201n]);
    expect(wire.reply("p5;thread:0002;")).toBe("0102030405060708");
    expect(wire.reply("p5;thread:0001;")).toBe("0000000000000000");
    expect(wire.reply("g;thread:2;").slice(80, 96)).toBe("0102030405060708");
    expect(wire.reply("p5;thread:0009;")).toMatch(/^E/);
  });

  it("hears of the registers there are", () => {
    const { wire } = open();
    expect(wire.reply("qRegisterInfo0")).toMatch(/^name:x0;bitsize:64;offset:0;encoding:uint;.*dwarf:0;generic:arg1;$/);
    expect(wire.reply("qRegisterInfoa")).toMatch(/^name:x10;/);
    expect(wire.reply("qRegisterInfo20")).toMatch(/^name:pc;.*generic:pc;/);
    expect(wire.reply("qRegisterInfo22")).toMatch(/^name:v0;bitsize:128;.*encoding:vector;.*dwarf:64;$/);
    const names = [];
    for (let n = 0; ; n++) {
      const reply = wire.reply(`qRegisterInfo${n.toString(16)}`);
      if (reply.startsWith("E")) break;
      names.push(/^name:(\w+);/.exec(reply)?.[1]);
    }
    expect(names).toHaveLength(68);
    expect(new Set(names).size).toBe(68);
  });

  it("gets all threads at once, and with each stop", () => {
    const { machine, wire } = open();
    const threads = JSON.parse(wire.reply("jThreadsInfo"));
    expect(threads).toMatchObject([
      { tid: 1, name: "CPU0 EL1 running", signal: 5, registers: { 32: "0000004000000000" } },
      { tid: 2, name: "CPU1 EL1 running", signal: 0, reason: "none" },
    ]);
    wire.ask("QListThreadsInStopReply");
    wire.ask("vCont;s:2");
    machine.slice();
    expect(wire.heard()).toEqual([expect.stringMatching(/threads:1,2;thread-pcs:0*40000000,0*40000004;$/)]);
    expect(wire.reply("qThreadStopInfo1")).toMatch(/^T00thread:p1\.1;/);
    expect(wire.reply("qThreadStopInfo2")).toMatch(/^T05thread:p1\.2;/);
    expect(wire.reply("qThreadStopInfo9")).toMatch(/^E/);
  });

  it("gets errors with their words when it asks for them", () => {
    const { wire } = open();
    expect(wire.reply("QEnableErrorStrings")).toBe("OK");
    const [code, words] = wire.reply("m0,4").split(";");
    expect(code).toBe("E0e");
    expect(text(words ?? "")).toContain("stage 1 level 1 descriptor");
  });

  it("hears that a target without ranges has none", () => {
    const { wire } = open();
    expect(wire.reply("qMemoryRegionInfo:0")).toBe("");
  });
});

describe.each(segmentations)("further packets sent %s", (segmentation) => {
  function open() {
    const machine = new FakeMachine();
    for (let n = 0x100; n < machine.ram.length; n++) machine.ram[n] = (n * 7919) >> 5;
    return { machine, wire: new Wire(machine, segmentation) };
  }
  const at = (offset: number) => (RAM + BigInt(offset)).toString(16);

  it.each([
    ["in the first piece", 0x200],
    ["across two pieces", 0xfffe],
    ["at the very end", 0x1_fffc],
  ])("find a pattern %s", (_where, offset) => {
    const { machine, wire } = open();
    machine.ram.set([0xde, 0xad, 0x23, 0x7d], offset);
    expect(wire.reply(Buffer.from(`qSearch:memory:${at(0)};20000;\xde\xad#}`, "latin1"))).toBe(`1,${at(offset)}`);
  });

  it("say where nothing is found, or can be read", () => {
    const { wire } = open();
    expect(wire.reply(`qSearch:memory:${at(0)};1000;\x01\x02nowhere`)).toBe("0");
    expect(wire.reply(`qSearch:memory:${at(0)};30000;nowhere`)).toBe("E0e");
    expect(wire.reply("qSearch:memory:0;1000;x")).toBe("E0e");
    expect(wire.reply(`qSearch:memory:${at(0)};ffffffffffffffff;nowhere`)).toBe("E0e");
    expect(wire.reply(`qSearch:memory:${at(0)};10;`)).toBe("0");
  });

  it("sum memory up by GDB's CRC", () => {
    const { machine, wire } = open();
    machine.ram.set(Buffer.from("123456789"), 0x80);
    // CRC-32/MPEG-2 of its check string.
    expect(wire.reply(`qCRC:${at(0x80)},9`)).toBe("C376e6e7");
    expect(wire.reply(`qCRC:${at(0)},0`)).toBe("Cffffffff");
    expect(wire.reply("qCRC:0,4")).toBe("E0e");
  });

  it("write flash as memory", () => {
    const { machine, wire } = open();
    expect(wire.reply(`vFlashErase:${at(0x1000)},1000`)).toBe("OK");
    expect(machine.ram.slice(0x1000, 0x2000).every((byte) => byte === 0xff)).toBe(true);
    expect(wire.reply(`vFlashWrite:${at(0x1000)}:a:#`)).toBe("OK");
    expect(Buffer.from(machine.ram.slice(0x1000, 0x1004)).toString("latin1")).toBe("a:#\xff");
    expect(wire.reply("vFlashDone")).toBe("OK");
    expect(wire.reply("vFlashErase:0,1000")).toBe("E0e");
  });

  it.each(["QPassSignals:e;10;14", "QPassSignals:", "QThreadEvents:1", "QThreadEvents:0"])(
    "%s is kept to, for nothing comes of it",
    (packet) => {
      expect(open().wire.reply(packet)).toBe("OK");
    },
  );

  it.each([
    "QEnvironmentHexEncoded:41",
    "QEnvironmentUnset:41",
    "QEnvironmentReset",
    "QStartupWithShell:1",
    "QSetWorkingDir:2f",
    "QDisableRandomization:1",
    "QAgent:1",
    "qXfer:auxv:read::0,100",
    "qXfer:libraries:read::0,100",
    "qXfer:siginfo:read::0,100",
    "vFile:open:2f,0,0",
    "bs",
    "i",
  ])("%s is answered as unknown", (packet) => {
    expect(open().wire.reply(packet)).toBe("");
  });
});
