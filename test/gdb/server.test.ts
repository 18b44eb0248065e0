/** Sockets: where the stub listens, who may connect, what happens when they go. */

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { EndpointError, formatEndpoint, type GdbServer, listenForGdb, parseEndpoint } from "../../src/gdb/index.js";
import { Code, type FakeOptions } from "./fake-machine.js";
import { fakeWithStub } from "./stub.js";
import { packet, payloads } from "./wire.js";

// Other tests may have the processor.
vi.setConfig({ testTimeout: 60_000 });

const serve = (endpoint = "0", options: FakeOptions = {}) => fakeWithStub(options, endpoint);

/** A client without a protocol: what it hears, and promises of hearing it. */
class Client {
  readonly socket: Socket;
  heard = "";
  ended = false;

  constructor({ endpoint }: GdbServer) {
    this.socket = endpoint.kind === "unix" ? connect(endpoint.path) : connect(endpoint.port, "127.0.0.1");
    this.socket.on("data", (bytes) => {
      this.heard += bytes.toString("latin1");
    });
    this.socket.on("close", () => {
      this.ended = true;
    });
    this.socket.on("error", () => {});
    onTestFinished(() => void this.socket.destroy());
  }

  async until(condition: (client: Client) => boolean): Promise<void> {
    await waitFor(() => condition(this));
  }

  async ask(payload: string): Promise<string | undefined> {
    this.heard = "";
    this.socket.write(packet(payload));
    await this.until(({ heard }) => /#[0-9a-f]{2}$/.test(heard));
    return payloads(this.heard)[0];
  }
}

async function waitFor(condition: () => boolean): Promise<void> {
  const end = Date.now() + 30_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error("waited in vain");
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), "trapframe-gdb-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return directory;
}

describe("endpoints", () => {
  it.each([
    ["1234", "127.0.0.1:1234"],
    [":1234", "127.0.0.1:1234"],
    ["tcp::1234", "127.0.0.1:1234"],
    ["0.0.0.0:0", "0.0.0.0:0"],
    ["tcp:localhost:65535", "localhost:65535"],
    ["[::1]:1234", "[::1]:1234"],
    ["unix:a b/c", "a b/c"],
  ])("%s means %s", (text, place) => {
    expect(formatEndpoint(parseEndpoint(text))).toBe(place);
  });

  it.each(["", "x", "65536", "-1", "1234x", "host:", "unix:", "::1:1234", "[::1]", "a:b:1"])(
    "%j means nothing",
    (text) => {
      expect(() => parseEndpoint(text)).toThrow(expect.objectContaining({ code: "BAD_ENDPOINT" }));
    },
  );
});

it("refuses the path of a unix socket that the system would cut off", () => {
  const longest = process.platform === "linux" ? 107 : 103;
  expect(parseEndpoint(`unix:${"x".repeat(longest)}`)).toMatchObject({ kind: "unix" });
  for (const path of ["x".repeat(longest + 1), "ü".repeat(longest / 2 + 1)]) {
    const message = `${path}: the path of a unix socket has at most ${longest} bytes`;
    expect(() => parseEndpoint(`unix:${path}`)).toThrow(expect.objectContaining({ code: "BAD_ENDPOINT", message }));
  }
});

