/**
 * The binary format of WebAssembly modules (core specification 2.0, chapter 5). Knows nothing of Arm.
 */
import { type TypeLetter, VALUE_TYPES } from "./opcodes.js";

/** A growing byte buffer with the LEB128 encodings. */
export class ByteWriter {
  private buffer = new Uint8Array(256);
  length = 0;

  private reserve(extra: number): void {
    if (this.length + extra <= this.buffer.length) return;
    const grown = new Uint8Array(Math.max(this.buffer.length * 2, this.length + extra));
    grown.set(this.buffer.subarray(0, this.length));
    this.buffer = grown;
  }

  u8(byte: number): void {
    this.reserve(1);
    this.buffer[this.length++] = byte;
  }

  bytes(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  u32(value: number): void {
    let v = value >>> 0;
    while (v >= 0x80) {
      this.u8((v & 0x7f) | 0x80);
      v >>>= 7;
    }
    this.u8(v);
  }

  s32(value: number): void {
    let v = value | 0;
    for (;;) {
      const byte = v & 0x7f;
      v >>= 7;
      if ((v === 0 && (byte & 0x40) === 0) || (v === -1 && (byte & 0x40) !== 0)) {
        this.u8(byte);
        return;
      }
      this.u8(byte | 0x80);
    }
  }

  s64(value: bigint): void {
    let v = BigInt.asIntN(64, value);
    if (v >= -0x80000000n && v <= 0x7fffffffn) {
      this.s32(Number(v));
      return;
    }
    for (;;) {
      const byte = Number(v & 0x7fn);
      v >>= 7n;
      if ((v === 0n && (byte & 0x40) === 0) || (v === -1n && (byte & 0x40) !== 0)) {
        this.u8(byte);
        return;
      }
      this.u8(byte | 0x80);
    }
  }

  /** An opcode of `opcodes.ts`: one byte, or a prefix byte and a LEB128 number. */
  opcode(code: number): void {
    if (code > 0xff) {
      this.u8(code >>> 16);
      this.u32(code & 0xffff);
    } else {
      this.u8(code);
    }
  }

  name(text: string): void {
    const bytes = new TextEncoder().encode(text);
    this.u32(bytes.length);
    this.bytes(bytes);
  }

  finish(): Uint8Array {
    return this.buffer.slice(0, this.length);
  }
}

/** A function type in letters: "iil" → "i". The empty string for no result. */
export interface Signature {
  readonly params: string;
  readonly result: string;
}

/** Which way a branch of the code mostly goes. */
export interface BranchHint {
  /** Of the `if` or `br_if` in the code. */
  readonly offset: number;
  /** The condition mostly holds. */
  readonly likely: boolean;
}

export interface FunctionBody {
  readonly signature: Signature;
  /** Types of the locals after the parameters. */
  readonly locals: readonly TypeLetter[];
  readonly code: Uint8Array;
  /** By offset. */
  readonly hints?: readonly BranchHint[];
}

export interface ModuleParts {
  readonly functionImports: readonly { module: string; name: string; signature: Signature }[];
  readonly functions: readonly FunctionBody[];
  /** Function indices; imports come first. */
  readonly exports: readonly { name: string; index: number }[];
  /** Contents of the module's own function table; empty for none. */
  readonly table: readonly number[];
  readonly memory: { initial: number; maximum: number; shared?: boolean };
  /** Of the functions in `functions`, for whoever profiles the host. */
  readonly names?: readonly string[];
}

/** Types are collected while code is written, because call_indirect names one. */
export class TypeTable {
  private readonly indices = new Map<string, number>();
  readonly list: Signature[] = [];

