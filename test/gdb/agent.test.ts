/** Agent expressions: what the verifier lets through, what they mean, and that both ways to run them mean the same. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CPU } from "../../src/engine/layout.js";
import { formatPrint } from "../../src/gdb/agent/format.js";
import {
  type AgentContext,
  AgentFailure,
  compileSource,
  evaluate,
  OPCODES,
  SourceError,
  verify,
} from "../../src/gdb/agent/index.js";
import { TargetError } from "../../src/gdb/target.js";
import { MachineAgent } from "../../src/machine/debug/programs/agent.js";
import { programModule } from "../../src/machine/debug/programs/module.js";
import type { MachineTarget } from "../../src/machine/debug-target.js";
import { assemble, Rig } from "../machine/debug-rig.js";
import { agent, assembleAgent } from "./assemble-agent.js";

const MEMORY = Buffer.from("00112233445566778899aabbccddeeff68656c6c6f00", "hex");
const BASE = 0x1000n;

function context(): AgentContext & { readonly log: string[] } {
  const variables = new Map([[7, 70n]]);
  const log: string[] = [];
  return {
    log,
    register: (number) => (number < 4 ? BigInt(number) * 0x1111n : undefined),
    memory(address, length) {
      const at = Number(address - BASE);
      return at >= 0 && at + length <= MEMORY.length ? MEMORY.subarray(at, at + length) : undefined;
    },
    variable: (number) => variables.get(number) ?? 0n,
    setVariable: (number, value) => void variables.set(number, value),
    print: (text) => void log.push(text),
    trace: (address, length) => void log.push(`trace ${address.toString(16)} ${length}`),
    traceVariable: (number) => void log.push(`tracev ${number}`),
  };
}

const run = (source: string) => {
  const outcome = evaluate(agent(source, "action"), context());
  return outcome instanceof AgentFailure ? outcome.text : outcome;
};
const minus = (value: bigint): bigint => BigInt.asUintN(64, -value);

describe("meaning", () => {
  it.each<[string, bigint | string]>([
    ["const8 7, const8 5, sub, end", 2n],
    ["const8 5, const8 7, sub, end", minus(2n)],
    ["const64 0xffffffffffffffff, const8 2, add, end", 1n],
    ["const64 0x100000001, const64 0x100000001, mul, end", 0x200000001n],
    ["const8 7, const8 2, div_unsigned, end", 3n],
    ["const64 0xfffffffffffffff9, const8 2, div_signed, end", minus(3n)],
    ["const64 0xfffffffffffffff9, const8 2, rem_signed, end", minus(1n)],
    ["const64 0xfffffffffffffff9, const8 2, rem_unsigned, end", 1n],
    ["const64 0x8000000000000000, const64 0xffffffffffffffff, div_signed, end", 1n << 63n],
    ["const64 0x8000000000000000, const64 0xffffffffffffffff, rem_signed, end", 0n],
    ["const8 1, const8 0, div_signed, end", "division by zero"],
    ["const8 1, const8 0, rem_unsigned, end", "division by zero"],
    ["const8 1, const8 63, lsh, end", 1n << 63n],
    ["const64 0x8000000000000000, const8 4, rsh_signed, end", 0xf800000000000000n],
    ["const64 0x8000000000000000, const8 4, rsh_unsigned, end", 0x0800000000000000n],
    ["const8 0, log_not, end", 1n],
    ["const8 9, log_not, end", 0n],
    ["const8 12, const8 10, bit_and, end", 8n],
    ["const8 12, const8 10, bit_or, end", 14n],
    ["const8 12, const8 10, bit_xor, end", 6n],
    ["const8 0, bit_not, end", minus(1n)],
    ["const8 3, const8 3, equal, end", 1n],
    ["const64 0xffffffffffffffff, const8 1, less_signed, end", 1n],
    ["const64 0xffffffffffffffff, const8 1, less_unsigned, end", 0n],
    ["const8 0x80, ext 8, end", minus(0x80n)],
    ["const16 0x1ff, zero_ext 8, end", 0xffn],
    ["const64 0x8000000000000001, ext 64, end", 0x8000000000000001n],
    ["const16 0x1001, ref8, end", 0x11n],
    ["const16 0x1001, ref16, end", 0x2211n],
    ["const16 0x1001, ref32, end", 0x44332211n],
    ["const16 0x1001, ref64, end", 0x8877665544332211n],
    ["const8 1, ref64, end", "cannot read 8 bytes at 0x1"],
    ["reg 3, end", 0x3333n],
    ["reg 99, end", "cannot read register 99"],
    ["const8 1, dup, add, end", 2n],
    ["const8 1, const8 2, pop, end", 1n],
    ["const8 1, const8 2, swap, sub, end", 1n],
    ["const8 1, const8 2, const8 3, pick 2, end", 1n],
    // a b c becomes c a b.
    ["const8 1, const8 2, const8 3, rot, end", 2n],
    ["const8 1, const8 2, const8 3, rot, pop, end", 1n],
    ["const8 1, const8 2, const8 3, rot, pop, pop, end", 3n],
    ["getv 7, end", 70n],
    ["getv 8, end", 0n],
    ["const8 5, setv 7, pop, getv 7, end", 5n],
    ["const8 1, if_goto yes, const8 10, end, yes:, const8 20, end", 20n],
    ["const8 0, if_goto yes, const8 10, end, yes:, const8 20, end", 10n],
    // 10 + 9 + … + 1, by a loop.
    ["const8 0, const8 10, again:, dup, rot, add, swap, const8 1, sub, dup, if_goto again, pop, end", 55n],
    ["again:, goto again", "gave up after 10000 jumps backwards"],
    ["end", 0n],
  ])("%s", (source, expected) => {
    expect(run(source)).toBe(expected);
  });

  it("records what is traced, strings up to their zero", () => {
    const seen = context();
    const source =
      "const16 0x1000, const8 4, trace, const16 0x1004, trace_quick 2, trace16 300, pop," +
      "const16 0x1010, const8 40, tracenz, const16 0x1010, const8 3, tracenz, tracev 7, end";
    expect(evaluate(agent(source, "action"), seen)).toBe(0n);
    expect(seen.log).toEqual([
      "trace 1000 4",
      "trace 1004 2",
      "trace 1004 300",
      "trace 1010 6",
      "trace 1010 3",
      "tracev 7",
    ]);
  });

  it("prints values, the first on top, below a function and a channel", () => {
    const format = Buffer.from("%s is %d\\n\0");
    const bytes = Buffer.concat([
      assembleAgent("const8 42, const16 0x1010, const8 0, const8 0"),
      Buffer.from([OPCODES.printf.code, 2, 0, format.length]),
      format,
      assembleAgent("end"),
    ]);
    const expression = verify(bytes, "command");
    if (expression instanceof TargetError) throw new Error(expression.text);
    const seen = context();
    evaluate(expression, seen);
    expect(seen.log).toEqual(["hello is 42\n"]);
  });
});

describe("printf", () => {
  it.each<[string, bigint[], string]>([
    ["%d %i", [minus(5n), 0xffff_fffe_0000_0007n], "-5 7"],
    ["%ld %lld", [minus(5n), 1n << 40n], "-5 1099511627776"],
    ["%u %lu %hhu", [0x1_0000_0005n, minus(1n), 0x1ffn], "5 18446744073709551615 255"],
    ["%x %#lx %X %08x|%-6x|%6x", [255n, 255n, 255n, 255n, 255n, 255n], "ff 0xff FF 000000ff|ff    |    ff"],
    ["%5d|%-5d|%05d|%+d|% d|%.3d", [42n, 42n, minus(42n), 42n, 42n, 7n], "   42|42   |-0042|+42| 42|007"],
    ["%*d %c%c %p %o %%", [4n, 7n, 0x41n, 0x42n, 0xbeefn, 8n], "   7 AB 0xbeef 10 %"],
    ['a\\tb\\x41\\101\\"\\\\', [], 'a\tbAA"\\'],
    ["[%s] [%.2s] [%6s]", [1n, 1n, 1n], "[text] [te] [  text]"],
  ])("%s", (format, values, expected) => {
    expect(formatPrint(format, values, () => Buffer.from("text"))).toBe(expected);
  });

  it("refuses what it cannot print", () => {
    expect(formatPrint("%f", [1n], () => Buffer.alloc(0))).toBeInstanceOf(AgentFailure);
    expect(formatPrint("%d", [], () => Buffer.alloc(0))).toBeInstanceOf(AgentFailure);
  });
});

describe("the verifier", () => {
  it.each<[string, string]>([
    ["", "the expression is empty"],
    ["const8 1", "runs past the end"],
    ["add, end", "add takes 2 values from a stack of 0"],
    ["const8 1, pick 1, end", "pick takes 2 values from a stack of 1"],
    ["const8 1, if_goto skip, const8 1, skip:, end", "is reached with"],
    ["goto 0x300, end", "runs past the end"],
    ["const8 0x27, pop, goto 1", "middle of an instruction"],
    [`${"const8 1, ".repeat(101)}end`, "deeper than 100"],
    ["again:, const8 1, goto again", "is reached with"],
    ["const8 1, float, end", "floating point is not supported"],
    ["const8 1, l_to_d, end", "floating point is not supported"],
    ["const8 1, const8 1, trace, const8 1, end", "trace outside a tracepoint's actions"],
    ["end", "without a value"],
  ])("refuses %s", (source, text) => {
    const refused = verify(assembleAgent(source), "condition");
    expect((refused as TargetError).text).toContain(text);
  });

  it("refuses every opcode there is not, and every operand that is cut short", () => {
    const known = new Set<number>(Object.values(OPCODES).map(({ code }) => code));
    for (let code = 0; code < 256; code++) {
      if (!known.has(code)) expect(verify(Uint8Array.of(code, 0x27), "action")).toBeInstanceOf(TargetError);
    }
    for (const { code, operand } of Object.values(OPCODES)) {
      if (operand !== 0)
        expect(verify(Uint8Array.of(0x22, 0, 0x22, 0, 0x22, 0, code), "action")).toBeInstanceOf(TargetError);
    }
  });

  it("takes or refuses any bytes, and what it takes comes to an end", () => {
    const opcode = fc.constantFrom(...Object.values(OPCODES).map(({ code }) => code));
    fc.assert(
      fc.property(fc.array(fc.oneof(opcode, fc.nat(40)), { maxLength: 24 }), (bytes) => {
        const expression = verify(Uint8Array.from(bytes), "action");
        if (!(expression instanceof TargetError)) evaluate(expression, context());
      }),
      { numRuns: 2000 },
    );
  });
});

/** A random expression that leaves one value more. */
const { tree } = fc.letrec<{ tree: string }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.constantFrom(
      ...["const8 0", "const8 1", "const8 63", "const32 0x40080000", "const64 0xffffffffffffffff", "reg 0", "reg 31"],
      ...[
        "const64 0x8000000000000000",
        "reg 32",
        "reg 33",
        "reg 35",
        "reg 70",
        "reg 900",
        "getv 40",
        "getv 2",
        "getv 3",
      ],
      ...["const32 0x40080ffd", "const32 0x40081000", "const64 0xffff800040080000", "const32 0x09000018"],
    ),
    fc
      .tuple(
        tie("tree"),
        fc.constantFrom(
          "log_not",
          "bit_not",
          "ext 8",
          "ext 33",
          "zero_ext 16",
          "zero_ext 64",
          "dup, add",
          "setv 40",
          "setv 2",
          "ref8",
          "ref16",
          "ref32",
          "ref64",
        ),
      )
      .map((parts) => parts.join(", ")),
    fc
      .tuple(
        tie("tree"),
        tie("tree"),
        fc.constantFrom(
          "add",
          "sub",
          "mul",
          "div_signed",
          "div_unsigned",
          "rem_signed",
          "rem_unsigned",
          "lsh",
          "rsh_signed",
          "rsh_unsigned",
          "bit_and",
          "bit_or",
          "bit_xor",
          "equal",
          "less_signed",
          "less_unsigned",
          "swap, sub",
          "pick 1, add, add",
        ),
      )
      .map((parts) => parts.join(", ")),
    fc.tuple(tie("tree"), tie("tree"), tie("tree")).map((parts) => `${parts.join(", ")}, rot, sub, bit_xor`),
    fc
      .tuple(tie("tree"), tie("tree"), tie("tree"), fc.nat())
      .map(
        ([c, a, b, n]) =>
          `${c}, if_goto t${n}_${c.length}_${a.length}, ${a}, goto d${n}_${c.length}_${a.length}, t${n}_${c.length}_${a.length}:, ${b}, d${n}_${c.length}_${a.length}:`,
      ),
  ),
}));

