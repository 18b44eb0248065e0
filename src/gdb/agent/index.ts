/** Agent expressions: GDB's bytecode, which the stub evaluates where the debugger would need a round trip. */

export { type AgentContext, evaluate, MAX_BACKWARD_JUMPS, readString } from "./evaluate.js";
export { AgentExpression, type AgentInstruction, type Purpose, verify } from "./expression.js";
export { AgentFailure } from "./failure.js";
export { OPCODES, type OpcodeName, TRACING } from "./opcodes.js";
export { compileSource, type Names, SourceError } from "./source.js";
export type { AgentSupport, BuiltinVariable, PointProgram } from "./support.js";
