/** LLDB's packets, one row each. */

import type { Command } from "../commands/command.js";
import {
  enableErrorStrings,
  listThreadsInStopReply,
  qEcho,
  qGDBServerVersion,
  qHostInfo,
  qProcessInfo,
  qWatchpointSupportInfo,
  threadSuffix,
} from "./host.js";
import { qMemoryRegionInfo } from "./memory-region.js";
import { qRegisterInfo } from "./registers.js";
import { jThreadsInfo, qThreadStopInfo } from "./threads.js";

export const lldbCommands: readonly Command[] = [
  qHostInfo,
  qProcessInfo,
  qGDBServerVersion,
  qWatchpointSupportInfo,
  qEcho,
  enableErrorStrings,
  threadSuffix,
  listThreadsInStopReply,
  qRegisterInfo,
  jThreadsInfo,
  qThreadStopInfo,
  qMemoryRegionInfo,
];
