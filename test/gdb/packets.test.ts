/** Every packet, byte by byte and whole: what is asked, what is answered, what has changed in the machine. */

import { describe, expect, it } from "vitest";
import { Errno, type MemoryRegion, TargetError } from "../../src/gdb/target.js";
import { FakeMachine, type FakeOptions, RAM } from "./fake-machine.js";
import { packet, segmentations, Wire } from "./wire.js";

/** What GDB 13.1 says of itself. */
const GDB =
  "multiprocess+;swbreak+;hwbreak+;qRelocInsn+;fork-events+;vfork-events+;exec-events+;vContSupported+;" +
  "QThreadEvents+;no-resumed+;memory-tagging+;xmlRegisters=i386";

const le64 = (value: bigint) => Buffer.from(BigUint64Array.of(value).buffer).toString("hex");

describe.each(segmentations)("packets sent %s", (segmentation) => {
  function open(options: FakeOptions = {}, greeting = GDB) {
    const machine = new FakeMachine(options);
    const wire = new Wire(machine, segmentation);
    if (greeting === GDB) wire.greet(greeting);
    else if (greeting !== "") wire.ask(`qSupported:${greeting}`);
    return { machine, wire };
  }

  /** One question, one answer, to a machine that stands at its first instruction. */
  it.each([
    [
      "qSupported",
      "PacketSize=20000;QStartNoAckMode+;QNonStop+;vContSupported+;binary-upload+;qXfer:features:read+;qXfer:threads:read+;" +
        "QPassSignals+;QThreadEvents+;qEcho+",
    ],
    [
      `qSupported:${GDB}`,
      "PacketSize=20000;QStartNoAckMode+;multiprocess+;QNonStop+;vContSupported+;swbreak+;hwbreak+;binary-upload+;" +
        "qXfer:features:read+;qXfer:threads:read+;QPassSignals+;QThreadEvents+",
    ],
    ["qSupported:error-message+;swbreak-", /;error-message\+;/],
    ["vMustReplyEmpty", ""],
    ["!", "OK"],
    ["?", "T05thread:p1.1;core:0;"],
    ["qC", "QCp1.1"],
    ["qAttached", "1"],
    ["qAttached:1", "1"],
    ["qAttached:2", "E03"],
    ["qfThreadInfo", "mp1.1,p1.2"],
    ["qsThreadInfo", "l"],
    ["qThreadExtraInfo,p1.2", Buffer.from("CPU1 EL1 running").toString("hex")],
    ["qThreadExtraInfo,p1.3", "E03"],
    ["Tp1.1", "OK"],
    ["T2", "OK"],
    ["Tp1.3", "E03"],
    ["Tp2.1", "E03"],
    ["Tp1.-1", "E03"],
    ["Hgp1.2", "OK"],
    ["Hgp0.0", "OK"],
    ["Hg0", "OK"],
    ["Hg-1", "E03"],
    ["Hgp1.9", "E03"],
    ["Hc-1", "OK"],
    ["Hcp1.-1", "OK"],
    ["Hcp1.1", "OK"],
    ["Hcp1.9", "E03"],
    ["qOffsets", ""],
    ["qSymbol::", "OK"],
    ["vCont?", "vCont;c;C;s;S;r;t"],
    ["m40000000,8", "1f2003d500040091"],
    ["m4001fffc,8", "00000000"],
    ["m0,4", "E0e"],
    ["m40000000,0", ""],
    ["x40000000,3", "b\x1f\x20\x03"],
    ["x40000000,0", "b"],
    ["x0,4", "E0e"],
    ["p20", le64(RAM)],
    ["p21", "c5030000"],
    ["p22", "00".repeat(16)],
    ["p42", "00000000"],
    ["p43", "00000000"],
    ["p44", "E.there is no register 44 in the target description"],
    ["qRcmd,7768657265", "OK"],
    ["qXfer:threads:read::0,1000", /<thread id="p1\.2" core="1" name="CPU1">EL1 running<\/thread>/],
    ["qXfer:threads:read:x:0,1000", "E16"],
    ["qXfer:features:read:none.xml:0,1000", "E16"],
    ["qXfer:features:write:target.xml:0:00", ""],
    ["qXfer:auxv:read::0,1000", ""],
    ["qXfer:memory-map:read::0,1000", "E16"],
    ["vAttach;1", "E10"],
    ["R00", "E16"],
    ["QNonStop:0", "OK"],
    ["QNonStop:1", "OK"],
    ["vStopped", ""],
    ["vCtrlC", "OK"],
    ["vRun;", "E.to start the machine again needs extended mode: target extended-remote"],
    ["vUnknown;1", ""],
    ["q", ""],
    ["", ""],
    ["\x00\xff", ""],
  ] as [string, string | RegExp][])("%j is answered %j", (question, answer) => {
    const { wire } = open({}, question.startsWith("qSupported") ? "" : GDB);
    const reply = wire.ask(question).at(-1);
    if (typeof answer === "string") expect(reply).toBe(answer);
    else expect(reply).toMatch(answer);
    expect(wire.defects).toEqual([]);
  });

  /** Malformed arguments: an error, nothing done, and the session goes on. */
  it.each([
    "m",
    "m,",
    "m40000000",
    "m40000000,",
    "m-1,4",
    "m40000000,-4",
    "m0x40000000,4",
    "mzz,4",
    "m40000000,4;",
    "m10000000000000000,4",
    "M40000000,4:0102",
    "M40000000,2:010",
    "M40000000,1:zz",
    "M40000000,1",
    "X40000000,4:ab",
    "X40000000",
    "p",
    "p-1",
    "pzz",
    "P",
    "P5",
    "P5=",
    "P5=00",
    "P5=zz",
    "P44=00000000",
    "G",
    "G00",
    "Gzz",
    "gg",
    "H",
    "Hx1",
    "Hg",
    "Hgp",
    "Hgp1.",
    "Hgp-1.1",
    "Hg-2",
    "T",
    "Tx",
    "qThreadExtraInfo",
    "qThreadExtraInfo,",
    "vCont",
    "vCont;",
    "vCont;x",
    "vCont;c:",
    "vCont;c:p1.9",
    "vCont;C",
    "vCont;C999",
    "QNonStop",
    "QNonStop:2",
    "vRun",
    "vStopped;1",
    "vCont;r1",
    "vCont;r1,",
    "vCont;t",
    "vCont;c:p2.1",
    "Cxx",
    "C05;",
    "cxx",
    "s-4",
    "Z",
    "Z0",
    "Z0,",
    "Z0,40000000",
    "Z9,40000000,4",
    "Z0,40000001,4",
    "Z0,40000000,4;X3,220027",
    "Z-1,0,4",
    "z0,zz,4",
    "qXfer",
    "qXfer:features",
    "qXfer:features:read:target.xml:",
    "qXfer:features:read:target.xml:0",
    "qXfer:threads:read::-1,5",
    "qRcmd",
    "qRcmd,zz",
    "qRcmd,7",
    "D;2",
    "D2",
    "vKill;2",
    "vKill",
    "R",
    "Rzz",
    "qC1",
    "?1",
    "!x",
  ])("%j is refused", (question) => {
    const { machine, wire } = open();
    const before = Buffer.from(machine.ram);
    expect(wire.reply(question)).toMatch(/^E([0-9a-f]{2}$|\.)/);
    expect(before.equals(machine.ram)).toBe(true);
    expect(machine.points).toEqual([]);
    expect(machine.log).toEqual([]);
    expect(wire.reply("qC")).toBe("QCp1.1");
    expect(wire.defects).toEqual([]);
  });

  it("says why, to a client that takes words", () => {
    const { wire } = open({}, "error-message+");
    expect(wire.reply("m1000,4")).toBe("E.0x1000: stage 1 level 1 descriptor at TTBR0_EL1 is invalid");
    expect(wire.reply("P21=d0000000")).toBe("E.cpsr.nRW = 1: this machine has no AArch32");
    expect(wire.reply("m1000;4")).toBe("E.malformed packet: wanted ',', found ';4'");
    expect(wire.reply("m10000000000000000,4")).toBe("E.a number is wider than 64 bits");
  });

  it("reads and writes all registers with g and G", () => {
    const { machine, wire } = open();
    const block = Buffer.from(Array.from({ length: 788 }, (_, n) => n & 0xef));
    block.writeUInt32LE(0x3c5, 264);
    expect(wire.reply("g")).toHaveLength(788 * 2);
    expect(wire.reply(`G${block.toString("hex")}`)).toBe("OK");
    expect(wire.reply("g")).toBe(block.toString("hex"));
    expect(machine.x(0, 1)).toBe(block.readBigUInt64LE(8));
    expect(machine.pc(0)).toBe(block.readBigUInt64LE(256));
    expect(wire.reply("p22")).toBe(block.subarray(268, 284).toString("hex"));
    expect(wire.reply("p43")).toBe(block.subarray(784).toString("hex"));
  });

  it("says which registers cannot be read", () => {
    const { machine, wire } = open();
    const read = machine.readRegister.bind(machine);
    const refusal = new TargetError(Errno.EPERM, "traps to EL3");
    machine.readRegister = (vcpu, feature, index) =>
      feature === 1 && index === 32 ? refusal : read(vcpu, feature, index);
    expect(wire.reply("g").slice(-16)).toBe("xxxxxxxx00000000");
    expect(wire.reply("p42")).toBe("E.traps to EL3");
  });

  it("refuses a G in which one register is refused", () => {
    const { wire } = open();
    const block = Buffer.alloc(788);
    block[264] = 0x10;
    expect(wire.reply(`G${block.toString("hex")}`)).toBe("E16");
  });

  it("writes one register with P, of the vCPU that Hg chose", () => {
    const { machine, wire } = open();
    wire.ask("Hgp1.2");
    expect(wire.reply("P5=efbeadde00000000")).toBe("OK");
    expect([machine.x(0, 5), machine.x(1, 5)]).toEqual([0n, 0xdeadbeefn]);
    expect(wire.reply("p5")).toBe("efbeadde00000000");
    expect(wire.reply("P22=000102030405060708090a0b0c0d0e0f")).toBe("OK");
    expect(wire.reply("p22")).toBe("000102030405060708090a0b0c0d0e0f");
  });

  it("writes memory with M and X, binary escapes included", () => {
    const { machine, wire } = open();
    expect(wire.reply("M40001000,4:01020304")).toBe("OK");
    expect(wire.reply("X40001004,5:#$}*\x03")).toBe("OK");
    expect(wire.reply("X40001000,0:")).toBe("OK");
    expect([...machine.ram.slice(0x1000, 0x1009)]).toEqual([1, 2, 3, 4, 0x23, 0x24, 0x7d, 0x2a, 3]);
    expect(wire.reply("x40001004,5")).toBe("b#$}*\x03");
    expect(wire.reply("M0,1:00")).toBe("E0e");
  });

  it("gives at most half a packet of memory, whatever is asked", () => {
    const { wire } = open();
    expect(wire.reply("m40000000,ffffffffffffffff")).toHaveLength(0x2_0000);
    expect(wire.reply("x40000000,ffffffff")).toHaveLength(0x1_0000);
  });

  it("gives the target description in pieces", () => {
    const { wire } = open({}, "");
    const read = (annex: string, size: number) => {
      let text = "";
      for (;;) {
        const piece = wire.reply(`qXfer:features:read:${annex}:${text.length.toString(16)},${size.toString(16)}`);
        text += piece.slice(1);
        if (piece[0] === "l") return text;
        expect(piece[0]).toBe("m");
        expect(piece).toHaveLength(size + 1);
      }
    };
    const target = read("target.xml", 0x40);
    expect(target).toContain("<architecture>aarch64</architecture>");
    expect(target.match(/href="[^"]*"/g)).toEqual(['href="aarch64-core.xml"', 'href="aarch64-fpu.xml"']);
    const core = read("aarch64-core.xml", 0x800);
    expect(core.match(/<reg name="[^"]*"/g)?.slice(-4)).toEqual(
      ["x30", "sp", "pc", "cpsr"].map((name) => `<reg name="${name}"`),
    );
    expect(core).toContain('<field name="EL" start="2" end="3"/>');
    expect(read("aarch64-fpu.xml", 0x2_0000)).toContain('<reg name="v31" bitsize="128" type="aarch64v"/>');
    expect(wire.reply("qXfer:features:read:target.xml:ffff,10")).toBe("l");
    expect(wire.reply(`qXfer:features:read:target.xml:0,${target.length.toString(16)}`)).toBe(`l${target}`);
  });

  it("gives GDB, as which it knows it, all of the target description in one document", () => {
    const { wire } = open();
    expect(wire.reply("qXfer:features:read:target.xml:0,1000")).toMatch(/<!ENTITY f '<feature name="[^"]*core">/);
  });

  it.each(["multiprocess+;qRelocInsn+;xmlRegisters=i386", GDB])(
    "gives who only says %s what any client gets",
    (said) => {
      const { wire } = open({}, "");
      wire.ask(`qSupported:${said}`);
      const target = wire.reply("qXfer:features:read:target.xml:0,1000");
      expect(target).toContain('<xi:include href="aarch64-core.xml"/>');
      expect(target).not.toContain("ENTITY");
      const core = wire.reply("qXfer:features:read:aarch64-core.xml:0,1000");
      expect(core).toContain('<reg name="x0" bitsize="64"');
      expect(wire.reply("?")).toContain(";20:");
      expect(wire.reply("p44")).toBe("E16");
    },
  );

  it("gives the memory map of a target that has one", () => {
    const memoryMap: MemoryRegion[] = [
      { kind: "flash", start: 0n, length: 0x400_0000n, blockSize: 0x4_0000 },
      { kind: "ram", start: RAM, length: 0x2_0000n },
    ];
    const { wire } = open({ memoryMap }, "");
    expect(wire.reply("qSupported")).toContain(";qXfer:memory-map:read+");
    const map = wire.reply("qXfer:memory-map:read::0,1000");
    // GDB then leaves its DTD unread.
    expect(map).toMatch(/^l<\?xml version="1.0" standalone="yes"\?><memory-map>/);
    expect(map).toContain('<memory type="ram" start="0x40000000" length="0x20000"/>');
    expect(map).toContain('length="0x4000000"><property name="blocksize">0x40000</property>');
  });

  it("tells each client what goes with what that one says of itself, and the next of its kind the same", () => {
    const { machine, wire } = open({}, "");
    const [plain, gdb] = [wire.reply("qSupported:swbreak+"), wire.reply(`qSupported:${GDB}`)];
    expect(gdb).not.toBe(plain);
    for (const said of ["swbreak+", GDB, GDB]) {
      const next = new Wire(machine, segmentation);
      expect(next.reply(`qSupported:${said}`)).toBe(said === GDB ? gdb : plain);
      expect(next.reply("?")).toMatch(said === GDB ? /thread:p1.1;/ : /thread:1;/);
    }
    // Asked without a list, it takes nothing back: `maintenance packet qSupported`.
    expect(wire.reply("qSupported")).toBe(gdb);
    expect(wire.reply("?")).toMatch(/thread:p1.1;/);
  });

  it("prints what a monitor command says, in packets a client can take", () => {
    const { wire } = open();
    const text = Buffer.from("CPU0 of 2\nnaïve\n").toString("hex");
    expect(wire.ask(`qRcmd,${Buffer.from(" where ").toString("hex")}`)).toEqual([`O${text}`, "OK"]);
    const flood = wire.ask(`qRcmd,${Buffer.from("flood").toString("hex")}`);
    expect(flood.at(-1)).toBe("OK");
    expect(flood.length).toBe(4);
    const said = flood.slice(0, -1).map((piece) => Buffer.from(piece.slice(1), "hex").toString());
    expect(said.join("")).toBe("0123456789abcdef".repeat(0x2000));
    for (const piece of flood) expect(piece.length).toBeLessThanOrEqual(0x2_0000);
  });

  it("says that a monitor command failed: in words", () => {
    const typo = `qRcmd,${Buffer.from("typo").toString("hex")}`;
    const said = Buffer.from('no monitor command "typo"\n').toString("hex");
    expect(open().wire.ask(typo)).toEqual([`O${said}`, "OK"]);
    expect(open({}, "error-message+").wire.ask(typo)).toEqual(['E.no monitor command "typo"']);
  });

  it("survives a bug of the machine's, and reports it", () => {
    const { wire } = open();
    expect(wire.reply(`qRcmd,${Buffer.from("crash").toString("hex")}`)).toBe("E16");
    expect(wire.defects).toEqual([new Error("a bug")]);
    expect(wire.reply("qC")).toBe("QCp1.1");
  });

  it("names threads plainly to a client without multiprocess", () => {
    const { wire } = open({ vcpus: 16 }, "swbreak+");
    expect(wire.reply("qC")).toBe("QC1");
    expect(wire.reply("qfThreadInfo")).toBe("m1,2,3,4,5,6,7,8,9,a,b,c,d,e,f,10");
    expect(wire.reply("Hg10")).toBe("OK");
    expect(wire.reply("qC")).toBe("QC10");
  });

  it("tells a vCPU that is off from one that runs", () => {
    const { machine, wire } = open();
    machine.switchOff(1);
    const state = Buffer.from(wire.reply("qThreadExtraInfo,p1.2"), "hex").toString();
    expect(state).toBe("CPU1 halted (PSCI off)");
  });

  it("acknowledges until told not to", () => {
    const { wire } = open({}, "");
    expect(wire.raw("$qC#b4")).toBe("+$QC1#c5");
    expect(wire.raw("+")).toBe("");
    expect(wire.raw("$QStartNoAckMode#b0")).toBe("+$OK#9a");
    expect(wire.raw("+")).toBe("");
    expect(wire.raw("$qC#b4")).toBe("$QC1#c5");
  });

  it("sends its last packet again when it is not understood", () => {
    const { wire } = open({}, "");
    expect(wire.raw("-")).toBe("");
    wire.raw("$qC#b4");
    expect(wire.raw("-")).toBe("$QC1#c5");
    expect(wire.raw("+-")).toBe("");
  });

  it("asks again for a packet with a wrong checksum; says so where there are no acknowledgments", () => {
    const { machine, wire } = open({}, "");
    expect(wire.raw("$M40000000,1:ff#00")).toBe("-");
    expect(machine.ram[0]).toBe(0x1f);
    wire.ask("QStartNoAckMode");
    expect(wire.raw("$M40000000,1:ff#00")).toBe("$E05#aa");
    expect(machine.ram[0]).toBe(0x1f);
  });

  it("refuses a packet over PacketSize and goes on", () => {
    const { wire } = open();
    expect(wire.reply("m".repeat(0x2_0001))).toBe("E16");
    expect(wire.reply(`X40000000,ffff:${"a".repeat(0xffff)}`)).toBe("OK");
  });

  it("ignores garbage between packets", () => {
    const { wire } = open();
    expect(wire.raw("\r\nGET / HTTP/1.1\r\n\r\n")).toBe("");
    expect(wire.reply("qC")).toBe("QCp1.1");
  });

  it("starts over with a client that broke off in the middle", () => {
    const { wire } = open();
    wire.raw("$m400000");
    expect(wire.reply("qC")).toBe("QCp1.1");
  });

  it("takes no input while the client does not read", () => {
    const { wire } = open();
    wire.congested = true;
    const question = packet("qC");
    expect(wire.session.receive(question)).toBe(0);
    wire.congested = false;
    expect(wire.session.receive(question)).toBe(question.length);
  });
});
