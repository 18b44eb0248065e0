/**
 * Builds one wasm function from typed values and structured control flow. Statements are kept in order; pure values
 * used once are written in place, others get a local (see emit.ts). Knows nothing of Arm.
 */
import type { Signature, TypeTable } from "../wasm/encoder.js";
import {
  CONTROL,
  LANE_OPS,
  type LaneOpName,
  LOADS,
  type LoadName,
  OPS,
  type OpName,
  STORES,
  type StoreName,
  type TypeLetter,
} from "../wasm/opcodes.js";
import { fold } from "./fold.js";
import { narrower } from "./halves.js";
import { type Rewritten, rewriteLaneOp, rewriteOp, rewriteStore } from "./peephole.js";
import { rotation, simplerShift } from "./shifts.js";
import { F32, F64, I32, I64, Node, type Purity, V128, type Value, type ValueOf } from "./value.js";

/** A function another can call: an import or one of the same module. */
export interface Callable<P extends string = string, R extends string = string> {
  readonly name: string;
  readonly signature: Signature & { params: P; result: R };
}

/** What a function needs from the module it ends up in. */
export interface Linker {
  readonly types: TypeTable;
  /** The bytes are kept and must run wherever WebAssembly 2.0 does: nothing that only this host understands. */
  readonly portable?: boolean;
  /** The index by which `call` names it. */
  functionIndex(callee: Callable): number;
}

export class Label {
  constructor(readonly kind: "block" | "loop") {}
}

/** Definitions and effects stand for themselves. */
export type Statement = Node | Control;

const NO_STATEMENTS: readonly Statement[] = [];
const NO_LABELS: readonly Label[] = [];

/**
 * All other statements. One class for every kind: the emitter, which looks at each of them several times, meets objects
 * of two shapes only, and V8 makes fast code of that.
 */
export class Control {
  /** Of `if` and `br`: hardly ever taken. */
  rare = false;

  private constructor(
    readonly kind: "set" | "scope" | "if" | "br" | "table" | "return" | "group" | "forget",
    /** What is set or returned; the condition of `if` and `br`; the index of a table. */
    readonly node: Node | undefined,
    readonly local: number,
    /** Of a scope; where `br` and the rest of a table go. */
    readonly label: Label | undefined,
    readonly labels: readonly Label[],
    /** Of a scope or group; what `if` does. */
    readonly body: readonly Statement[],
    readonly otherwise: readonly Statement[],
  ) {}

  static set(local: number, node: Node): Control {
    return new Control("set", node, local, undefined, NO_LABELS, NO_STATEMENTS, NO_STATEMENTS);
  }
  static scope(label: Label, body: readonly Statement[]): Control {
    return new Control("scope", undefined, -1, label, NO_LABELS, body, NO_STATEMENTS);
  }
  static if(condition: Node, taken: readonly Statement[], otherwise: readonly Statement[]): Control {
    return new Control("if", condition, -1, undefined, NO_LABELS, taken, otherwise);
  }
  static br(label: Label, condition: Node | undefined): Control {
    return new Control("br", condition, -1, label, NO_LABELS, NO_STATEMENTS, NO_STATEMENTS);
  }
  static table(index: Node, labels: readonly Label[], rest: Label): Control {
    return new Control("table", index, -1, rest, labels, NO_STATEMENTS, NO_STATEMENTS);
  }
  static return(node: Node | undefined): Control {
    return new Control("return", node, -1, undefined, NO_LABELS, NO_STATEMENTS, NO_STATEMENTS);
  }
  /** Statements in a row, for who fills them in later. */
  static group(body: readonly Statement[]): Control {
    return new Control("group", undefined, -1, undefined, NO_LABELS, body, NO_STATEMENTS);
  }
  /** No value defined so far is used from here on: their locals may be given to others. */
  static forget(): Control {
    return new Control("forget", undefined, -1, undefined, NO_LABELS, NO_STATEMENTS, NO_STATEMENTS);
  }
}

