/** Agent expressions written as text, for tests: `reg 0, const8 5, equal, end`. Labels end in a colon. */
import { OPCODES, type OpcodeName, type Purpose, verify } from "../../src/gdb/agent/index.js";
import { TargetError } from "../../src/gdb/target.js";

export function assembleAgent(source: string): Uint8Array {
  const words = source
    .split(",")
    .map((part) => part.trim())
    .filter(Boolean);
  const labels = new Map<string, number>();
  const encode = (): number[] => {
    const bytes: number[] = [];
    for (const word of words) {
      if (word.endsWith(":")) {
        labels.set(word.slice(0, -1), bytes.length);
        continue;
      }
      const [name = "", operand = "0"] = word.split(/\s+/);
      const { code, operand: size } = OPCODES[name as OpcodeName];
      bytes.push(code);
      if (size === "format") throw new Error("printf is written in bytes");
      const value = labels.has(operand)
        ? BigInt(labels.get(operand) ?? 0)
        : BigInt(/^-?\d|^0x/.test(operand) ? operand : 0);
      for (let i = size - 1; i >= 0; i--) bytes.push(Number((BigInt.asUintN(64, value) >> BigInt(8 * i)) & 0xffn));
    }
    return bytes;
  };
  encode();
  return Uint8Array.from(encode());
}

/** Verified; throws what it is refused with. */
export function agent(source: string, purpose: Purpose = "condition") {
  const verified = verify(assembleAgent(source), purpose);
  if (verified instanceof TargetError) throw new Error(verified.text);
  return verified;
}

/** As a packet carries it: `X3,22…`. */
export function packed(bytes: Uint8Array): string {
  return `X${bytes.length.toString(16)},${Buffer.from(bytes).toString("hex")}`;
}
