/**
 * Conditions as people write them, to bytecode: integers in C's notation, operators with C's precedence, registers by
 * their names, memory by `*(TYPE) ADDRESS`. For conditions that GDB does not send, those of watchpoints. Everything has
 * 64 bits; comparison and division are signed.
 */

import { OPCODES, type OpcodeName } from "./opcodes.js";

/** What names stand for. */
export interface Names {
  /** GDB's number of a register; undefined if there is none of that name. */
  register(name: string): number | undefined;
  /** Number of a trace state variable. */
  variable(name: string): number | undefined;
}

/** Why a condition is none, with the place in it. */
export class SourceError {
  constructor(readonly text: string) {}
}

/** Binary operators, those that bind least first; each with what it does after both operands. */
const LEVELS: readonly Readonly<Record<string, readonly OpcodeName[]>>[] = [
  { "|": ["bit_or"] },
  { "^": ["bit_xor"] },
  { "&": ["bit_and"] },
  { "==": ["equal"], "!=": ["equal", "log_not"] },
  {
    "<=": ["swap", "less_signed", "log_not"],
    ">=": ["less_signed", "log_not"],
    "<": ["less_signed"],
    ">": ["swap", "less_signed"],
  },
  { "<<": ["lsh"], ">>": ["rsh_signed"] },
  { "+": ["add"], "-": ["sub"] },
  { "*": ["mul"], "/": ["div_signed"], "%": ["rem_signed"] },
];

const UNARY: Readonly<Record<string, readonly OpcodeName[]>> = { "!": ["log_not"], "~": ["bit_not"] };

/** Bits of a type, negative where it is signed. */
const TYPES: Readonly<Record<string, number>> = {
  u8: 8,
  u16: 16,
  u32: 32,
  u64: 64,
  s8: -8,
  s16: -16,
  s32: -32,
  s64: -64,
  char: 8,
  short: -16,
  int: -32,
  long: -64,
};
const REFERENCES: Readonly<Record<number, OpcodeName>> = { 8: "ref8", 16: "ref16", 32: "ref32", 64: "ref64" };

const TOKEN = /\s*(0x[0-9a-f]+|\d+|\$?[A-Za-z_][A-Za-z_0-9]*|\|\||&&|[=!<>]=|<<|>>|[-+*/%&|^~!()<>])/iy;

export function compileSource(source: string, names: Names): Uint8Array | SourceError {
  const tokens = tokenize(source);
  if (tokens instanceof SourceError) return tokens;
  const parser = new Parser(tokens, names);
  try {
    parser.either();
    parser.expectEnd();
  } catch (error) {
    if (error instanceof Unparsable) return new SourceError(`"${source}": ${error.message}`);
    throw error;
  }
  return parser.finish();
}

function tokenize(source: string): string[] | SourceError {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < source.trimEnd().length) {
    const from = TOKEN.lastIndex;
    const match = TOKEN.exec(source);
    if (match === null) return new SourceError(`"${source}": cannot make sense of "${source.slice(from).trim()}"`);
    tokens.push(match[1] as string);
  }
  return tokens;
}

class Unparsable extends Error {}

/** Expressions may be nested that deep. */
const MAX_NESTING = 64;

class Parser {
  private readonly code: number[] = [];
  private at = 0;
  private nesting = 0;

  constructor(
    private readonly tokens: readonly string[],
    private readonly names: Names,
  ) {}

  finish(): Uint8Array {
    this.emit("end");
    return Uint8Array.from(this.code);
  }

  expectEnd(): void {
    if (this.at < this.tokens.length) throw new Unparsable(`"${this.tokens[this.at]}" is too much`);
  }

  /** `a || b`: b is not evaluated where a holds. */
  either(): void {
    this.shortCircuit("||", () => this.both(), []);
  }

  private both(): void {
    this.shortCircuit("&&", () => this.binary(0), ["log_not"]);
  }