  index(signature: Signature): number {
    const key = `${signature.params}>${signature.result}`;
    const known = this.indices.get(key);
    if (known !== undefined) return known;
    this.list.push(signature);
    this.indices.set(key, this.list.length - 1);
    return this.list.length - 1;
  }
}

/** The declarations of a function's locals, neighbours of a type in one. */
function localDeclarations(locals: readonly TypeLetter[]): Uint8Array {
  const runs: { type: TypeLetter; count: number }[] = [];
  for (const type of locals) {
    const last = runs.at(-1);
    if (last?.type === type) last.count++;
    else runs.push({ type, count: 1 });
  }
  const w = new ByteWriter();
  w.u32(runs.length);
  for (const run of runs) {
    w.u32(run.count);
    w.u8(VALUE_TYPES[run.type]);
  }
  return w.finish();
}

function valueTypes(writer: ByteWriter, letters: string): void {
  writer.u32(letters.length);
  for (const letter of letters) writer.u8(VALUE_TYPES[letter as TypeLetter]);
}

/** The section "metadata.code.branch_hint" (the Branch Hinting proposal): a byte for each branch that has a hint. */
function branchHints(
  section: (id: number, write: (w: ByteWriter) => void) => void,
  { functionImports, functions }: ModuleParts,
  declarations: readonly Uint8Array[],
): void {
  const hinted = functions.flatMap(({ hints = [] }, i) => (hints.length > 0 ? [{ i, hints }] : []));
  if (hinted.length === 0) return;
  section(0, (w) => {
    w.name("metadata.code.branch_hint");
    w.u32(hinted.length);
    for (const { i, hints } of hinted) {
      w.u32(functionImports.length + i);
      w.u32(hints.length);
      for (const { offset, likely } of hints) {
        w.u32((declarations[i] as Uint8Array).length + offset);
        w.u32(1);
        w.u8(likely ? 1 : 0);
      }
    }
  });
}

/** Assembles a module that imports its memory as "env.memory". */
export function encodeModule(types: TypeTable, parts: ModuleParts): Uint8Array {
  const out = new ByteWriter();
  out.bytes(new Uint8Array([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]));
  const section = (id: number, write: (w: ByteWriter) => void): void => {
    const w = new ByteWriter();
    write(w);
    out.u8(id);
    out.u32(w.length);
    out.bytes(w.finish());
  };
  const importTypes = parts.functionImports.map((f) => types.index(f.signature));
  const functionTypes = parts.functions.map((f) => types.index(f.signature));

  section(1, (w) => {
    w.u32(types.list.length);
    for (const type of types.list) {
      w.u8(0x60);
      valueTypes(w, type.params);
      valueTypes(w, type.result);
    }
  });
  section(2, (w) => {
    w.u32(parts.functionImports.length + 1);
    parts.functionImports.forEach((f, i) => {
      w.name(f.module);
      w.name(f.name);
      w.u8(0x00);
      w.u32(importTypes[i] ?? 0);
    });
    w.name("env");
    w.name("memory");
    w.u8(0x02);
    w.u8(parts.memory.shared ? 0x03 : 0x01);
    w.u32(parts.memory.initial);
    w.u32(parts.memory.maximum);
  });
  section(3, (w) => {
    w.u32(functionTypes.length);
    for (const type of functionTypes) w.u32(type);
  });
  const ownTable = parts.table.length > 0;
  if (ownTable) {
    section(4, (w) => {
      w.u32(1);
      w.bytes(new Uint8Array([0x70, 0x00]));
      w.u32(parts.table.length);
    });
  }
  section(7, (w) => {
    w.u32(parts.exports.length + (ownTable ? 1 : 0));
    for (const e of parts.exports) {
      w.name(e.name);
      w.u8(0x00);
      w.u32(e.index);
    }
    if (ownTable) {
      w.name("table");
      w.u8(0x01);
      w.u32(0);
    }
  });
  if (ownTable) {
    section(9, (w) => {
      w.u32(1);
      w.u32(0);
      w.u8(0x41);
      w.s32(0);
      w.u8(0x0b);
      w.u32(parts.table.length);
      for (const index of parts.table) w.u32(index);
    });
  }
  const declarations = parts.functions.map((f) => localDeclarations(f.locals));
  branchHints(section, parts, declarations);
  section(10, (w) => {
    w.u32(parts.functions.length);
    parts.functions.forEach((f, i) => {
      const locals = declarations[i] as Uint8Array;
      w.u32(locals.length + f.code.length + 1);
      w.bytes(locals);
      w.bytes(f.code);
      w.u8(0x0b);
    });
  });
  const { names } = parts;
  if (names) {
    // Core specification, appendix "Custom Sections": function names are subsection 1.
    section(0, (w) => {
      w.name("name");
      const map = new ByteWriter();
      map.u32(names.length);
      names.forEach((name, i) => {
        map.u32(parts.functionImports.length + i);
        map.name(name);
      });
      w.u8(1);
      w.u32(map.length);
      w.bytes(map.finish());
    });
  }
  return out.finish();
}
