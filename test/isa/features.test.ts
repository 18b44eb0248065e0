import { describe, expect, it } from "vitest";
import { cpuModel } from "../../src/cpu/model.js";
import { FEATURES, type Feature } from "../../src/isa/features.js";
import { expand, type Form } from "../../src/isa/pattern.js";
import { TABLE } from "../../src/isa/table/index.js";
import { system } from "../../src/isa/table/system.js";
import { randomState } from "../conformance/generate.js";
import { Ours } from "../conformance/ours.js";
import { Random } from "../conformance/random.js";
import { SLOTS, type Test } from "../conformance/state.js";

/** Rows over others, which is what their words are on a CPU without the feature. */
const falls = (form: Form): boolean => (form.row.options.over?.length ?? 0) > 0;

/** One form of every row and set of features that need some of `features`. */
function formsNeeding(features: ReadonlySet<Feature>): Form[] {
  const seen = new Map<string, Form>();
  for (const form of TABLE.filter((r) => !system.includes(r)).flatMap(expand)) {
    if (form.features.some((f) => features.has(f))) seen.set(`${form.row.name} ${form.features.join()}`, form);
  }
  return [...seen.values()];
}

const testOf = (form: Form, r: Random): Test => ({
  row: form.row.name,
  words: [form.value],
  isolated: false,
  state: randomState(r),
});

async function outcomes(forms: readonly Form[], features: Iterable<Feature>): Promise<Map<string, string>> {
  const ours = await Ours.create(features);
  const r = new Random(1);
  const found = new Map<string, string>();
  for (let at = 0; at < forms.length; at += SLOTS) {
    const part = forms.slice(at, at + SLOTS);
    ours.run(part.map((form) => testOf(form, r))).forEach((result, i) => {
      found.set(`${part[i]!.row.name} (${part[i]!.features.join()})`, result.outcome);
    });
  }
  return found;
}

describe("instructions of optional features", () => {
  it("are UNDEFINED on a CPU without the feature", async () => {
    const present = cpuModel("cortex-a72").features;
    const absent = new Set(FEATURES.filter((f) => !present.has(f)));
    const forms = formsNeeding(absent);
    expect(forms.length).toBeGreaterThan(50);
    const [others, alone] = [forms.filter(falls), forms.filter((form) => !falls(form))];
    const executed = [...(await outcomes(alone, present))].filter(([, outcome]) => outcome !== "undefined");
    expect(executed).toEqual([]);
    const refused = [...(await outcomes(others, present))].filter(([, outcome]) => outcome !== "completed");
    expect(refused).toEqual([]);
  });

  it("are executed on one that has it", async () => {
    const forms = formsNeeding(new Set(FEATURES));
    const refused = [...(await outcomes(forms, FEATURES))].filter(([, outcome]) => outcome === "undefined");
    expect(refused).toEqual([]);
  });
});
