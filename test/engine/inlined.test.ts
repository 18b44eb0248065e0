import { expect, it } from "vitest";
import { allForms } from "../../src/engine/interpreter/forms.js";
import { INLINED, isInlined } from "../../src/engine/interpreter/inlined.js";

it("has handlers in a row for what the loop carries out itself, and a form for each entry of its list", () => {
  const forms = allForms();
  const inlined = forms.filter(isInlined);
  expect(forms.slice(0, inlined.length)).toEqual(inlined);
  expect(Object.keys(INLINED).filter((name) => !inlined.some(({ row }) => row.name === name))).toEqual([]);
});
