/** Who may do what: extended mode, observers. Raw packets; the test turns the machine's crank. */

import { describe, expect, it } from "vitest";
import { Errno, TargetError } from "../../src/gdb/target.js";
import { Code, FakeMachine, type FakeOptions, RAM } from "./fake-machine.js";
import { packet, segmentations, Wire } from "./wire.js";

const gist = (reply: string | undefined) => reply?.replace(/core:.*?;|[0-9a-f]{2}:[0-9a-f]{16};/g, "");
const BREAK = `Z0,${(RAM + 4n).toString(16)},4`;

describe.each(segmentations)("extended mode, packets sent %s", (segmentation) => {
  function open(options: FakeOptions = {}) {
    const machine = new FakeMachine(options);
    const wire = new Wire(machine, segmentation);
    wire.greet("multiprocess+;swbreak+;qRelocInsn+");
    expect(wire.reply("!")).toBe("OK");
    return { machine, wire };
  }

  it("kills the machine by leaving it at power-on, from where vRun starts it, breakpoints kept", async () => {
    const { machine, wire } = open();
    wire.ask(BREAK);
    wire.ask("vCont;c");
    machine.slice();
    wire.heard();
    expect(wire.reply("vKill;1")).toBe("OK");
    await Promise.resolve();
    expect([wire.ended, machine.log]).toEqual([false, []]);
    expect(wire.reply("g")).toMatch(/^E/);
    expect(gist(wire.reply("vRun;2f6b65726e656c"))).toBe("T05thread:p1.1;");
    expect(machine.pc(0)).toBe(RAM);
    wire.ask("vCont;c");
    machine.slice();
    expect(wire.heard().map(gist)).toEqual(["T05thread:p1.1;swbreak:;"]);
  });

  it.each(["D;1", "vKill;1"])("serves after %s what is about the machine, and tells of no threads", (leave) => {
    const { machine, wire } = open();
    Object.assign(machine, { osTables: () => [] });
    expect(wire.reply(leave)).toBe("OK");
    expect(wire.ask(`qRcmd,${Buffer.from("where").toString("hex")}`).at(-1)).toBe("OK");
    expect(wire.reply("qXfer:osdata:read::0,1000")).toMatch(/^l.*osdata/s);
    // GDB would take them for a process that it has.
    expect(wire.reply("qXfer:threads:read::0,1000")).toBe("E03");
    expect(wire.reply("qfThreadInfo")).toBe("E03");
    expect(wire.reply("m40000000,4")).toBe("E03");
  });

  it("starts a machine again that its guest has switched off", () => {
    const { machine, wire } = open({ code: [Code.NOP, Code.HVC] });
    wire.ask("vCont;c");
    machine.slice();
    expect(wire.heard()).toEqual(["W00;process:1"]);
    expect(machine.keepers).toBe(1);
    expect(gist(wire.reply("vRun;"))).toBe("T05thread:p1.1;");
    wire.session.close();
    expect(machine.keepers).toBe(0);
  });

  it("goes on with the session when what was loaded is gone", () => {
    const { machine, wire } = open();
    machine.refusal = new TargetError(Errno.EIO, "kernel: gone");
    expect(wire.reply("vRun;")).toBe("E.kernel: gone");
    expect(wire.reply("vKill;1")).toBe("E05");
    expect(wire.ask("R00")).toEqual([]);
    expect(wire.warnings).toEqual(["a debugger's restart was refused: kernel: gone"]);
    expect(gist(wire.reply("?"))).toBe("T05thread:p1.1;");
    machine.refusal = undefined;
    expect(gist(wire.reply("vRun;"))).toBe("T05thread:p1.1;");
  });

  it("refuses arguments, which nothing would take", () => {
    const { wire } = open();
    expect(wire.reply("vRun;;2d78")).toBe("E.a machine takes no arguments: a kernel's command line is --append");
  });

  it("leaves a killed machine standing when the client goes", () => {
    const { machine, wire } = open();
    wire.ask("vKill;1");
    wire.session.close();
    expect(machine.standing?.reason.kind).toBe("reset");
  });

  it("attaches in non-stop mode to what runs, and stops it all", () => {
    const { machine, wire } = open();
    wire.ask("QNonStop:1");
    wire.ask("D;1");
    machine.slice();
    expect(wire.raw(packet("vAttach;1"))).toMatch(/^\+\$OK#9a%Stop:T00thread:p1\.1;/);
    expect(gist(wire.reply("vStopped"))).toBe("T00thread:p1.2;");
    expect(wire.reply("vStopped")).toBe("OK");
    expect(machine.nonStop).toBe(true);
    expect(gist(wire.reply("vRun;"))).toBe("T05thread:p1.1;");
  });
});

describe.each(segmentations)("an observer, packets sent %s", (segmentation) => {
  function open() {
    const machine = new FakeMachine();
    const controller = new Wire(machine, segmentation);
    const observer = new Wire(machine, segmentation, { observer: true });
    observer.greet("multiprocess+;swbreak+;qRelocInsn+");
    return { machine, controller, observer };
  }

  const REFUSED = [
    "M40000000,1:00",
    "X40000000,1:a",
    `G${"00".repeat(788)}`,
    "P0=0000000000000000",
    BREAK,
    "z0,40000004,4",
    "Z2,40000000,4",
    "k",
    "vKill;1",
    "vRun;",
    "R00",
    "c40000004",
    "Qqemu.PhyMemMode:1",
  ];
  it.each(REFUSED)("may not send %s, and is told why", (packet) => {
    const { machine, observer } = open();
    const before = Buffer.from(machine.ram);
    expect(observer.reply(packet)).toMatch(/^E\..*this client observes; another one controls the machine/);
    expect(before.equals(machine.ram)).toBe(true);
    expect([machine.points, machine.log, machine.retired]).toEqual([[], [], 0]);
  });

  const LOOKS = [
    "?",
    "g",
    "p0",
    "m40000000,4",
    "x40000000,4",
    "qC",
    "qfThreadInfo",
    "qXfer:threads:read::0,100",
    "Hg1",
  ];
  it.each(LOOKS)("may send %s, whether the machine stands or runs", (packet) => {
    const { machine, controller, observer } = open();
    expect(observer.reply(packet)).toMatch(/^[^E]/);
    controller.ask("vCont;c");
    machine.slice();
    expect(observer.reply(packet)).toMatch(/^[^E]/);
    expect(machine.standing).toBeUndefined();
  });

  it("does not stop the machine by coming, nor let it go by leaving", () => {
    const { machine, controller, observer } = open();
    observer.session.close();
    expect(machine.standing).toBeDefined();
    controller.ask("vCont;c");
    const late = new Wire(machine, segmentation, { observer: true });
    machine.slice();
    expect(machine.standing).toBeUndefined();
    expect(gist(late.reply("?"))).toBe("T00thread:1;");
    expect(late.reply("D")).toBe("OK");
    expect(machine.standing).toBeUndefined();
  });

  const words = (replies: readonly string[]) =>
    replies.map((reply) => (reply.startsWith("O") ? Buffer.from(reply.slice(1), "hex").toString() : gist(reply)));

  it.each(["vCont;s:p1.1", "vCont;r40000000,40000010:p1.1", "s", "S05"])(
    "may not send %s, and GDB's step ends",
    (packet) => {
      const { machine, observer } = open();
      // An error would have GDB try again for ever.
      expect(words(observer.ask(packet))).toEqual([
        "step: this client observes; another one controls the machine (see: monitor control)\n",
        "T02thread:p1.1;",
      ]);
      machine.slice();
      expect(machine.retired).toBe(0);
      expect(observer.reply("p20")).toBe("0000004000000000");
    },
  );

  it.each(["vCont;c", "c"])(
    "that sends %s while the machine stands does not resume it, and waits for the next stop",
    (packet) => {
      const { machine, controller, observer } = open();
      expect(words(observer.ask(packet))).toEqual([
        "the machine stands and is not resumed: this client observes; another one controls the machine (see: monitor control)\n",
        "waiting until it has been resumed and stops again; Ctrl-C ends that\n",
      ]);
      machine.slice();
      expect(machine.retired).toBe(0);
      controller.ask(BREAK);
      controller.ask("vCont;c");
      machine.slice();
      expect(observer.heard().map(gist)).toEqual(["T05thread:p1.1;swbreak:;"]);
      observer.ask(packet);
      expect(observer.raw("\x03")).toMatch(/^\$T02thread:p1\.1;/);
      expect(machine.standing).toBeDefined();
    },
  );

  it.each(["vCont;s:p1.1", "vCont;c", "s", "c"])("that is no GDB is refused %s", (packet) => {
    const observer = new Wire(new FakeMachine(), segmentation, { observer: true });
    expect(observer.reply(packet)).toBe("E01");
  });

  it("that continues while the machine runs hears of the next stop", () => {
    const { machine, controller, observer } = open();
    controller.ask(BREAK);
    controller.ask("vCont;c");
    expect(observer.ask("vCont;c")).toEqual([]);
    machine.slice();
    expect(observer.heard().map(gist)).toEqual(["T05thread:p1.1;swbreak:;"]);
    expect(controller.heard()).toHaveLength(1);
    expect(observer.reply("p20")).toBe("0400004000000000");
  });

  it("stops waiting with Ctrl-C, and the machine runs on", () => {
    const { machine, controller, observer } = open();
    controller.ask("vCont;c");
    observer.ask("vCont;c");
    expect(observer.ask("qC")).toEqual([]);
    observer.raw("\x03");
    machine.slice();
    expect(observer.heard().map(gist)).toEqual([]);
    expect(machine.standing).toBeUndefined();
    expect(controller.heard()).toEqual([]);
    expect(gist(observer.reply("?"))).toBe("T00thread:p1.1;");
  });

  it("takes control when nobody has it, and the machine stops", () => {
    const machine = new FakeMachine({ standing: false });
    const observer = new Wire(machine, segmentation, { observer: true, promote: () => true });
    expect(observer.ask("qRcmd,636f6e74726f6c")).toHaveLength(2);
    expect(observer.ask("qC")).toEqual([]);
    machine.slice();
    expect(observer.heard()).toEqual(["QC1"]);
    expect(observer.reply("M40000000,1:00")).toBe("OK");
    observer.session.close();
    expect(machine.standing).toBeUndefined();
  });
});
