/** `--serial tcp:[HOST:]PORT`: listens there; whoever connects last has the console, as with a terminal server. */
import { createServer, type Server, type Socket } from "node:net";
import { ConfigError, systemReason } from "../../machine/errors.js";
import type { SerialBackend } from "./backend.js";
import { ByteBatch } from "./batch.js";

/** What is kept for the first one to connect. */
const BACKLOG = 64 * 1024;
/** A client that does not read must not make this process grow: past this much unsent, output is dropped. */
const MAX_UNSENT = 1024 * 1024;

export class TcpSerial implements SerialBackend {
  private readonly batch = new ByteBatch((bytes) => this.send(bytes));
  private backlog = Buffer.alloc(0);
  private client: Socket | undefined;
  private listener: ((bytes: Uint8Array) => void) | undefined;

  private constructor(private readonly server: Server) {
    server.on("connection", (socket) => this.accept(socket));
  }

  /**
   * @param port 0 for any free one; `address` says which it is.
   * @throws ConfigError ADDRESS_IN_USE
   */
  static async listen(host: string, port: number): Promise<TcpSerial> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) => {
        reject(new ConfigError("ADDRESS_IN_USE", `--serial tcp:${host}:${port}: ${systemReason(error)}`));
      });
      server.listen(port, host, resolve);
    });
    return new TcpSerial(server);
  }

  get address(): { host: string; port: number } {
    const bound = this.server.address();
    return typeof bound === "object" && bound ? { host: bound.address, port: bound.port } : { host: "", port: 0 };
  }

  transmit(byte: number): void {
    this.batch.push(byte);
  }

  onReceive(listener: (bytes: Uint8Array) => void): void {
    this.listener = listener;
  }

  async close(): Promise<void> {
    this.batch.flush();
    const { client, server } = this;
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      client?.end();
      // A client that never closes its side does not hold the process up.
      setTimeout(() => client?.destroy(), 200).unref();
    });
  }

  private accept(socket: Socket): void {
    this.client?.destroy();
    this.client = socket;
    socket.setNoDelay(true);
    socket.on("data", (bytes) => this.listener?.(bytes));
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      if (this.client === socket) {
        this.client = undefined;
      }
    });
    socket.write(this.backlog);
    this.backlog = Buffer.alloc(0);
  }

  private send(bytes: Buffer): void {
    if (this.client) {
      if (this.client.writableLength < MAX_UNSENT) {
        this.client.write(bytes);
      }
    } else {
      this.backlog = Buffer.concat([this.backlog, bytes]).subarray(-BACKLOG);
    }
  }
}
