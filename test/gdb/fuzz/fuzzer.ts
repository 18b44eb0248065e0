/**
 * A fuzzer of the stub: packets of real sessions (sessions.txt), mutated, out of order, cut into segments anywhere, with
 * rubbish between them and clients that go in the middle. Whatever comes, every reply is a frame, nothing of ours fails,
 * and the next client is served. A seed repeats a run.
 */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Clients } from "../../../src/gdb/clients.js";
import { checksum } from "../../../src/gdb/packet/frame.js";
import { decodeRuns } from "../../../src/gdb/packet/run-length.js";
import type { Session } from "../../../src/gdb/session.js";
import type { DebugTarget } from "../../../src/gdb/target.js";
import { packet } from "../wire.js";

/** The machine under fuzz. */
export interface Subject {
  readonly target: DebugTarget;
  /** Lets it run for a moment. */
  turn(): Promise<void> | void;
  /** Whether it has ended, so that another is wanted. */
  readonly over: boolean;
  /** The packet as it makes sense to this machine. */
  adapt(payload: string): string;
}

/** Uniform numbers in [0, 1), the same for the same seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const SESSIONS: readonly (readonly string[])[] = readFileSync(
  fileURLToPath(new URL("./sessions.txt", import.meta.url)),
  "latin1",
)
  .split("\n\n")
  .map((block) => block.split("\n").filter((line) => line !== "" && !line.startsWith("# ")))
  .filter((packets) => packets.length > 0);

/** What stands between packets, whole or in parts. */
const RUBBISH = [
  "+",
  "-",
  "\x03",
  "$",
  "#",
  "}",
  "%",
  "$#00",
  "$g#00",
  "%Stop:T05#00",
  "\x00",
  "\xff",
  "++++",
  "$$$",
  "*~",
];

/** Numbers that programs get wrong. */
const NUMBERS = [
  "0",
  "1",
  "ffffffffffffffff",
  "7fffffffffffffff",
  "8000000000000000",
  "10000000000000000",
  "-1",
  "fff",
];

/** Ends of the machine are rare, or nothing else would be tested. */
const DEADLY = /^(k|vKill)/;

/** Longer than a session takes. */
const PATIENCE_MS = 10_000;

class Client {
  readonly transport = {
    congested: false,
    send: (bytes: Uint8Array) => void this.sent.push(Buffer.from(bytes)),
    end: () => {
      this.ended = true;
    },
    defect: (error: unknown) => {
      throw new Error("the stub failed", { cause: error });
    },
  };
  ended = false;
  session: Session | undefined;
  private sent: Buffer[] = [];

  /** What has come, every frame of it checked. */
  take(): void {
    if (this.sent.length === 0) return;
    checkFrames(Buffer.concat(this.sent));
    this.sent = [];
  }
}

/** Throws for what is neither acknowledgment nor packet nor notification, and for a wrong checksum or run. */
function checkFrames(bytes: Buffer): void {
  let at = 0;
  while (at < bytes.length) {
    const mark = bytes[at];
    if (mark === 0x2b || mark === 0x2d) {
      at++;
      continue;
    }
    const end = bytes.indexOf(0x23, at);
    const body = bytes.subarray(at + 1, end);
    const sum = Number.parseInt(bytes.toString("latin1", end + 1, end + 3), 16);
    if ((mark !== 0x24 && mark !== 0x25) || end < 0 || sum !== checksum(body) || decodeRuns(body) === undefined) {
      throw new Error(`no frame: ${bytes.toString("latin1", at, at + 80)}`);
    }
    at = end + 3;
  }
}

export class Fuzzer {
  /** Packets sent, and sessions begun. */
  packets = 0;
  sessions = 0;
  /** Sessions in which a second client has looked on. */
  observed = 0;
  /** The last bytes sent, for the report of a failure. */
  readonly last: string[] = [];
  private readonly random: () => number;

  constructor(
    seed: number,
    private readonly make: () => Promise<Subject> | Subject,
  ) {
    this.random = randomNumbers(seed);
  }

  private below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  private chance(one: number): boolean {
    return this.below(one) === 0;
  }

