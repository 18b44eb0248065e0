/** Packets about tracing, one by one, on the real machine. */
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { assemble, Rig } from "../machine/debug-rig.js";
import { assembleAgent, packed } from "./assemble-agent.js";
import { Wire } from "./wire.js";

// Other tests may have the processor.
vi.setConfig({ testTimeout: 60_000 });

const LOOP = `
  mov x0, #0
  adr x1, cell
  mov w4, #0x8000
loop:
  add x0, x0, #1
there:
  str x0, [x1]
  cmp x0, x4
  b.ne loop
done:
  b done
  .balign 8
cell: .quad 0
`;
const THERE = "40080010";
const DONE = "4008001c";

async function trace(vcpus = 1) {
  const rig = await Rig.create(assemble(LOOP), { cpus: vcpus });
  const wire = new Wire(rig.target);
  wire.ask("qSupported:multiprocess+;swbreak+;error-message+");
  const ok = (...packets: string[]): void => {
    for (const packet of packets) expect([packet, wire.reply(packet)]).toEqual([packet, "OK"]);
  };
  /** Continues to the breakpoint at the end. */
  const run = async (): Promise<string> => {
    ok(`Z1,${DONE},4`);
    const stop = rig.nextStop();
    expect(wire.ask("vCont;c")).toEqual([]);
    await stop;
    const [reply = ""] = wire.heard();
    ok(`z1,${DONE},4`);
    return reply;
  };
  const status = (): Map<string, string> =>
    new Map(
      wire
        .reply("qTStatus")
        .split(";")
        .map((field) => [field.split(":")[0] ?? "", field.split(":").slice(1).join(":")] as const),
    );
  return { rig, wire, ok, run, status };
}

const condition = (source: string): string => `:${packed(assembleAgent(source))}`;

