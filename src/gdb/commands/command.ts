/**
 * What a packet is to the stub: a row with a name, a parser into a typed value, and a handler. Adding a packet is one
 * such row in `index.ts`.
 */

import type { Arguments } from "../packet/arguments.js";
import type { HexBytes } from "../packet/hex-packet.js";
import type { Session } from "../session.js";
import { Errno, TargetError } from "../target.js";

/**
 * A reply: text or binary data to frame, bytes to be written in hexadecimal, an error, or `undefined` when none is due now (the stop reply of a
 * resumption comes when the machine stops). The empty string says "no such packet".
 */
export type Reply = string | Uint8Array | HexBytes | TargetError | undefined;

export const OK = "OK";
export const UNSUPPORTED = "";

/** A row of the command table. */
export interface Command {
  /** The packet's name: letters up to the first separator for q, Q, v and j packets, else its one character. */
  readonly name: string;
  /** Served although the machine runs or this client has detached; other packets wait for the stop. */
  readonly always: boolean;
  /** Served to a client that has detached or killed, too: it is about the machine, whoever runs it. */
  readonly unattached: boolean;
  /** Changes nothing of the machine: a client that only observes may send it. */
  readonly observers: boolean;
  /** Whether GDB of any version shows the words of an error to it. */
  readonly words: boolean;
  /** Parses the arguments, all of them, and acts. Throws `MalformedPacket` before anything has been done. */
  run(args: Arguments, session: Session): Reply;
}

/** Makes a row. Arguments that `parse` leaves are an error of the client's. */
export function command<Value>(row: {
  name: string;
  always?: boolean;
  unattached?: boolean;
  observers?: boolean;
  words?: boolean;
  parse: (args: Arguments) => Value;
  handle: (session: Session, value: Value) => Reply;
}): Command {
  return {
    name: row.name,
    always: row.always ?? false,
    unattached: row.unattached ?? false,
    observers: row.observers ?? false,
    words: row.words ?? false,
    run(args, session) {
      const value = row.parse(args);
      args.end();
      return row.handle(session, value);
    },
  };
}

export const notAttached = new TargetError(
  Errno.ESRCH,
  "not attached: the machine runs on its own; use vAttach;1 or vRun",
);

/** For packets without arguments. */
export function nothing(): undefined {
  return undefined;
}

/** A refusal of the client's request, for want of sense in it. */
export function invalid(text: string): TargetError {
  return new TargetError(Errno.EINVAL, text);
}
