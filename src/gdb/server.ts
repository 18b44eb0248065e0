/**
 * The stub's sockets: TCP or a unix socket. All of the protocol is in `session.ts`, who controls is in `clients.ts`; this
 * is the only file that knows of connections.
 */

import { lstat, stat, unlink } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { dirname } from "node:path";
import { type Applicant, Clients } from "./clients.js";
import { type Endpoint, EndpointError, formatEndpoint, isLocal, SOCKETS } from "./endpoint.js";
import { MAX_UNSENT } from "./limits.js";
import { ACK, encodePacket } from "./packet/frame.js";
import { PacketParser } from "./packet/parser.js";
import { rehearse } from "./rehearsal.js";
import type { Session, Transport } from "./session.js";
import type { DebugTarget } from "./target.js";
import { stayAwake } from "./wakefulness.js";

/** Until then the machine has other things to do, a boot above all; a debugger that comes sooner is served as it is. */
const REHEARSAL_MS = { standing: 0, running: 5_000 } as const;

/** How long a client that is turned away may take to say something, or to hang up. */
const PATIENCE_MS = 5_000;

/** What a closing server allows clients to read their last packets in. */
const CLOSING_MS = 1_000;

/**
 * What a client in non-stop mode is left after it has acknowledged the last event, the machine's end. A GDB that has not
 * dealt with it yet takes the end of the connection for an error.
 */
const FAREWELL_MS = 200;

/** The longest packet, in bytes, that is looked at before turning a client away. */
const REFUSED_PACKET = 1024;

const NOTHING = new Uint8Array(0);

export interface GdbServerOptions {
  readonly target: DebugTarget;
  readonly endpoint: Endpoint;
  /** Something the user should know: one line, no newline. */
  readonly warn?: (text: string) => void;
}

/**
 * Listens for debuggers. The port of the result's `endpoint` is the one the system chose if 0 was asked for.
 * Throws `EndpointError` if it cannot.
 */
export async function listenForGdb(options: GdbServerOptions): Promise<GdbServer> {
  const { endpoint, warn } = options;
  if (endpoint.kind === "unix") await makeWay(endpoint.path);
  const server = createServer(SOCKETS);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(explain(error, endpoint)));
    server.listen(
      endpoint.kind === "unix" ? { path: endpoint.path } : { host: endpoint.host, port: endpoint.port },
      resolve,
    );
  });
  const bound = endpoint.kind === "unix" ? endpoint : { ...endpoint, port: (server.address() as AddressInfo).port };
  if (!isLocal(bound)) {
    warn?.(`the GDB stub listens on ${formatEndpoint(bound)}: anyone who reaches it controls the machine`);
  }
  return new GdbServer(server, bound, options);
}

export class GdbServer {
  readonly #server: Server;
  readonly #options: GdbServerOptions;
  /** Clients' connections, with their sessions where they have one. */
  readonly #sockets = new Map<Socket, Session | undefined>();
  readonly #rehearsal: NodeJS.Timeout;

