/**
 * Which `monitor` commands a client that only observes may give: those that change nothing, whatever is added later.
 */

/** With how many arguments, at most, a command is a mere look. */
const LOOKS: Readonly<Record<string, number>> = {
  help: 2,
  "info cores": 0,
  "info cpus": 0,
  "info registers": 1,
  sysreg: 1,
  walk: 2,
  maps: 1,
  tlb: 2,
  gic: 0,
  timer: 0,
  exits: 1,
  catch: 0,
  points: 0,
  control: 0,
  step: 0,
  log: 0,
  psci: 0,
  devices: 0,
  stats: 0,
};

export function mayObserve(name: string, args: readonly string[]): boolean {
  return args.length <= (LOOKS[name] ?? -1);
}