  private pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)] as Item;
  }

  /** Plays sessions until so many packets have been sent. */
  async run(packets: number): Promise<void> {
    let subject = await this.make();
    while (this.packets < packets) {
      await this.session(subject);
      if (subject.over) subject = await this.make();
      else await this.serves(subject);
    }
  }

  /** One client from coming to going, a second one looking on now and then. */
  private async session(subject: Subject): Promise<void> {
    this.sessions++;
    const clients = Clients.of(subject.target);
    const client = this.join(clients);
    // A session is over long before a newcomer that waits for its end would observe; some wait all the same.
    clients.patience = this.chance(4) ? PATIENCE_MS : 0;
    const second = this.chance(4) ? this.join(clients) : undefined;
    if (second?.session !== undefined) this.observed++;
    const script = this.pick(SESSIONS);
    const end = 5 + this.below(script.length);
    for (let n = 0; n < end && !subject.over && !client.ended; n++) {
      const payload = subject.adapt(this.chance(5) ? this.pick(this.pick(SESSIONS)) : (script[n] ?? "?"));
      if (DEADLY.test(payload) && !this.chance(50)) continue;
      await this.send(subject, second !== undefined && this.chance(3) ? second : client, this.frame(payload));
    }
    for (const one of [client, second]) {
      if (one?.session !== undefined) clients.leave(one.session);
      one?.take();
    }
  }

  private join(clients: Clients): Client {
    const client = new Client();
    clients.apply({
      transport: client.transport,
      seated: (session) => {
        client.session = session;
      },
      refused: () => {
        client.ended = true;
      },
    });
    return client;
  }

  private async send(subject: Subject, client: Client, bytes: Uint8Array): Promise<void> {
    this.packets++;
    this.last.push(Buffer.from(bytes).toString("latin1"));
    if (this.last.length > 40) this.last.shift();
    for (let at = 0; at < bytes.length; ) {
      const length = this.chance(3) ? 1 + this.below(8) : bytes.length;
      client.session?.receive(bytes.subarray(at, at + length));
      at += length;
      if (this.chance(8)) await subject.turn();
    }
    await subject.turn();
    client.take();
    // What runs for long is interrupted, as a person would.
    if (subject.target.standing === undefined && this.chance(3)) {
      client.session?.receive(Uint8Array.of(3));
      await subject.turn();
      client.take();
    }
  }

  private frame(payload: string): Uint8Array {
    const bytes = packet(Buffer.from(this.chance(2) ? this.mutate(payload) : payload, "latin1"));
    if (this.chance(30)) return bytes.subarray(0, this.below(bytes.length));
    if (this.chance(30)) return Buffer.concat([bytes, bytes]);
    if (this.chance(10)) return Buffer.concat([Buffer.from(this.pick(RUBBISH), "latin1"), bytes]);
    return bytes;
  }

  private mutate(payload: string): string {
    let text = payload;
    for (let n = 1 + this.below(3); n > 0; n--) {
      const at = this.below(text.length + 1);
      switch (this.below(6)) {
        case 0:
          text = text.slice(0, at) + String.fromCharCode(this.below(256)) + text.slice(at + 1);
          break;
        case 1:
          text = text.slice(0, at) + String.fromCharCode(this.below(256)) + text.slice(at);
          break;
        case 2:
          text = text.slice(0, at) + text.slice(at + 1 + this.below(4));
          break;
        case 3:
          text = text.replace(/[0-9a-f]{2,}/, this.pick(NUMBERS));
          break;
        case 4:
          text = text.slice(0, at);
          break;
        default:
          text += this.pick([";", ",", ":", "0", "ff", this.pick(this.pick(SESSIONS)), "A".repeat(this.below(2000))]);
      }
    }
    return text;
  }

  /** The next client is served: the machine stops for it and shows a register. */
  private async serves(subject: Subject): Promise<void> {
    const clients = Clients.of(subject.target);
    const client = this.join(clients);
    const heard: Buffer[] = [];
    client.transport.send = (bytes) => void heard.push(Buffer.from(bytes));
    client.session?.receive(packet("p20"));
    for (let n = 0; n < 1000 && !Buffer.concat(heard).includes("#"); n++) await subject.turn();
    const reply = Buffer.concat(heard).toString("latin1");
    if (!/^\+\$[0-9a-f][^#E]{2,15}#[0-9a-f]{2}$/.test(reply))
      throw new Error(`a new client was told ${reply || "nothing"}`);
    if (client.session !== undefined) clients.leave(client.session);
  }
}
