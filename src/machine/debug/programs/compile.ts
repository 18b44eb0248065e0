/**
 * From a verified agent expression to a wasm function (GDB manual, "Bytecode Descriptions"). It means what
 * gdb/agent/evaluate.ts means; a test holds one to the other. The stack lives in locals: its depth is known everywhere.
 */
import { CpuView } from "../../../engine/cpu-view.js";
import { pointRead } from "../../../engine/imports.js";
import type { FunctionBuilder, Variable } from "../../../engine/ir/function.js";
import { type DefinedFunction, defineFunction, importFunction } from "../../../engine/ir/module.js";
import type { I32, I64 } from "../../../engine/ir/value.js";
import { AREA, CPU, GLOBAL } from "../../../engine/layout.js";
import {
  type AgentExpression,
  type AgentInstruction,
  MAX_BACKWARD_JUMPS,
  type OpcodeName,
} from "../../../gdb/agent/index.js";

/** What a compiled expression gives: false, true, or that it could not be evaluated. */
export const OUTCOME = { false: 0, true: 1, failed: 2 } as const;

/** What `pointRead` is asked for: its kind. */
export const READ = { memory: 0, register: 1, variable: 2 } as const;

/**
 * Number of the builtin variable that is the value about to be stored where a watchpoint is asked. GDB is not told of
 * it and counts its own variables from 1 up.
 */
export const STORED_VALUE = 0xffff;

/** The engine's own, by its name among the exports ("rt.peekHost"). */
export const peekHost = importFunction("peekHost", "ili", "i");

/** Where an expression's operands are. */
export interface Places {
  /** Offset in the vCPU block of a register's low 64 bits; undefined when TypeScript has to be asked. */
  register(number: number): number | undefined;
  /** Index of a trace state variable's cell; undefined for one that TypeScript keeps. */
  variable(number: number): number | undefined;
}

/** Opcodes that only gdb/agent/evaluate.ts carries out: what they do is slow anyway. */
export const NOT_COMPILED: ReadonlySet<OpcodeName> = new Set([
  "printf",
  "trace",
  "trace_quick",
  "trace16",
  "tracenz",
  "tracev",
]);

type Two = (a: I64, b: I64) => I64;

const truth = (condition: I32): I64 => condition.toI64U();

const BINARY: Partial<Record<OpcodeName, Two>> = {
  add: (a, b) => a.add(b),
  sub: (a, b) => a.sub(b),
  mul: (a, b) => a.mul(b),
  lsh: (a, b) => a.shl(b),
  rsh_signed: (a, b) => a.shrS(b),
  rsh_unsigned: (a, b) => a.shrU(b),
  bit_and: (a, b) => a.and(b),
  bit_or: (a, b) => a.or(b),
  bit_xor: (a, b) => a.xor(b),
  equal: (a, b) => truth(a.eq(b)),
  less_signed: (a, b) => truth(a.ltS(b)),
  less_unsigned: (a, b) => truth(a.ltU(b)),
};

/** Wasm traps where the quotient does not fit: the smallest number by −1, which negates it. */
const divideSigned = (fb: FunctionBuilder, a: I64, b: I64): I64 =>
  fb.choose(
    b.eq(-1),
    () => a.neg(),
    () => a.divS(b),
  );

const DIVISIONS: Partial<Record<OpcodeName, (fb: FunctionBuilder, a: I64, b: I64) => I64>> = {
  div_signed: divideSigned,
  div_unsigned: (_fb, a, b) => a.divU(b),
  rem_signed: (fb, a, b) => a.sub(divideSigned(fb, a, b).mul(b)),
  rem_unsigned: (_fb, a, b) => a.remU(b),
};

const LOADS = { ref8: "i64.load8_u", ref16: "i64.load16_u", ref32: "i64.load32_u", ref64: "i64.load" } as const;
const SIZES = { ref8: 1, ref16: 2, ref32: 4, ref64: 8 } as const;

/** (cpu) → OUTCOME. */
export type CompiledCondition = DefinedFunction<"i", "i">;

export function compileCondition(name: string, expression: AgentExpression, places: Places): CompiledCondition {
  return defineFunction(name, "i", "i", (fb, cpu) => new Writer(fb, cpu, expression, places).write());
}

/** Offsets at which a straight run of instructions begins. */
function leaders({ instructions }: AgentExpression): number[] {
  const starts = new Set([0]);
  for (const { name, operand, next } of instructions.values()) {
    if (name !== "goto" && name !== "if_goto") continue;
    starts.add(Number(operand));
    if (name === "if_goto") starts.add(next);
  }
  return [...starts].sort((a, b) => a - b);
}

class Writer {
  private readonly c: CpuView;
  private readonly slots: readonly Variable<I64>[];
  private readonly starts: readonly number[];
  /** The values of the run being written. */
  private stack: I64[] = [];

  constructor(
    private readonly fb: FunctionBuilder,
    private readonly cpu: I32,
    private readonly expression: AgentExpression,
    private readonly places: Places,
  ) {
    this.c = new CpuView(fb, cpu);
    this.slots = Array.from({ length: expression.maxDepth }, () => fb.variable(fb.i64(0)));
    this.starts = leaders(expression);
  }

  write(): void {
    const { fb, starts } = this;
    if (starts.length === 1) {
      this.run(0, () => {});
      return;
    }
    const which = fb.variable(fb.i32(0));
    const jumps = fb.variable(fb.i32(0));
    fb.loop((dispatch) => {
      const runs = starts.map((start) => () => {
        this.run(start, (from, to) => {
          which.set(fb.i32(starts.indexOf(to)));
          if (to <= from) {
            const count = jumps.get().add(1);
            jumps.set(count);
            fb.if(count.gtU(MAX_BACKWARD_JUMPS), () => this.fail());
          }
          fb.br(dispatch);
        });
      });
      fb.switch(which.get(), runs, () => this.fail());
    });
    this.fail();
  }

