/** Packets that start and stop a trace run, say how it goes, and give what it has collected (GDB manual, "Tracepoint Packets"). */

import { invalid, nothing, OK, type Reply, UNSUPPORTED } from "../commands/command.js";
import { MAX_PACKET } from "../limits.js";
import { hex } from "../packet/hex.js";
import { Errno, TargetError } from "../target.js";
import { traceCommand, traceQuery } from "./command.js";
import { DEFAULT_BUFFER_SIZE, MAX_BUFFER_SIZE, type TraceFrame } from "./frames.js";
import { selectedFrame, selectedIndex, selectFrame } from "./selected.js";
import type { Tracing } from "./tracing.js";

const text = (value: string): string => hex(Buffer.from(value));
const number = (value: number | bigint): string => value.toString(16);

export const startTracing = traceCommand("QTStart", nothing, (tracing): Reply => tracing.start() ?? OK);

export const stopTracing = traceCommand(
  "QTStop",
  nothing,
  (tracing): Reply => {
    tracing.stop({ kind: "tstop" });
    return OK;
  },
  { always: true },
);

/** Why no run is on, as `qTStatus` words it. */
function reasonOf({ reason, running, stopNote, buffer }: Tracing): string {
  // What GDB 13 and later understand of a run that is on: only why the last one ended.
  if (running) return buffer.created === 0 ? "tnotrun:0" : "tstop::0";
  switch (reason.kind) {
    case "tstop":
      return `tstop:${text(stopNote)}:0`;
    case "tpasscount":
      return `tpasscount:${number(reason.tracepoint)}`;
    case "terror":
      return `terror:${text(reason.text)}:${number(reason.tracepoint)}`;
    default:
      return `${reason.kind}:0`;
  }
}

export const traceStatus = traceQuery("qTStatus", nothing, (tracing): Reply => {
  const { buffer, running, disconnected, started, stopped, user, notes } = tracing;
  return [
    `T${running ? 1 : 0}`,
    reasonOf(tracing),
    `tframes:${number(buffer.frames.length)}`,
    `tcreated:${number(buffer.created)}`,
    `tfree:${number(buffer.size - buffer.used)}`,
    `tsize:${number(buffer.size)}`,
    `circular:${buffer.circular ? 1 : 0}`,
    `disconn:${disconnected ? 1 : 0}`,
    `starttime:${number(started)}`,
    `stoptime:${number(stopped)}`,
    `username:${text(user)}:`,
    `notes:${text(notes)}:`,
  ].join(";");
});

/** `QTDisconnected:1`: the run goes on without a client. */
export const disconnectedTracing = traceCommand(
  "QTDisconnected",
  (args) => {
    args.expect(":");
    return args.count() !== 0;
  },
  (tracing, on): Reply => {
    tracing.disconnected = on;
    return OK;
  },
);

/** `QTBuffer:circular:1`, `QTBuffer:size:N`; a size of −1 is ours to choose. */
export const traceBufferOptions = traceCommand(
  "QTBuffer",
  (args) => {
    args.expect(":");
    const option = args.until(":");
    args.expect(":");
    return { option, value: args.accept("-1") ? -1 : args.count() };
  },
  (tracing, { option, value }): Reply => {
    const { buffer } = tracing;
    if (option === "circular") {
      buffer.circular = value !== 0;
      return OK;
    }
    if (option !== "size") return invalid(`the trace buffer has no option "${option}": circular, size`);
    if (tracing.running) return new TargetError(Errno.EBUSY, "the trace buffer is in use; tstop first");
    const size = value < 0 || value > 2 ** 53 ? DEFAULT_BUFFER_SIZE : value;
    if (size > MAX_BUFFER_SIZE) return invalid(`the trace buffer has at most ${MAX_BUFFER_SIZE} bytes`);
    buffer.clear();
    buffer.size = size;
    return OK;
  },
);

