/**
 * The suite every component of a machine runs: reset = new, and save → run on → restore → run on = the same.
 */
import { describe, expect, it } from "vitest";
import { type Snapshot, SnapshotError, type Stateful } from "../../src/bus/contract.js";

export interface Specimen<S extends Snapshot> {
  readonly component: Stateful<S>;
  /** Brings the component to an interesting state, far from reset in every field. */
  disturb(): void;
  /** Goes on from any state and returns what could be seen from outside: values read, lines, output. */
  runOn(): unknown;
}

/** `create` gives a component in its own surroundings (clock, lines, backend), new every time. */
export function statefulSuite<S extends Snapshot>(name: string, create: () => Specimen<S>): void {
  describe(`${name}: state`, () => {
    it("reset brings it to the state of a new one", () => {
      const { component, disturb } = create();
      const fresh = copy(component.save());
      disturb();
      expect(component.save()).not.toEqual(fresh);
      component.reset();
      expect(component.save()).toEqual(fresh);
    });

    it("restore(save()) changes nothing, and running on from a restored state gives the same", () => {
      const { component, disturb, runOn } = create();
      disturb();
      const saved = component.save();
      const kept = copy(saved);
      const seen = runOn();
      const end = copy(component.save());
      expect(saved, "a snapshot must not change while its component runs on").toEqual(kept);
      expect(end, "runOn must change the state, or it proves nothing").not.toEqual(kept);
      component.restore(saved);
      expect(component.save()).toEqual(kept);
      expect(runOn()).toEqual(seen);
      expect(component.save()).toEqual(end);
      expect(saved, "a restored component must not share the snapshot's arrays").toEqual(kept);
    });

    it("a snapshot that has been through a file restores into a new component", () => {
      const original = create();
      original.disturb();
      const file = JSON.stringify(original.component.save(), writeBigInt);
      const other = create();
      other.component.restore(JSON.parse(file, readBigInt) as S);
      expect(other.component.save()).toEqual(original.component.save());
      expect(other.runOn()).toEqual(original.runOn());
      expect(other.component.save()).toEqual(original.component.save());
    });

    it("refuses a snapshot of another version", () => {
      const { component } = create();
      const state = component.save();
      expect(() => component.restore({ ...state, version: state.version + 1 })).toThrow(SnapshotError);
    });
  });
}

function copy<T>(value: T): T {
  return structuredClone(value);
}

function writeBigInt(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? `bigint:${value}` : value;
}

function readBigInt(_key: string, value: unknown): unknown {
  return typeof value === "string" && value.startsWith("bigint:") ? BigInt(value.slice(7)) : value;
}
