/** What a hit of a tracepoint, or a step after it, collects: the vCPU's state into a frame. */

import { type AgentContext, AgentFailure, evaluate } from "../agent/index.js";
import { CORE, CoreRegister } from "../description/core.js";
import { type RegisterFile, registerFile } from "../description/registers.js";
import { type DebugTarget, TargetError } from "../target.js";
import { type CollectedMemory, MAX_BLOCK, type TraceFrame } from "./frames.js";
import type { TraceAction } from "./tracepoint.js";

/** The longest that one action may collect, in bytes. */
const MAX_COLLECTED = 1 << 20;

const INSTRUCTION = 4;

export class Collector {
  private readonly registers: RegisterFile;

  constructor(
    private readonly target: DebugTarget,
    private readonly contextOf: (vcpu: number) => AgentContext,
  ) {
    this.registers = registerFile(target.features);
  }

  /** A frame, or why an action of it failed. Memory that cannot be read is left out of the frame. */
  collect(tracepoint: number, actions: readonly TraceAction[], vcpu: number): TraceFrame | AgentFailure {
    const memory: CollectedMemory[] = [];
    const variables = new Map<number, bigint>();
    const others = new Map<number, Uint8Array>();
    let general: Uint8Array | undefined;
    const base = this.contextOf(vcpu);
    const addMemory = (address: bigint, length: number): void => this.addMemory(memory, base, address, length);
    const context: AgentContext = {
      ...base,
      trace: addMemory,
      traceVariable: (number) => variables.set(number, base.variable(number)),
    };
    for (const action of actions) {
      switch (action.kind) {
        case "registers":
          general ??= this.general(vcpu);
          this.addOthers(others, action.mask, vcpu);
          break;
        case "memory": {
          const register = action.base === undefined ? 0n : base.register(action.base);
          if (register === undefined) return new AgentFailure(`cannot read register ${action.base}`);
          addMemory(BigInt.asUintN(64, register + action.offset), action.length);
          break;
        }
        case "expression": {
          const outcome = evaluate(action.expression, context);
          if (outcome instanceof AgentFailure) return outcome;
        }
      }
    }
    const pc = this.pc(vcpu);
    // GDB takes a frame whose instruction it cannot read for one without a frame of its own, and finds no variables in it.
    // It has `QTro` say where the code is, but not the code of sections that are writable.
    if (general !== undefined) addMemory(pc, INSTRUCTION);
    return { tracepoint, vcpu, pc, general, others, memory, variables };
  }

  private pc(vcpu: number): bigint {
    const bytes = this.target.readRegister(vcpu, CORE, CoreRegister.pc);
    return bytes instanceof TargetError ? 0n : Buffer.from(bytes).readBigUInt64LE();
  }

  private general(vcpu: number): Uint8Array {
    const block = new Uint8Array(this.registers.generalSize);
    let at = 0;
    for (const { feature, index, size } of this.registers.general) {
      const bytes = this.target.readRegister(vcpu, feature, index);
      if (!(bytes instanceof TargetError)) block.set(bytes, at);
      at += size;
    }
    return block;
  }

  /** The registers of a mask that `g` does not carry. */
  private addOthers(others: Map<number, Uint8Array>, mask: bigint, vcpu: number): void {
    for (let number = this.registers.general.length; mask >> BigInt(number) !== 0n; number++) {
      const slot = this.registers.slots[number];
      if (slot === undefined) return;
      if (((mask >> BigInt(number)) & 1n) === 0n) continue;
      const bytes = this.target.readRegister(vcpu, slot.feature, slot.index);
      if (!(bytes instanceof TargetError)) others.set(number, bytes);
    }
  }

  private addMemory(memory: CollectedMemory[], context: AgentContext, address: bigint, length: number): void {
    const end = Math.min(length, MAX_COLLECTED);
    for (let done = 0; done < end; done += MAX_BLOCK) {
      const at = BigInt.asUintN(64, address + BigInt(done));
      const bytes = context.memory(at, Math.min(MAX_BLOCK, end - done));
      if (bytes !== undefined) memory.push({ address: at, bytes });
    }
  }
}
