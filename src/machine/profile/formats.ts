/**
 * Profiles for viewers that exist: .cpuprofile, which Chrome's DevTools, VS Code and speedscope open, and collapsed
 * stacks ("outer;inner count"), from which flame graphs are drawn.
 */
import type { Sample } from "./profiler.js";

/** Nodes are paths of frames from the outermost; times are microseconds. */
export function cpuProfile(samples: readonly Sample[]): string {
  const nodes: ProfileNode[] = [];
  const node = (functionName: string): ProfileNode => {
    const created: ProfileNode = {
      id: nodes.length + 1,
      callFrame: { functionName, scriptId: "0", url: "", lineNumber: -1, columnNumber: -1 },
      hitCount: 0,
      children: [],
    };
    nodes.push(created);
    return created;
  };
  const children = new Map<ProfileNode, Map<string, ProfileNode>>();
  const root = node("(root)");
  const ids = samples.map(({ frames }) => {
    let at = root;
    for (const frame of frames) {
      const known = children.get(at) ?? new Map<string, ProfileNode>();
      children.set(at, known);
      let next = known.get(frame);
      if (next === undefined) {
        next = node(frame);
        known.set(frame, next);
        at.children.push(next.id);
      }
      at = next;
    }
    at.hitCount++;
    return at.id;
  });
  const times = samples.map(({ microseconds }) => microseconds);
  return `${JSON.stringify({
    nodes,
    startTime: 0,
    endTime: times.at(-1) ?? 0,
    samples: ids,
    timeDeltas: times.map((time, i) => time - (times[i - 1] ?? 0)),
  })}\n`;
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: {
    readonly functionName: string;
    readonly scriptId: string;
    readonly url: string;
    readonly lineNumber: number;
    readonly columnNumber: number;
  };
  hitCount: number;
  readonly children: number[];
}

export function collapsedStacks(samples: readonly Sample[]): string {
  const counts = new Map<string, number>();
  for (const { frames } of samples) {
    const stack = frames.map((frame) => frame.replaceAll(";", ":")).join(";");
    counts.set(stack, (counts.get(stack) ?? 0) + 1);
  }
  return [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([stack, count]) => `${stack} ${count}\n`)
    .join("");
}

/** The format by the file's extension. */
export const formatFor = (path: string): ((samples: readonly Sample[]) => string) =>
  path.endsWith(".cpuprofile") ? cpuProfile : collapsedStacks;