/** By the operation on what was loaded, and the opcode of the load: the load that does both. */
const SIGNED_LOADS: Partial<Record<OpName, Readonly<Record<number, LoadName>>>> = {
  "i64.extend8_s": { [LOADS["i64.load8_u"][0]]: "i64.load8_s", [LOADS["i32.load8_u"][0]]: "i64.load8_s" },
  "i64.extend16_s": { [LOADS["i64.load16_u"][0]]: "i64.load16_s", [LOADS["i32.load16_u"][0]]: "i64.load16_s" },
  "i64.extend32_s": { [LOADS["i64.load32_u"][0]]: "i64.load32_s" },
  "i64.extend_i32_s": { [LOADS["i32.load"][0]]: "i64.load32_s" },
  "i32.wrap_i64": {
    [LOADS["i64.load8_s"][0]]: "i32.load8_s",
    [LOADS["i64.load16_s"][0]]: "i32.load16_s",
  },
};

/** A local that changes. */
export class Variable<T extends Value> {
  constructor(
    private readonly fb: FunctionBuilder,
    readonly local: number,
    readonly letter: TypeLetter,
  ) {}
  get(): T {
    return this.fb.readLocal(this.local, this.letter) as T;
  }
  set(value: T): void {
    this.fb.writeLocal(this.local, value);
  }
}

type ValuesOf<P extends string> = P extends `${infer H extends TypeLetter}${infer Rest}`
  ? [ValueOf[H], ...ValuesOf<Rest>]
  : [];
type ResultOf<R extends string> = R extends TypeLetter ? ValueOf[R] : undefined;

export class FunctionBuilder {
  readonly locals: TypeLetter[] = [];
  readonly root: Statement[] = [];
  protected current: Statement[] = this.root;

  constructor(
    readonly linker: Linker,
    readonly params: string,
    readonly result: string,
  ) {}

  // --- values -------------------------------------------------------------------------------------------------

  wrap(node: Node): Value {
    switch (node.type) {
      case "i":
        return new I32(this, node);
      case "l":
        return new I64(this, node);
      case "f":
        return new F32(this, node);
      case "d":
        return new F64(this, node);
      case "v":
        return new V128(this, node);
    }
  }

  private define(
    type: TypeLetter,
    purity: Purity,
    opcode: number,
    args?: readonly Node[],
    immediates?: readonly number[],
  ): Value {
    const node = new Node("def", type, purity, opcode, args, immediates);
    this.current.push(node);
    return this.wrap(node);
  }

  param(index: number): Value {
    const type = this.params[index] as TypeLetter;
    const node = new Node("def", type, "pure", CONTROL["local.get"], undefined, [index]);
    node.local = index;
    return this.wrap(node);
  }

  private constant(type: TypeLetter, opcode: number, value: number | bigint | Uint8Array): Value {
    return this.wrap(new Node("def", type, "pure", opcode, undefined, undefined, value));
  }
  i32(value: number): I32 {
    return this.constant("i", CONTROL["i32.const"], value | 0) as I32;
  }
  /**
   * Bytes of the host's stack that the function takes at most. V8's first code has a place there for each local, of
   * which values get some when the function is emitted.
   */
  frameSize(): I32 {
    return new I32(this, new Node("def", "i", "pure", CONTROL["i32.const"]));
  }
  i64(value: number | bigint): I64 {
    return this.constant("l", CONTROL["i64.const"], BigInt.asIntN(64, BigInt(value))) as I64;
  }
  f32(value: number): F32 {
    return this.constant("f", CONTROL["f32.const"], value) as F32;
  }
  f64(value: number): F64 {
    return this.constant("d", CONTROL["f64.const"], value) as F64;
  }
  v128(bytes: readonly number[]): V128 {
    return this.constant("v", CONTROL["v128.const"], Uint8Array.from(bytes)) as V128;
  }
  v128Zero(): V128 {
    return this.v128(new Array<number>(16).fill(0));
  }