describe("the compiled form", () => {
  it("means what the other one does", async () => {
    const rig = await Rig.create(assemble("nop\n.skip 4092\n.quad 0x1122334455667788"));
    const { machine } = rig;
    const print: string[] = [];
    const target = rig.target as MachineTarget;
    const { agent: support } = target;
    if (!(support instanceof MachineAgent)) throw new Error("the target has no agent");
    rig.setRegister(0, 0x1234_5678_9abc_def0n);
    const exports = machine.engine.exports as unknown as Record<string, unknown>;
    const context = { ...support.context(0), print: (text: string) => void print.push(text) };
    const places = {
      register: (n: number) => (n < 31 ? CPU.x + 8 * n : n === 31 ? CPU.sp : n === 32 ? CPU.pc : undefined),
      variable: (n: number) => (n === 40 ? 7 : undefined),
    };
    fc.assert(
      fc.property(tree, (source) => {
        const condition = agent(`${source}, end`);
        const bytes = programModule(
          {
            breakpoints: new Map([[0n, [{ id: 1, program: { conditions: [condition], commands: [] } }]]]),
            watchpoints: [],
          },
          places,
        );
        const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
          env: { memory: machine.engine.memory },
          host: {
            peekHost: exports["rt.peekHost"],
            pointAction: () => 1,
            pointRead: (cpu: number, kind: number, argument: bigint, size: number) =>
              support.read(cpu, kind, argument, size),
          },
        });
        // Both begin with the same value of the variable.
        const cell = 0xf_0000 + 8 * 7;
        machine.engine.view.setBigUint64(cell, 5n, true);
        const variables = new Map([[40, 5n]]);
        const expected = evaluate(condition, {
          ...context,
          variable: (n) => (n === 40 ? (variables.get(n) ?? 0n) : context.variable(n)),
          setVariable: (n, value) => void (n === 40 && variables.set(n, value)),
        });
        const stops = (instance.exports.breakpoint as (cpu: number, pc: bigint, pass: number) => number)(
          machine.engine.cpuBases[0] ?? 0,
          0n,
          0,
        );
        expect(stops).toBe(expected === 0n ? 0 : 1);
        if (!(expected instanceof AgentFailure)) {
          expect(machine.engine.view.getBigUint64(cell, true)).toBe(variables.get(40));
        }
      }),
      { numRuns: 400 },
    );
  });
});

