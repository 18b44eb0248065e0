/** The packets there are, one row each. An unknown packet gets the empty reply. */

import { lldbCommands } from "../lldb/index.js";
import { tracepointCommands } from "../tracepoints/index.js";
import { detach, kill, qAttached, restart, vAttach, vKill, vRun } from "./attachment.js";
import type { Command } from "./command.js";
import { fileReply } from "./file-io.js";
import { flashDone, flashErase, flashWrite } from "./flash.js";
import { haltReason } from "./halt-reason.js";
import { vFile } from "./host-files.js";
import { readBinary, readHex, writeBinary, writeHex } from "./memory.js";
import { extendedMode, setNonStop, startNoAckMode, vCtrlC, vMustReplyEmpty, vStopped } from "./mode.js";
import { qRcmd } from "./monitor.js";
import { insertPoint, removePoint } from "./points.js";
import { physicalMode, qemuSupported, setPhysicalMode, setStepMode, stepBits, stepMode } from "./qemu.js";
import { readAll, readOne, writeAll, writeOne } from "./registers.js";
import { moves, vCont } from "./resume.js";
import { qCRC, qSearch } from "./search.js";
import { passSignals, threadEvents } from "./signals.js";
import { qSupported } from "./supported.js";
import { qSymbol } from "./symbols.js";
import { catchSyscalls } from "./syscalls.js";
import { qGetTLSAddr } from "./thread-local.js";
import { currentThread, firstThreads, furtherThreads, selectThread, threadAlive, threadExtraInfo } from "./threads.js";
import { qXfer } from "./transfer.js";

const rows: readonly Command[] = [
  qSupported,
  startNoAckMode,
  extendedMode,
  vMustReplyEmpty,
  setNonStop,
  vStopped,
  vCtrlC,
  haltReason,
  readAll,
  writeAll,
  readOne,
  writeOne,
  readHex,
  writeHex,
  readBinary,
  writeBinary,
  selectThread,
  threadAlive,
  currentThread,
  firstThreads,
  furtherThreads,
  threadExtraInfo,
  vCont,
  ...moves,
  insertPoint,
  removePoint,
  qXfer,
  qRcmd,
  qemuSupported,
  stepBits,
  stepMode,
  setStepMode,
  physicalMode,
  setPhysicalMode,
  qSearch,
  qCRC,
  qGetTLSAddr,
  flashErase,
  flashWrite,
  flashDone,
  passSignals,
  threadEvents,
  catchSyscalls,
  qSymbol,
  qAttached,
  vAttach,
  detach,
  kill,
  vKill,
  vRun,
  restart,
  fileReply,
  vFile,
  ...tracepointCommands,
  ...lldbCommands,
];

const byName = new Map(rows.map((row) => [row.name, row]));

/** The names of q, Q, v and j packets; those with a number after them are told apart from it first. */
const NAME = /^(?:qRegisterInfo|qThreadStopInfo|[qQvj][A-Za-z]+(?:\.[A-Za-z]+)*)/;

/** The row for a payload (one character a byte) and the arguments after its name; undefined for an unknown packet. */
export function findCommand(payload: string): { command: Command; args: string } | undefined {
  const name = NAME.exec(payload)?.[0] ?? payload.charAt(0);
  const command = byName.get(name);
  return command && { command, args: payload.slice(name.length) };
}
