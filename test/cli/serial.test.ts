import { once } from "node:events";
import { connect } from "node:net";
import { PassThrough, Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { type EscapeCommand, EscapeFilter } from "../../src/cli/serial/escape.js";
import { StdioSerial } from "../../src/cli/serial/stdio.js";
import { TcpSerial } from "../../src/cli/serial/tcp.js";
import { ConfigError } from "../../src/machine/errors.js";

const send = (serial: { transmit(byte: number): void }, text: string) => {
  for (const byte of Buffer.from(text)) {
    serial.transmit(byte);
  }
};

describe("the escape key", () => {
  it.each([
    ["hello\x03", "hello\x03", []],
    ["a\x01xb", "ab", ["quit"]],
    ["a\x01pb", "ab", ["power"]],
    ["\x01h\x01c\x01?", "", ["help", "help", "help"]],
    ["\x01\x01\x01a", "\x01\x01", []],
    ["\x01zq", "q", []],
  ])("%j", (input, forGuest, commands) => {
    // Whole, and one key at a time.
    for (const chunks of [[input], [...input]]) {
      const seen: EscapeCommand[] = [];
      const filter = new EscapeFilter((command) => seen.push(command));
      const passed = chunks.map((chunk) => Buffer.from(filter.filter(Buffer.from(chunk))).toString()).join("");
      expect([passed, seen]).toEqual([forGuest, commands]);
    }
  });
});

describe("stdio", () => {
  it("writes bytes in batches and all of them before it closes", async () => {
    const stdout = new PassThrough();
    const chunks: string[] = [];
    stdout.on("data", (chunk: Buffer) => chunks.push(chunk.toString()));
    const serial = new StdioSerial(
      { stdin: new PassThrough(), stdout, stderr: new PassThrough() },
      { onQuit() {}, onPowerKey() {}, onHangUp() {} },
    );
    send(serial, "one");
    await new Promise(setImmediate);
    send(serial, "two");
    await serial.close();
    expect(chunks).toEqual(["one", "two"]);
  });

  it("takes a broken pipe as the end of the conversation, once", async () => {
    const stdout = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error("EPIPE"), { code: "EPIPE" })),
    });
    let hangUps = 0;
    const serial = new StdioSerial(
      { stdin: new PassThrough(), stdout, stderr: new PassThrough() },
      { onQuit() {}, onPowerKey() {}, onHangUp: () => hangUps++ },
    );
    send(serial, "one");
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    send(serial, "two");
    await serial.close();
    expect(hangUps).toBe(1);
  });

  it("lives with a standard input that cannot be read", async () => {
    const stdin = new PassThrough();
    const serial = new StdioSerial(
      { stdin, stdout: new PassThrough(), stderr: new PassThrough() },
      { onQuit() {}, onPowerKey() {}, onHangUp() {} },
    );
    serial.onReceive(() => {});
    stdin.destroy(Object.assign(new Error("EISDIR"), { code: "EISDIR" }));
    await new Promise(setImmediate);
    await serial.close();
  });
});

describe("tcp", () => {
  it("keeps output for the first client, and carries bytes both ways", async () => {
    const serial = await TcpSerial.listen("127.0.0.1", 0);
    const received: string[] = [];
    serial.onReceive((bytes) => received.push(Buffer.from(bytes).toString()));
    send(serial, "early ");
    await new Promise(setImmediate);
    const client = connect(serial.address);
    let seen = "";
    client.on("data", (bytes: Buffer) => {
      seen += bytes.toString();
    });
    await expect.poll(() => seen).toBe("early ");
    client.write("typed");
    send(serial, "late");
    await expect.poll(() => seen).toBe("early late");
    await expect.poll(() => received.join("")).toBe("typed");
    await Promise.all([serial.close(), once(client, "close")]);
  });

  it("says that a port is taken", async () => {
    const first = await TcpSerial.listen("127.0.0.1", 0);
    const { port } = first.address;
    await expect(TcpSerial.listen("127.0.0.1", port)).rejects.toThrow(
      new ConfigError("ADDRESS_IN_USE", `--serial tcp:127.0.0.1:${port}: the address is already in use`),
    );
    await first.close();
  });
});