  /** Use `listenForGdb`. */
  constructor(
    server: Server,
    /** Where it listens. */
    readonly endpoint: Endpoint,
    options: GdbServerOptions,
  ) {
    this.#server = server;
    this.#options = options;
    const { target } = options;
    const alone = (): boolean => server.listening && Clients.of(target).none;
    const pause = REHEARSAL_MS[target.standing === undefined ? "running" : "standing"];
    this.#rehearsal = setTimeout(() => rehearse(target, (socket) => this.#serve(socket, true), alone), pause).unref();
    server.on("connection", (socket) => this.#connected(socket));
    server.on("error", (error) => options.warn?.(`the GDB stub cannot accept connections: ${error.message}`));
  }

  /** Stops listening and drops the client, after what it was sent, such as the machine's end; the guest runs on. */
  async close(): Promise<void> {
    clearTimeout(this.#rehearsal);
    const closed = [new Promise<unknown>((resolve) => this.#server.close(resolve))];
    for (const [socket, session] of this.#sockets) {
      closed.push(new Promise((resolve) => socket.on("close", resolve)));
      const told = session?.allTold();
      if (told === undefined) socket.destroySoon();
      else void told.then(() => setTimeout(() => socket.destroySoon(), FAREWELL_MS));
    }
    const patience = setTimeout(() => {
      for (const socket of this.#sockets.keys()) socket.destroy();
    }, CLOSING_MS);
    await Promise.all(closed);
    clearTimeout(patience);
  }

  #connected(socket: Socket): void {
    // A rehearsal asks its sockets for it, which leaves a property: V8 throws away code for sockets of another shape.
    void socket.remotePort;
    this.#sockets.set(socket, undefined);
    this.#serve(socket);
  }

  /** A client's connection, or one of our own that nobody is to hear of (rehearsal.ts). */
  #serve(socket: Socket, own = false): void {
    const { target, warn } = this.#options;
    const clients = Clients.of(target);
    let session: Session | undefined;
    let open = true;
    const leave = (): void => {
      this.#sockets.delete(socket);
      if (!open) return;
      open = false;
      withdraw();
      if (session !== undefined) clients.leave(session);
    };
    let resumptions = 0;
    let untaken = NOTHING;
    const pump = (): void => {
      if (session !== undefined || !open) {
        const taken = session !== undefined && open ? session.receive(untaken) : untaken.length;
        untaken = taken === untaken.length ? NOTHING : untaken.subarray(taken);
      }
      if (untaken.length > 0) socket.pause();
      else socket.resume();
    };
    socket.on("data", (bytes) => {
      untaken = bytes;
      pump();
      if (session === undefined || session.resumptions === 0) return;
      stayAwake(session.resumptions !== resumptions);
      resumptions = session.resumptions;
    });
    socket.on("drain", pump);
    // A connection that breaks also closes: that is where it is dealt with.
    socket.on("error", () => {});
    socket.on("close", leave);

    const transport = new SocketTransport(socket, leave, warn);
    const applicant: Applicant = {
      transport,
      seated: (seat) => {
        session = seat;
        if (!own) this.#sockets.set(socket, seat);
        pump();
      },
      refused: () => {
        open = false;
        refuse(socket, untaken);
      },
    };
    const withdraw = clients.apply(applicant, own);
  }
}

/** A class, because V8 would take objects made at each connection for objects of different shapes. */
class SocketTransport implements Transport {
  constructor(
    private readonly socket: Socket,
    private readonly ended: () => void,
    private readonly warning: GdbServerOptions["warn"],
  ) {}

  send(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  get congested(): boolean {
    return this.socket.writableLength > MAX_UNSENT;
  }

  end(): void {
    finish(this.socket);
    this.ended();
  }

  warn(text: string): void {
    this.warning?.(text);
  }

  defect(error: unknown): void {
    this.warn(`the GDB stub failed on a packet: ${error instanceof Error ? error.stack : error}`);
  }
}

/** There is no place: the client is told so in answer to its first packet, which GDB shows, and is let go. */
function refuse(socket: Socket, untaken: Uint8Array): void {
  const patience = setTimeout(() => socket.destroy(), PATIENCE_MS);
  socket.on("close", () => clearTimeout(patience));
  socket.removeAllListeners("data");
  const parser = new PacketParser(REFUSED_PACKET);
  const hear = (bytes: Uint8Array): void => {
    if (!socket.writable) return;
    for (const byte of bytes) {
      const event = parser.push(byte);
      if (event?.kind !== "packet" && event?.kind !== "oversize") continue;
      socket.write(ACK);
      socket.write(encodePacket("E.too many debuggers observe this machine; let one of them go first"));
      finish(socket);
      return;
    }
  };
  hear(untaken);
  socket.on("data", hear);
  socket.resume();
}

/** Ends our side once all is sent, and the connection if the client does not. */
function finish(socket: Socket): void {
  socket.end();
  const patience = setTimeout(() => socket.destroy(), PATIENCE_MS);
  socket.on("close", () => clearTimeout(patience));
}

/** A socket file whose owner is gone would stand in the way. Anything else at that path is left alone. */
async function makeWay(path: string): Promise<void> {
  const directory = dirname(path);
  // Listening would say that it is not permitted.
  const missing = await stat(directory).then(
    (found) => !found.isDirectory(),
    ({ code }: NodeJS.ErrnoException) => code === "ENOENT" || code === "ENOTDIR",
  );
  if (missing) {
    throw new EndpointError("NOT_AVAILABLE", `cannot listen on ${path}: there is no directory ${directory}`);
  }
  const there = await lstat(path).catch(() => undefined);
  if (there === undefined) return;
  if (!there.isSocket()) throw new EndpointError("IN_USE", `${path} is there already, and is no socket`);
  const answered = await new Promise<boolean>((resolve) => {
    const probe = connect(path, () => resolve(true)).on("error", () => resolve(false));
    probe.on("connect", () => probe.destroy());
  });
  if (!answered) await unlink(path);
}

function explain(error: NodeJS.ErrnoException, endpoint: Endpoint): EndpointError {
  const place = formatEndpoint(endpoint);
  switch (error.code) {
    case "EADDRINUSE":
      return new EndpointError(
        "IN_USE",
        `${place} is in use: choose another ${endpoint.kind === "unix" ? "path" : "port, or 0 for a free one"}`,
      );
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return new EndpointError("NOT_AVAILABLE", `${place} is no address of this host (${error.code})`);
    case "EACCES":
    case "EPERM":
      return new EndpointError("NOT_PERMITTED", `not permitted to listen on ${place} (${error.code})`);
    default:
      return new EndpointError("FAILED", `cannot listen on ${place}: ${error.message}`);
  }
}
