/**
 * Packets that say what is to be traced, and those by which a client that comes later learns it (GDB manual, section
 * "Tracepoint Packets").
 */

import { nothing, OK, type Reply } from "../commands/command.js";
import type { Arguments } from "../packet/arguments.js";
import { hex } from "../packet/hex.js";
import { Errno, TargetError } from "../target.js";
import { traceCommand, traceQuery } from "./command.js";
import {
  parseActions,
  parseName,
  parseTracepoint,
  type Tracepoint,
  type TracepointName,
  tracepointKey,
} from "./tracepoint.js";
import type { AddressRange, Tracing, VariableDefinition } from "./tracing.js";

function find({ tracepoints }: Tracing, { number, address }: TracepointName): Tracepoint | TargetError {
  const found = tracepoints.get(tracepointKey(number, address));
  return found ?? new TargetError(Errno.EINVAL, `there is no tracepoint ${number} at 0x${address.toString(16)}`);
}

function parseTail(args: Arguments): void {
  // "-" says that actions follow in packets of their own.
  args.accept("-");
}

type Definition =
  | { readonly kind: "tracepoint"; readonly tracepoint: Tracepoint | TargetError }
  | {
      readonly kind: "actions";
      readonly name: TracepointName;
      readonly step: boolean;
      readonly text: string;
      readonly actions: ReturnType<typeof parseActions>;
    };

/** `QTDP:n:addr:…`, and `QTDP:-n:addr:[S]actions[-]` for its actions. */
export const defineTracepoint = traceCommand(
  "QTDP",
  (args): Definition => {
    args.expect(":");
    if (!args.accept("-")) {
      const tracepoint = parseTracepoint(args);
      parseTail(args);
      return { kind: "tracepoint", tracepoint };
    }
    const name = parseName(args);
    args.expect(":");
    const step = args.accept("S");
    const text = args.remaining.replace(/-$/, "");
    const actions = parseActions(args);
    if (actions instanceof TargetError) args.rest();
    parseTail(args);
    return { kind: "actions", name, step, text, actions };
  },
  (tracing, definition): Reply => {
    if (definition.kind === "tracepoint") {
      const { tracepoint } = definition;
      return tracepoint instanceof TargetError ? tracepoint : (tracing.define(tracepoint) ?? OK);
    }
    const { name, step, text, actions } = definition;
    const tracepoint = find(tracing, name);
    if (tracepoint instanceof TargetError) return tracepoint;
    if (actions instanceof TargetError) return actions;
    // The first action of those that follow after each step is marked, not the others.
    tracepoint.stepping ||= step;
    (tracepoint.stepping ? tracepoint.stepActions : tracepoint.actions).push(...actions);
    tracepoint.actionTexts.push({ step: tracepoint.stepping, text });
    return OK;
  },
);

/** `QTDPsrc:n:addr:type:start:slen:bytes`: text that is kept to be given back. */
export const defineSource = traceCommand(
  "QTDPsrc",
  (args) => {
    args.expect(":");
    const name = parseName(args);
    args.expect(":");
    const type = args.until(":");
    args.expect(":");
    const start = args.count();
    args.expect(":");
    const length = args.count();
    args.expect(":");
    return { name, piece: { type, start, length, text: hex(args.hexBytes()) } };
  },
  (tracing, { name, piece }): Reply => {
    const tracepoint = find(tracing, name);
    if (tracepoint instanceof TargetError) return tracepoint;
    tracepoint.sources.push(piece);
    return OK;
  },
);

/** `QTDV:n:value:builtin:name`. */
export const defineVariable = traceCommand(
  "QTDV",
  (args): VariableDefinition => {
    args.expect(":");
    const number = args.count();
    args.expect(":");
    const initial = args.address();
    args.expect(":");
    const builtin = args.count() !== 0;
    args.expect(":");
    return { number, initial, builtin, name: Buffer.from(args.hexBytes()).toString() };
  },
  (tracing, variable): Reply => {
    const known = tracing.variables.get(variable.number);
    if (known?.builtin === true) return known.name === variable.name ? OK : builtinRefusal(known);
    if (variable.builtin) {
      return new TargetError(Errno.ENOTSUP, `this machine has no variable $${variable.name} of its own`);
    }
    tracing.variables.set(variable.number, variable);
    return OK;
  },
);

