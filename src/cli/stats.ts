/** What `--stats` prints: a few lines for people that are easy to grep. */
import type { MachineStats } from "./machine-api.js";

export function formatStats(stats: MachineStats): string {
  const busy = Math.max(stats.wallSeconds - stats.idleSeconds, 1e-9);
  const lines = [
    ["instructions", count(stats.instructions)],
    ...Object.entries(stats.instructionsByEngine).map(([engine, value]) => [`  ${engine}`, count(value)]),
    [
      "regions compiled",
      `${count(stats.regions.regions)}, ${count(stats.regions.instructions)} instructions, ${count(stats.regions.bytes)} bytes, ${stats.regions.milliseconds.toFixed(0)} ms`,
    ],
    ["MIPS", (stats.instructions / busy / 1e6).toFixed(1)],
    ["TLB misses", count(stats.tlbMisses)],
    ["exits", count(Object.values(stats.exits).reduce((sum, value) => sum + value, 0))],
    ...Object.entries(stats.exits)
      .sort(([, a], [, b]) => b - a)
      .map(([cause, value]) => [`  ${cause}`, count(value)]),
    ["wall time", `${stats.wallSeconds.toFixed(3)} s, ${stats.idleSeconds.toFixed(3)} s of it idle`],
  ];
  return lines.map(([name, value]) => `${name!.padEnd(24)} ${value}\n`).join("");
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}
