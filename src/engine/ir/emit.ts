/**
 * From statements to wasm bytes. A pure value used once is written where it is used; one used more often, and every
 * read of memory whose result is used, gets a local at the place of its definition; unused ones vanish. A read of a
 * local stands for that local until somebody writes to it, and is copied only then.
 */
import { type BranchHint, ByteWriter, type FunctionBody } from "../wasm/encoder.js";
import { CONTROL, type TypeLetter } from "../wasm/opcodes.js";
import type { FunctionBuilder, Label, Statement } from "./function.js";
import { Node } from "./value.js";

const VOID_BLOCK = 0x40;

/** Counts uses, following pure and read nodes only once they are themselves used. */
function countUses(statements: readonly Statement[]): void {
  for (const s of statements) {
    if (s instanceof Node) {
      if (s.purity === "effect") for (const arg of s.args) use(arg);
      continue;
    }
    if (s.node) use(s.node);
    countUses(s.body);
    countUses(s.otherwise);
  }
}

function use(node: Node): void {
  node.uses++;
  if (node.uses === 1 && node.purity !== "effect") for (const arg of node.args) use(arg);
}

/** All locals that statements write to. */
function written(statements: readonly Statement[], to = new Set<number>()): Set<number> {
  for (const s of statements) {
    if (s instanceof Node) continue;
    if (s.kind === "set") to.add(s.local);
    written(s.body, to);
    written(s.otherwise, to);
  }
  return to;
}

/**
 * Bytes of the host's stack beside locals: what V8 puts there while it computes, and what is between the function and
 * one that it calls through the table.
 */
const FRAME_OVERHEAD = 256;

/** A number of 27 bits as LEB128 of five bytes, whatever it is. */
const wide = (value: number): Uint8Array =>
  Uint8Array.from({ length: 5 }, (_, i) => ((value >>> (7 * i)) & 0x7f) | (i < 4 ? 0x80 : 0));

class Emitter {
  readonly out = new ByteWriter();
  readonly hints: BranchHint[] = [];
  /** Where FunctionBuilder.frameSize is to be written. */
  readonly frameSizes: number[] = [];
  private readonly labels: (Label | undefined)[] = [];
  /** Locals by type: those of values that may still be used, and those of values that are not. */
  private readonly taken = new Map<TypeLetter, number[]>();
  private readonly free = new Map<TypeLetter, number[]>();
  /** Reads of locals that stand for the local still. */
  private readonly aliases = new Map<number, Node[]>();

  constructor(private readonly fb: FunctionBuilder) {}

  private constant(node: Node): void {
    const value = node.constant;
    this.out.opcode(node.opcode);
    if (value instanceof Uint8Array) {
      this.out.bytes(value);
    } else if (typeof value === "bigint") {
      this.out.s64(value);
    } else if (node.type === "i") {
      this.out.s32(value as number);
    } else {
      const bytes = new Uint8Array(node.type === "f" ? 4 : 8);
      const view = new DataView(bytes.buffer);
      if (node.type === "f") view.setFloat32(0, value as number, true);
      else view.setFloat64(0, value as number, true);
      this.out.bytes(bytes);
    }
  }

  private compute(node: Node): void {
    for (const arg of node.args) this.push(arg);
    this.out.opcode(node.opcode);
    const [first, second] = node.immediates;
    if (node.opcode === CONTROL["memory.fill"]) this.out.u8(0);
    else if (node.args.length > 0 && node.immediates.length === 16)
      for (const lane of node.immediates) this.out.u8(lane);
    else {
      if (first !== undefined) this.out.u32(first);
      if (second !== undefined) this.out.u32(second);
    }
  }

  /** The only constant that is known when all else is written. */
  private lateConstant(node: Node): void {
    this.out.opcode(node.opcode);
    this.frameSizes.push(this.out.length);
    this.out.bytes(wide(0));
  }

  /** Leaves the node's value on the wasm stack. */
  private push(node: Node): void {
    if (node.constant !== undefined) {
      this.constant(node);
    } else if (node.local >= 0) {
      node.uses--;
      this.out.opcode(CONTROL["local.get"]);
      this.out.u32(node.local);
    } else if (node.opcode === CONTROL["i32.const"]) {
      this.lateConstant(node);
    } else {
      this.compute(node);
    }
  }

  private define(node: Node): void {
    if (node.uses === 0 && node.purity !== "effect") return;
    if (node.uses === 1 && node.purity === "pure") return;
    if (node.opcode === CONTROL["local.get"]) {
      const [local = 0] = node.immediates;
      node.local = local;
      const known = this.aliases.get(local);
      if (known) known.push(node);
      else this.aliases.set(local, [node]);
      return;
    }
    this.compute(node);
    if (node.uses === 0) {
      this.out.opcode(CONTROL.drop);
      return;
    }
    node.local = this.takeLocal(node.type);
    this.out.opcode(CONTROL["local.set"]);
    this.out.u32(node.local);
  }

