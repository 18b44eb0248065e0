/**
 * Tracepoints as GDB downloads them: `QTDP` with its actions, and the source text it wants back (GDB manual, appendix
 * "Remote Protocol", section "Tracepoint Packets").
 */

import { type AgentExpression, verify } from "../agent/index.js";
import { parseExpression } from "../commands/points.js";
import { type Arguments, MalformedPacket } from "../packet/arguments.js";
import { Errno, TargetError } from "../target.js";

/** What one action collects. */
export type TraceAction =
  /** Registers by GDB's numbers: bit n is register n. Those of `g` are collected all together. */
  | { readonly kind: "registers"; readonly mask: bigint }
  /** `length` bytes from `offset`, added to a register if there is one. */
  | { readonly kind: "memory"; readonly base: number | undefined; readonly offset: bigint; readonly length: number }
  | { readonly kind: "expression"; readonly expression: AgentExpression };

/** Text of GDB's that belongs to a tracepoint, in pieces; the stub only keeps it. */
export interface SourcePiece {
  readonly type: string;
  readonly start: number;
  readonly length: number;
  /** As it came: hexadecimal. */
  readonly text: string;
}

export class Tracepoint {
  readonly actions: TraceAction[] = [];
  readonly stepActions: TraceAction[] = [];
  /** The actions as they came, to be given back. */
  readonly actionTexts: { readonly step: boolean; readonly text: string }[] = [];
  readonly sources: SourcePiece[] = [];
  /** The actions that come now are for the steps. */
  stepping = false;
  hits = 0;
  /** Bytes of the trace buffer. */
  usage = 0;

  constructor(
    readonly number: number,
    readonly address: bigint,
    public enabled: boolean,
    /** Instructions to follow after each hit. */
    readonly steps: number,
    /** Hits after which the trace run ends; 0 for none. */
    readonly passes: number,
    readonly condition: AgentExpression | undefined,
  ) {}

  get key(): string {
    return tracepointKey(this.number, this.address);
  }
}

export function tracepointKey(number: number, address: bigint): string {
  return `${number} ${address}`;
}

/** `n:addr`, which names a tracepoint in every packet. */
export interface TracepointName {
  readonly number: number;
  readonly address: bigint;
}

export function parseName(args: Arguments): TracepointName {
  const number = args.count();
  args.expect(":");
  return { number, address: args.address() };
}

/** `n:addr:ena:step:pass[:X…]`, after `QTDP:`, without the `-` at the end. */
export function parseTracepoint(args: Arguments): Tracepoint | TargetError {
  const { number, address } = parseName(args);
  args.expect(":");
  const state = args.until(":");
  if (state !== "E" && state !== "D") throw new MalformedPacket(`a tracepoint is E or D, not "${state}"`);
  args.expect(":");
  const steps = args.count();
  args.expect(":");
  const passes = args.count();
  let condition: AgentExpression | undefined;
  while (args.accept(":")) {
    if (args.next === "X") {
      const verified = verify(parseExpression(args), "condition");
      if (verified instanceof TargetError) return verified;
      condition = verified;
    } else {
      const what = args.next === "F" ? "fast" : "static";
      args.rest();
      return new TargetError(Errno.ENOTSUP, `there are no ${what} tracepoints here; plain ones are as fast: use trace`);
    }
  }
  return new Tracepoint(number, address, state === "E", steps, passes, condition);
}

/** A list of actions without separators, as in `QTDP:-n:addr:[S]actions`. */
export function parseActions(args: Arguments): TraceAction[] | TargetError {
  const actions: TraceAction[] = [];
  while (!args.atEnd && args.next !== "-") {
    if (args.accept("R")) actions.push({ kind: "registers", mask: parseMask(args) });
    else if (args.accept("M")) actions.push(parseMemory(args));
    else if (args.next === "X") {
      const expression = verify(parseExpression(args), "action");
      if (expression instanceof TargetError) return expression;
      actions.push({ kind: "expression", expression });
    } else if (args.accept("L")) {
      return new TargetError(Errno.ENOTSUP, "$_sdata belongs to static tracepoints, which there are none of here");
    } else throw new MalformedPacket(`actions are R, M and X, not "${args.next}"`);
  }
  return actions;
}

/** A bit for each register, by GDB's number. */
function parseMask(args: Arguments): bigint {
  const digits = args.until("MXRSL-");
  if (/[^0-9a-f]/i.test(digits)) throw new MalformedPacket("R is followed by a mask in hexadecimal");
  return BigInt(`0x${digits || "0"}`);
}

function parseMemory(args: Arguments): TraceAction {
  // GDB writes -1 for "no register", as signed or as unsigned.
  const base = args.accept("-1") ? undefined : args.count();
  args.expect(",");
  const offset = args.address();
  args.expect(",");
  return { kind: "memory", base: base === 0xffff_ffff ? undefined : base, offset, length: args.count() };
}
