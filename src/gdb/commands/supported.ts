/** `qSupported`: what either side can do (GDB manual, "General Query Packets"). */

import { MAX_PACKET } from "../limits.js";
import type { Session } from "../session.js";
import type { DebugTarget } from "../target.js";
import { tracepointFeatures } from "../tracepoints/index.js";
import { command } from "./command.js";

/** A feature of ours as the reply words it, and when it is in the reply. */
interface Feature {
  readonly text: string;
  /** Only to a client that says the same of itself. */
  readonly mutual?: boolean;
  readonly when?: (session: Session) => boolean;
}

const features: readonly Feature[] = [
  { text: `PacketSize=${MAX_PACKET.toString(16)}` },
  { text: "QStartNoAckMode+" },
  { text: "multiprocess+", mutual: true },
  { text: "QNonStop+" },
  { text: "vContSupported+" },
  { text: "swbreak+", mutual: true },
  { text: "hwbreak+", mutual: true },
  { text: "error-message+", mutual: true },
  { text: "binary-upload+" },
  { text: "ConditionalBreakpoints+", when: ({ target }) => target.agent !== undefined },
  { text: "BreakpointCommands+", when: ({ target }) => target.agent !== undefined },
  ...tracepointFeatures.map((text): Feature => ({ text, when: ({ target }) => target.agent !== undefined })),
  { text: "qXfer:features:read+" },
  { text: "qXfer:threads:read+" },
  { text: "QCatchSyscalls+", when: ({ target }) => target.catchSystemCalls !== undefined },
  { text: "qXfer:exec-file:read+", when: ({ target }) => target.execFile !== undefined },
  { text: "qXfer:osdata:read+", when: ({ target }) => target.osTables !== undefined },
  { text: "QPassSignals+" },
  { text: "QThreadEvents+" },
  { text: "qEcho+", when: ({ saysItIsGdb }) => !saysItIsGdb },
  { text: "qXfer:memory-map:read+", when: ({ target }) => target.memoryMap !== undefined },
];

/** What a client has been told in answer to what it said of itself. */
interface Told {
  readonly said: string;
  readonly clientFeatures: ReadonlySet<string>;
  readonly reply: string;
}

/** The last answer, by target: every GDB of a version says the same of itself, and waits for this first of all answers. */
const told = new WeakMap<DebugTarget, Told>();

function tell(session: Session, said: string): Told {
  const offered = said.split(";");
  session.clientFeatures = new Set(offered);
  const reply = features
    .filter(({ text, mutual, when }) => (!mutual || offered.includes(text)) && (when?.(session) ?? true))
    .map(({ text }) => text)
    .join(";");
  return { said, clientFeatures: session.clientFeatures, reply };
}

export const qSupported = command({
  name: "qSupported",
  observers: true,
  always: true,
  parse: (args) => (args.accept(":") ? args.rest() : undefined),
  handle(session, list) {
    // Without a list, as a person sends it (`maintenance packet`), it asks, and takes back nothing that was said.
    const said = list ?? [...session.clientFeatures].join(";");
    const before = told.get(session.target);
    const now = before?.said === said ? before : tell(session, said);
    if (now !== before) told.set(session.target, now);
    session.clientFeatures = now.clientFeatures;
    return now.reply;
  },
});
