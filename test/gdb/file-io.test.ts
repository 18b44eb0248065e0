/** File-I/O by packets: a request while the machine runs, memory in between, the client's answer, and Ctrl-C. */
import { describe, expect, it } from "vitest";
import type { FileRequest, TargetListener } from "../../src/gdb/target.js";
import { FakeMachine, RAM } from "./fake-machine.js";
import { segmentations, Wire } from "./wire.js";

/** A machine whose guest can ask for files. */
class WithFiles extends FakeMachine {
  readonly answers: unknown[] = [];
  interrupts = 0;
  private readonly ears: TargetListener[] = [];

  override listen(listener: TargetListener): () => void {
    this.ears.push(listener);
    return super.listen(listener);
  }

  override interrupt(vcpu?: number): void {
    this.interrupts++;
    super.interrupt(vcpu);
  }

  ask(call: string, vcpu = 0): boolean {
    const done: FileRequest["done"] = (result, errno) => this.answers.push([result, errno]);
    return this.ears.some((listener) => listener.fileRequest?.({ vcpu, call, done }) === true);
  }
}

describe.each(segmentations)("files, packets sent %s", (segmentation) => {
  function running(): { machine: WithFiles; wire: Wire } {
    const machine = new WithFiles();
    const wire = new Wire(machine, segmentation);
    expect(machine.ask("write,1,40000000,5")).toBe(false);
    expect(wire.ask("vCont;c")).toEqual([]);
    return { machine, wire };
  }

  it("are asked for while the machine runs, and memory is there in between", () => {
    const { machine, wire } = running();
    expect(machine.ask("write,1,40000000,5", 1)).toBe(true);
    expect(wire.heard()).toEqual(["Fwrite,1,40000000,5"]);
    expect(wire.reply("qC")).toBe("QC2");
    expect(wire.reply(`m${RAM.toString(16)},4`)).toBe("1f2003d5");
    expect(wire.reply(`M${(RAM + 16n).toString(16)},1:aa`)).toBe("OK");
    // One request at a time, and no resumption before its answer.
    expect(machine.ask("close,3")).toBe(false);
    expect(wire.reply("vCont;c")).toMatch(/^E/);
    expect(wire.ask("F5")).toEqual([]);
    expect(machine.answers).toEqual([[5n, 0]]);
    expect(machine.ask("close,3")).toBe(true);
    expect(wire.heard()).toEqual(["Fclose,3"]);
  });

  it.each([
    ["F-1,9", -1n, 9, 0],
    ["F0", 0n, 0, 0],
    ["Fffffffffffffffff,2", -1n, 2, 0],
    ["F-1,4,C", -1n, 4, 1],
    ["F0,0,C;abc", 0n, 0, 1],
    ["F10;attached", 16n, 0, 0],
  ])("are answered by %s", (packet, result, errno, interrupts) => {
    const { machine, wire } = running();
    machine.ask("read,0,40000100,10");
    wire.heard();
    expect(wire.ask(packet)).toEqual([]);
    expect(machine.answers).toEqual([[result, errno]]);
    expect(machine.interrupts).toBe(interrupts);
  });

  it("let a Ctrl-C wait for the answer", () => {
    const { machine, wire } = running();
    machine.ask("read,0,40000100,10");
    wire.heard();
    wire.raw("\x03");
    expect(machine.interrupts).toBe(0);
    wire.ask("F1");
    expect(machine.interrupts).toBe(1);
  });

  it.each(["F", "Fx", "F-", "F1,,", "F99999999999999999"])("survive %s, and an answer to nothing", (packet) => {
    const { machine, wire } = running();
    machine.ask("close,3");
    wire.heard();
    expect(wire.reply(packet)).toMatch(/^E/);
    expect(machine.answers).toEqual([]);
    wire.ask("F0");
    machine.interrupt();
    machine.slice();
    wire.heard();
    expect(wire.reply("F0")).toMatch(/^E/);
  });
});
