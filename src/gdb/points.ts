/**
 * The breakpoints and watchpoints one client has set: each once, and all gone when the client is, but for those whose
 * commands are to go on without it.
 */

import type { ClientPoints, DebugTarget, Point, TargetError } from "./target.js";
import { tracingOf } from "./tracepoints/index.js";

/** What `Z` says of a point besides what it is: its commands outlive the connection. */
export interface Insertion {
  readonly point: Point;
  readonly persists: boolean;
}

/** The points of a target, whoever has set them. */
class PointBook {
  /** The client that has set any last: there is one that may. */
  holder: PointSet | undefined;
  /** What clients that are gone have left, for the next one to replace or remove. */
  readonly left = new Map<string, Point>();
}

const books = new WeakMap<DebugTarget, PointBook>();

export class PointSet implements ClientPoints {
  readonly #points = new Map<string, Insertion>();
  readonly #book: PointBook;

  constructor(readonly target: DebugTarget) {
    this.#book = books.get(target) ?? new PointBook();
    books.set(target, this.#book);
  }

  get set(): Point[] {
    const { holder } = this.#book;
    return holder === undefined ? [] : [...holder.#points.values()].map(({ point }) => point);
  }

  get left(): Point[] {
    return [...this.#book.left.values()];
  }

  get traced(): ClientPoints["traced"] {
    const tracing = tracingOf(this.target);
    return tracing?.running === true ? [...tracing.tracepoints.values()].filter(({ enabled }) => enabled) : [];
  }

  removeLeft(address?: bigint): number {
    const gone = [...this.#book.left].filter(([, point]) => address === undefined || point.address === address);
    for (const [key] of gone) this.#removeLeft(key);
    return gone.length;
  }

  /**
   * Inserting what is there, or removing what is not, changes nothing: GDB repeats packets whose reply it missed. It
   * also inserts once more what has other conditions or commands now.
   */
  insert(insertion: Insertion): TargetError | undefined {
    const { point } = insertion;
    const key = keyOf(point);
    const present = this.#points.get(key);
    if (present !== undefined && programKey(present.point) === programKey(point)) return undefined;
    const refusal = this.target.insertPoint(point);
    if (refusal !== undefined) return refusal;
    if (present !== undefined) this.target.removePoint(present.point);
    this.#removeLeft(key);
    this.#points.set(key, insertion);
    this.#book.holder = this;
    return undefined;
  }

  remove(point: Point): TargetError | undefined {
    const key = keyOf(point);
    this.#removeLeft(key);
    const inserted = this.#points.get(key);
    if (inserted === undefined) return undefined;
    const refusal = this.target.removePoint(inserted.point);
    if (refusal === undefined) this.#points.delete(key);
    return refusal;
  }

  /** The client is gone. */
  removeAll(): void {
    for (const [key, { point, persists }] of this.#points) {
      if (persists) this.#book.left.set(key, point);
      else this.target.removePoint(point);
    }
    this.#points.clear();
  }

  #removeLeft(key: string): void {
    const point = this.#book.left.get(key);
    if (point === undefined) return;
    this.target.removePoint(point);
    this.#book.left.delete(key);
  }
}

function keyOf({ kind, address, length }: Point): string {
  return `${kind} ${address} ${length}`;
}

function programKey({ program }: Point): string {
  if (program === undefined) return "";
  const { conditions, commands } = program;
  return [...conditions.map(({ key }) => key), "then", ...commands.map(({ key }) => key)].join(" ");
}
