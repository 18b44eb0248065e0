/** What a `monitor` command is: a row with a name, an example, and what it does (GDB's `qRcmd`). */
import { Errno, type MonitorClient, TargetError } from "../../../gdb/target.js";
import type { Machine } from "../../machine.js";
import type { Core } from "../../scheduler.js";
import type { Catches } from "../catch/catches.js";
import type { ExitLog } from "../exit-log.js";
import type { DebugMemory } from "../memory.js";
import type { UserConditions } from "../programs/conditions.js";
import type { DebugRegisters } from "../registers.js";
import type { SystemRegisters } from "../system-registers.js";

/** What commands work on. */
export interface MonitorContext {
  readonly machine: Machine;
  /** The vCPU that is selected in the debugger. */
  readonly vcpu: number;
  readonly system: SystemRegisters;
  readonly memory: DebugMemory;
  readonly exits: ExitLog;
  readonly catches: Catches;
  readonly registers: DebugRegisters;
  readonly conditions: UserConditions;
  /** Who asks; undefined for a program that uses the target without a connection. */
  readonly client: MonitorClient | undefined;
  /** The value of an expression, at the selected vCPU. */
  evaluate(expression: string): bigint | TargetError;
  /** Back to power-on; an error when the machine has ended. */
  reset(): TargetError | undefined;
}

/** Lines without their ends, or why it was not done. */
export type Output = readonly string[] | TargetError;

export interface MonitorCommand {
  /** One word or two. */
  readonly name: string;
  /** Arguments as `help NAME` shows them: "VA [REGIME]". */
  readonly usage?: string;
  readonly help: string;
  readonly example: string;
  /** How many arguments it takes, at least and at most. Default none. */
  readonly arguments?: readonly [number, number];
  /**
   * Which argument is text, whatever signs are in it: the first, or all others. One that is not may be an expression.
   */
  readonly text?: "first" | "others";
  run(context: MonitorContext, args: readonly string[]): Output;
}

export const refuse = (text: string): TargetError => new TargetError(Errno.EINVAL, text);

export const hex = (value: bigint | number, digits = 0): string => `0x${value.toString(16).padStart(digits, "0")}`;

/** The selected vCPU. */
export function selected({ machine, vcpu }: MonitorContext): Core {
  return machine.cores[vcpu] as Core;
}

/** A number of at most 64 bits, in decimal, or hexadecimal with 0x. */
export function parseNumber(text: string): bigint | TargetError {
  if (!/^(0x[0-9a-f]{1,16}|\d{1,20})$/i.test(text)) {
    // GDB hands the line on as it is: jiffies, &table.
    const hint = /^[&*(]|^[g-z_]/i.test(text) ? `; GDB puts one in with: eval "monitor … %#lx", (long) ${text}` : "";
    return refuse(`"${text}" is no number: 4096 or 0x1000${hint}`);
  }
  const value = BigInt(text);
  return value >> 64n === 0n ? value : refuse(`${text} has more than 64 bits`);
}