  op(name: OpName, a: Value, b?: Value, c?: Value): Value {
    const [opcode, , result] = OPS[name];
    const nodes = b === undefined ? [a.node] : c === undefined ? [a.node, b.node] : [a.node, b.node, c.node];
    const folded = fold(name, nodes);
    if (folded !== undefined) {
      if (folded instanceof Node) return this.wrap(folded);
      return result === "l" ? this.i64(folded) : this.i32(Number(folded));
    }
    const simpler = nodes[1]?.constant === undefined ? undefined : simplerShift(this, name, nodes);
    const rotated = simpler ?? rotation(this, name, a.node, b?.node);
    if (rotated) return rotated;
    const rewritten = rewriteOp(name, nodes);
    if (rewritten) return this.rewritten(rewritten);
    const narrow = narrower(this, name, a.node) ?? this.signedLoad(name, a.node);
    return narrow ?? this.define(result as TypeLetter, "pure", opcode, nodes);
  }

  /** The low half of 64 bits, where it is known apart: what has it may be in a local of its own. */
  knownHalf(_node: Node): I32 | undefined {
    return undefined;
  }

  /**
   * Of what was loaded just now, the extension of its sign: a load of the other kind, in whose favour that one
   * vanishes.
   */
  private signedLoad(name: OpName, value: Node): Value | undefined {
    const loads = SIGNED_LOADS[name];
    if (loads === undefined) return undefined;
    const loaded = value.opcode === OPS["i64.extend_i32_u"][0] ? (value.args[0] as Node) : value;
    const load = loads[loaded.opcode];
    if (load === undefined || !this.isLast(loaded)) return undefined;
    return this.define(LOADS[load][2], "read", LOADS[load][0], loaded.args, loaded.immediates);
  }

  /** Nothing came behind it but what moves freely. */
  private isLast(node: Node): boolean {
    return this.current.findLast((s) => !(s instanceof Node && s.purity === "pure")) === node;
  }

  laneOp(name: LaneOpName, lane: number, ...args: Value[]): Value {
    const [opcode, , result] = LANE_OPS[name];
    const nodes = args.map((a) => a.node);
    const rewritten = rewriteLaneOp(name, lane, nodes);
    if (rewritten) return this.rewritten(rewritten);
    return this.define(result, "pure", opcode, nodes, [lane]);
  }

  private rewritten(by: Rewritten): Value {
    if ("node" in by) return this.wrap(by.node);
    return this.laneOp(by.laneOp, by.lane, ...by.args.map((node) => this.wrap(node)));
  }

  shuffle(a: V128, b: V128, lanes: readonly number[]): V128 {
    return this.define("v", "pure", CONTROL["i8x16.shuffle"], [a.node, b.node], lanes) as V128;
  }

  select<T extends Value>(condition: I32, a: T, b: T): T {
    const c = condition.node.constant;
    if (c !== undefined) return c !== 0 ? a : b;
    return this.define(a.letter, "pure", CONTROL.select, [a.node, b.node, condition.node]) as T;
  }

  // --- memory -------------------------------------------------------------------------------------------------

  /** Little-endian, any alignment. `offset` is added to the address without wrapping. */
  load<N extends LoadName>(name: N, address: I32, offset = 0): ValueOf[(typeof LOADS)[N][2]] {
    const constant = this.constantAddress(address, offset);
    if (constant !== undefined) return this.load(name, this.i32(0), offset + constant);
    const [opcode, , result] = LOADS[name];
    return this.define(result, "read", opcode, [address.node], [0, offset]) as ValueOf[(typeof LOADS)[N][2]];
  }

  store(name: StoreName, address: I32, value: Value, offset = 0): void {
    const rewritten = rewriteStore(name, value.node);
    if (rewritten) {
      const { store, by } = rewritten;
      this.store(store, address, this.rewritten(by), offset);
      return;
    }
    const constant = this.constantAddress(address, offset);
    if (constant !== undefined) {
      this.store(name, this.i32(0), value, offset + constant);
      return;
    }
    const [opcode] = STORES[name];
    this.effect(opcode, [address.node, value.node], [0, offset]);
  }

  /**
   * An address that becomes part of the offset, so that the host has no register for it; undefined where it is none, and
   * where the two are no offset together.
   */
  private constantAddress({ node: { constant } }: I32, offset: number): number | undefined {
    if (typeof constant !== "number" || constant === 0) return undefined;
    return (constant >>> 0) + offset < 2 ** 32 ? constant >>> 0 : undefined;
  }

