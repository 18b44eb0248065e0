#!/usr/bin/env node
/**
 * Firmware and hypervisors side by side with QEMU: every guest of guests.mjs boots on both machines in turn, with the
 * same images and the same answers typed at its console. The ratio is ours ÷ QEMU.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { DIST } from "./dist.mjs";
import { commandLines, GUESTS } from "./guests.mjs";
import { cpuSecondsOf } from "./machines.mjs";

const GOAL = 2.5;
const TIME_LIMIT_SECONDS = 300;
const HELP = `usage: scripts/bench-guests [options] [GUEST…] [-- OPTION OF trapframe boot…]
  --runs N        how often each machine boots each guest; medians count (1)
  --only-ours     without QEMU
  --cpu-time      compare CPU time in place of wall time: on a machine that others use
  --stats         print trapframe's --stats after each of its runs
  --cpu-prof DIR  Node's own profile of each of our runs, into DIR
  --json FILE     everything measured, as JSON
  --list          the guests, and nothing else`;

const { values, positionals, tokens } = parseArgs({
  allowPositionals: true,
  tokens: true,
  options: {
    runs: { type: "string", default: "1" },
    "only-ours": { type: "boolean" },
    "cpu-time": { type: "boolean" },
    stats: { type: "boolean" },
    "cpu-prof": { type: "string" },
    json: { type: "string" },
    list: { type: "boolean" },
    help: { type: "boolean" },
  },
});
const terminator = tokens.find(({ kind }) => kind === "option-terminator")?.index ?? Number.POSITIVE_INFINITY;
const isOurs = tokens.filter(({ kind }) => kind === "positional").map(({ index }) => index > terminator);
const wanted = positionals.filter((_, i) => !isOurs[i]);
const names = wanted.length === 0 ? Object.keys(GUESTS) : wanted;
const runs = Number(values.runs);
if (values.help || values.list) {
  const rows = Object.entries(GUESTS).map(([name, { what }]) => `${name.padEnd(16)}${what}`);
  console.log(values.help ? HELP : rows.join("\n"));
  process.exit(0);
}
if (!Number.isInteger(runs) || runs < 1 || names.some((name) => !(name in GUESTS))) {
  console.error("bench-guests: no such guest, or --runs that is no number; see scripts/bench-guests --list");
  process.exit(2);
}

const metric = values["cpu-time"] ? "cpuSeconds" : "seconds";
const columns = (...cells) => cells.map((cell) => String(cell).padEnd(14)).join("");
console.log(
  `${new Date().toISOString().slice(0, 10)}, ${cpus().length} × ${cpus()[0].model}, Node ${process.version}, runs ${runs}`,
);
console.log(columns("guest", "trapframe", "QEMU", "ratio", "goal"));
const rows = [];
for (const name of names) rows.push(await compare(name));
if (values.json) writeFileSync(values.json, `${JSON.stringify(rows, null, 1)}\n`);
process.exitCode = rows.some(({ failed }) => failed) ? 1 : 0;

async function compare(name) {
  const directory = mkdtempSync(join(tmpdir(), "trapframe-guests-"));
  try {
    const { ours, qemu, dialogue, end } = await commandLines(GUESTS[name], directory);
    const profile = values["cpu-prof"] ? ["--cpu-prof", `--cpu-prof-dir=${values["cpu-prof"]}`] : [];
    const more = [...(values.stats ? ["--stats"] : []), ...positionals.filter((_, i) => isOurs[i])];
    const programs = {
      trapframe: [process.execPath, ...profile, join(DIST, "cli/main.js"), "boot", ...ours, ...more],
      ...(values["only-ours"] ? {} : { qemu: ["qemu-system-aarch64", ...qemu] }),
    };
    const results = Object.fromEntries(Object.keys(programs).map((machine) => [machine, []]));
    for (let run = 0; run < runs; run++) {
      for (const [machine, command] of Object.entries(programs)) {
        const result = await boot(command, dialogue, end);
        results[machine].push(result);
        if (machine === "trapframe" && result.errors) console.log(result.errors.trimEnd());
      }
    }
    const median = (machine) => results[machine].map((r) => r[metric]).toSorted((a, b) => a - b)[runs >> 1];
    const medians = Object.fromEntries(Object.keys(programs).map((machine) => [machine, median(machine)]));
    const ratio = medians.qemu && medians.trapframe / medians.qemu;
    const shown = (seconds) => (seconds === undefined ? "" : `${seconds.toFixed(2)} s`);
    console.log(
      columns(name, shown(medians.trapframe), shown(medians.qemu), ratio?.toFixed(2) ?? "", GOAL) + GUESTS[name].what,
    );
    return { name, metric, medians, ratio };
  } catch (error) {
    console.log(`${name}: ${error.message}`);
    return { name, failed: true };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** One boot: wall and CPU seconds from the start of the process to `end`, after all of the dialogue. */
async function boot([program, ...args], dialogue, end) {
  const started = performance.now();
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
  let [text, fresh, errors] = ["", "", ""];
  let answered = 0;
  let result;
  child.stdin.on("error", () => {});
  child.stderr.on("data", (bytes) => {
    errors += bytes;
  });
  child.stdout.on("data", (bytes) => {
    text += bytes.toString("latin1");
    fresh += bytes.toString("latin1");
    const [awaited, typed] = dialogue[answered] ?? [end, undefined];
    if (result || !fresh.includes(awaited)) return;
    fresh = "";
    answered++;
    if (typed !== undefined) {
      child.stdin.write(typed);
      return;
    }
    result = { seconds: (performance.now() - started) / 1000, cpuSeconds: cpuSecondsOf(child.pid) };
    // Ours prints its statistics when it is asked to end; a guest that waits for its user does not end by itself.
    setTimeout(() => child.kill("SIGTERM"), 500);
  });
  const limit = setTimeout(() => child.kill("SIGKILL"), TIME_LIMIT_SECONDS * 1000);
  await new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  clearTimeout(limit);
  if (!result) throw new Error(`${program} never got to "${end}":\n${text.slice(-1500)}${errors.slice(-1500)}`);
  return { ...result, errors };
}
