/** Non-stop mode in raw packets: answers at once, stops as events that wait for each other. The test turns the crank. */

import { describe, expect, it } from "vitest";
import { Code, FakeMachine, type FakeOptions, RAM } from "./fake-machine.js";
import { events, packet, segmentations, Wire } from "./wire.js";

const at = (offset: number) => (RAM + BigInt(offset)).toString(16);
const gist = (reply: string) => reply.replace(/core:.*?;|[0-9a-f]{2}:[0-9a-f]{16};/g, "");

describe.each(segmentations)("non-stop, packets sent %s", (segmentation) => {
  function open(options: FakeOptions = {}) {
    const machine = new FakeMachine(options);
    const wire = new Wire(machine, segmentation);
    wire.ask("qSupported:multiprocess+;swbreak+");
    expect(wire.reply("QNonStop:1")).toBe("OK");
    return { machine, wire, heard: () => events(wire.take()).map(gist) };
  }

  it("leaves the vCPU of the stop standing and lets the others run", () => {
    const { machine, wire } = open();
    expect(gist(wire.reply("?"))).toBe("T05thread:p1.1;");
    expect(wire.reply("vStopped")).toBe("OK");
    machine.slice();
    expect([machine.x(0, 0), machine.x(1, 0) > 0n]).toEqual([0n, true]);
  });

  it("stops a vCPU by vCont;t with signal 0, after the answer, and another goes on", () => {
    const { machine, wire, heard } = open();
    expect(wire.raw(packet("vCont;t:p1.2"))).toMatch(/^\+\$OK#9a%Stop:T00thread:p1\.2;/);
    expect(wire.reply("vStopped")).toBe("OK");
    expect(wire.reply("vCont;c:p1.1")).toBe("OK");
    machine.slice();
    expect([machine.x(0, 0) > 0n, machine.x(1, 0)]).toEqual([true, 0n]);
    expect(heard()).toEqual([]);
  });

  it("tells of one stop at a time", () => {
    const { machine, wire, heard } = open({ vcpus: 3 });
    wire.ask("?");
    wire.ask("vStopped");
    wire.ask(`Z0,${at(4)},4`);
    machine.slice();
    machine.slice();
    expect(heard()).toEqual(["T05thread:p1.2;swbreak:;"]);
    expect(gist(wire.reply("vStopped"))).toBe("T05thread:p1.3;swbreak:;");
    expect(wire.reply("vStopped")).toBe("OK");
    expect(heard()).toEqual([]);
    expect([machine.pc(1), machine.pc(2)]).toEqual([RAM + 4n, RAM + 4n]);
  });

  it("gives all that stand to ?, each once", () => {
    const { wire } = open({ vcpus: 3 });
    wire.raw(packet("vCont;t"));
    expect(gist(wire.reply("?"))).toBe("T05thread:p1.1;");
    expect(gist(wire.reply("vStopped"))).toBe("T00thread:p1.2;");
    expect(gist(wire.reply("vStopped"))).toBe("T00thread:p1.3;");
    expect(wire.reply("vStopped")).toBe("OK");
  });

  it("answers ? with OK when none stands", () => {
    const { wire } = open();
    wire.ask("vCont;c");
    expect(wire.reply("?")).toBe("OK");
  });

  it("steps a vCPU, once or through a range, while others run", () => {
    const { machine, wire, heard } = open();
    expect(wire.reply("vCont;s:p1.1")).toBe("OK");
    machine.slice();
    expect(heard()).toEqual(["T05thread:p1.1;"]);
    expect(machine.pc(0)).toBe(RAM + 4n);
    wire.ask("vStopped");
    expect(wire.reply(`vCont;r${at(4)},${at(12)}:p1.1`)).toBe("OK");
    for (let n = 0; n < 4; n++) machine.slice();
    expect(heard()).toEqual(["T05thread:p1.1;"]);
    expect(machine.pc(0)).toBe(RAM);
    machine.slice();
    expect(machine.x(1, 0)).toBeGreaterThan(0n);
  });

  it("leaves vCPUs that run alone when an action names all", () => {
    const { machine, wire, heard } = open();
    wire.ask("vCont;s:p1.1;c");
    machine.slice();
    machine.slice();
    expect(heard()).toEqual(["T05thread:p1.1;"]);
    expect(machine.x(1, 0)).toBeGreaterThan(0n);
  });

  it.each([packet("vCtrlC"), "\x03"])("interrupts the selected vCPU with %j", (interrupt) => {
    const { wire } = open();
    wire.ask("vCont;c");
    wire.ask("Hgp1.2");
    expect(events(wire.raw(interrupt)).map(gist)).toEqual(["T02thread:p1.2;"]);
  });

  it("answers packets while vCPUs run", () => {
    const { machine, wire } = open();
    wire.ask("vCont;c");
    machine.slice();
    expect(wire.reply(`m${at(0)},4`)).toBe("1f2003d5");
    expect(wire.reply("qC")).toBe("QCp1.1");
  });

  it("tells of the machine's end", () => {
    const { machine, wire, heard } = open({ code: [Code.NOP, Code.HVC] });
    machine.slice();
    expect(heard()).toEqual(["W00;process:1"]);
    expect(wire.reply("vStopped")).toBe("OK");
    expect(wire.reply("?")).toBe("W00;process:1");
    expect(wire.reply("vCont;c")).toBe("E03");
  });

  it("is left by QNonStop:0: everything stands, and c is answered by its stop", () => {
    const { machine, wire } = open();
    machine.slice();
    expect(wire.reply("QNonStop:0")).toBe("OK");
    const before = machine.x(1, 0);
    machine.slice();
    expect(machine.x(1, 0)).toBe(before);
    expect(wire.ask("vCont;c")).toEqual([]);
    wire.raw("\x03");
    machine.slice();
    expect(wire.heard().map(gist)).toEqual(["T02thread:p1.1;"]);
  });

  it("ends with the connection: nobody is held", () => {
    const { machine, wire } = open();
    wire.session.close();
    machine.slice();
    expect([machine.nonStop, machine.x(0, 0) > 0n]).toEqual([false, true]);
  });

  it("shows an observer the stops of a machine in all-stop mode", () => {
    const machine = new FakeMachine();
    const controller = new Wire(machine, segmentation);
    controller.ask("vCont;c");
    const observer = new Wire(machine, segmentation, { observer: true });
    observer.ask("qSupported:multiprocess+");
    observer.ask("QNonStop:1");
    expect(observer.reply("?")).toBe("OK");
    machine.stopWith(1, { kind: "step" });
    expect(events(observer.take()).map(gist)).toEqual(["T05thread:p1.2;"]);
    expect(gist(observer.reply("vStopped"))).toBe("T00thread:p1.1;");
    expect(observer.reply("vStopped")).toBe("OK");
    expect(observer.reply("vCont;c")).toBe("E01");
    expect(machine.nonStop).toBe(false);
    controller.ask("vCont;c");
    expect(observer.reply("vCont;c")).toBe("OK");
    expect(observer.reply("vCont;t")).toBe("E01");
    expect(machine.standing).toBeUndefined();
  });
});
