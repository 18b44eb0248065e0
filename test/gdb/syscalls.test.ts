/** `QCatchSyscalls` by packets, and GDB's `catch syscall` with a program at EL0. */
import { describe, expect, it } from "vitest";
import { formatEndpoint, listenForGdb, parseEndpoint } from "../../src/gdb/index.js";
import { assemble, Rig } from "../machine/debug-rig.js";
import { FakeMachine } from "./fake-machine.js";
import { gdb } from "./gdb-client.js";
import { Wire } from "./wire.js";

/** EL0 calls openat (56) and getpid (172) for ever; the kernel returns. */
const GUEST = `
  adr x0, vectors
  msr vbar_el1, x0
  adr x0, user
  msr elr_el1, x0
  msr spsr_el1, xzr
  eret
user:
  mov x8, #56
  svc #0
  mov x8, #172
calls:
  svc #0
  b user
  .balign 2048
vectors:
  .space 0x400
  mov x0, #42
  eret
`;

describe("QCatchSyscalls", () => {
  it("stops with the call's number, at its entry and its return", async () => {
    const rig = await Rig.create(assemble(GUEST));
    const wire = new Wire(rig.target);
    expect(wire.reply("qSupported:multiprocess+")).toContain(";QCatchSyscalls+");
    expect(wire.reply("QCatchSyscalls:1;ac;38;ac")).toBe("OK");
    const next = async (): Promise<string> => {
      const stop = rig.nextStop();
      wire.ask("vCont;c");
      await stop;
      return /syscall_\w+:\w+/.exec(wire.heard()[0] ?? "")?.[0] ?? "";
    };
    expect([await next(), await next(), await next(), await next()]).toEqual([
      "syscall_entry:38",
      "syscall_return:38",
      "syscall_entry:ac",
      "syscall_return:ac",
    ]);
    // Taken out and put back while the machine stands in a call, as GDB does: the call is known still.
    expect(wire.reply("QCatchSyscalls:1;ac")).toBe("OK");
    expect(await next()).toBe("syscall_entry:ac");
    for (const again of ["QCatchSyscalls:0", "QCatchSyscalls:1;ac"]) expect(wire.reply(again)).toBe("OK");
    expect(await next()).toBe("syscall_return:ac");
    expect(wire.reply("QCatchSyscalls:0")).toBe("OK");
    const stop = rig.nextStop();
    wire.ask("vCont;c");
    wire.raw("\x03");
    expect((await stop).reason.kind).toBe("interrupt");
  });

  it.each(["QCatchSyscalls", "QCatchSyscalls:", "QCatchSyscalls:2", "QCatchSyscalls:1;", "QCatchSyscalls:1;x"])(
    "takes %s for malformed",
    async (packet) => {
      const rig = await Rig.create(assemble("nop"));
      const wire = new Wire(rig.target);
      expect(wire.reply(packet)).toBe("E16");
      expect(wire.defects).toEqual([]);
    },
  );

  it("is unknown to a target that knows nothing of programs", () => {
    expect(new Wire(new FakeMachine()).reply("QCatchSyscalls:0")).toBe("");
  });

  it("is GDB's catch syscall", async () => {
    const rig = await Rig.create(assemble(GUEST));
    const server = await listenForGdb({ target: rig.target, endpoint: parseEndpoint("0") });
    const text = await gdb(
      formatEndpoint(server.endpoint),
      ["catch syscall getpid", "continue", "p $x8", "continue", "p $x0", "delete", "x/i $pc"],
      { settings: ["set osabi GNU/Linux"] },
    );
    await server.close();
    expect(text).toMatch(/Catchpoint 1 \(call to syscall getpid\), .* in vectors/);
    expect(text).toContain("$1 = 172");
    expect(text).toContain("Catchpoint 1 (returned from syscall getpid)");
    expect(text).toContain("$2 = 42");
  });
});
