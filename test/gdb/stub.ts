/** Machines behind a listening stub, for the length of a test: the one of the packet tests, and the real one with a guest. */
import { onTestFinished } from "vitest";
import { formatEndpoint, listenForGdb, parseEndpoint } from "../../src/gdb/index.js";
import { assemble, Rig } from "../machine/debug-rig.js";
import { FakeMachine, type FakeOptions } from "./fake-machine.js";
import { type GdbOptions, gdb } from "./gdb-client.js";

export async function fakeWithStub(options: FakeOptions = {}, endpoint = "0") {
  const machine = new FakeMachine({ automatic: true, ...options });
  const warnings: string[] = [];
  const server = await listenForGdb({
    target: machine,
    endpoint: parseEndpoint(endpoint),
    warn: (text) => warnings.push(text),
  });
  onTestFinished(async () => {
    await server.close();
    machine.dispose();
  });
  return { machine, server, warnings, place: formatEndpoint(server.endpoint) };
}

/** A guest that counts in X0 and in `cell`, at X1, with a text at X2; the rest of its loop is given, from behind the store. */
export const counting = (rest: string): string => `
  mov x0, #0
  adr x1, cell
  adr x2, text
loop:
  add x0, x0, #1
there:
  str x0, [x1]
${rest}
text: .asciz "a text"
  .balign 8
cell: .quad 0
`;

/** With the guest in assembly, standing at its first instruction; GDB gets its symbols. */
export async function guestWithStub(source: string) {
  const rig = await Rig.create(assemble(source));
  const warnings: string[] = [];
  const endpoint = await rig.machine.listenGdb(parseEndpoint("0"), { wait: true, warn: (line) => warnings.push(line) });
  onTestFinished(() => rig.machine.close());
  const run = (commands: readonly string[], options?: GdbOptions) =>
    gdb(formatEndpoint(endpoint), commands, { symbols: rig.program.file, ...options });
  return { rig, run, warnings };
}
