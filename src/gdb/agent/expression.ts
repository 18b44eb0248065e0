/**
 * An agent expression, decoded and verified before anything runs: every reachable opcode known and whole, jumps to
 * instructions only, one stack depth at each place, bounded, never below empty. What passes can only fail for what it
 * finds in the machine (memory, a division by zero) or for running too long.
 */

import { Errno, TargetError } from "../target.js";
import { FLOATS, OPCODES, type OpcodeName, opcodeOf, TRACING } from "./opcodes.js";

/** Deepest stack, as in gdbserver. */
const MAX_DEPTH = 100;
/** Longest expression: its jumps have 16 bits. */
const MAX_LENGTH = 0xffff;

/** `printf`'s operands: how many values it prints, and the format as in C source. */
export interface Format {
  readonly count: number;
  readonly text: string;
}

export interface AgentInstruction {
  readonly name: OpcodeName;
  /** Offset of the opcode, and of the next instruction. */
  readonly at: number;
  readonly next: number;
  /** The operand; 0 where there is none. */
  readonly operand: bigint;
  readonly format: Format | undefined;
  /** Values on the stack before it. */
  readonly depth: number;
}

export class AgentExpression {
  constructor(
    readonly bytes: Uint8Array,
    /** What can be reached, by offset. */
    readonly instructions: ReadonlyMap<number, AgentInstruction>,
    /** Most values that are ever on the stack. */
    readonly maxDepth: number,
    /** Whether each end leaves a value. */
    readonly hasValue: boolean,
  ) {}

  uses(names: ReadonlySet<OpcodeName>): boolean {
    for (const { name } of this.instructions.values()) if (names.has(name)) return true;
    return false;
  }

  /** Names equal expressions alike. */
  get key(): string {
    return Buffer.from(this.bytes).toString("hex");
  }
}

/** Where an expression stands, which says what it may do and whether it has to give a value. */
export type Purpose = "condition" | "command" | "action";

/** Decodes and verifies; an error names the byte and what is wrong with it. */
export function verify(bytes: Uint8Array, purpose: Purpose): AgentExpression | TargetError {
  if (bytes.length === 0) return flaw(purpose, 0, "the expression is empty");
  if (bytes.length > MAX_LENGTH) return flaw(purpose, MAX_LENGTH, "the expression is longer than its jumps reach");
  const instructions = new Map<number, AgentInstruction>();
  const work: [at: number, depth: number][] = [[0, 0]];
  let maxDepth = 0;
  let hasValue = true;
  for (let entry = work.pop(); entry !== undefined; entry = work.pop()) {
    const [at, depth] = entry;
    const known = instructions.get(at);
    if (known !== undefined) {
      if (known.depth === depth) continue;
      return flaw(purpose, at, `is reached with ${known.depth} and with ${depth} values on the stack`);
    }
    const instruction = decode(bytes, at, depth);
    if (typeof instruction === "string") return flaw(purpose, at, instruction);
    const { name, next } = instruction;
    if (TRACING.has(name) && purpose !== "action") return flaw(purpose, at, `${name} outside a tracepoint's actions`);
    instructions.set(at, instruction);
    const [needs, after] = stackEffect(instruction);
    if (depth < needs) return flaw(purpose, at, `${name} takes ${needs} values from a stack of ${depth}`);
    if (after > MAX_DEPTH) return flaw(purpose, at, `the stack is deeper than ${MAX_DEPTH} values`);
    maxDepth = Math.max(maxDepth, after);
    if (name === "end") hasValue &&= depth > 0;
    if (name === "goto" || name === "if_goto") work.push([Number(instruction.operand), after]);
    if (name !== "goto" && name !== "end") work.push([next, after]);
  }
  const overlap = overlapping(instructions);
  if (overlap !== undefined) return flaw(purpose, overlap, "is jumped to in the middle of an instruction");
  if (purpose === "condition" && !hasValue)
    return flaw(purpose, bytes.length - 1, "the condition ends without a value");
  return new AgentExpression(bytes, instructions, maxDepth, hasValue);
}

/** The instruction at an offset, or what is wrong with it. */
function decode(bytes: Uint8Array, at: number, depth: number): AgentInstruction | string {
  const code = bytes[at];
  if (code === undefined) return "runs past the end of the expression";
  const name = opcodeOf(code);
  if (name === undefined) return `0x${code.toString(16)} is no opcode`;
  if (FLOATS.has(name)) return `${name}: floating point is not supported in agent expressions`;
  const { operand } = OPCODES[name];
  if (operand === "format") return decodeFormat(bytes, at, depth);
  const next = at + 1 + operand;
  if (next > bytes.length) return `${name} is cut short`;
  let value = 0n;
  for (let i = at + 1; i < next; i++) value = (value << 8n) | BigInt(bytes[i] as number);
  return { name, at, next, operand: value, format: undefined, depth };
}

/** `printf`: a count, a length of two bytes, and the format, whose last byte is zero. */
function decodeFormat(bytes: Uint8Array, at: number, depth: number): AgentInstruction | string {
  const [count, high, low] = bytes.subarray(at + 1, at + 4);
  if (count === undefined || high === undefined || low === undefined) return "printf is cut short";
  const next = at + 4 + high * 256 + low;
  if (next > bytes.length || next === at + 4) return "printf is cut short";
  if (bytes[next - 1] !== 0) return "printf's format does not end with a zero";
  const text = Buffer.from(bytes.subarray(at + 4, next - 1)).toString("latin1");
  return { name: "printf", at, next, operand: 0n, format: { count, text }, depth };
}

/** How many values must be on the stack, and how many are there afterwards. */
function stackEffect({ name, operand, format, depth }: AgentInstruction): [needs: number, after: number] {
  const { pops, pushes } = OPCODES[name];
  if (name === "pick") return [Number(operand) + 1, depth + 1];
  const takes = pops + (format?.count ?? 0);
  return [takes, depth - takes + pushes];
}

function overlapping(instructions: ReadonlyMap<number, AgentInstruction>): number | undefined {
  let end = 0;
  for (const at of [...instructions.keys()].sort((a, b) => a - b)) {
    if (at < end) return at;
    end = instructions.get(at)?.next ?? end;
  }
  return undefined;
}

function flaw(purpose: Purpose, at: number, text: string): TargetError {
  return new TargetError(Errno.EINVAL, `agent expression (${purpose}), byte ${at}: ${text}`);
}
