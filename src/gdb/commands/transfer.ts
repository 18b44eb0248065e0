/** `qXfer:OBJECT:read:ANNEX:OFFSET,LENGTH`: documents in pieces (GDB manual, "General Query Packets"). */

import { compactDescription, descriptionFile, memoryMap, osData, threadList } from "../description/xml.js";
import { MAX_PACKET } from "../limits.js";
import type { Session } from "../session.js";
import { frameInfo, selectedFrame } from "../tracepoints/index.js";
import { command, invalid, notAttached, type Reply, UNSUPPORTED } from "./command.js";

/** An object: its document for an annex; undefined if there is no such annex. */
type Document = (session: Session, annex: string) => string | Buffer | undefined;

const objects = new Map<string, Document>([
  ["features", features],
  [
    "threads",
    (session, annex) =>
      plain(
        annex,
        threadList(session.target.vcpus(), (id) => session.threadId(id)),
      ),
  ],
  ["traceframe-info", (session, annex) => plain(annex, traceFrameInfo(session))],
  // The annex is the process, of which there is one.
  ["exec-file", ({ target }) => target.execFile?.path],
  ["osdata", ({ target }, annex) => target.osTables && osData(target.osTables(), annex)],
  ["memory-map", ({ target }, annex) => plain(annex, target.memoryMap && memoryMap(target.memoryMap()))],
]);

/** Other clients may have readers of their own for the XML, and get the plain form of it. */
function features({ isGdb, target }: Session, annex: string): string | Buffer | undefined {
  return isGdb && annex === "target.xml"
    ? compactDescription(target.features)
    : descriptionFile(target.features, annex);
}

/** What of the selected trace frame can be read. */
function traceFrameInfo(session: Session): string | undefined {
  const frame = selectedFrame(session);
  return frame && frameInfo(frame);
}

interface Reading {
  readonly object: string;
  readonly annex: string;
  readonly bytes: Buffer;
}

/** What each client is reading: later pieces are of the document whose first piece it has, whatever has changed since. */
const readings = new WeakMap<Session, Reading>();

function documentFor(session: Session, object: string, annex: string, offset: number): Buffer | undefined {
  const known = readings.get(session);
  if (offset > 0 && known?.object === object && known.annex === annex) return known.bytes;
  const document = objects.get(object)?.(session, annex);
  if (document === undefined) return undefined;
  const bytes = typeof document === "string" ? Buffer.from(document) : document;
  readings.set(session, { object, annex, bytes });
  return bytes;
}

/** For objects that have no annexes. */
function plain(annex: string, document: string | undefined): string | undefined {
  return annex === "" ? document : undefined;
}

export const qXfer = command({
  name: "qXfer",
  unattached: true,
  observers: true,
  parse(args) {
    args.expect(":");
    const object = args.until(":");
    args.expect(":");
    const operation = args.until(":");
    args.expect(":");
    // Objects have their own arguments for other operations: those are read only of what is known.
    if (operation !== "read" || !objects.has(object)) {
      args.rest();
      return undefined;
    }
    const annex = args.until(":");
    args.expect(":");
    const offset = args.count();
    args.expect(",");
    return { object, annex, offset, length: args.count() };
  },
  handle(session, request): Reply {
    if (request === undefined) return UNSUPPORTED;
    const { object, annex, offset, length } = request;
    // GDB takes threads that it is told of for a process that it has.
    if (!session.attached && object !== "osdata") return notAttached;
    const bytes = documentFor(session, object, annex, offset);
    if (bytes === undefined) return invalid(`there is no ${object} document "${annex}"`);
    const end = offset + Math.min(length, MAX_PACKET / 2);
    const more = end < bytes.length;
    return Buffer.concat([Buffer.from(more ? "m" : "l"), bytes.subarray(offset, end)]);
  },
});
