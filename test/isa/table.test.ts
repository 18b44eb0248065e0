import { describe, expect, it } from "vitest";
import { generateInterpreter } from "../../src/engine/interpreter/generate.js";
import { buildDecodeTree, decodeIn } from "../../src/isa/decode.js";
import { expand, type Form } from "../../src/isa/pattern.js";
import { TABLE } from "../../src/isa/table/index.js";

const forms: readonly Form[] = TABLE.flatMap(expand);

const overlaps = (a: Form, b: Form): boolean => ((a.value ^ b.value) & a.mask & b.mask) === 0;
const declared = (a: Form, b: Form): boolean =>
  (a.row.options.over?.includes(b.row.name) ?? false) || (b.row.options.over?.includes(a.row.name) ?? false);

describe("the instruction table", () => {
  it("names every row once", () => {
    const names = TABLE.map((r) => r.name);
    expect(names.filter((n, i) => names.indexOf(n) !== i)).toEqual([]);
  });

  it("has at least one allocated form in every row", () => {
    expect(TABLE.filter((r) => expand(r).length === 0).map((r) => r.name)).toEqual([]);
  });

  it("declares every overlap", () => {
    const found = new Set<string>();
    // Rows first: forms of two rows can only meet where the rows do.
    for (let i = 0; i < TABLE.length; i++) {
      for (let j = i + 1; j < TABLE.length; j++) {
        const [a, b] = [TABLE[i]!, TABLE[j]!];
        if (((a.value ^ b.value) & a.mask & b.mask) !== 0) continue;
        for (const x of expand(a)) {
          for (const y of expand(b)) if (overlaps(x, y) && !declared(x, y)) found.add(`${a.name} and ${b.name}`);
        }
      }
    }
    expect([...found]).toEqual([]);
  });

  it("declares no overlap that is not there", () => {
    const byName = new Map(TABLE.map((r) => [r.name, r]));
    const idle: string[] = [];
    for (const winner of TABLE) {
      for (const name of winner.options.over ?? []) {
        const loser = byName.get(name);
        if (!loser || !expand(winner).some((x) => expand(loser).some((y) => overlaps(x, y))))
          idle.push(`${winner.name} over ${name}`);
      }
    }
    expect(idle).toEqual([]);
  });

  it("keeps the number of handlers reasonable", () => {
    console.log(`${TABLE.length} rows, ${forms.length} handlers`);
    expect(forms.length).toBeLessThan(6000);
  });

  it("decodes every form to itself or to what is declared to win over it", () => {
    const base = 0x1000;
    const tree = buildDecodeTree(
      forms.map((form, i) => ({ form, handler: i })),
      base,
    );
    for (const [i, form] of forms.entries()) {
      for (const open of [0, 0xffffffff, 0x55555555, 0x0f0f3c3c]) {
        const word = (form.value | (open & ~form.mask)) >>> 0;
        const handler = decodeIn(tree, base, word);
        const got = handler === undefined ? undefined : forms[handler];
        if (handler !== i && !got?.row.options.over?.includes(form.row.name)) {
          expect.fail(
            `${form.row.name} ${JSON.stringify(form.variants)}: 0x${word.toString(16)} decodes as ${got?.row.name}`,
          );
        }
      }
    }
  });

  it("compiles to one valid module", () => {
    expect(WebAssembly.validate(generateInterpreter().module)).toBe(true);
  });
});