describe("definitions", () => {
  it("are advertised, and given back to whoever asks", async () => {
    const { wire, ok } = await trace();
    expect(wire.reply("qSupported")).toMatch(
      /ConditionalTracepoints\+;TracepointSource\+;EnableDisableTracepoints\+;DisconnectedTracing\+;InstallInTrace\+;tracenz\+;QTBuffer:size\+/,
    );
    const asked = condition("reg 0, const8 5, equal, end");
    ok(
      "QTinit",
      `QTDP:1:${THERE}:E:2:3${asked}-`,
      `QTDP:-1:${THERE}:R0101M-1,40080010,4-`,
      `QTDP:-1:${THERE}:SM1,0,8-`,
      `QTDP:-1:${THERE}:${packed(assembleAgent("reg 1, trace_quick 8, pop, end"))}`,
      `QTDPsrc:1:${THERE}:at:0:6:2a7468657265`,
      `QTDP:2:${DONE}:D:0:0`,
      `QTDV:20:5:0:${Buffer.from("mine").toString("hex")}`,
      "QTro:40080000,40090000:50000000,50001000",
    );
    const pieces = [wire.reply("qTfP")];
    while (pieces.at(-1) !== "l") pieces.push(wire.reply("qTsP"));
    expect(pieces).toEqual([
      `T1:${THERE}:E:2:3${asked}`,
      `A1:${THERE}:R0101M-1,40080010,4`,
      `S1:${THERE}:M1,0,8`,
      `S1:${THERE}:${packed(assembleAgent("reg 1, trace_quick 8, pop, end"))}`,
      `Z1:${THERE}:at:0:6:2a7468657265`,
      `T2:${DONE}:D:0:0`,
      "l",
    ]);
    const variables = [wire.reply("qTfV")];
    while (variables.at(-1) !== "l") variables.push(wire.reply("qTsV"));
    expect(variables).toContain("20:5:0:6d696e65");
    expect(variables).toContain(`1:0:1:${Buffer.from("trace_timestamp").toString("hex")}`);
    ok("QTinit");
    expect(wire.reply("qTfP")).toBe("l");
  });

  it.each<[string, RegExp]>([
    [`QTDP:1:${THERE}:E:0:0:F4`, /^E\.there are no fast tracepoints here/],
    [`QTDP:1:${THERE}:E:0:0:S`, /^E\.there are no static tracepoints here/],
    [`QTDP:1:${THERE}:E:0:0:X1,ff`, /^E\.agent expression \(condition\), byte 0: 0xff is no opcode/],
    [`QTDP:1:${THERE}:E:0:0:X2,0127`, /^E\.agent expression \(condition\), byte 0: float/],
    [`QTDP:1:${THERE}:X:0:0`, /^E\.a tracepoint is E or D/],
    [`QTDP:1:${THERE}`, /^E\.malformed/],
    [`QTDP:-7:${THERE}:R1`, /^E\.there is no tracepoint 7 at 0x40080010/],
    [`QTDP:-9:${THERE}:L`, /^E\.there is no tracepoint 9|\$_sdata/],
    [`QTEnable:7:${THERE}`, /^E\.there is no tracepoint 7/],
    [`qTP:7:${THERE}`, /^E\.there is no tracepoint 7/],
    ["QTDV:1:0:0:6d", /^E\.trace state variable 1 is the machine's own \$trace_timestamp/],
    ["QTDV:30:0:1:6d", /^E\.this machine has no variable \$m of its own/],
    ["QTBuffer:colour:1", /^E\.the trace buffer has no option "colour"/],
    ["QTBuffer:size:ffffffff", /^E\.the trace buffer has at most/],
    ["QTSave:666f6f", /^E\.the target writes no trace files/],
  ])("refuses %s", async (packet, refusal) => {
    const { wire } = await trace();
    expect(wire.reply(packet)).toMatch(refusal);
  });
});

describe("conditions that come with Z", () => {
  it.each<[string, RegExp]>([
    [`Z0,${THERE},4;X1,ff`, /^E\.agent expression \(condition\), byte 0: 0xff is no opcode/],
    [`Z1,${THERE},4;X3,220127X2,0127`, /^E\.agent expression \(condition\), byte 0: float/],
    [`Z0,${THERE},4;X3,2201`, /^E\.malformed/],
    [`Z0,${THERE},4;Y`, /^E\.malformed/],
    [`Z0,${THERE},4;X3,220127;cmds:0,X2,0c27`, /^E\.agent expression \(command\), byte 0: trace/],
  ])("are refused, not dropped: %s", async (packet, refusal) => {
    const { wire, run } = await trace();
    expect(wire.reply(packet)).toMatch(refusal);
    // And there is no breakpoint that would stop always.
    expect(await run()).toContain(`20:1c00084000000000`);
  });

  it("hold for watchpoints too, and any of several is enough", async () => {
    const { rig, wire, ok } = await trace();
    const [five, nine] = ["reg 0, const8 5, equal, end", "reg 0, const8 9, equal, end"].map((s) =>
      packed(assembleAgent(s)),
    );
    ok(`Z2,${rig.program.at("cell").toString(16)},8;${five}${nine}`);
    for (const expected of [5n, 9n]) {
      const stop = rig.nextStop();
      wire.ask("vCont;c");
      await stop;
      expect(wire.heard()[0]).toContain("watch:");
      expect(rig.x(0)).toBe(expected);
      ok(`z2,${rig.program.at("cell").toString(16)},8`);
      const stepped = rig.nextStop();
      wire.ask("vCont;s:p1.1");
      await stepped;
      wire.heard();
      ok(`Z2,${rig.program.at("cell").toString(16)},8;${five}${nine}`);
    }
  });

  it("are replaced when the same breakpoint comes with others", async () => {
    const { rig, wire, ok } = await trace();
    const when = (n: number) => packed(assembleAgent(`reg 0, const8 ${n}, equal, end`));
    ok(`Z0,${THERE},4;${when(5)}`, `Z0,${THERE},4;${when(7)}`);
    const stop = rig.nextStop();
    wire.ask("vCont;c");
    await stop;
    expect(rig.x(0)).toBe(7n);
  });

  it("do not hold up the machine by a loop", async () => {
    const { rig, wire, ok } = await trace();
    ok(`Z0,${THERE},4;${packed(assembleAgent("again:, const8 1, if_goto again, const8 0, end"))}`);
    const stop = rig.nextStop();
    wire.ask("vCont;c");
    // It is given up, which the debugger is to see.
    expect((await stop).reason.kind).toBe("breakpoint");
    expect(rig.x(0)).toBe(1n);
  });
});

describe("a run", () => {
  it("ends when the buffer is full, or forgets the oldest frames", async () => {
    const { wire, ok, run, status } = await trace();
    ok("QTinit", `QTDP:1:${THERE}:E:0:0-`, `QTDP:-1:${THERE}:M-1,40080010,40`, "QTBuffer:size:400", "QTStart");
    await run();
    expect(status().get("tfull")).toBe("0");
    // 1024 bytes hold 12 frames of 6 + 11 + 64.
    expect([status().get("T0"), status().get("tframes"), status().get("tcreated")]).toEqual(["", "c", "c"]);
    expect(wire.reply(`qTP:1:${THERE}`)).toBe(`Vd:${(12 * 81).toString(16)}`);

    const other = await trace();
    other.ok(
      "QTinit",
      `QTDP:1:${THERE}:E:0:0-`,
      `QTDP:-1:${THERE}:R1`,
      "QTBuffer:size:1000",
      "QTBuffer:circular:1",
      "QTStart",
    );
    await other.run();
    expect(other.status().get("T1")).toBe("");
    expect(other.status().get("tcreated")).toBe("8000");
    expect(Number(`0x${other.status().get("tframes")}`)).toBeLessThan(6);
    // The last one is the newest.
    const last = Number(`0x${other.status().get("tframes")}`) - 1;
    expect(other.wire.reply(`QTFrame:${last.toString(16)}`)).toBe(`F${last.toString(16)}T1`);
    expect(other.wire.reply("p0")).toBe("0080000000000000");
  });

  it("finds frames by every criterion, and gives what they hold and no more", async () => {
    const { wire, ok, run } = await trace();
    const some = condition("reg 0, const8 4, less_unsigned, end");
    ok("QTinit", `QTDP:1:${THERE}:E:0:0${some}-`, `QTDP:-1:${THERE}:R1M1,0,8`, `QTDP:2:${DONE}:E:0:0-`);
    ok(`QTDP:-2:${DONE}:M-1,40080010,4`, "QTStart");
    await run();
    ok("QTStop");
    expect(wire.reply("QTFrame:0")).toBe("F0T1");
    expect(wire.reply("p0")).toBe("0100000000000000");
    expect(wire.reply("g").length).toBe(2 * 788);
    expect(wire.reply("m40080020,8")).toBe("00".repeat(8));
    expect(wire.reply("m40080018,4")).toMatch(/^E\.0x40080018 was not collected/);
    // With registers comes the instruction, without which GDB finds no variables in the frame.
    expect(wire.reply("m40080010,4")).toBe("200000f9");
    expect(wire.reply("qXfer:traceframe-info:read::0,1000")).toContain('<memory start="0x40080010" length="0x4"/>');
    expect(wire.reply("qXfer:traceframe-info:read::0,1000")).toContain('<memory start="0x40080020" length="0x8"/>');
    expect(wire.reply(`QTFrame:pc:${THERE}`)).toBe("F1T1");
    expect(wire.reply(`QTFrame:tdp:2`)).toBe("F3T2");
    // Its registers were not collected; where it was is known anyway.
    expect(wire.reply("p0")).toBe("x".repeat(16));
    expect(wire.reply("p20")).toBe("1c00084000000000");
    expect(wire.reply("m40080010,4")).toBe("200000f9");
    // What GDB says does not change is read as it is, up to where it may change.
    expect(wire.reply("m40080014,4")).toMatch(/^E\.0x40080014 was not collected/);
    ok("QTro:40080000,40080010:40080014,40080018");
    expect(wire.reply("m40080014,8")).toBe("1f0004eb");
    expect(wire.reply("m40080018,4")).toMatch(/^E\.0x40080018 was not collected/);
    expect(wire.reply("QTFrame:tdp:1")).toBe("F-1");
    expect(wire.reply("QTFrame:1")).toBe("F1T1");
    expect(wire.reply(`QTFrame:outside:${THERE}:${THERE}`)).toBe("F3T2");
    expect(wire.reply("QTFrame:0")).toBe("F0T1");
    expect(wire.reply(`QTFrame:range:${DONE}:${DONE}`)).toBe("F3T2");
    expect(wire.reply("QTFrame:99")).toBe("F-1");
    expect(wire.reply("QTFrame:ffffffff")).toBe("F-1");
    expect(wire.reply("m40080010,4")).toBe("200000f9");
    expect(wire.reply("p0")).toBe("0080000000000000");
    // Frames as trace files have them: number, length, blocks.
    const bytes = Buffer.from(wire.reply("qTBuffer:0,10000"), "hex");
    expect([bytes.readUInt16LE(0), bytes.readUInt32LE(2), bytes.toString("latin1", 6, 7)]).toEqual([
      1,
      789 + 19 + 15,
      "R",
    ]);
    expect(wire.reply(`qTBuffer:${bytes.length.toString(16)},100`)).toBe("l");
  });

  it("heeds enabling, disabling and new tracepoints while it is on", async () => {
    const { wire, ok, run, status, rig } = await trace();
    ok("QTinit", `QTDP:1:${THERE}:D:0:0-`, `QTDP:-1:${THERE}:R1`, "QTNotes:user:6d65;notes:6e6f7465;", "QTStart");
    expect(wire.reply("QTStart")).toMatch(/^E\.a trace run is on already/);
    ok(`Z1,${THERE},4`);
    for (let i = 0; i < 3; i++) {
      const stop = rig.nextStop();
      wire.ask("vCont;c");
      await stop;
      wire.heard();
      const stepped = rig.nextStop();
      wire.ask("vCont;s:p1.1");
      await stepped;
      wire.heard();
      if (i === 0) ok(`QTEnable:1:${THERE}`, `QTDP:2:${THERE}:E:0:0`);
      if (i === 1) ok(`QTDisable:1:${THERE}`);
    }
    ok(`z1,${THERE},4`, "QTNotes:tstop:77687920", "QTStop");
    await run();
    // The first pass found it disabled, the second collected once, although it was reached and then stepped over.
    expect(wire.reply(`qTP:1:${THERE}`)).toBe(`V1:${(6 + 789 + 15).toString(16)}`);
    expect(wire.reply(`qTP:2:${THERE}`)).toBe(`V2:${(2 * 6).toString(16)}`);
    expect(status().get("tstop")).toBe("77687920:0");
    expect([status().get("username"), status().get("notes")]).toEqual(["6d65:", "6e6f7465:"]);
  });

  it("leaves the guest's time, memory and turns as they would be without it", async () => {
    const final = async (traced: boolean): Promise<string> => {
      const { rig, ok, run, wire } = await trace(2);
      if (traced) {
        const some = condition("reg 0, const8 63, bit_and, log_not, end");
        ok("QTinit", "QTBuffer:circular:1", `QTDP:1:${THERE}:E:5:0${some}-`, `QTDP:-1:${THERE}:R1M1,0,8-`);
        ok(`QTDP:-1:${THERE}:SR1-`, `QTDP:-1:${THERE}:M1,0,8`, "QTStart");
        ok(`Z2,${rig.program.at("cell").toString(16)},8;${packed(assembleAgent("const8 0, end"))}`);
      }
      await run();
      if (traced) expect(wire.reply(`qTP:1:${THERE}`)).toMatch(/^V200:/);
      return rig.machine.stateHash();
    };
    expect(await final(true)).toBe(await final(false));
  });
});

it("survives any packet that looks like one of these", async () => {
  const { wire } = await trace();
  const seeds = [
    ...[
      `QTDP:1:${THERE}:E:2:3X3,220127-`,
      `QTDP:-1:${THERE}:SR0101M1,0,8X4,26000127-`,
      `QTDPsrc:1:${THERE}:at:0:6:2a74`,
    ],
    ...[
      "QTDV:20:5:0:6d",
      "QTStart",
      "QTStop",
      "QTinit",
      "QTFrame:0",
      `QTFrame:pc:${THERE}`,
      "QTFrame:range:0:ff",
      "qTStatus",
    ],
    ...["qTBuffer:0,100", "QTBuffer:size:100", "QTNotes:user:6d;notes:6e;", "qTV:1", `qTP:1:${THERE}`, "QTro:0,1:2,3"],
    ...["QTDisconnected:1", "qTfP", "qTsP", "qTfV", "qTsV", `Z0,${THERE},4;X3,220127;cmds:1,X3,220127`, "qTMinFTPILen"],
  ];
  const change = fc.record({ at: fc.nat(80), with: fc.constantFrom(...":;,-+XZ019afF\0~"), cut: fc.boolean() });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom(...seeds), fc.array(change, { maxLength: 3 })), { maxLength: 20 }),
      (all) => {
        for (const [seed, changes] of all) {
          let text = seed;
          for (const { at, with: sign, cut } of changes) {
            const place = at % (text.length + 1);
            text = text.slice(0, place) + sign + text.slice(cut ? place + 1 : place);
          }
          // Not what would let the machine go or end it.
          if (/^(QT|qT|Z0)/.test(text)) wire.ask(text);
          expect(wire.defects).toEqual([]);
        }
      },
    ),
    { numRuns: 300 },
  );
});
