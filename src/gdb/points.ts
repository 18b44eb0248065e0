/** The breakpoints and watchpoints one client has set: each once, and all gone when the client is. */

import type { DebugTarget, Point, TargetError } from "./target.js";

export class PointSet {
  readonly #points = new Map<string, Point>();

  constructor(readonly target: DebugTarget) {}

  /** Inserting what is there, or removing what is not, changes nothing: GDB repeats packets whose reply it missed. */
  insert(point: Point): TargetError | undefined {
    const key = keyOf(point);
    if (this.#points.has(key)) return undefined;
    const refusal = this.target.insertPoint(point);
    if (refusal === undefined) this.#points.set(key, point);
    return refusal;
  }

  remove(point: Point): TargetError | undefined {
    const key = keyOf(point);
    const inserted = this.#points.get(key);
    if (inserted === undefined) return undefined;
    const refusal = this.target.removePoint(inserted);
    if (refusal === undefined) this.#points.delete(key);
    return refusal;
  }

  removeAll(): void {
    for (const point of this.#points.values()) this.target.removePoint(point);
    this.#points.clear();
  }
}

function keyOf({ kind, address, length }: Point): string {
  return `${kind} ${address} ${length}`;
}
