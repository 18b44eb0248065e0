/**
 * What the flags that a round of a short loop leaves come of, by the registers as the next round finds them. A loop
 * that counts and compares in each round has no need to carry that along: whoever leaves it before the next comparison
 * computes it then.
 */
import type { FlagSource } from "../flags.js";
import type { FunctionBuilder } from "../ir/function.js";
import { is, isSame } from "../ir/peephole.js";
import type { I64, Node, Value } from "../ir/value.js";
import type { OpName } from "../wasm/opcodes.js";
import type { SourceLetter } from "./flag-state.js";

/** A value by registers, of which `register` gives those that a round begins with. */
export type Recipe = (register: (n: number) => I64) => Value;

/** A FlagSource by recipes. */
export interface RoundFlags {
  readonly op: FlagSource["op"];
  readonly letter: SourceLetter;
  readonly x: Recipe;
  readonly y: Recipe | undefined;
  /** Registers that these read. */
  readonly registers: number;
}

/** Operations of 64 bits whose low half comes of nothing but the operands' low halves. */
const LOW_HALF: readonly OpName[] = ["i64.add", "i64.sub", "i64.and", "i64.or", "i64.xor"];
const WHOLE: readonly OpName[] = [...LOW_HALF, "i32.add", "i32.sub", "i32.and", "i32.or", "i32.xor"];

export class RoundWrites {
  /** How often each register was written, what was written last, and how often it had been at each read. */
  private readonly counts = new Uint32Array(32);
  private readonly last: (Node | undefined)[] = [];
  private readonly reads = new Map<Node, readonly [n: number, count: number]>();

  /** `value` is undefined where it is not certain to be written. */
  write(n: number, value: Node | undefined): void {
    (this.counts[n] as number)++;
    this.last[n] = value;
  }

  read(n: number, value: Node): void {
    this.reads.set(value, [n, this.counts[n] as number]);
  }

  /** What comes of these at the end of the round; undefined where registers do not say it any more. */
  flags(fb: FunctionBuilder, { op, x, y }: FlagSource): RoundFlags | undefined {
    const recipes = new Recipes(fb, this.counts, this.last, this.reads);
    const first = recipes.of(x.node, false);
    const second = y && recipes.of(y.node, false);
    if (first === undefined || (y !== undefined && second === undefined)) return undefined;
    return { op, letter: x.letter, x: first, y: second, registers: recipes.registers };
  }
}

class Recipes {
  registers = 0;

  constructor(
    private readonly fb: FunctionBuilder,
    private readonly counts: Uint32Array,
    private readonly last: readonly (Node | undefined)[],
    private readonly reads: ReadonlyMap<Node, readonly [n: number, count: number]>,
  ) {}

  /** With `low`, only the low half of the 64 bits matters. */
  of(node: Node, low: boolean): Recipe | undefined {
    if (node.constant !== undefined) return () => this.fb.wrap(node);
    return this.written(node, low) ?? this.read(node, low) ?? this.operation(node, low);
  }

  private register(n: number): Recipe {
    this.registers |= 1 << n;
    return (register) => register(n);
  }

  /** The same as what `node` is: a register, or what a W register holds. */
  private registerAs(n: number, node: Node): Recipe {
    const wide = this.register(n);
    return node.type === "i" ? (register) => (wide(register) as I64).wrap() : wide;
  }

  /** A value that a register has now. */
  private written(node: Node, low: boolean): Recipe | undefined {
    const n = this.last.findIndex(
      (value) => value !== undefined && (value === node || wordOf(value) === node || (low && lowHalf(value) === node)),
    );
    return n < 0 ? undefined : this.registerAs(n, node);
  }

  /** A register that was read: as it still is, or as what was made of it by an addition says. */
  private read(node: Node, low: boolean): Recipe | undefined {
    const [n, count] = this.reads.get(is(node, "i32.wrap_i64") ? (node.args[0] as Node) : node) ?? [];
    if (n === undefined) return undefined;
    if (this.counts[n] === count) return this.registerAs(n, node);
    const type = node.type === "i" ? "i32" : "i64";
    for (const [m, value] of this.last.entries()) {
      const sum = value && (type === "i32" ? wordOf(value) : low ? (lowHalf(value) ?? value) : value);
      const [a, b] = sum?.args ?? [];
      // Nor a value that was added to itself: it would be asked for what is asked for here.
      if (sum === undefined || a === undefined || b === undefined || !isSame(a, node) || isSame(b, node)) continue;
      const inverse: OpName | undefined = is(sum, `${type}.add`)
        ? `${type}.sub`
        : is(sum, `${type}.sub`)
          ? `${type}.add`
          : undefined;
      const other = inverse === undefined ? undefined : this.of(b, low);
      if (inverse === undefined || other === undefined) continue;
      const now = this.registerAs(m, node);
      return (register) => this.fb.op(inverse, now(register), other(register));
    }
    return undefined;
  }

  private operation(node: Node, low: boolean): Recipe | undefined {
    const [a, b] = node.args;
    if (a === undefined) return undefined;
    const one = (name: OpName): Recipe | undefined => {
      const operand = this.of(a, true);
      return operand && ((register) => this.fb.op(name, operand(register)));
    };
    if (is(node, "i32.wrap_i64")) return one("i32.wrap_i64");
    if (is(node, "i64.extend32_s")) return one("i64.extend32_s");
    const name = (low ? LOW_HALF : WHOLE).find((candidate) => is(node, candidate));
    if (name === undefined || b === undefined) return undefined;
    const [x, y] = [this.of(a, low), this.of(b, low)];
    return x && y && ((register) => this.fb.op(name, x(register), y(register)));
  }
}

/** Of a W register's value, the 32 bits. */
const wordOf = (value: Node): Node | undefined => (is(value, "i64.extend_i32_u") ? value.args[0] : undefined);

/** Of a W register's value, that of which it is the low half. */
function lowHalf(value: Node): Node | undefined {
  const inner = wordOf(value);
  return inner && is(inner, "i32.wrap_i64") ? inner.args[0] : undefined;
}
