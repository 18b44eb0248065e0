/** Semihosting with a real gdb-multiarch attached: files and streams are the debugger's (File-I/O). */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished, vi } from "vitest";
import { formatEndpoint, parseEndpoint } from "../../src/gdb/index.js";
import { loadKernelFile, loadMachineDescription, Machine } from "../../src/index.js";
import { gdb } from "../gdb/gdb-client.js";
import { InteractiveGdb } from "../gdb/interactive.js";
import { assemble } from "../machine/debug-rig.js";

/** Writes to the console and a file of the debugger's host, reads that back, and exits with what it found. */
const source = (path: string): string => `
      adr   x1, hello
      mov   w0, #4
      hlt   #0xf000
      adr   x1, opening           // w+
      mov   w0, #1
      hlt   #0xf000
      mov   x19, x0
      adr   x1, block
      str   x19, [x1]
      adr   x2, hello
      str   x2, [x1, #8]
      mov   x2, #6
      str   x2, [x1, #16]
      mov   w0, #5                // write 6
      hlt   #0xf000
      mov   x20, x0
      mov   w0, #0x0c             // flen
      hlt   #0xf000
      mov   x21, x0
      str   xzr, [x1, #8]
      mov   w0, #0x0a             // seek 0
      hlt   #0xf000
      adr   x2, buffer
      str   x2, [x1, #8]
      mov   x2, #10
      str   x2, [x1, #16]
      mov   w0, #6                // read 10: 4 are not there
      hlt   #0xf000
      mov   x22, x0
      mov   w0, #9                // istty
      hlt   #0xf000
      mov   x23, x0
here: mov   w0, #2                // close
      hlt   #0xf000
      adr   x1, missing
      mov   w0, #1
      hlt   #0xf000
      mov   x24, x0
      mov   w0, #0x13
      hlt   #0xf000
      mov   x25, x0
      adr   x1, block
      ldr   x2, =0x20026
      str   x2, [x1]
      mov   x2, #7
      str   x2, [x1, #8]
last: mov   w0, #0x18
      hlt   #0xf000
      b     .
      .balign 8
opening: .quad name, 6, end - name - 1
missing: .quad none, 0, 12
block: .space 32
buffer: .space 16
hello: .asciz "hello from the guest\\n"
name: .asciz "${path}"
end:
none: .asciz "/nowhere/x/y"
`;

async function start(text: string, { directory, wait = true }: { directory?: string; wait?: boolean } = {}) {
  const program = assemble(text);
  const uart: number[] = [];
  let type: (bytes: Uint8Array) => void = () => undefined;
  const machine = await Machine.create({
    description: loadMachineDescription("virt"),
    cpu: "cortex-a72",
    cpus: 2,
    memory: 16 << 20,
    kernel: loadKernelFile(program.file),
    serial: { transmit: (byte) => uart.push(byte), onReceive: (listener) => (type = listener) },
    el2: "hosted",
    el3: "hosted",
    idle: "skip",
    noReboot: true,
    semihosting: { commandLine: "", ...(directory === undefined ? {} : { directory }) },
  });
  const place = formatEndpoint(await machine.listenGdb(parseEndpoint("0"), { wait }));
  onTestFinished(() => machine.close());
  return {
    machine,
    program,
    place,
    ended: machine.run(),
    console: () => Buffer.from(uart).toString(),
    type: (text: string) => type(Buffer.from(text)),
  };
}