  /** Leaves as soon as an operand decides, which it does where it is not 0 after `turn`. */
  private shortCircuit(operator: string, operand: () => void, turn: readonly OpcodeName[]): void {
    operand();
    if (this.tokens[this.at] !== operator) return;
    const exits: number[] = [];
    const leaveIfDecided = (): void => {
      this.emitAll(turn);
      exits.push(this.jump("if_goto"));
    };
    leaveIfDecided();
    while (this.accept(operator)) {
      operand();
      leaveIfDecided();
    }
    const decided = turn.length === 0 ? 1n : 0n;
    this.constant(1n - decided);
    const done = this.jump("goto");
    for (const exit of exits) this.patch(exit);
    this.constant(decided);
    this.patch(done);
  }

  private binary(level: number): void {
    const operators = LEVELS[level];
    if (operators === undefined) {
      this.unary();
      return;
    }
    this.binary(level + 1);
    for (;;) {
      const operation = operators[this.tokens[this.at] ?? ""];
      if (operation === undefined) return;
      this.at++;
      this.binary(level + 1);
      this.emitAll(operation);
    }
  }

  private unary(): void {
    if (++this.nesting > MAX_NESTING) throw new Unparsable("it is nested too deeply");
    this.operand();
    this.nesting--;
  }

  private operand(): void {
    const token = this.next();
    const unary = UNARY[token];
    if (unary !== undefined) {
      this.unary();
      this.emitAll(unary);
    } else if (token === "-") {
      this.constant(0n);
      this.unary();
      this.emit("sub");
    } else if (token === "*") {
      this.reference();
    } else if (token === "(") {
      this.either();
      this.expect(")");
    } else if (/^\d/.test(token)) {
      const value = BigInt(token);
      if (value >> 64n !== 0n) throw new Unparsable(`${token} has more than 64 bits`);
      this.constant(value);
    } else if (token.startsWith("$")) {
      this.named(token.slice(1));
    } else {
      throw new Unparsable(`"${token}" is no value: numbers, $registers, *(u64) ADDRESS`);
    }
  }

  /** `*(TYPE) ADDRESS`; without a type, 64 bits. */
  private reference(): void {
    let bits = 64;
    const type = this.tokens[this.at + 1] ?? "";
    if (this.tokens[this.at] === "(" && type in TYPES) {
      this.at += 2;
      bits = TYPES[type] as number;
      // A pointer's star may be written as in C.
      this.accept("*");
      this.expect(")");
    }
    this.unary();
    this.emit(REFERENCES[Math.abs(bits)] as OpcodeName);
    if (bits < 0 && bits > -64) this.emit("ext", BigInt(-bits));
  }

  private named(name: string): void {
    const variable = this.names.variable(name);
    if (variable !== undefined) {
      this.emit("getv", BigInt(variable));
      return;
    }
    const wide = this.names.register(name);
    const narrow = /^w(\d+)$/.exec(name);
    const register = wide ?? (narrow === null ? undefined : this.names.register(`x${narrow[1]}`));
    if (register === undefined) throw new Unparsable(`there is no register or variable $${name}`);
    this.emit("reg", BigInt(register));
    if (wide === undefined) this.emit("zero_ext", 32n);
  }

  private next(): string {
    const token = this.tokens[this.at++];
    if (token === undefined) throw new Unparsable("it ends too early");
    return token;
  }

  private accept(token: string): boolean {
    if (this.tokens[this.at] !== token) return false;
    this.at++;
    return true;
  }

  private expect(token: string): void {
    if (!this.accept(token)) throw new Unparsable(`"${token}" is missing`);
  }

  private constant(value: bigint): void {
    this.emit(value < 0x100n ? "const8" : value < 0x1_0000_0000n ? "const32" : "const64", value);
  }

  private emitAll(names: readonly OpcodeName[]): void {
    for (const name of names) this.emit(name);
  }

  private emit(name: OpcodeName, operand = 0n): void {
    const { code, operand: size } = OPCODES[name];
    this.code.push(code);
    for (let i = Number(size) - 1; i >= 0; i--) this.code.push(Number((operand >> BigInt(8 * i)) & 0xffn));
  }

  /** A jump whose target is not known yet; the place to patch. */
  private jump(name: "goto" | "if_goto"): number {
    this.emit(name);
    return this.code.length - 2;
  }

  private patch(place: number): void {
    this.code[place] = this.code.length >> 8;
    this.code[place + 1] = this.code.length & 0xff;
  }
}
