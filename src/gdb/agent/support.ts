/** What a machine does for agent expressions: at its points, and for tracepoints. */

import type { AgentContext } from "./evaluate.js";
import type { AgentExpression } from "./expression.js";

/** What a point asks and does at each pass. A point without a program stops. */
export interface PointProgram {
  /** It is passed unless one of them is not 0, or cannot be evaluated. None at all is "always". */
  readonly conditions: readonly AgentExpression[];
  /** Carried out instead of stopping. */
  readonly commands: readonly AgentExpression[];
  /** Called instead of stopping, before the instruction and at most once for it. It must not run or stop the machine. */
  readonly collect?: (vcpu: number) => void;
}

/** A trace state variable that the machine has by itself. */
export interface BuiltinVariable {
  readonly number: number;
  readonly name: string;
}

/** Left out of a target that knows no agent expressions. */
export interface AgentSupport {
  /** Trace state variables that are read and never set. */
  readonly builtin: readonly BuiltinVariable[];
  /** Virtual time in microseconds. */
  now(): bigint;
  /** Registers, memory and variables as a vCPU has them; what is printed goes to the clients. */
  context(vcpu: number): AgentContext;
  /** All variables but the builtin ones are as never set. */
  forgetVariables(): void;
  /**
   * Calls `each` after every further instruction of a vCPU until it returns false. The guest runs as if nobody looked.
   * A vCPU is followed by one at a time: the last one asked for.
   */
  follow(vcpu: number, each: () => boolean): void;
}
