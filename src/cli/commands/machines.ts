import { listMachines } from "../../machine/description.js";
import type { CliEnvironment } from "../environment.js";

/** `trapframe machines`: a name and a summary a line. */
export function machines({ stdout }: CliEnvironment): number {
  const list = listMachines();
  const width = Math.max(...list.map(({ name }) => name.length));
  for (const { name, summary } of list) {
    stdout.write(`${name.padEnd(width)}  ${summary}\n`);
  }
  return 0;
}