  memoryFill(address: I32, byte: I32, length: I32): void {
    this.effect(CONTROL["memory.fill"], [address.node, byte.node, length.node], [0]);
  }

  private effect(opcode: number, args: readonly Node[], immediates: readonly number[]): void {
    this.current.push(new Node("effect", "i", "effect", opcode, args, immediates));
  }

  // --- locals -------------------------------------------------------------------------------------------------

  /** Locals of variables by type, and how many of them hold a value that may still be used. */
  private readonly variables = new Map<TypeLetter, { locals: number[]; used: number }>();

  /** A local until the next `forget`. */
  private temporaryLocal(type: TypeLetter): number {
    let known = this.variables.get(type);
    if (known === undefined) {
      known = { locals: [], used: 0 };
      this.variables.set(type, known);
    }
    if (known.used === known.locals.length) known.locals.push(this.newLocal(type));
    return known.locals[known.used++] as number;
  }

  newLocal(type: TypeLetter): number {
    this.locals.push(type);
    return this.params.length + this.locals.length - 1;
  }

  readLocal(local: number, type: TypeLetter): Value {
    return this.define(type, "read", CONTROL["local.get"], undefined, [local]);
  }

  writeLocal(local: number, value: Value): void {
    this.current.push(Control.set(local, value.node));
  }

  variable<T extends Value>(initial: T): Variable<T> {
    const variable = new Variable<T>(this, this.temporaryLocal(initial.letter), initial.letter);
    variable.set(initial);
    return variable;
  }

  // --- calls --------------------------------------------------------------------------------------------------

  call<P extends string, R extends string>(callee: Callable<P, R>, ...args: ValuesOf<P>): ResultOf<R> {
    const index = this.linker.functionIndex(callee);
    return this.callWith(
      CONTROL.call,
      callee.signature.result,
      (args as Value[]).map((a) => a.node),
      [index],
    ) as ResultOf<R>;
  }

  /** `call` where the argument types are not known to TypeScript. */
  callUntyped(callee: Callable, args: readonly Value[]): Value | undefined {
    return this.callWith(
      CONTROL.call,
      callee.signature.result,
      args.map((a) => a.node),
      [this.linker.functionIndex(callee)],
    );
  }

  /** `call_indirect` through table 0. */
  callIndirect<P extends string, R extends string>(
    signature: { params: P; result: R },
    element: I32,
    ...args: ValuesOf<P>
  ): ResultOf<R> {
    const nodes = [...(args as Value[]).map((a) => a.node), element.node];
    return this.callWith(CONTROL.call_indirect, signature.result, nodes, [
      this.linker.types.index(signature),
      0,
    ]) as ResultOf<R>;
  }

  /** Returns what the function in table 0 returns, in whose place this one's frame is given up. */
  returnCallIndirect<P extends string, R extends string>(
    signature: { params: P; result: R },
    element: I32,
    ...args: ValuesOf<P>
  ): void {
    const nodes = [...(args as Value[]).map((a) => a.node), element.node];
    this.effect(CONTROL.return_call_indirect, nodes, [this.linker.types.index(signature), 0]);
  }

  /** Returns what another function returns, in whose place this one's frame is given up. */
  returnCall<P extends string, R extends string>(callee: Callable<P, R>, ...args: ValuesOf<P>): void {
    const nodes = (args as Value[]).map((a) => a.node);
    this.effect(CONTROL.return_call, nodes, [this.linker.functionIndex(callee)]);
  }

  private callWith(
    opcode: number,
    result: string,
    args: readonly Node[],
    immediates: readonly number[],
  ): Value | undefined {
    if (result !== "") return this.define(result as TypeLetter, "effect", opcode, args, immediates);
    this.effect(opcode, args, immediates);
    return undefined;
  }

  // --- control ------------------------------------------------------------------------------------------------

  /** What `write` says, kept apart. */
  protected nest(write: () => void): Statement[] {
    const outer = this.current;
    const body: Statement[] = [];
    this.current = body;
    try {
      write();
    } finally {
      this.current = outer;
    }
    return body;
  }

  /** A place in the code for statements that are known later. */
  protected placeholder(): Statement[] {
    const body: Statement[] = [];
    this.current.push(Control.group(body));
    return body;
  }

