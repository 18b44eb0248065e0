/** All that the tables of a regime map, ranges merged (DDI 0487, D8.3). */
import {
  describeLeaf1,
  describeLeaf2,
  hasTwoRanges,
  kindOf,
  levelShift,
  type Regime,
  type Stage,
  stage1Applies,
  stage1Of,
  stage2Applies,
  stage2Of,
  type Tables,
} from "./tables.js";

/** Addresses [start, end), at `output` and up. */
export interface MappedRange {
  readonly start: bigint;
  end: bigint;
  readonly output: bigint;
  readonly attributes: string;
}

const ADDRESS = (1n << 48n) - 1n;
/** Tables that lead to themselves would never end. */
const MOST_TABLES = 20_000;

/** Ranges by ascending address; or lines that say why there are none, or that not all are there. */
export function mapsOf(tables: Tables, regime: Regime | "ipa"): (MappedRange | string)[] {
  const { vcpu } = tables;
  if (regime === "ipa") {
    if (!stage2Applies(vcpu)) return ["stage 2 is off: intermediate addresses are physical"];
    return collect(tables, [stage2Of(vcpu)], false, (leaf) => describeLeaf2(vcpu, leaf));
  }
  if (!stage1Applies(vcpu, regime)) return [`stage 1 is off in regime ${regime}: addresses are not translated by it`];
  const ends = hasTwoRanges(regime) ? [0n, (1n << 64n) - 1n] : [0n];
  const stages = ends.flatMap((va) => {
    const range = stage1Of(vcpu, regime, va);
    return typeof range === "string" ? [] : [range.stage];
  });
  return collect(tables, stages, regime === "el1" && stage2Applies(vcpu), (leaf, above) =>
    describeLeaf1(vcpu, regime, leaf, above),
  );
}

function collect(
  tables: Tables,
  stages: readonly Stage[],
  throughStage2: boolean,
  describe: (leaf: bigint, tables: bigint) => string,
): (MappedRange | string)[] {
  const ranges: MappedRange[] = [];
  let seen = 0;
  const add = (start: bigint, size: bigint, output: bigint, attributes: string): void => {
    const last = ranges.at(-1);
    if (last?.end === start && last.output + (start - last.start) === output && last.attributes === attributes) {
      last.end = start + size;
    } else ranges.push({ start, end: start + size, output, attributes });
  };
  const visit = (stage: Stage, base: bigint, level: number, start: bigint, above: bigint): void => {
    if (++seen > MOST_TABLES) return;
    const shift = levelShift(stage, level);
    const width = level === stage.startLevel ? stage.inputBits - shift : stage.granule - 3;
    const size = 1n << BigInt(shift);
    for (let index = 0; index < 1 << width; index++) {
      const physical = tables.locate(base + BigInt(8 * index), throughStage2);
      const descriptor = typeof physical === "bigint" ? tables.read(physical, stage.bigEndian) : undefined;
      if (descriptor === undefined) continue;
      const kind = kindOf(descriptor, level, stage.granule);
      const at = start + BigInt(index) * size;
      if (kind === "table") {
        const next = ((descriptor & ADDRESS) >> BigInt(stage.granule)) << BigInt(stage.granule);
        visit(stage, next, level + 1, at, stage.flatPermissions ? 0n : above | descriptor);
      } else if (kind !== "invalid") {
        add(at, size, ((descriptor & ADDRESS) >> BigInt(shift)) << BigInt(shift), describe(descriptor, above));
      }
    }
  };
  for (const stage of stages) {
    const start = stage.high ? (1n << 64n) - (1n << BigInt(stage.inputBits)) : 0n;
    visit(stage, stage.base, stage.startLevel, start, 0n);
  }
  if (seen > MOST_TABLES) return [...ranges, `(more than ${MOST_TABLES} tables: the rest was not looked at)`];
  return ranges;
}
