/** Resuming and stopping, coming and going: what a session does over time. The test turns the machine's crank. */

import { describe, expect, it } from "vitest";
import type { StopReason } from "../../src/gdb/target.js";
import { Code, FakeMachine, type FakeOptions, RAM } from "./fake-machine.js";
import { segmentations, Wire } from "./wire.js";

const GDB = "qSupported:multiprocess+;swbreak+;hwbreak+;vContSupported+";
/** NOP; ADD X0, X0, #1; B to the NOP. */
const [NOP, ADD, BRANCH] = [RAM, RAM + 4n, RAM + 8n];
const at = (address: bigint) => address.toString(16);

/** The parts of a stop reply that say what happened: signal and thread, then the cause. */
const gist = (reply: string | undefined) => reply?.replace(/core:.*?;|[0-9a-f]{2}:[0-9a-f]{16};/g, "");

describe.each(segmentations)("running, packets sent %s", (segmentation) => {
  function open(options: FakeOptions = {}, greeting = GDB) {
    const machine = new FakeMachine(options);
    const wire = new Wire(machine, segmentation);
    if (greeting !== "") wire.ask(greeting);
    return { machine, wire };
  }

  /** Resumes with `packet`, turns the crank until the machine stands, gives the gist of the stop reply. */
  function run(machine: FakeMachine, wire: Wire, packet: string): string | undefined {
    expect(wire.ask(packet)).toEqual([]);
    for (let n = 0; n < 100 && machine.standing === undefined; n++) machine.slice();
    const [reply, ...more] = wire.heard();
    expect(more).toEqual([]);
    return gist(reply);
  }

  describe("breakpoints", () => {
    it.each([
      ["Z0", "swbreak:;"],
      ["Z1", "hwbreak:;"],
    ])("%s stops before the instruction", (insert, cause) => {
      const { machine, wire } = open();
      const code = machine.ram.slice(0, 12);
      expect(wire.reply(`${insert},${at(BRANCH)},4`)).toBe("OK");
      expect(machine.ram.slice(0, 12)).toEqual(code);
      expect(wire.reply(`m${at(BRANCH)},4`)).toBe("feffff17");
      expect(run(machine, wire, "vCont;c")).toBe(`T05thread:p1.1;${cause}`);
      expect([machine.pc(0), machine.x(0, 0), machine.x(1, 0)]).toEqual([BRANCH, 1n, 0n]);
    });

    it("that a client takes no notice of, and does not step over, are spoken of once", () => {
      const { machine, wire } = open();
      wire.ask(`Z0,${at(ADD)},4`);
      const heard: string[] = [];
      const go = () => {
        wire.ask("vCont;c:p1.1");
        machine.slice();
        heard.push(...wire.heard());
      };
      for (let n = 0; n < 100; n++) go();
      const said = heard.filter((reply) => reply.startsWith("O"));
      expect(said.map((reply) => Buffer.from(reply.slice(1), "hex").toString())).toEqual([
        expect.stringMatching(/^the breakpoint at 0x40000004 stops the machine again and again, .*\$x0 for \$w0\)\n$/),
      ]);
      expect(heard).toHaveLength(101);
      expect(machine.retired).toBe(1);
      // A step over it, or pc moved to where it came from, is notice: nothing more is said however often.
      heard.length = 0;
      for (let n = 0; n < 100; n++) {
        wire.ask(`P20=${Buffer.from(new BigUint64Array([NOP]).buffer).toString("hex")}`);
        go();
        wire.ask("vCont;s:p1.1");
        machine.slice();
        wire.heard();
      }
      expect(heard.filter((reply) => reply.startsWith("O"))).toEqual([]);
      expect(heard).toHaveLength(100);
    });

    it("are not named to a client that did not ask", () => {
      const { machine, wire } = open({}, "");
      wire.ask(`Z0,${at(ADD)},4`);
      expect(run(machine, wire, "c")).toBe("T05thread:1;");
    });

    it("select the vCPU that hit them", () => {
      const { machine, wire } = open();
      wire.ask(`Z0,${at(ADD)},4`);
      expect(run(machine, wire, "vCont;c:p1.2")).toBe("T05thread:p1.2;swbreak:;");
      expect(wire.reply("qC")).toBe("QCp1.2");
      expect([machine.pc(0), machine.pc(1)]).toEqual([NOP, ADD]);
    });

    it("are set once and removed once, each kind for itself", () => {
      const { machine, wire } = open();
      for (const packet of [`Z0,${at(ADD)},4`, `Z0,${at(ADD)},4`, `Z1,${at(ADD)},4`]) {
        expect(wire.reply(packet)).toBe("OK");
      }
      expect(machine.points.map(({ kind }) => kind)).toEqual(["software", "hardware"]);
      expect(wire.reply(`z0,${at(ADD)},4`)).toBe("OK");
      expect(wire.reply(`z0,${at(ADD)},4`)).toBe("OK");
      expect(machine.points.map(({ kind }) => kind)).toEqual(["hardware"]);
    });

    it("and watchpoints the machine cannot have are answered as unknown", () => {
      const { wire } = open();
      for (const digit of "234") expect(wire.reply(`Z${digit},${at(RAM)},8`)).toBe("");
    });
  });

  describe("steps", () => {
    it.each(["vCont;s:p1.1", "vCont;S05:p1.1", "s", "S05"])("%s executes exactly one instruction", (packet) => {
      const { machine, wire } = open();
      wire.ask("Hcp1.1");
      expect(run(machine, wire, packet)).toBe("T05thread:p1.1;");
      expect([machine.pc(0), machine.pc(1), machine.retired]).toEqual([ADD, NOP, 1]);
    });

    it("execute an instruction that has a breakpoint", () => {
      const { machine, wire } = open();
      wire.ask(`Z0,${at(NOP)},4`);
      expect(run(machine, wire, "vCont;s:p1.1")).toBe("T05thread:p1.1;");
      expect(machine.pc(0)).toBe(ADD);
    });

    it("let the leftmost action that names a vCPU win", () => {
      const { machine, wire } = open();
      expect(run(machine, wire, "vCont;s:p1.2;c:p1.-1")).toBe("T05thread:p1.2;");
      expect(machine.pc(1)).toBe(ADD);
    });

    it("of any vCPU are steps of the selected one", () => {
      const { machine, wire } = open();
      wire.ask("Hgp1.2");
      expect(run(machine, wire, "vCont;s:0")).toBe("T05thread:p1.2;");
      expect([machine.pc(0), machine.pc(1)]).toEqual([NOP, ADD]);
    });

    it("start where s says", () => {
      const { machine, wire } = open();
      expect(run(machine, wire, `s${at(ADD)}`)).toBe("T05thread:p1.1;");
      expect([machine.pc(0), machine.x(0, 0)]).toEqual([BRANCH, 1n]);
    });

    it("go on inside a range and are reported outside it", () => {
      const { machine, wire } = open();
      expect(run(machine, wire, `vCont;r${at(NOP)},${at(BRANCH)}:p1.1`)).toBe("T05thread:p1.1;");
      expect([machine.pc(0), machine.retired]).toEqual([BRANCH, 2]);
    });

    it("take one instruction where the range is empty", () => {
      const { machine, wire } = open();
      run(machine, wire, `vCont;r${at(NOP)},${at(NOP)}:p1.1`);
      expect([machine.pc(0), machine.retired]).toEqual([ADD, 1]);
    });

    it("in an endless range end with Ctrl-C", () => {
      const { machine, wire } = open();
      wire.ask(`vCont;r${at(NOP)},${at(BRANCH + 4n)}:p1.1`);
      for (let n = 0; n < 10; n++) machine.slice();
      expect(machine.retired).toBe(10);
      wire.raw("\x03");
      machine.slice();
      expect(wire.heard().map(gist)).toEqual(["T02thread:p1.1;"]);
    });
  });

  describe("Ctrl-C", () => {
    it("stops a running machine with SIGINT", () => {
      const { machine, wire } = open();
      wire.ask("vCont;c");
      machine.slice();
      expect(wire.raw("\x03")).toBe("");
      machine.slice();
      expect(wire.heard().map(gist)).toEqual(["T02thread:p1.1;"]);
      expect(machine.x(1, 0)).toBeGreaterThan(0n);
    });

    it("that finds the machine standing interrupts the next resumption", () => {
      const { machine, wire } = open();
      expect(wire.raw("\x03")).toBe("");
      expect(run(machine, wire, "vCont;c")).toBe("T02thread:p1.1;");
      expect(machine.retired).toBe(0);
      wire.ask(`Z0,${at(ADD)},4`);
      expect(run(machine, wire, "vCont;c")).toBe("T05thread:p1.1;swbreak:;");
    });

    it("is not lost to a step that ends first", () => {
      const { machine, wire } = open();
      wire.ask("vCont;s:p1.1");
      wire.raw("\x03");
      machine.stopWith(0, { kind: "step" });
      expect(wire.heard().map(gist)).toEqual(["T02thread:p1.1;"]);
    });

    it("is answered by a breakpoint that was hit first", () => {
      const { machine, wire } = open();
      wire.ask("vCont;c");
      wire.raw("\x03");
      machine.stopWith(1, { kind: "breakpoint", via: "software" });
      expect(wire.heard().map(gist)).toEqual(["T05thread:p1.2;swbreak:;"]);
      machine.standing = { vcpu: 1, reason: { kind: "step" } };
      expect(run(machine, wire, "vCont;s:p1.1")).toBe("T05thread:p1.1;");
    });
  });

  it.each([
    [{ kind: "watchpoint", via: "write", address: 0x4000_0123n }, "T05thread:p1.2;watch:40000123;"],
    [{ kind: "watchpoint", via: "read", address: 0xffff_0000_0000_0000n }, "T05thread:p1.2;rwatch:ffff000000000000;"],
    [{ kind: "watchpoint", via: "access", address: 0n }, "T05thread:p1.2;awatch:0;"],
    [{ kind: "reset" }, "T05thread:p1.2;"],
    [{ kind: "exited", code: 0x103 }, "W03;process:1"],
    [{ kind: "killed" }, "X09;process:1"],
  ] as [StopReason, string][])("reports %o as %s, and again when asked", (reason, reply) => {
    const { machine, wire } = open();
    wire.ask("vCont;c");
    machine.stopWith(1, reason);
    expect(wire.heard().map(gist)).toEqual([reply]);
    expect(gist(wire.reply("?"))).toBe(reply);
  });

  it("says on the client's console why the machine has ended", () => {
    const { machine, wire } = open();
    wire.ask("vCont;c");
    machine.stopWith(0, { kind: "exited", code: 1, text: "why\n" });
    expect(wire.heard()).toEqual([`O${Buffer.from("why\n").toString("hex")}`, "W01;process:1"]);
  });

  it("reports the vCPU's core and the registers GDB wants first", () => {
    const { machine, wire } = open({ vcpus: 17 });
    wire.greet("multiprocess+;qRelocInsn+");
    // GDB has to learn first how many registers there are in a `g`.
    expect(wire.reply("?")).toBe("T05thread:p1.1;core:0;");
    wire.ask("g");
    wire.ask("vCont;c");
    machine.stopWith(16, { kind: "step" });
    expect(wire.heard()).toEqual([
      "T05thread:p1.11;core:10;1d:0000000000000000;1f:0000024000000000;20:0000004000000000;",
    ]);
  });

  it("reports the end of the machine, and lets its remains be read", () => {
    const { machine, wire } = open({ code: [Code.increment(7), Code.HVC] });
    expect(run(machine, wire, "vCont;c")).toBe("W00;process:1");
    expect(wire.reply("p7")).toBe("0100000000000000");
    expect(wire.reply("vCont;c")).toBe("W00;process:1");
    expect(machine.retired).toBe(2);
  });

  it("reports the end plainly to a client without multiprocess", () => {
    const { machine, wire } = open({ code: [Code.HVC] }, "");
    expect(run(machine, wire, "c")).toBe("W00");
  });

  it("sends a stop reply again when it is not understood", () => {
    const { machine, wire } = open();
    wire.ask("vCont;s:p1.1");
    machine.slice();
    const reply = wire.take();
    expect(wire.raw("-")).toBe(reply);
  });

  describe("c and s", () => {
    it("move all vCPUs after Hc-1", () => {
      const { machine, wire } = open();
      wire.ask("Hc-1");
      wire.ask("c");
      machine.slice();
      expect([machine.x(0, 0) > 0n, machine.x(1, 0) > 0n]).toEqual([true, true]);
    });

    it("move the vCPU of Hc alone", () => {
      const { machine, wire } = open();
      wire.ask("Hcp1.2");
      wire.ask("C05");
      machine.slice();
      expect([machine.x(0, 0) > 0n, machine.x(1, 0) > 0n]).toEqual([false, true]);
    });

    it("move it again after a stop", () => {
      const { machine, wire } = open();
      wire.ask("Hcp1.2");
      run(machine, wire, "s");
      wire.ask("Hgp1.1");
      expect(run(machine, wire, "s")).toBe("T05thread:p1.2;");
      expect([machine.pc(0), machine.pc(1)]).toEqual([NOP, BRANCH]);
    });

    it("start where they are told", () => {
      const { machine, wire } = open({ code: [Code.HVC, Code.increment(3), Code.B(0)] });
      wire.ask("Hcp1.1");
      wire.ask(`C05;${at(ADD)}`);
      machine.slice();
      expect(machine.x(0, 3)).toBe(1n);
    });
  });

  describe("a packet that comes while the machine runs", () => {
    it("waits for the stop", () => {
      const { machine, wire } = open();
      wire.ask("vCont;c");
      expect(wire.ask("qC")).toEqual([]);
      expect(wire.ask("p7")).toEqual([]);
      wire.raw("\x03");
      machine.slice();
      expect(wire.heard().map(gist)).toEqual(["T02thread:p1.1;", "QCp1.1", "0000000000000000"]);
    });

    it("is refused when too many wait", () => {
      const { machine, wire } = open();
      wire.ask("vCont;c");
      for (let n = 0; n < 16; n++) expect(wire.ask("qC")).toEqual([]);
      expect(wire.ask("qC")).toEqual(["E10"]);
      wire.raw("\x03");
      machine.slice();
      expect(wire.heard()).toHaveLength(17);
    });

    it("is served at once where the machine is not needed, or is to be ended", () => {
      const { machine, wire } = open();
      wire.ask("vCont;c");
      expect(wire.reply("qAttached")).toBe("1");
      expect(wire.reply("vUnknown")).toBe("");
      wire.ask("k");
      expect(machine.log).toEqual(["kill"]);
    });

    it("and resumes it again leaves those behind it waiting", () => {
      const { machine, wire } = open();
      wire.ask("vCont;s:p1.1");
      wire.ask("vCont;s:p1.1");
      wire.ask("p20");
      machine.slice();
      expect(wire.heard().map(gist)).toEqual(["T05thread:p1.1;"]);
      machine.slice();
      expect(wire.heard().map(gist)).toEqual(["T05thread:p1.1;", "0800004000000000"]);
    });
  });

  describe("attaching", () => {
    it("stops a running machine before it says anything", () => {
      const { machine, wire } = open({ standing: false }, "");
      machine.slice();
      expect(wire.reply("qSupported")).toMatch(/^PacketSize/);
      machine.slice();
      expect(gist(wire.reply("?"))).toBe("T05thread:1;");
      expect(machine.standing?.reason).toEqual({ kind: "interrupt" });
    });

    it("is no signal, but Ctrl-C afterwards is one", () => {
      const { machine, wire } = open({ standing: false }, "");
      machine.slice();
      expect(gist(wire.reply("?"))).toBe("T05thread:1;");
      expect(gist(wire.reply("?"))).toBe("T05thread:1;");
      wire.ask("c");
      wire.raw("\x03");
      machine.slice();
      expect(wire.heard().map(gist)).toEqual(["T02thread:1;"]);
      expect(gist(wire.reply("?"))).toBe("T02thread:1;");
    });

    it("keeps packets until the machine has stopped", () => {
      const { machine, wire } = open({ standing: false }, "");
      expect(wire.ask("?")).toEqual([]);
      expect(wire.ask("qC")).toEqual([]);
      machine.slice();
      expect(wire.heard().map(gist)).toEqual(["T05thread:1;", "QC1"]);
    });

    it("to a machine that has ended says so", () => {
      const { machine, wire } = open({ code: [Code.HVC] });
      run(machine, wire, "vCont;c");
      wire.session.close();
      expect(new Wire(machine, segmentation).reply("?")).toBe("W00");
    });
  });

  describe("leaving", () => {
    function resumed(machine: FakeMachine): boolean {
      machine.slice();
      return machine.standing === undefined && machine.points.length === 0 && machine.x(1, 0) > 0n;
    }

    it.each(["D", "D;1"])("%s takes the breakpoints away and lets the guest run", async (packet) => {
      const { machine, wire } = open();
      wire.ask(`Z0,${at(ADD)},4`);
      expect(wire.reply(packet)).toBe("OK");
      expect(resumed(machine)).toBe(true);
      await Promise.resolve();
      expect(wire.ended).toBe(true);
    });

    it("D in extended mode keeps the connection, and vAttach comes back", async () => {
      const { machine, wire } = open();
      wire.ask("!");
      wire.ask(`Z0,${at(BRANCH + 4n)},4`);
      wire.ask("D;1");
      await Promise.resolve();
      expect(wire.ended).toBe(false);
      expect(resumed(machine)).toBe(true);
      expect(wire.reply("g")).toBe("E03");
      expect(wire.ask("vAttach;1")).toEqual([]);
      machine.slice();
      expect(wire.heard().map(gist)).toEqual(["T05thread:p1.1;"]);
      expect(wire.reply("qC")).toBe("QCp1.1");
      expect(wire.reply(`Z0,${at(BRANCH + 4n)},4`)).toBe("OK");
      expect(machine.points).toHaveLength(1);
    });

    it("without a word does the same, and releases a vCPU that was held", () => {
      const { machine, wire } = open();
      wire.ask(`Z0,${at(BRANCH + 4n)},4`);
      wire.ask("vCont;c:p1.1");
      wire.session.close();
      expect(resumed(machine)).toBe(true);
      expect(machine.listeners).toBe(0);
    });

    it("while attaching leaves no interrupt behind", () => {
      const { machine, wire } = open({ standing: false }, "");
      wire.session.close();
      expect(resumed(machine)).toBe(true);
    });

    it("after a detach does not touch the machine again", () => {
      const { machine, wire } = open();
      wire.ask("D");
      const next = new Wire(machine, segmentation);
      machine.slice();
      wire.session.close();
      expect(gist(next.reply("?"))).toBe("T05thread:1;");
      expect(machine.standing).toBeDefined();
    });

    it("with bytes still coming is the end of them", () => {
      const { wire } = open();
      wire.session.close();
      wire.session.close();
      expect(wire.raw("$qC#b4")).toBe("");
    });

    it("k ends the machine without a reply, vKill with one", async () => {
      const first = open();
      expect(first.wire.ask("k")).toEqual([]);
      const second = open();
      expect(second.wire.ask("vKill;1")).toEqual(["OK"]);
      await Promise.resolve();
      for (const { machine, wire } of [first, second]) expect([machine.log, wire.ended]).toEqual([["kill"], true]);
    });
  });

  it("restarts the machine with R in extended mode, breakpoints kept", () => {
    const { machine, wire } = open();
    wire.ask("!");
    wire.ask(`Z0,${at(ADD)},4`);
    run(machine, wire, "vCont;c");
    expect(wire.ask("R00")).toEqual([]);
    expect(machine.pc(0)).toBe(NOP);
    expect(gist(wire.reply("?"))).toBe("T05thread:p1.1;");
    expect(run(machine, wire, "vCont;c")).toBe("T05thread:p1.1;swbreak:;");
  });
});