  /** See the statement of that kind. */
  protected forget(): void {
    this.current.push(Control.forget());
    for (const known of this.variables.values()) known.used = 0;
  }

  if(condition: I32, then: () => void, otherwise?: () => void): void {
    const c = condition.node.constant;
    if (c !== undefined) {
      if (c !== 0) then();
      else otherwise?.();
      return;
    }
    const thenBody = this.nest(then);
    const elseBody = otherwise ? this.nest(otherwise) : [];
    this.current.push(Control.if(condition.node, thenBody, elseBody));
  }

  /** `if` whose condition hardly ever holds: the host keeps what it needs for `then` out of the way of the rest. */
  ifRare(condition: I32, then: () => void): void {
    const at = this.current.length;
    this.if(condition, then);
    const statement = this.current[at];
    if (condition.node.constant === undefined && statement?.kind === "if") statement.rare = true;
  }

  /** What `then` gives where all conditions hold, which they nearly always do; else what `otherwise` gives. */
  mostly<T extends Value>(conditions: readonly I32[], then: () => T, otherwise: () => T): T {
    const result = this.variable(then());
    this.unless(conditions, () => result.set(otherwise()));
    return result.get();
  }

  /** What is to be done unless all conditions hold, which they nearly always do. */
  unless(conditions: readonly I32[], otherwise: () => void): void {
    this.block((done) => {
      this.block((rare) => {
        for (const condition of conditions) this.brIfRare(rare, condition.eqz());
        this.br(done);
      });
      otherwise();
    });
  }

  /** A value from one of two branches of which only one runs. */
  choose<T extends Value>(condition: I32, then: () => T, otherwise: () => T): T {
    const c = condition.node.constant;
    if (c !== undefined) return c !== 0 ? then() : otherwise();
    let local = -1;
    let letter: TypeLetter = "i";
    const put = (make: () => T) => () => {
      const value = make();
      if (local < 0) {
        letter = value.letter;
        local = this.temporaryLocal(letter);
      }
      this.writeLocal(local, value);
    };
    this.if(condition, put(then), put(otherwise));
    return this.readLocal(local, letter) as T;
  }

  /** `br(label)` leaves it. */
  block(write: (label: Label) => void): void {
    this.scope("block", write);
  }

  /** `br(label)` repeats it; falling off its end leaves it. */
  loop(write: (label: Label) => void): void {
    this.scope("loop", write);
  }

  private scope(kind: "block" | "loop", write: (label: Label) => void): void {
    const label = new Label(kind);
    const body = this.nest(() => write(label));
    this.current.push(Control.scope(label, body));
  }

  br(label: Label): void {
    this.current.push(Control.br(label, undefined));
  }

  brIf(label: Label, condition: I32): void {
    const c = condition.node.constant;
    if (c !== undefined) {
      if (c !== 0) this.br(label);
      return;
    }
    this.current.push(Control.br(label, condition.node));
  }

  brIfRare(label: Label, condition: I32): void {
    const at = this.current.length;
    this.brIf(label, condition);
    const statement = this.current[at];
    if (condition.node.constant === undefined && statement?.kind === "br") statement.rare = true;
  }

  /** Runs `cases[index]`, or `fallback` when the index is past them. */
  switch(index: I32, cases: readonly (() => void)[], fallback: () => void): void {
    this.block((done) => {
      const labels = cases.map(() => new Label("block"));
      const otherwise = new Label("block");
      let body: Statement[] = [Control.table(index.node, labels, otherwise)];
      cases.forEach((write, i) => {
        const label = labels[i] as Label;
        const after = this.nest(() => {
          write();
          this.br(done);
        });
        body = [Control.scope(label, body), ...after];
      });
      this.current.push(Control.scope(otherwise, body));
      fallback();
    });
  }

  /** Goes to `labels[index]`, or `fallback` when the index is past them. */
  table(index: I32, labels: readonly Label[], fallback: Label): void {
    this.current.push(Control.table(index.node, [...labels], fallback));
  }

  return(value?: Value): void {
    this.current.push(Control.return(value?.node));
  }
}
