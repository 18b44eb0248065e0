/**
 * The UART on standard input and output. On a terminal the keyboard is the guest's whole, Ctrl-C included, with Ctrl-A
 * as the escape; otherwise bytes pass untouched. The terminal is put back however the process ends.
 */
import type { ReadStream, WriteStream } from "node:tty";
import type { SerialBackend } from "./backend.js";
import { ByteBatch } from "./batch.js";
import { ESCAPE_HELP, EscapeFilter } from "./escape.js";

/** The process's own streams, or a test's. */
export interface StdioStreams {
  readonly stdin: NodeJS.ReadableStream & Partial<Pick<ReadStream, "isTTY" | "setRawMode">>;
  readonly stdout: NodeJS.WritableStream & Partial<Pick<WriteStream, "isTTY">>;
  readonly stderr: NodeJS.WritableStream;
}

export interface StdioEvents {
  /** Ctrl-A x. */
  onQuit(): void;
  /** Ctrl-A p. */
  onPowerKey(): void;
  /** Nobody reads standard output any more. */
  onHangUp(): void;
}

export class StdioSerial implements SerialBackend {
  private readonly batch: ByteBatch;
  private readonly undo: (() => void)[] = [];
  private hungUp = false;

  constructor(
    private readonly streams: StdioStreams,
    private readonly events: StdioEvents,
  ) {
    const { stdout } = streams;
    this.batch = new ByteBatch((bytes) => {
      if (!this.hungUp) {
        stdout.write(bytes);
      }
    });
    this.listen(stdout, "error", () => {
      if (!this.hungUp) {
        this.hungUp = true;
        this.events.onHangUp();
      }
    });
  }

  transmit(byte: number): void {
    this.batch.push(byte);
  }

  onReceive(listener: (bytes: Uint8Array) => void): void {
    const { stdin, stderr } = this.streams;
    const keys = new EscapeFilter((command) => {
      if (command === "quit") {
        this.events.onQuit();
      } else if (command === "power") {
        this.events.onPowerKey();
      } else {
        stderr.write(`\r\n${ESCAPE_HELP.join("\r\n")}\r\n`);
      }
    });
    const onTerminal = this.enterRawMode();
    this.listen(stdin, "data", (bytes: Uint8Array) => {
      const forGuest = onTerminal ? keys.filter(bytes) : bytes;
      if (forGuest.length > 0) {
        listener(forGuest);
      }
    });
    // Standard input may be a directory, or a terminal this process may not read: then there is no input.
    this.listen(stdin, "error", () => {});
    stdin.resume();
  }

  onEnd(listener: () => void): void {
    this.listen(this.streams.stdin, "end", listener);
  }

  async close(): Promise<void> {
    this.batch.flush();
    await new Promise<void>((resolve) => {
      // On a stream that has failed the callback comes with the error.
      this.streams.stdout.write("", () => resolve());
    });
    for (const undo of this.undo.splice(0).reverse()) {
      undo();
    }
    this.streams.stdin.pause();
  }

  private enterRawMode(): boolean {
    const { stdin } = this.streams;
    if (!stdin.isTTY || !stdin.setRawMode) {
      return false;
    }
    const setRaw = (raw: boolean) => stdin.setRawMode!(raw);
    const restore = () => setRaw(false);
    setRaw(true);
    // `exit` also follows an uncaught exception and process.exit; signals are the command's to turn into one.
    process.once("exit", restore);
    // After a stop and `fg` the shell has set its own modes.
    const resume = () => setRaw(true);
    process.on("SIGCONT", resume);
    this.undo.push(() => {
      process.off("exit", restore);
      process.off("SIGCONT", resume);
      restore();
    });
    return true;
  }

  private listen<T>(emitter: NodeJS.EventEmitter, event: string, listener: (value: T) => void): void {
    emitter.on(event, listener);
    // A write that fails after the end is nobody's business any more, but must not be an uncaught error.
    if (event !== "error") {
      this.undo.push(() => emitter.off(event, listener));
    }
  }
}
