/**
 * Conditions that a user gives to points by address (`monitor condition`): GDB sends those of breakpoints with them,
 * but never those of watchpoints, whose every access would be a round trip.
 */
import {
  type AgentContext,
  type AgentExpression,
  AgentFailure,
  compileSource,
  evaluate,
  type Names,
  type PointProgram,
  SourceError,
  verify,
} from "../../../gdb/agent/index.js";
import { Errno, type Point, TargetError } from "../../../gdb/target.js";

export interface UserCondition {
  readonly text: string;
  readonly expression: AgentExpression;
}

export class UserConditions {
  /** By address. */
  readonly all = new Map<bigint, UserCondition>();
  constructor(
    private readonly names: Names,
    /** Points that are inserted have other conditions now. */
    private readonly changed: () => void,
  ) {}

  set(address: bigint, text: string): TargetError | undefined {
    const expression = this.compile(text);
    if (expression instanceof TargetError) return expression;
    this.all.set(address, { text, expression });
    this.changed();
    return undefined;
  }

  /** What an expression is worth now. */
  value(text: string, context: AgentContext): bigint | TargetError {
    const expression = this.compile(text);
    if (expression instanceof TargetError) return expression;
    const outcome = evaluate(expression, context);
    return outcome instanceof AgentFailure ? new TargetError(Errno.EINVAL, `"${text}": ${outcome.text}`) : outcome;
  }

  private compile(text: string): AgentExpression | TargetError {
    const bytes = compileSource(text, this.names);
    return bytes instanceof SourceError ? new TargetError(Errno.EINVAL, bytes.text) : verify(bytes, "condition");
  }

  /** False if there was none. */
  remove(address: bigint): boolean {
    if (!this.all.delete(address)) return false;
    this.changed();
    return true;
  }

  /** What a point without a program of its own is to ask: the conditions for its bytes. */
  programFor(point: Point): PointProgram | undefined {
    const conditions = this.of(point).map(([, { expression }]) => expression);
    return conditions.length === 0 ? undefined : { conditions, commands: [] };
  }

  /**
   * Why a stop is one because a condition could not be told, in a line: the debugger, which did not ask it, cannot say.
   */
  failure(point: Pick<Point, "address" | "length">, context: AgentContext): string | undefined {
    for (const [at, { text, expression }] of this.of(point)) {
      const outcome = evaluate(expression, context);
      if (outcome instanceof AgentFailure) return `condition 0x${at.toString(16)} ${text}: ${outcome.text}\n`;
    }
    return undefined;
  }

  private of({ address, length }: Pick<Point, "address" | "length">): [bigint, UserCondition][] {
    return [...this.all].filter(([at]) => at >= address && at < address + BigInt(length));
  }
}