describe("listening", () => {
  it("tells the port the system chose", async () => {
    const { server, warnings } = await serve("0");
    expect(server.endpoint).toMatchObject({ kind: "tcp", host: "127.0.0.1", port: expect.any(Number) });
    expect(await new Client(server).ask("qC")).toBe("QC1");
    expect(warnings).toEqual([]);
  });

  it("rehearses with itself, unheard, until a debugger comes", async () => {
    const { machine, server } = await serve();
    const before = Buffer.from(machine.ram);
    await waitFor(() => machine.memoryReads > 4);
    expect(machine.standing).toEqual({ vcpu: 0, reason: { kind: "reset" } });
    expect(machine.ram).toEqual(new Uint8Array(before));
    const client = new Client(server);
    expect(await client.ask("Hgp1.1")).toBe("OK");
    // Its conversation has ended: what listens to the machine is the debugger alone, and that one controls.
    await waitFor(() => machine.listeners === 1);
    const reads = machine.memoryReads;
    expect(await client.ask("M40000000,1:55")).toBe("OK");
    expect(machine.memoryReads).toBe(reads);
  });

  it("serves debuggers through sockets of the shape it has rehearsed with", async () => {
    // A socket that is served is resumed when there is room for what it hears; that of a client has no server. The
    // rehearsal's may come to its end behind the client's beginning, and has a property more then.
    const resumed = vi.spyOn(Socket.prototype, "resume");
    onTestFinished(() => resumed.mockRestore());
    const shapes = (): PropertyKey[][] =>
      (resumed.mock.contexts as (Socket & { server: unknown })[])
        .filter(({ server, readableEnded }) => server && !readableEnded)
        .map(Reflect.ownKeys);
    const { machine, server } = await serve();
    await waitFor(() => machine.memoryReads > 4);
    const rehearsed = shapes().at(-1);
    expect(rehearsed).toBeDefined();
    const client = new Client(server);
    expect(await client.ask("qC")).toBe("QC1");
    expect(shapes().at(-1)).toEqual(rehearsed);
  });

  it("warns of an address that others reach", async () => {
    const { warnings } = await serve("0.0.0.0:0");
    expect(warnings).toEqual([expect.stringMatching(/^the GDB stub listens on 0\.0\.0\.0:\d+: anyone/)]);
  });

  it("says that a port is in use", async () => {
    const { server } = await serve();
    const again = serve(formatEndpoint(server.endpoint));
    await expect(again).rejects.toThrow(EndpointError);
    await expect(again).rejects.toMatchObject({ code: "IN_USE", message: expect.stringContaining("is in use") });
  });

  it("says that an address is not ours", async () => {
    await expect(serve("192.0.2.1:0")).rejects.toMatchObject({ code: "NOT_AVAILABLE" });
  });

  it("says that a directory is missing", async () => {
    const directory = join(scratch(), "none");
    await expect(serve(`unix:${directory}/socket`)).rejects.toMatchObject({
      code: "NOT_AVAILABLE",
      message: `cannot listen on ${directory}/socket: there is no directory ${directory}`,
    });
  });

  it("serves a unix socket and removes it", async () => {
    const path = join(scratch(), "gdb");
    const first = await serve(`unix:${path}`);
    expect(await new Client(first.server).ask("qC")).toBe("QC1");
    await expect(serve(`unix:${path}`)).rejects.toMatchObject({ code: "IN_USE" });
    await first.server.close();
    const second = await serve(`unix:${path}`);
    expect(await new Client(second.server).ask("qC")).toBe("QC1");
  });

  it("takes the place of a socket whose owner is gone, and of nothing else", async () => {
    const directory = scratch();
    const stale = join(directory, "stale");
    const owner = `require("net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))`;
    spawnSync(process.execPath, ["-e", owner, stale]);
    expect(existsSync(stale)).toBe(true);
    expect(await new Client((await serve(`unix:${stale}`)).server).ask("qC")).toBe("QC1");
    const file = join(directory, "file");
    writeFileSync(file, "precious");
    for (const other of [file, directory]) {
      const message = `${other} is there already, and is no socket`;
      await expect(serve(`unix:${other}`)).rejects.toMatchObject({ code: "IN_USE", message });
    }
    expect(existsSync(file)).toBe(true);
  });
});

