#!/usr/bin/env node
/**
 * Side by side with QEMU: every workload runs on both machines in turn, several times, with the same kernel, initramfs
 * and command line, and what it prints must be the same. What counts is wall time as a person has it; ratios are
 * ours ÷ QEMU, below 1 is faster than QEMU. The table of workloads is workloads.mjs.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { dist } from "./dist.mjs";
import { writeGuest } from "./guest.mjs";
import { MACHINES, measure } from "./machines.mjs";
import { header, line, summary } from "./report.mjs";
import { GOALS, WORKLOADS } from "./workloads.mjs";

const HELP = `usage: scripts/bench [options] [WORKLOAD or KIND…] [-- OPTION OF trapframe boot…]
  --runs N        how often each machine runs each workload; medians count (3)
  --only-ours     without QEMU: for profiling. --only-qemu: without trapframe
  --engine NAME   trapframe's --engine
  --stats         print trapframe's --stats after each of its runs
  --cpu-prof DIR  Node's own profile of each of our runs, into DIR
  --kernel FILE   instead of Debian's
  --cpu-time      compare CPU time in place of wall time: on a machine that others use
  --json FILE     everything measured, as JSON
  --list          the workloads, and nothing else
TRAPFRAME_DIST=DIR measures the build in DIR instead of dist/.`;

const { values, positionals, tokens } = parseArgs({
  allowPositionals: true,
  tokens: true,
  options: {
    runs: { type: "string", default: "3" },
    "only-ours": { type: "boolean" },
    "only-qemu": { type: "boolean" },
    engine: { type: "string" },
    stats: { type: "boolean" },
    "cpu-prof": { type: "string" },
    kernel: { type: "string" },
    json: { type: "string" },
    "cpu-time": { type: "boolean" },
    list: { type: "boolean" },
    help: { type: "boolean" },
  },
});
const terminator = tokens.find(({ kind }) => kind === "option-terminator")?.index ?? Number.POSITIVE_INFINITY;
const isOurs = tokens.filter(({ kind }) => kind === "positional").map(({ index }) => index > terminator);
const wanted = positionals.filter((_, i) => !isOurs[i]);
const runs = Number(values.runs);
const names = wanted.length === 0 ? Object.keys(WORKLOADS) : wanted.flatMap(workloadsNamed);
if (values.help || values.list) {
  const rows = Object.entries(WORKLOADS).map(([name, { kind, what }]) => `${name.padEnd(16)}${kind.padEnd(16)}${what}`);
  console.log(values.help ? HELP : rows.join("\n"));
  process.exit(0);
}
if (!Number.isInteger(runs) || runs < 1 || names.includes(undefined)) {
  console.error(`bench: no such workload or kind, or --runs that is no number; see scripts/bench --list`);
  process.exit(2);
}
const ours = {
  node: values["cpu-prof"] ? ["--cpu-prof", `--cpu-prof-dir=${values["cpu-prof"]}`] : [],
  options: [
    ...(values.engine ? ["--engine", values.engine] : []),
    ...(values.stats ? ["--stats"] : []),
    ...positionals.filter((_, i) => isOurs[i]),
  ],
};
const { fetchDebian } = await dist("guests/debian.js");
const guest = await fetchDebian();
const kernel = values.kernel ?? guest.kernel;
const directory = mkdtempSync(join(tmpdir(), "trapframe-bench-"));
process.once("exit", () => rmSync(directory, { recursive: true, force: true }));

const shown = [
  ...(values["only-qemu"] ? [] : ["trapframe"]),
  ...(values["only-ours"] ? [] : ["qemu"]),
  ...(names.some((name) => WORKLOADS[name].reference) && !values["only-ours"] ? ["qemuSingle"] : []),
];
const date = new Date().toISOString().slice(0, 10);
console.log(
  `${date}, ${cpus().length} × ${cpus()[0].model}, Node ${process.version}, kernel ${guest.release}, runs ${runs}`,
);
console.log(header(shown));
const measured = new Map();
const rows = [];
let different = 0;
for (const name of names) {
  const workload = WORKLOADS[name];
  const results = await resultsOf(name, workload);
  const medians = Object.fromEntries(Object.entries(results).map(([machine, all]) => [machine, medianOf(all)]));
  const reference = medians[workload.reference ?? "qemu"];
  const metric = workload.metric ?? (values["cpu-time"] ? "cpuSeconds" : "seconds");
  const ratio = medians.trapframe && reference ? medians.trapframe[metric] / reference[metric] : undefined;
  const outputs = new Set(Object.values(results).flatMap((all) => all.map(({ output }) => output)));
  const row = { name, workload, medians, ratio, metric, machines: shown, outputs: [...outputs] };
  rows.push(row);
  console.log(line(row));
  if (outputs.size > 1) {
    different++;
    console.log(`${name}: DIFFERENT OUTPUT\n${[...outputs].join("\n---\n")}`);
  }
}
if (rows.some(({ ratio }) => ratio !== undefined)) console.log(["", ...summary(rows)].join("\n"));
if (values.json) writeFileSync(values.json, `${JSON.stringify({ date, goals: GOALS, rows }, null, 1)}\n`);
process.exitCode = different > 0 ? 1 : 0;

/** All runs of a workload, by machine. Rows that differ only in what is read off them share their runs. */
async function resultsOf(name, workload) {
  const machines = shown.filter((machine) => machine !== "qemuSingle" || workload.reference === machine);
  const key = JSON.stringify([workload.run, workload.cpus, workload.flags]);
  if (measured.has(key)) return measured.get(key);
  const initrd = join(directory, "initramfs.cpio");
  await writeGuest(initrd, workload, { busybox: guest.busybox, directory });
  const options = { kernel, initrd, append: "console=ttyAMA0 quiet", cpus: workload.cpus ?? 1, ours };
  if (!workload.run) options.append = "console=ttyAMA0";
  const results = Object.fromEntries(machines.map((machine) => [machine, []]));
  for (let run = 0; run < runs; run++) {
    for (const machine of machines) {
      const result = await measure(MACHINES[machine](options));
      results[machine].push(result);
      if (values.stats && machine === "trapframe") console.log(`${name}:\n${result.output}\n${result.errors}`);
    }
  }
  measured.set(key, results);
  return results;
}

function workloadsNamed(name) {
  if (name in WORKLOADS) return [name];
  const ofKind = Object.keys(WORKLOADS).filter((workload) => WORKLOADS[workload].kind === name);
  return ofKind.length > 0 ? ofKind : [undefined];
}

/** The median of each number. */
function medianOf(results) {
  const median = (field) => results.map((result) => result[field]).toSorted((a, b) => a - b)[results.length >> 1];
  return Object.fromEntries(
    ["seconds", "cpuSeconds", "megabytes", "peakMegabytes"].map((field) => [field, median(field)]),
  );
}
