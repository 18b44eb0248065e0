/** `monitor walk` and `monitor maps`: translation tables of a regime, both stages (DDI 0487, D8.2). */
import type { Vcpu } from "../../../cpu/vcpu.js";
import { TargetError } from "../../../gdb/target.js";
import { mapsOf } from "../maps.js";
import { currentRegime, type DebugMemory, regimeOfView } from "../memory.js";
import {
  describeLeaf1,
  describeLeaf2,
  isSecureOutput,
  type Regime,
  type StageWalk,
  stage1Applies,
  Tables,
  walkAll,
} from "../tables.js";
import { hex, type MonitorCommand, parseNumber, refuse, selected } from "./command.js";

const REGIMES = ["el0", "el1", "el2", "el3", "ipa"] as const;
const usage = `[${REGIMES.join("|")}]`;

/** The regime that a person named; if none, that of the view, or the current one where the view has no tables. */
function parseRegime(vcpu: Vcpu, { view }: DebugMemory, text: string | undefined): Regime | "ipa" | TargetError {
  const name = REGIMES.find((regime) => regime === (text ?? view));
  if (name === undefined && text === undefined) return currentRegime(vcpu);
  if (name === undefined) return refuse(`no regime "${text}"; there are ${REGIMES.join(", ")}`);
  return name === "ipa" ? name : regimeOfView(vcpu, name);
}

function describeStage({ stage, translation }: StageWalk, vcpu: Vcpu, regime: Regime | "ipa"): string[] {
  const { stage: number, register, granule, inputBits } = stage;
  const head = `stage ${number}: ${register} = ${hex(vcpu.sysreg(register))}, ${(1 << granule) / 1024} KiB granule, ${inputBits}-bit addresses`;
  const steps = translation.steps.map(({ level, index, address, physical, descriptor, kind }) => {
    const from = address === physical ? "" : ` (IPA ${hex(address)})`;
    return `  level ${level} [${String(index).padStart(4)}] at ${hex(physical)}${from}: ${hex(descriptor, 16)} ${kind}`;
  });
  if (translation.failure !== undefined) return [head, ...steps];
  const { leaf, tables, output, size } = translation;
  const attributes =
    number === 2 || regime === "ipa" ? describeLeaf2(vcpu, leaf) : describeLeaf1(vcpu, regime, leaf, tables);
  const to = `  -> ${number === 2 ? "PA" : "output"} ${hex(output)}, ${sizeName(size)}, ${attributes}`;
  return [head, ...steps, to];
}

function sizeName(log2: number): string {
  const unit = Math.min(Math.floor(log2 / 10), 3);
  return `${2 ** (log2 - 10 * unit)} ${["B", "KiB", "MiB", "GiB"][unit]}`;
}

export const walk: MonitorCommand = {
  name: "walk",
  usage: `VA ${usage}`,
  help: "every level of the translation of an address, stage 1 and stage 2; in the regime of the view if none is named",
  example: "monitor walk 0xffff800008000000 el1",
  arguments: [1, 2],
  run(context, [address = "", name]) {
    const { vcpu } = selected(context);
    const va = parseNumber(address);
    if (va instanceof TargetError) return va;
    const regime = parseRegime(vcpu, context.memory, name);
    if (regime instanceof TargetError) return regime;
    const walked = walkAll(new Tables(context.machine, vcpu), regime, va);
    const { stage1, stage2, failure, pa } = walked;
    const lines = [
      ...(regime !== "ipa" && !stage1Applies(vcpu, regime) ? [`stage 1 is off in regime ${regime}`] : []),
      ...(stage1 === undefined ? [] : describeStage(stage1, vcpu, regime)),
      ...(stage2 === undefined ? [] : describeStage(stage2, vcpu, "ipa")),
    ];
    // Two address spaces are there for who owns EL3.
    const space =
      context.machine.config.el3 === "hosted" ? "" : isSecureOutput(vcpu, regime, walked) ? "Secure " : "Non-secure ";
    if (failure === undefined) return [...lines, `${hex(va)} is at ${space}physical address ${hex(pa ?? 0n)}`];
    const ipa = failure.ipa === undefined ? "" : `, IPA ${hex(failure.ipa)}`;
    return [...lines, `${hex(va)}: ${failure.why} at stage ${failure.stage} level ${failure.level}${ipa}`];
  },
};

export const maps: MonitorCommand = {
  name: "maps",
  usage,
  help: "what a regime, or that of the view, maps: ranges that go on in the same way are one line",
  example: "monitor maps el1",
  arguments: [0, 1],
  run(context, [name]) {
    const { vcpu } = selected(context);
    const regime = parseRegime(vcpu, context.memory, name);
    if (regime instanceof TargetError) return regime;
    return mapsOf(new Tables(context.machine, vcpu), regime).map((line) =>
      typeof line === "string"
        ? line
        : `${hex(line.start, 16)}-${hex(line.end - 1n, 16)} -> ${hex(line.output, 12)} ${line.attributes}`,
    );
  },
};
