/**
 * What a debugger asks when it attaches, asked by the stub itself over a connection of its own, again and again, so
 * that the first debugger that comes finds the code compiled, from the socket to the registers, and is at its prompt
 * sooner. The client only looks: it controls a machine that stands, which goes on standing when it leaves, and
 * observes one that runs.
 */

import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { SOCKETS } from "./endpoint.js";
import { checksum } from "./packet/frame.js";
import { hexByte } from "./packet/hex.js";
import type { DebugTarget } from "./target.js";

/** As GDB 13 begins. */
export const ATTACHMENT = [
  "qSupported:multiprocess+;swbreak+;hwbreak+;qRelocInsn+;fork-events+;vfork-events+;exec-events+;vContSupported+;" +
    "QThreadEvents+;no-resumed+;memory-tagging+;xmlRegisters=i386",
  ...["vMustReplyEmpty", "QStartNoAckMode", "Hgp0.0", "qTStatus", "qTfV", "qTsV", "?"],
  ...[
    "qXfer:threads:read::0,1000",
    "qAttached:1",
    "qXfer:exec-file:read:1:0,1000",
    "Hc-1",
    "qOffsets",
    "qXfer:memory-map:read::0,1000",
    "g",
    "p0",
  ],
  ...["qSymbol::", "qTfP", "vCont?", "QNonStop:0"],
  // The description in pieces.
  ...Array.from({ length: 6 }, (_, piece) => `qXfer:features:read:target.xml:${(piece * 0x1000).toString(16)},1000`),
];
/** Memory, where nothing runs meanwhile: looking it up leaves traces in what a vCPU keeps for itself. */
const OF_STANDING = ["m40080000,4", "m40080000,40"];

/**
 * A question whose answer is of another length in each round. Node.js gives small buffers out of a block, and where
 * all rounds are alike V8 may never see a block come to its end while it makes a packet, and throws its code away when
 * one does.
 */
const unlikeOthers = (round: number): string => `qXfer:features:read:target.xml:0,${(8 * round + 1).toString(16)}`;

/** How often all of it is asked. A machine that runs has better things to do. */
const ROUNDS = { standing: 300, running: 2 } as const;

const ANSWER = /\$[^#]*#[0-9a-f]{2}$/;
/** From which question on answers are not acknowledged any more. */
const NO_ACKS = ATTACHMENT.indexOf("QStartNoAckMode") + 1;

/** As a client sends it, who never run-length encodes. */
function frame(question: string): string {
  return `$${question}#${hexByte(checksum(Buffer.from(question)))}`;
}

/** Machines that have been rehearsed with: one that listens at several places is one all the same. */
const rehearsed = new WeakSet<DebugTarget>();

/** `serve` takes the stub's end of a connection. It goes on while `alone` says that nobody else has come. */
export async function rehearse(
  target: DebugTarget,
  serve: (socket: Socket) => void,
  alone: () => boolean,
): Promise<void> {
  if (rehearsed.has(target)) return;
  rehearsed.add(target);
  // V8 makes code for sockets that are set as these are, and would make it anew for others.
  const stage = createServer(SOCKETS);
  try {
    await new Promise<void>((resolve, reject) => stage.once("error", reject).listen(0, "127.0.0.1", resolve));
    const standing = target.standing !== undefined;
    const rounds = ROUNDS[standing ? "standing" : "running"];
    for (let round = 0; round < rounds && alone(); round++) {
      const questions = [...ATTACHMENT, ...(standing ? OF_STANDING : []), unlikeOthers(round)];
      await converse(callStage(stage, serve), questions, alone);
    }
  } catch {
    // Without sockets of its own the stub is as good as with them.
  } finally {
    stage.close();
  }
}

/** A connection whose other end is given to `serve`. */
function callStage(stage: Server, serve: (socket: Socket) => void): Socket {
  const { port } = stage.address() as AddressInfo;
  const client = connect({ port, host: "127.0.0.1", noDelay: true });
  stage.removeAllListeners("connection").on("connection", (socket) => {
    // Whoever else may have found this port is not served.
    if (socket.remotePort === client.localPort) serve(socket);
    else socket.destroy();
  });
  return client.unref();
}

/** Asks one question after the other, as long as `alone`, and hangs up. */
export function converse(client: Socket, questions: readonly string[], alone = (): boolean => true): Promise<void> {
  return new Promise((resolve) => {
    let next = 0;
    let heard = "";
    const ask = (): void => {
      if (heard !== "" && next <= NO_ACKS) client.write("+");
      const question = alone() ? questions[next++] : undefined;
      heard = "";
      if (question === undefined) client.destroy();
      else client.write(frame(question));
    };
    client.setEncoding("latin1");
    client.on("connect", ask);
    client.on("data", (text) => {
      heard += text;
      if (ANSWER.test(heard)) ask();
    });
    client.on("error", () => {});
    client.on("close", () => resolve());
  });
}
