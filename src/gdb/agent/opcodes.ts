/** The bytecodes of agent expressions, one row each (GDB manual, appendix "The GDB Agent Expression Mechanism"). */

/** What follows the opcode: that many bytes, big endian; or `printf`'s count, length and format. */
export type Operand = 0 | 1 | 2 | 4 | 8 | "format";

export interface Opcode {
  readonly code: number;
  readonly operand: Operand;
  readonly pops: number;
  readonly pushes: number;
}

const row = (code: number, operand: Operand, pops: number, pushes: number): Opcode => ({ code, operand, pops, pushes });

/**
 * Rows by name. `tracev` pushes nothing, as in gdbserver: GDB writes `getv` before it. `pick` and `printf` take more from
 * the stack than their rows say; the verifier knows.
 */
export const OPCODES = {
  float: row(0x01, 0, 0, 0),
  add: row(0x02, 0, 2, 1),
  sub: row(0x03, 0, 2, 1),
  mul: row(0x04, 0, 2, 1),
  div_signed: row(0x05, 0, 2, 1),
  div_unsigned: row(0x06, 0, 2, 1),
  rem_signed: row(0x07, 0, 2, 1),
  rem_unsigned: row(0x08, 0, 2, 1),
  lsh: row(0x09, 0, 2, 1),
  rsh_signed: row(0x0a, 0, 2, 1),
  rsh_unsigned: row(0x0b, 0, 2, 1),
  trace: row(0x0c, 0, 2, 0),
  trace_quick: row(0x0d, 1, 1, 1),
  log_not: row(0x0e, 0, 1, 1),
  bit_and: row(0x0f, 0, 2, 1),
  bit_or: row(0x10, 0, 2, 1),
  bit_xor: row(0x11, 0, 2, 1),
  bit_not: row(0x12, 0, 1, 1),
  equal: row(0x13, 0, 2, 1),
  less_signed: row(0x14, 0, 2, 1),
  less_unsigned: row(0x15, 0, 2, 1),
  ext: row(0x16, 1, 1, 1),
  ref8: row(0x17, 0, 1, 1),
  ref16: row(0x18, 0, 1, 1),
  ref32: row(0x19, 0, 1, 1),
  ref64: row(0x1a, 0, 1, 1),
  ref_float: row(0x1b, 0, 1, 1),
  ref_double: row(0x1c, 0, 1, 1),
  ref_long_double: row(0x1d, 0, 1, 1),
  l_to_d: row(0x1e, 0, 1, 1),
  d_to_l: row(0x1f, 0, 1, 1),
  if_goto: row(0x20, 2, 1, 0),
  goto: row(0x21, 2, 0, 0),
  const8: row(0x22, 1, 0, 1),
  const16: row(0x23, 2, 0, 1),
  const32: row(0x24, 4, 0, 1),
  const64: row(0x25, 8, 0, 1),
  reg: row(0x26, 2, 0, 1),
  end: row(0x27, 0, 0, 0),
  dup: row(0x28, 0, 1, 2),
  pop: row(0x29, 0, 1, 0),
  zero_ext: row(0x2a, 1, 1, 1),
  swap: row(0x2b, 0, 2, 2),
  getv: row(0x2c, 2, 0, 1),
  setv: row(0x2d, 2, 1, 1),
  tracev: row(0x2e, 2, 0, 0),
  tracenz: row(0x2f, 0, 2, 0),
  trace16: row(0x30, 2, 1, 1),
  pick: row(0x32, 1, 0, 1),
  rot: row(0x33, 0, 3, 3),
  printf: row(0x34, "format", 2, 0),
} as const satisfies Readonly<Record<string, Opcode>>;
export type OpcodeName = keyof typeof OPCODES;

const byCode = new Map(Object.entries(OPCODES).map(([name, { code }]) => [code, name as OpcodeName]));

export function opcodeOf(code: number): OpcodeName | undefined {
  return byCode.get(code);
}

/** Valid, but GDB never makes them and gdbserver refuses them; there are no floats on our stack either. */
export const FLOATS: ReadonlySet<OpcodeName> = new Set([
  "float",
  "ref_float",
  "ref_double",
  "ref_long_double",
  "l_to_d",
  "d_to_l",
]);

/** They record into a trace frame, which only a tracepoint has. */
export const TRACING: ReadonlySet<OpcodeName> = new Set(["trace", "trace_quick", "trace16", "tracenz", "tracev"]);