it("uses the debugger's files, and tells it the exit status", async () => {
  const directory = mkdtempSync(join(tmpdir(), "trapframe-file-io-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "made");
  const { program, place, ended } = await start(source(path));
  const text = await gdb(
    place,
    [
      "break here",
      "continue",
      "p *(char(*)[6])&buffer",
      "p $x20",
      "p $x21",
      "p $x22",
      "p $x23",
      "break last",
      "continue",
      "p $x24",
      "p $x25",
      "stepi 2",
    ],
    { symbols: program.file },
  );
  expect(text).toContain("hello from the guest");
  expect(text).toContain('$1 = "hello "');
  expect(text).toMatch(/\$2 = 0\n\$3 = 6\n\$4 = 4\n\$5 = 0\n/);
  // The second open failed on GDB's host: ENOENT.
  expect(text).toMatch(/\$6 = -1\n\$7 = 2\n/);
  expect(text).toContain("exited with code 07");
  expect(readFileSync(path, "utf8")).toBe("hello ");
  expect(await ended).toEqual({ reason: "exit", status: 7 });
  expect(existsSync("/nowhere")).toBe(false);
});

it("leaves them alone when it is told to", async () => {
  const directory = mkdtempSync(join(tmpdir(), "trapframe-native-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const { program, place, ended, console } = await start(source("made"), { directory });
  const text = await gdb(place, ["monitor semihosting native", "monitor semihosting", "continue"], {
    symbols: program.file,
  });
  expect(text).toMatch(/^native: files are trapframe's own\nown files: below .*native/m);
  expect(text).toContain("exited with code 07");
  expect(text).not.toContain("hello from the guest");
  expect(console()).toBe("hello from the guest\n");
  expect(readFileSync(join(directory, "made"), "utf8")).toBe("hello ");
  expect((await ended).status).toBe(7);
});

it.each([
  ["runs a command where GDB is, which its user has allowed", ["set remote system-call-allowed 1"], "03"],
  ["runs no command that GDB's user has not allowed", [], "0377"],
])("%s", async (_what, allowed, status) => {
  const { program, place } = await start(`
      adr   x1, command
      mov   w0, #0x12
      hlt   #0xf000
      adr   x1, command
      ldr   x2, =0x20026
      stp   x2, x0, [x1]
      mov   w0, #0x18
      hlt   #0xf000
      .balign 8
command: .quad 1f, 6
1:    .asciz "exit 3"
`);
  const text = await gdb(place, [...allowed, "continue"], { symbols: program.file });
  expect(text).toContain(`exited with code ${status}`);
});

it("reads characters that GDB's user types, again after Ctrl-C, and the machine's own when GDB is gone", async () => {
  const { program, place, ended, console, type } = await start(`
      mov   x1, #0
next: mov   w0, #7
call: hlt   #0xf000
      adr   x1, block
      cmp   w0, #'q'
      b.eq  quit
      strb  w0, [x1]
      mov   w0, #3
      hlt   #0xf000
      b     next
quit: ldr   x2, =0x20026
      mov   x3, #7
      stp   x2, x3, [x1]
      mov   w0, #0x18
      hlt   #0xf000
      .balign 8
block: .space 16
`);
  const user = new InteractiveGdb([`file ${program.file}`]);
  onTestFinished(() => user.kill());
  await user.say(`target remote ${place}`, /in \?\? \(\)|_start/);
  await user.say("continue", /Continuing/);
  // All that was typed has come back: the guest waits for more.
  await user.say("ab", /a\s*b\s*\n/);
  user.interrupt();
  // The call is yet to be made, although it has been: it is made again.
  await user.until(/SIGINT.* in call/s);
  await user.say("continue", /Continuing/);
  await user.say("cd", /c\s*d\s*\n/);
  expect(console()).toBe("");
  await user.kill();
  type("xq");
  expect(await ended).toEqual({ reason: "exit", status: 7 });
  expect(console()).toBe("x");
});

it("has a console that is the debugger's while there is one, and the machine's own before and after", async () => {
  const body = `
      adr   x1, opening
      mov   w0, #1
      hlt   #0xf000
      adr   x1, block
      str   x0, [x1]
      mov   x19, #4
      mov   x20, #0
next: mov   w0, #5
      hlt   #0xf000
here: sub   x19, x19, #1
hold: cbz   x20, hold             // GDB lets it go on
      cbnz  x19, next
      adr   x1, status
      mov   w0, #0x18
      hlt   #0xf000
      .balign 8
opening: .quad name, 4, 3
block: .quad 0, text, 5
status: .quad 0x20026, 7
name: .ascii ":tt"
text: .ascii "said\\n"
`;
  const { program, place, ended, console } = await start(body, { wait: false });
  await vi.waitFor(() => expect(console()).toBe("said\n"), 30_000);
  const commands = ["set var $x20 = 1", "break here", "continue", "monitor semihosting native", "continue"];
  const text = await gdb(place, [...commands, "delete", "detach"], { symbols: program.file });
  expect(text.match(/^said$/gm)).toHaveLength(1);
  expect((await ended).status).toBe(7);
  expect(console()).toBe("said\nsaid\nsaid\n");
});
