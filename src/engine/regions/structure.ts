/**
 * From a graph of blocks to nested loops: what wasm's structured control flow needs. A strongly connected part that is
 * entered at one block is a loop with that block as its head; one that is entered at several gets a dispatcher in front
 * of all of them. Inside, with the edges to the heads taken away, the same again. A way into the region in the middle
 * of a loop has the dispatcher lead there, but edges to it stay: it may be the head of a loop inside.
 */

/** A block by its number, or a loop with its parts in an order in which other edges go forward. */
export type Shape = number | Loop;

export interface Loop {
  /** Blocks at which it is entered. */
  readonly heads: readonly number[];
  /** Those of them that its rounds begin at; the others are entered from outside the region only, in mid-round. */
  readonly rounds: readonly number[];
  readonly body: readonly Shape[];
  /** All blocks inside. */
  readonly blocks: readonly number[];
}

/** `successors[b]` of each block; `entries` are entered from outside. Blocks that nothing leads to are in no shape. */
export function structure(successors: readonly (readonly number[])[], entries: readonly number[]): Shape[] {
  const reached = new Set(entries);
  for (const n of reached) for (const s of successors[n] ?? []) reached.add(s);
  return shapesOf([...reached], successors, new Set(entries), new Set());
}

/** All blocks in shapes. */
export function blocksOf(shapes: readonly Shape[]): number[] {
  return shapes.flatMap((shape) => (typeof shape === "number" ? [shape] : shape.blocks));
}

/** The shapes of `nodes` in topological order, with edges to `cut` left out. */
function shapesOf(
  nodes: readonly number[],
  successors: readonly (readonly number[])[],
  entered: ReadonlySet<number>,
  cut: ReadonlySet<number>,
): Shape[] {
  const inside = new Set(nodes);
  const next = (n: number): number[] => (successors[n] ?? []).filter((s) => inside.has(s) && !cut.has(s));
  const parts = stronglyConnected(nodes, next);
  // Tarjan finds a part after everything it leads to.
  parts.reverse();
  const partOf = new Map<number, number>();
  parts.forEach((part, i) => {
    for (const n of part) partOf.set(n, i);
  });
  const rounds = parts.map(() => new Set<number>());
  for (const n of nodes) {
    if (cut.has(n)) rounds[partOf.get(n) as number]?.add(n);
    for (const s of next(n)) if (partOf.get(s) !== partOf.get(n)) rounds[partOf.get(s) as number]?.add(s);
  }
  return parts.map((part, i): Shape => {
    const [first = 0] = part;
    if (part.length === 1 && !next(first).includes(first)) return first;
    const ways = part.filter((n) => entered.has(n));
    const begins = rounds[i] as Set<number>;
    // Entered from outside the region only: at the lowest address, which is where its function begins.
    if (begins.size === 0) begins.add(Math.min(...ways));
    const inner = new Set(ways.filter((n) => !begins.has(n)));
    const body = shapesOf(part, successors, inner, begins);
    return { heads: [...begins, ...inner], rounds: [...begins], blocks: part, body };
  });
}

/** Tarjan's strongly connected components; each is found after those that it leads to. */
function stronglyConnected(nodes: readonly number[], next: (n: number) => number[]): number[][] {
  const index = new Map<number, number>();
  const low = new Map<number, number>();
  const stack: number[] = [];
  const onStack = new Set<number>();
  const parts: number[][] = [];
  const visit = (root: number): void => {
    const path = [{ node: root, successors: next(root), at: 0 }];
    enter(root);
    while (path.length > 0) {
      const frame = path.at(-1) as (typeof path)[number];
      const successor = frame.successors[frame.at++];
      if (successor !== undefined) {
        if (!index.has(successor)) {
          enter(successor);
          path.push({ node: successor, successors: next(successor), at: 0 });
        } else if (onStack.has(successor)) lower(frame.node, index.get(successor) as number);
        continue;
      }
      path.pop();
      const parent = path.at(-1);
      if (parent) lower(parent.node, low.get(frame.node) as number);
      if (low.get(frame.node) === index.get(frame.node)) parts.push(popPart(frame.node));
    }
  };
  const enter = (n: number): void => {
    index.set(n, index.size);
    low.set(n, index.size - 1);
    stack.push(n);
    onStack.add(n);
  };
  const lower = (n: number, to: number): void => {
    if (to < (low.get(n) as number)) low.set(n, to);
  };
  const popPart = (root: number): number[] => {
    const part: number[] = [];
    for (;;) {
      const n = stack.pop() as number;
      onStack.delete(n);
      part.push(n);
      if (n === root) return part;
    }
  };
  for (const n of nodes) if (!index.has(n)) visit(n);
  return parts;
}