  /** `local` is about to change, or may: what stands for it gets a copy. */
  private detach(local: number): void {
    const nodes = this.aliases.get(local)?.filter(({ uses }) => uses > 0) ?? [];
    this.aliases.delete(local);
    if (nodes.length === 0) return;
    const copy = this.takeLocal((nodes[0] as Node).type);
    this.out.opcode(CONTROL["local.get"]);
    this.out.u32(local);
    this.out.opcode(CONTROL["local.set"]);
    this.out.u32(copy);
    for (const node of nodes) node.local = copy;
  }

  /** Before statements that may run or not, or again. */
  private detachWritten(...bodies: readonly (readonly Statement[])[]): void {
    if (!this.hasAliases()) return;
    for (const body of bodies) for (const local of written(body)) this.detach(local);
  }

  /** Whether any is still to be used. */
  private hasAliases(): boolean {
    for (const [local, nodes] of this.aliases) {
      if (nodes.some(({ uses }) => uses > 0)) return true;
      this.aliases.delete(local);
    }
    return false;
  }

  private takeLocal(type: TypeLetter): number {
    const local = this.free.get(type)?.pop() ?? this.fb.newLocal(type);
    const taken = this.taken.get(type);
    if (taken) taken.push(local);
    else this.taken.set(type, [local]);
    return local;
  }

  private forget(): void {
    this.aliases.clear();
    for (const [type, locals] of this.taken) {
      const free = this.free.get(type);
      if (free) free.push(...locals);
      else this.free.set(type, [...locals]);
      locals.length = 0;
    }
  }

  private depth(label: Label): number {
    const at = this.labels.lastIndexOf(label);
    if (at < 0) throw new Error("branch to a label that is not open here");
    return this.labels.length - 1 - at;
  }

  statements(list: readonly Statement[]): void {
    for (const s of list) this.statement(s);
  }

  private statement(s: Statement): void {
    if (s instanceof Node) {
      if (s.kind === "def") this.define(s);
      else this.compute(s);
      return;
    }
    const { out } = this;
    switch (s.kind) {
      case "set":
        this.push(s.node as Node);
        this.detach(s.local);
        out.opcode(CONTROL["local.set"]);
        out.u32(s.local);
        break;
      case "scope": {
        const label = s.label as Label;
        this.detachWritten(s.body);
        out.opcode(label.kind === "block" ? CONTROL.block : CONTROL.loop);
        out.u8(VOID_BLOCK);
        this.labels.push(label);
        this.statements(s.body);
        this.labels.pop();
        out.opcode(CONTROL.end);
        break;
      }
      case "if":
        this.detachWritten(s.body, s.otherwise);
        this.push(s.node as Node);
        if (s.rare) this.hints.push({ offset: out.length, likely: false });
        out.opcode(CONTROL.if);
        out.u8(VOID_BLOCK);
        this.labels.push(undefined);
        this.statements(s.body);
        if (s.otherwise.length > 0) {
          out.opcode(CONTROL.else);
          this.statements(s.otherwise);
        }
        this.labels.pop();
        out.opcode(CONTROL.end);
        break;
      case "br":
        if (s.node) this.push(s.node);
        if (s.rare) this.hints.push({ offset: out.length, likely: false });
        out.opcode(s.node ? CONTROL.br_if : CONTROL.br);
        out.u32(this.depth(s.label as Label));
        break;
      case "table":
        this.push(s.node as Node);
        out.opcode(CONTROL.br_table);
        out.u32(s.labels.length);
        for (const label of s.labels) out.u32(this.depth(label));
        out.u32(this.depth(s.label as Label));
        break;
      case "return":
        if (s.node) this.push(s.node);
        out.opcode(CONTROL.return);
        break;
      case "group":
        this.statements(s.body);
        break;
      case "forget":
        this.forget();
        break;
    }
  }
}

/** The function's body. The code must end in `return` (or be of no result). */
export function emitFunction(fb: FunctionBuilder): FunctionBody {
  countUses(fb.root);
  const emitter = new Emitter(fb);
  emitter.statements(fb.root);
  if (fb.result !== "") emitter.out.opcode(CONTROL.unreachable);
  const code = emitter.out.finish();
  // There are no more locals from here on.
  const frameSize = fb.locals.reduce((size, type) => size + (type === "v" ? 16 : 8), FRAME_OVERHEAD);
  for (const at of emitter.frameSizes) code.set(wide(frameSize), at);
  return {
    signature: { params: fb.params, result: fb.result },
    locals: fb.locals as TypeLetter[],
    code,
    hints: emitter.hints,
  };
}