  private fail(): void {
    this.fb.return(this.fb.i32(OUTCOME.failed));
  }

  /** The instructions from `start` to the next run's beginning; ends by `jump` or a return on every path. */
  private run(start: number, jump: (from: number, to: number) => void): void {
    const { fb } = this;
    const { instructions } = this.expression;
    const first = instructions.get(start) as AgentInstruction;
    this.stack = this.slots.slice(0, first.depth).map((slot) => slot.get());
    for (let at = start; ; ) {
      const instruction = instructions.get(at) as AgentInstruction;
      const { name, next, operand } = instruction;
      switch (name) {
        case "end": {
          const value = this.stack.at(-1) ?? fb.i64(0);
          fb.return(value.ne(0));
          return;
        }
        case "goto":
          this.spill();
          jump(at, Number(operand));
          return;
        case "if_goto": {
          const condition = this.pop();
          this.spill();
          fb.if(condition.ne(0), () => jump(at, Number(operand)));
          jump(at, next);
          return;
        }
        default:
          this.instruction(instruction);
      }
      if (this.starts.includes(next)) {
        this.spill();
        jump(at, next);
        return;
      }
      at = next;
    }
  }

  private spill(): void {
    this.stack.forEach((value, depth) => {
      this.slots[depth]?.set(value);
    });
  }

  private pop(): I64 {
    return this.stack.pop() as I64;
  }

  private push(value: I64): void {
    this.stack.push(value);
  }

  private instruction({ name, operand }: AgentInstruction): void {
    const { fb, stack } = this;
    const binary = BINARY[name];
    const division = DIVISIONS[name];
    if (binary !== undefined || division !== undefined) {
      const b = this.pop();
      const a = this.pop();
      if (division !== undefined) fb.if(b.eqz(), () => this.fail());
      this.push(division === undefined ? (binary as Two)(a, b) : division(fb, a, b));
      return;
    }
    switch (name) {
      case "ref8":
      case "ref16":
      case "ref32":
      case "ref64":
        this.push(this.load(name, this.pop()));
        return;
      case "log_not":
        this.push(truth(this.pop().eqz()));
        return;
      case "bit_not":
        this.push(this.pop().not());
        return;
      case "ext":
        if (operand < 64n) this.push(signExtend(fb, this.pop(), Number(operand)));
        return;
      case "zero_ext":
        if (operand < 64n) this.push(this.pop().and((1n << operand) - 1n));
        return;
      case "const8":
      case "const16":
      case "const32":
      case "const64":
        this.push(fb.i64(operand));
        return;
      case "reg":
        this.push(this.register(Number(operand)));
        return;
      case "dup":
        this.push(stack.at(-1) as I64);
        return;
      case "pop":
        this.pop();
        return;
      case "pick":
        this.push(stack.at(-1 - Number(operand)) as I64);
        return;
      case "swap": {
        const [b, a] = [this.pop(), this.pop()];
        stack.push(b, a);
        return;
      }
      case "rot": {
        const [third, second, first] = [this.pop(), this.pop(), this.pop()];
        stack.push(third, first, second);
        return;
      }
      case "getv":
        this.push(this.variable(Number(operand)));
        return;
      case "setv": {
        const cell = this.places.variable(Number(operand));
        // What the machine keeps itself cannot be set, as in evaluate.ts.
        if (cell !== undefined) fb.store("i64.store", fb.i32(0), stack.at(-1) as I64, cellAddress(cell));
        return;
      }
      default:
        throw new Error(`${name} is not compiled`);
    }
  }

  private load(name: keyof typeof LOADS, address: I64): I64 {
    const { fb } = this;
    const host = fb.call(peekHost, this.cpu, address, fb.i32(SIZES[name]));
    return fb.choose(
      host,
      () => fb.load(LOADS[name], host) as I64,
      () => this.ask(READ.memory, address, SIZES[name]),
    );
  }

  private register(number: number): I64 {
    const offset = this.places.register(number);
    return offset === undefined ? this.ask(READ.register, this.fb.i64(number), 0) : this.c.get64(offset);
  }

  private variable(number: number): I64 {
    if (number === STORED_VALUE) return this.storedValue();
    const cell = this.places.variable(number);
    if (cell === undefined) return this.ask(READ.variable, this.fb.i64(number), 0);
    return this.fb.load("i64.load", this.fb.i32(0), cellAddress(cell)) as I64;
  }

  private storedValue(): I64 {
    const { fb } = this;
    const size = fb.load("i32.load", fb.i32(0), GLOBAL.storeSize) as I32;
    // What is stored is not known: the debugger has to look.
    fb.if(size.eqz(), () => this.fail());
    const value = this.c.get64(CPU.bounce);
    const unused = fb.i32(64).sub(size.shl(3)).toI64U();
    return size.geU(8).select(value, value.shl(unused).shrU(unused));
  }

  private ask(kind: number, argument: I64, size: number): I64 {
    const { fb } = this;
    fb.store("i32.store", fb.i32(0), fb.i32(0), GLOBAL.pointFailed);
    const value = fb.call(pointRead, this.cpu, fb.i32(kind), argument, fb.i32(size));
    fb.if(fb.load("i32.load", fb.i32(0), GLOBAL.pointFailed) as I32, () => this.fail());
    return value;
  }
}

function signExtend(fb: FunctionBuilder, value: I64, bits: number): I64 {
  if (bits === 0) return fb.i64(0);
  return value.shl(64 - bits).shrS(64 - bits);
}

/** Address in the engine's memory of a cell. */
export function cellAddress(cell: number): number {
  return AREA.pointCells + 8 * cell;
}
