/** What `--stats` prints: a few lines for people that are easy to grep. */
import type { MachineStats } from "./machine-api.js";

export function formatStats(stats: MachineStats): string {
  const { instructions, regions, wallSeconds, idleSeconds } = stats;
  const busy = Math.max(wallSeconds - idleSeconds, 1e-9);
  const lines = [
    ["instructions", count(instructions)],
    ...Object.entries(stats.instructionsByEngine).map(([engine, value]) => [
      `  ${engine}`,
      `${count(value)} (${((100 * value) / Math.max(instructions, 1)).toFixed(1)} %)`,
    ]),
    ["MIPS", (instructions / busy / 1e6).toFixed(1)],
    ["regions compiled", count(regions.regions)],
    ["  kept from earlier runs", count(regions.kept)],
    ["  dropped for TLB misses", count(regions.droppedForMisses)],
    ["  instructions", count(regions.instructions)],
    ["  bytes", count(regions.bytes)],
    ["  compile time", `${(regions.milliseconds / 1000).toFixed(3)} s`],
    ...group("bails", stats.bails),
    ...group("exits", stats.exits),
    ...group("events", stats.events),
    ["wall time", `${wallSeconds.toFixed(3)} s, ${idleSeconds.toFixed(3)} s of it idle`],
  ];
  return lines.map(([name, value]) => `${name!.padEnd(24)} ${value}\n`).join("");
}

/** A sum, and what it is of, the most frequent first; what did not happen is left out. */
function group(name: string, counters: Readonly<Record<string, number>>): string[][] {
  const rows = Object.entries(counters).filter(([, value]) => value > 0);
  const sum = rows.reduce((total, [, value]) => total + value, 0);
  return [
    [name, count(sum)],
    ...rows.sort(([, a], [, b]) => b - a).map(([cause, value]) => [`  ${cause}`, count(value)]),
  ];
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}
