/**
 * Runs an agent expression, one instruction after the other (GDB manual, "Bytecode Descriptions"). For what happens
 * rarely, such as a tracepoint's actions; conditions are compiled (machine/debug/compile.ts) and mean the same.
 */

import type { AgentExpression, AgentInstruction } from "./expression.js";
import { AgentFailure } from "./failure.js";
import { formatPrint } from "./format.js";

/** What an expression sees of the machine. */
export interface AgentContext {
  /** The low 64 bits of a register by GDB's number; undefined if there is none or it cannot be read. */
  register(number: number): bigint | undefined;
  /** Bytes at a virtual address, all or undefined. */
  memory(address: bigint, length: number): Uint8Array | undefined;
  /** Trace state variables; one that was never defined is 0. */
  variable(number: number): bigint;
  setVariable(number: number, value: bigint): void;
  print(text: string): void;
  /** Records into the trace frame. */
  trace(address: bigint, length: number): void;
  traceVariable(number: number): void;
}

/** Backward jumps in one evaluation: then it is given up, so that a loop cannot hold up the machine. */
export const MAX_BACKWARD_JUMPS = 10_000;

/** The longest string that `tracenz` and `%s` look for the end of. */
const MAX_STRING = 4096;

const unsigned = (value: bigint): bigint => BigInt.asUintN(64, value);
const signed = (value: bigint): bigint => BigInt.asIntN(64, value);

type Two = (a: bigint, b: bigint) => bigint;

/** Of two values, the second on top. Results are taken modulo 2^64; shifts count modulo 64. */
const BINARY: Readonly<Record<string, Two>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div_signed: (a, b) => signed(a) / signed(b),
  div_unsigned: (a, b) => a / b,
  rem_signed: (a, b) => signed(a) % signed(b),
  rem_unsigned: (a, b) => a % b,
  lsh: (a, b) => a << (b & 63n),
  rsh_signed: (a, b) => signed(a) >> (b & 63n),
  rsh_unsigned: (a, b) => a >> (b & 63n),
  bit_and: (a, b) => a & b,
  bit_or: (a, b) => a | b,
  bit_xor: (a, b) => a ^ b,
  equal: (a, b) => (a === b ? 1n : 0n),
  less_signed: (a, b) => (signed(a) < signed(b) ? 1n : 0n),
  less_unsigned: (a, b) => (a < b ? 1n : 0n),
};
const DIVISIONS: ReadonlySet<string> = new Set(["div_signed", "div_unsigned", "rem_signed", "rem_unsigned"]);

const REFERENCES: Readonly<Record<string, number>> = { ref8: 1, ref16: 2, ref32: 4, ref64: 8 };

/** The value on top of the stack at the end, as 64 unsigned bits; 0 where the stack is empty. */
export function evaluate(expression: AgentExpression, context: AgentContext): bigint | AgentFailure {
  const stack: bigint[] = [];
  let jumps = 0;
  let at = 0;
  for (;;) {
    const instruction = expression.instructions.get(at) as AgentInstruction;
    at = instruction.next;
    switch (instruction.name) {
      case "end":
        return stack.at(-1) ?? 0n;
      case "if_goto":
        if (stack.pop() === 0n) break;
        at = Number(instruction.operand);
        break;
      case "goto":
        at = Number(instruction.operand);
        break;
      default: {
        const failure = step(instruction, stack, context);
        if (failure !== undefined) return failure;
      }
    }
    if (at <= instruction.at && ++jumps > MAX_BACKWARD_JUMPS) {
      return new AgentFailure(`gave up after ${MAX_BACKWARD_JUMPS} jumps backwards`);
    }
  }
}