/** `QTNotes:user:…;notes:…;tstop:…`, each in hexadecimal and each optional. */
export const traceNotes = traceCommand(
  "QTNotes",
  (args) => {
    args.expect(":");
    const notes = new Map<string, string>();
    while (!args.atEnd) {
      const name = args.until(":");
      args.expect(":");
      notes.set(name, Buffer.from(args.until(";"), "hex").toString());
      args.accept(";");
    }
    return notes;
  },
  (tracing, notes): Reply => {
    tracing.user = notes.get("user") ?? tracing.user;
    tracing.notes = notes.get("notes") ?? tracing.notes;
    tracing.stopNote = notes.get("tstop") ?? tracing.stopNote;
    return OK;
  },
  { always: true },
);

/** `qTV:n`: of the selected frame if there is one. */
export const variableValue = traceQuery(
  "qTV",
  (args) => {
    args.expect(":");
    return args.count();
  },
  (tracing, id, session): Reply => {
    const frame = selectedFrame(session);
    if (frame !== undefined) {
      const collected = frame.variables.get(id);
      return collected === undefined ? "U" : `V${number(collected)}`;
    }
    if (!tracing.variables.has(id)) return "U";
    return `V${number(tracing.agent.context(session.general).variable(id))}`;
  },
);

/** `qTBuffer:offset,length`: the frames as trace files have them. */
export const traceBuffer = traceQuery(
  "qTBuffer",
  (args) => {
    args.expect(":");
    const offset = args.count();
    args.expect(",");
    return { offset, length: args.count() };
  },
  ({ buffer }, { offset, length }): Reply => {
    const bytes = buffer.encode().subarray(offset, offset + Math.min(length, MAX_PACKET / 2));
    return bytes.length === 0 ? "l" : hex(bytes);
  },
);

const noTraceFiles = new TargetError(
  Errno.ENOTSUP,
  "the target writes no trace files: tsave without -r writes one here",
);

/**
 * `QTSave:file`: this machine has no files of the debugger's. GDB before 16 shows a number for any error, and for the empty
 * reply that the target does not support the command.
 */
export const saveOnTarget = traceCommand(
  "QTSave",
  (args) => args.rest(),
  (_tracing, _file, session): Reply => (session.takesErrorText ? noTraceFiles : UNSUPPORTED),
);

type Search = (frame: TraceFrame, index: number) => boolean;

/** `QTFrame:…`: by number, or the next one after the selected that has a PC or a tracepoint. */
export const findFrame = traceCommand(
  "QTFrame",
  (args): { readonly matches: Search | undefined; readonly fromStart: boolean } => {
    args.expect(":");
    const next = (matches: Search) => ({ matches, fromStart: false });
    if (args.accept("pc:")) {
      const pc = args.address();
      return next((frame) => frame.pc === pc);
    }
    if (args.accept("tdp:")) {
      const tracepoint = args.count();
      return next((frame) => frame.tracepoint === tracepoint);
    }
    const outside = args.accept("outside:");
    if (outside || args.accept("range:")) {
      const start = args.address();
      args.expect(":");
      const end = args.address();
      return next(({ pc }) => (start <= pc && pc <= end) !== outside);
    }
    const index = args.accept("-1") ? -1 : args.count();
    const none = index < 0 || index === 0xffff_ffff;
    return { matches: none ? undefined : (_frame, at) => at === index, fromStart: true };
  },
  ({ buffer }, { matches, fromStart }, session): Reply => {
    const from = fromStart ? 0 : selectedIndex(session) + 1;
    const at =
      matches === undefined ? -1 : buffer.frames.findIndex((frame, index) => index >= from && matches(frame, index));
    const frame = buffer.frames[at];
    if (frame === undefined) {
      // A search that finds nothing leaves the selection; asking for no frame ends it.
      if (matches === undefined) selectFrame(session, undefined);
      return "F-1";
    }
    selectFrame(session, at);
    return `F${number(at)}T${number(frame.tracepoint)}`;
  },
  { always: true, observers: true },
);
