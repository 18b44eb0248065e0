/** The report: a row for each workload as it is done, then one for each kind beside its goal. */
import { GOALS } from "./workloads.mjs";

const UNITS = { seconds: "s", cpuSeconds: "s CPU", megabytes: "MB" };
const NAMES = { trapframe: "trapframe", qemu: "QEMU", qemuSingle: "QEMU, 1 thread" };

export function header(machines) {
  const cells = ["workload", ...machines.map((machine) => NAMES[machine]), "ratio", "goal", "first"];
  return cells.map(column).join("");
}

/** `medians` by machine; a ratio only where both ran. */
export function line({ name, workload, medians, ratio, metric, machines }) {
  const cells = [
    name,
    ...machines.map((machine) => (machine in medians ? `${medians[machine][metric].toFixed(2)} ${UNITS[metric]}` : "")),
    ratio === undefined ? "" : ratio.toFixed(2),
    String(GOALS[workload.kind].goal),
    String(GOALS[workload.kind].first),
  ];
  return cells.map(column).join("") + workload.what;
}

/** The geometric mean of the ratios of each kind. */
export function summary(rows) {
  const lines = [];
  for (const [kind, { goal, first, what }] of Object.entries(GOALS)) {
    const ratios = rows.filter((row) => row.workload.kind === kind && row.ratio !== undefined).map((row) => row.ratio);
    if (ratios.length === 0) continue;
    const mean = Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
    const verdict = mean <= goal ? "reached" : mean <= first ? "first landing" : "missed";
    lines.push(["", mean.toFixed(2), String(goal), String(first), verdict].map(column).join("").slice(WIDTH) + what);
  }
  return [`${["ratio", "goal", "first", ""].map(column).join("")}geometric mean of a kind`, ...lines];
}

const WIDTH = 16;

function column(text) {
  return text.padEnd(WIDTH);
}