/** Everything but jumps and the end. */
function step(instruction: AgentInstruction, stack: bigint[], context: AgentContext): AgentFailure | undefined {
  const { name, operand } = instruction;
  // The verifier has seen that the values are there.
  const pop = (): bigint => stack.pop() as bigint;
  const push = (value: bigint): void => void stack.push(unsigned(value));
  const binary = BINARY[name];
  if (binary !== undefined) {
    const b = pop();
    const a = pop();
    if (b === 0n && DIVISIONS.has(name)) return new AgentFailure("division by zero");
    push(binary(a, b));
    return undefined;
  }
  const size = REFERENCES[name];
  if (size !== undefined) {
    const address = pop();
    const bytes = context.memory(address, size);
    if (bytes === undefined) return new AgentFailure(`cannot read ${size} bytes at 0x${address.toString(16)}`);
    push(bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n));
    return undefined;
  }
  switch (name) {
    case "log_not":
      push(pop() === 0n ? 1n : 0n);
      return undefined;
    case "bit_not":
      push(~pop());
      return undefined;
    case "ext":
      if (operand < 64n) push(BigInt.asIntN(Number(operand), pop()));
      return undefined;
    case "zero_ext":
      if (operand < 64n) push(BigInt.asUintN(Number(operand), pop()));
      return undefined;
    case "const8":
    case "const16":
    case "const32":
    case "const64":
      push(operand);
      return undefined;
    case "reg": {
      const value = context.register(Number(operand));
      if (value === undefined) return new AgentFailure(`cannot read register ${operand}`);
      push(value);
      return undefined;
    }
    case "dup":
      push(stack.at(-1) as bigint);
      return undefined;
    case "pop":
      pop();
      return undefined;
    case "pick":
      push(stack.at(-1 - Number(operand)) as bigint);
      return undefined;
    case "swap": {
      const [b, a] = [pop(), pop()];
      stack.push(b, a);
      return undefined;
    }
    case "rot": {
      const [c, b, a] = [pop(), pop(), pop()];
      stack.push(c, a, b);
      return undefined;
    }
    case "getv":
      push(context.variable(Number(operand)));
      return undefined;
    case "setv":
      context.setVariable(Number(operand), stack.at(-1) as bigint);
      return undefined;
    default:
      return effect(instruction, stack, context);
  }
}

/** What leaves the stack machine: records and prints. */
function effect(instruction: AgentInstruction, stack: bigint[], context: AgentContext): AgentFailure | undefined {
  const { name, operand, format } = instruction;
  const pop = (): bigint => stack.pop() as bigint;
  switch (name) {
    case "trace": {
      const length = pop();
      context.trace(pop(), Number(length));
      return undefined;
    }
    case "trace_quick":
    case "trace16":
      context.trace(stack.at(-1) as bigint, Number(operand));
      return undefined;
    case "tracenz": {
      const limit = pop();
      const address = pop();
      const most = limit < BigInt(MAX_STRING) ? Number(limit) : MAX_STRING;
      const text = readString(context, address, most);
      // With its zero, if that is within the limit.
      context.trace(address, Math.min(text.length + 1, most));
      return undefined;
    }
    case "tracev":
      context.traceVariable(Number(operand));
      return undefined;
    case "printf": {
      // The function and the channel that GDB names are those of a C library: ours has its own way out.
      pop();
      pop();
      const values = Array.from({ length: format?.count ?? 0 }, pop);
      const text = formatPrint(format?.text ?? "", values, (address) => readString(context, address, MAX_STRING));
      if (text instanceof AgentFailure) return text;
      context.print(text);
      return undefined;
    }
    default:
      return new AgentFailure(`${name} is not carried out`);
  }
}

/** The bytes before a zero, the first unreadable one or the limit; a byte a character. */
export function readString(context: AgentContext, address: bigint, limit: number): Buffer {
  const bytes: number[] = [];
  while (bytes.length < limit) {
    const byte = context.memory(unsigned(address + BigInt(bytes.length)), 1)?.[0];
    if (byte === undefined || byte === 0) break;
    bytes.push(byte);
  }
  return Buffer.from(bytes);
}