describe("conditions as people write them", () => {
  const names = {
    register: (name: string) => (/^x[0-3]$/.test(name) ? Number(name[1]) : undefined),
    variable: (name: string) => (name === "v" ? 7 : undefined),
  };
  const value = (source: string) => {
    const bytes = compileSource(source, names);
    if (bytes instanceof SourceError) return bytes.text;
    const expression = verify(bytes, "condition");
    return expression instanceof TargetError ? expression.text : evaluate(expression, context());
  };
  it.each<[string, bigint]>([
    ["1 + 2 * 3 == 7", 1n],
    ["(1 + 2) * 3 - 10 / 2 % 3", 7n],
    ["-1 < 0 && 2 > 1 && 2 >= 2 && 1 <= 1", 1n],
    ["0 || 5", 1n],
    ["0 && *(u8) 0", 0n],
    ["1 || *(u8) 0", 1n],
    ["1 && 0 || 0", 0n],
    ["!5 | ~0 & 6 ^ 1", 7n],
    ["1 << 4 >> 1", 8n],
    ["$x2 == 0x2222", 1n],
    ["$w3 + $v", 0x3333n + 70n],
    ["*(u16 *) 0x1001", 0x2211n],
    ["*(u8)(0x1000 + 2) != 0x22", 0n],
    ["*(s8) 0x1008 == -0x78", 1n],
    ["* 0x1001 == 0x8877665544332211", 1n],
  ])("%s", (source, expected) => {
    expect(value(source)).toBe(expected);
  });

  it.each(["", "1 +", "(1", "$nothing", "1 2", "1 ? 2 : 3", "0x10000000000000000", "foo", "=1"])(
    "refuses %j",
    (source) => {
      expect(value(source)).toMatch(/^"/);
    },
  );
});
