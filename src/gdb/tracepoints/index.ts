/** Tracepoints: the packets, as rows of the command table, and what other packets need to know of them. */

import type { Command } from "../commands/command.js";
import {
  defineSource,
  defineTracepoint,
  defineVariable,
  disableTracepoint,
  enableTracepoint,
  initialize,
  minimumLength,
  readOnlyRegions,
  tracepointStatus,
  uploads,
} from "./define.js";
import {
  disconnectedTracing,
  findFrame,
  saveOnTarget,
  startTracing,
  stopTracing,
  traceBuffer,
  traceBufferOptions,
  traceNotes,
  traceStatus,
  variableValue,
} from "./run.js";

export { frameInfo } from "./frames.js";
export { readInFrame, selectedFrame } from "./selected.js";
export { tracingOf } from "./tracing.js";

export const tracepointCommands: readonly Command[] = [
  initialize,
  defineTracepoint,
  defineSource,
  defineVariable,
  enableTracepoint,
  disableTracepoint,
  readOnlyRegions,
  startTracing,
  stopTracing,
  traceStatus,
  tracepointStatus,
  variableValue,
  disconnectedTracing,
  traceBufferOptions,
  traceNotes,
  traceBuffer,
  saveOnTarget,
  findFrame,
  minimumLength,
  ...uploads,
];

/** What `qSupported` says of them. */
export const tracepointFeatures: readonly string[] = [
  "ConditionalTracepoints+",
  "TracepointSource+",
  "EnableDisableTracepoints+",
  "DisconnectedTracing+",
  "InstallInTrace+",
  "tracenz+",
  "QTBuffer:size+",
  "qXfer:traceframe-info:read+",
];