describe("clients", () => {
  it("stop the machine by coming and let it run by going", async () => {
    const { machine, server } = await serve("0", { standing: false });
    const client = new Client(server);
    await waitFor(() => machine.standing !== undefined);
    client.socket.destroy();
    await waitFor(() => machine.standing === undefined);
    expect(machine.listeners).toBe(0);
    const next = new Client(server);
    expect(await next.ask("?")).toMatch(/^T05thread:1;/);
  });

  it("hear of a stop when it comes", async () => {
    const { server } = await serve();
    const client = new Client(server);
    client.socket.write(packet("c"));
    client.socket.write("\x03");
    await client.until(({ heard }) => heard.includes("#"));
    expect(payloads(client.heard)).toEqual([expect.stringMatching(/^T02thread:1;/)]);
  });

  it("beyond the first observe, until they take the place of one that is gone", async () => {
    const { machine, server } = await serve();
    const first = new Client(server);
    expect(await first.ask("qC")).toBe("QC1");
    const second = new Client(server);
    expect(await second.ask("m40000000,4")).toBe("1f2003d5");
    expect(await second.ask("M40000000,1:00")).toBe("E01");
    expect(await second.ask("qRcmd,636f6e74726f6c")).toMatch(/^O616e6f74686572/);
    expect(machine.ram[0]).toBe(0x1f);
    first.socket.destroy();
    await waitFor(() => machine.listeners === 1);
    expect(await second.ask("qRcmd,636f6e74726f6c")).toMatch(/^O7468697320636c69656e7420/);
    expect(await second.ask("M40000000,1:00")).toBe("OK");
    expect(await new Client(server).ask("M40000000,1:00")).toBe("E01");
  });

  it("share the machine over all of its sockets", async () => {
    const { machine, server } = await serve();
    const path = join(scratch(), "gdb");
    const other = await listenForGdb({ target: machine, endpoint: parseEndpoint(`unix:${path}`) });
    onTestFinished(() => other.close());
    expect(await new Client(server).ask("P0=0000000000000000")).toBe("OK");
    expect(await new Client(other).ask("P0=0000000000000000")).toBe("E01");
  });

  it("beyond the observers that there is room for are turned away", async () => {
    const { server } = await serve();
    const clients = Array.from({ length: 17 }, () => new Client(server));
    for (const client of clients) expect(await client.ask("qC")).toBe("QC1");
    const last = new Client(server);
    last.socket.write("+");
    expect(await last.ask("qSupported:swbreak+")).toMatch(/^E\.too many debuggers/);
    await last.until(({ ended }) => ended);
  });

  it("that come back are not taken for a second one", async () => {
    const { machine, server } = await serve();
    const first = new Client(server);
    await first.ask("qC");
    const again = new Client(server);
    again.socket.write(packet("qC"));
    await new Promise((resolve) => setTimeout(resolve, 20));
    first.socket.destroy();
    await again.until(({ heard }) => heard.includes("#"));
    expect(payloads(again.heard)).toEqual(["QC1"]);
    expect(machine.listeners).toBe(1);
    expect(await again.ask("P0=0000000000000000")).toBe("OK");
  });

  it("that are killed in the middle of a packet leave nothing behind, hundreds of times", async () => {
    const { machine, server } = await serve("0", { standing: false });
    for (let n = 1; n <= 200; n++) {
      const client = new Client(server);
      client.socket.write(n % 2 === 0 ? "$m4000" : "$Z0,40000004,4#1");
      await waitFor(() => machine.listeners === 1);
      client.socket.resetAndDestroy();
      await waitFor(() => machine.listeners === 0);
    }
    expect(machine.listeners).toBe(0);
    expect(machine.standing).toBeUndefined();
    expect(await new Client(server).ask("qC")).toBe("QC1");
  });

  it("that detach are let go", async () => {
    const { machine, server } = await serve();
    const client = new Client(server);
    expect(await client.ask("D;1")).toBe("OK");
    await client.until(({ ended }) => ended);
    expect(machine.standing).toBeUndefined();
  });

  it("are dropped when the server closes, and the guest runs on", async () => {
    const { machine, server } = await serve();
    const client = new Client(server);
    await client.ask("qC");
    await server.close();
    await client.until(({ ended }) => ended);
    expect(machine.standing).toBeUndefined();
    expect(machine.listeners).toBe(0);
  });

  it("hear of the machine's end although the server closes at once", async () => {
    const { machine, server } = await serve("0", { code: [Code.HVC] });
    const client = new Client(server);
    await client.ask("qC");
    client.heard = "";
    machine.listen({ stopped: () => void server.close() });
    client.socket.write(packet("c"));
    await client.until(({ ended }) => ended);
    expect(payloads(client.heard)).toEqual(["W00"]);
  });

  it("hear of the machine's end in non-stop mode before the connection ends", async () => {
    const { machine, server } = await serve("0", { vcpus: 1, code: [Code.NOP, Code.HVC] });
    const client = new Client(server);
    await client.ask("QStartNoAckMode");
    expect(await client.ask("QNonStop:1")).toBe("OK");
    expect(await client.ask("?")).toMatch(/^T05/);
    expect(await client.ask("vStopped")).toBe("OK");
    client.heard = "";
    client.socket.write(packet("vCont;c"));
    await client.until(({ heard }) => heard.includes("%Stop:W00"));
    expect(machine.standing?.reason.kind).toBe("exited");
    const closed = server.close();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(client.ended).toBe(false);
    expect(await client.ask("vStopped")).toBe("OK");
    await closed;
    await client.until(({ ended }) => ended);
  });

  it("that read nothing do not keep the server from closing", async () => {
    const { machine, server } = await serve();
    for (let n = 0; n < machine.ram.length; n++) machine.ram[n] = (n * 7919) >> 3;
    const client = new Client(server);
    client.socket.pause();
    client.socket.write(Buffer.concat(Array.from({ length: 200 }, () => packet("m40000000,10000"))));
    await new Promise((resolve) => setTimeout(resolve, 200));
    await server.close();
    expect(machine.listeners).toBe(0);
  });

  it("that ask without reading are not listened to, and lose nothing", async () => {
    const { machine, server } = await serve();
    for (let n = 0; n < machine.ram.length; n++) machine.ram[n] = (n * 7919) >> 3;
    let readings = 0;
    const read = machine.readMemory.bind(machine);
    machine.readMemory = (...range) => {
      readings++;
      return read(...range);
    };
    const questions = 300;
    const client = new Client(server);
    await client.ask("QStartNoAckMode");
    client.heard = "";
    client.socket.pause();
    client.socket.write(Buffer.concat(Array.from({ length: questions }, () => packet("m40000000,10000"))));
    let before = -1;
    while (before !== readings) {
      before = readings;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(readings).toBeLessThan(questions);
    client.socket.resume();
    await waitFor(() => client.heard.split("#").length > questions);
    expect(readings).toBe(questions);
  });
});
