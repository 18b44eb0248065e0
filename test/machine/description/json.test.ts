import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { JsonError, parseLocatedJson } from "../../../src/machine/description/json.js";

const TEXT = `{
  "name": "x",
  "ram": { "base": "0x40000000",
           "size": 1 },
  "devices": [
    { "type": "a" },

    { "type": "b",
      "banks": [ 1, { "base": -2.5e1 } ] }
  ],
  "console": null
}`;

/** The error's line and text. */
function errorOf(text: string): string {
  try {
    parseLocatedJson(text);
  } catch (error) {
    expect(error).toBeInstanceOf(JsonError);
    return `${(error as JsonError).line}: ${(error as JsonError).message}`;
  }
  return "no error";
}

describe("JSON with lines", () => {
  it.each([
    [[], 1],
    [["name"], 2],
    [["ram", "size"], 4],
    [["ram", "size", "deeper"], 4],
    [["ram", "speed"], 3],
    [["devices", 1], 8],
    [["devices", 1, "banks", 1, "base"], 9],
    [["devices", 7], 5],
    [["console"], 11],
    [["toString"], 1],
  ])("%j is on line %i", (path, line) => {
    expect(parseLocatedJson(TEXT).lineOf(path)).toBe(line);
  });

  it("reads what JSON.parse reads, as it reads it", () => {
    expect(parseLocatedJson(TEXT).value).toEqual(JSON.parse(TEXT));
    const json = fc
      .json({ maxDepth: 6, noUnicodeString: false })
      .chain((text) => fc.constantFrom(text, JSON.stringify(JSON.parse(text), null, 2), `\r\n\t ${text} `));
    fc.assert(
      fc.property(json, (text) => {
        expect(parseLocatedJson(text).value).toEqual(JSON.parse(text));
      }),
    );
  });

  it("takes nothing that JSON.parse does not, and throws nothing but its own error", () => {
    const damaged = fc
      .tuple(
        fc.nat(TEXT.length),
        fc.nat(3),
        fc.constantFrom("", ",", '"', "}", "]", "\\", "\n", "e", "0", "//", "\u0000"),
      )
      .map(([at, removed, added]) => TEXT.slice(0, at) + added + TEXT.slice(at + removed));
    fc.assert(
      fc.property(damaged, (text) => {
        const result = errorOf(text);
        if (result === "no error") expect(parseLocatedJson(text).value).toEqual(JSON.parse(text));
      }),
    );
  });

  it.each([
    ["", "1: here should be a value, and here is the end of the file"],
    ['{\n "a": 1\n "b": 2\n}', '3: here should be "," or "}" in what begins on line 1, and here is "\\"b\\":"'],
    ['{\n "a": 1,\n}', '3: no comma comes before "}"'],
    ['{ "a": 1,\n "b": 2,\n "a": 3 }', '3: "a" is there twice, first on line 1'],
    ["[1,\n 2", '2: here should be "," or "]" in what begins on line 1, and here is the end of the file'],
    ["{ a: 1 }", '1: here should be a field\'s name in quotes, and here is "a:"'],
    ["{}\n{}", '2: nothing comes after the last brace, and here is "{}"'],
    ["\n// mine\n{}", '2: JSON has no comments; a "summary" is the place for words'],
    ['{"a": "b\n"}', "1: a text that does not end on its line, or has an escape that is none"],
    ['{"a" 1}', '1: here should be ":" after "a", and here is "1}"'],
    ["[".repeat(100_000), "1: more than 64 braces and brackets within each other"],
  ])("says what is wrong with %j, and where", (text, message) => {
    expect(errorOf(text)).toBe(message);
  });

  it("has no prototype in the way", () => {
    expect(parseLocatedJson('{"__proto__": {"polluted": 1}}').value).toEqual(
      JSON.parse('{"__proto__": {"polluted": 1}}'),
    );
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });
});
