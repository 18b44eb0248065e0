/**
 * What a debugger asks when it attaches, played once to nobody, so that the first that comes finds the code compiled
 * and is at its prompt tens of milliseconds sooner. It only looks: as an observer, through the same door.
 */

import { encodePacket } from "./packet/frame.js";
import { Session } from "./session.js";
import type { DebugTarget } from "./target.js";

/** As GDB 13 begins. */
const QUESTIONS = [
  "qSupported:multiprocess+;swbreak+;hwbreak+;qRelocInsn+;fork-events+;vfork-events+;exec-events+;vContSupported+;" +
    "QThreadEvents+;no-resumed+;memory-tagging+;xmlRegisters=i386",
  ...["vMustReplyEmpty", "QStartNoAckMode", "QProgramSignals:0;1;3", "Hgp0.0", "qTStatus", "qTfV", "qTsV", "?"],
  ...["qXfer:threads:read::0,1000", "qAttached:1", "Hc-1", "qOffsets", "qXfer:memory-map:read::0,1000", "g", "p0"],
  ...["qSymbol::", "qTfP", "vCont?", "qXfer:features:read:target.xml:0,1000"],
];
/** Pieces of a description that are asked for at most. */
const PIECES = 16;

export function rehearse(target: DebugTarget): void {
  const session = new Session(target, { send() {}, congested: false, end() {} }, { observer: true });
  const ask = (question: string): void => void session.receive(encodePacket(question));
  for (const question of QUESTIONS) ask(question);
  for (const { name } of target.features) {
    const annex = `aarch64-${name.slice(name.lastIndexOf(".") + 1)}.xml`;
    for (let piece = 0; piece < PIECES; piece++) {
      ask(`qXfer:features:read:${annex}:${(piece * 0x1000).toString(16)},1000`);
    }
  }
  session.close();
}