function builtinRefusal({ number, name }: VariableDefinition): TargetError {
  return new TargetError(Errno.EINVAL, `trace state variable ${number} is the machine's own $${name}`);
}

function enabling(name: string, on: boolean) {
  return traceCommand(
    name,
    (args) => {
      args.expect(":");
      return parseName(args);
    },
    (tracing, at): Reply => {
      const tracepoint = find(tracing, at);
      if (tracepoint instanceof TargetError) return tracepoint;
      tracepoint.enabled = on;
      return OK;
    },
  );
}
export const enableTracepoint = enabling("QTEnable", true);
export const disableTracepoint = enabling("QTDisable", false);

/**
 * `QTro:start,end:…`: where memory does not change, the ends exclusive. In a trace frame it is read as it is now: GDB wants
 * the code it stands in, without which it takes every frame for one that cannot be unwound.
 */
export const readOnlyRegions = traceCommand(
  "QTro",
  (args): AddressRange[] => {
    const regions: AddressRange[] = [];
    while (args.accept(":")) {
      const start = args.address();
      args.expect(",");
      regions.push({ start, end: args.address() });
    }
    return regions;
  },
  (tracing, regions): Reply => {
    tracing.readOnly = regions;
    return OK;
  },
);

/** `QTinit`. */
export const initialize = traceCommand("QTinit", nothing, (tracing): Reply => {
  tracing.init();
  return OK;
});

/** `qTMinFTPILen`: how short an instruction a fast tracepoint may replace. 0: there are none. */
export const minimumLength = traceQuery("qTMinFTPILen", nothing, (): Reply => "0");

/** The pieces of a tracepoint's definition, each a reply to `qTfP` or `qTsP`. */
function describe({ tracepoints }: Tracing): string[] {
  return [...tracepoints.values()].flatMap((tracepoint) => {
    const { number, address, enabled, steps, passes, condition, actionTexts, sources } = tracepoint;
    const name = `${number.toString(16)}:${address.toString(16)}`;
    const asked = condition && `:X${condition.bytes.length.toString(16)},${hex(condition.bytes)}`;
    return [
      `T${name}:${enabled ? "E" : "D"}:${steps.toString(16)}:${passes.toString(16)}${asked ?? ""}`,
      ...actionTexts.map(({ step, text }) => `${step ? "S" : "A"}${name}:${text}`),
      ...sources.map(
        ({ type, start, length, text }) => `Z${name}:${type}:${start.toString(16)}:${length.toString(16)}:${text}`,
      ),
    ];
  });
}

function describeVariables({ variables }: Tracing): string[] {
  return [...variables.values()].map(
    ({ number, initial, builtin, name }) =>
      `${number.toString(16)}:${initial.toString(16)}:${builtin ? 1 : 0}:${hex(Buffer.from(name))}`,
  );
}

/** A pair of packets that give a list: the first piece, and each of the others, then `l`. */
function list(first: string, further: string, pieces: (tracing: Tracing) => string[]) {
  const left = new WeakMap<object, string[]>();
  return [
    traceQuery(first, nothing, (tracing, _value, session): Reply => {
      const all = pieces(tracing);
      left.set(session, all);
      return all.shift() ?? "l";
    }),
    traceQuery(further, nothing, (_tracing, _value, session): Reply => left.get(session)?.shift() ?? "l"),
  ];
}

export const uploads = [...list("qTfP", "qTsP", describe), ...list("qTfV", "qTsV", describeVariables)];

/** `qTP:n:addr`: hits, and bytes of the buffer. */
export const tracepointStatus = traceQuery(
  "qTP",
  (args) => {
    args.expect(":");
    return parseName(args);
  },
  (tracing, name): Reply => {
    const tracepoint = find(tracing, name);
    if (tracepoint instanceof TargetError) return tracepoint;
    return `V${tracepoint.hits.toString(16)}:${tracepoint.usage.toString(16)}`;
  },
);
