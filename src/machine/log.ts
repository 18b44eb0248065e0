/** What a machine logs, by category: `--log` at its start, `monitor log` later. */

/** Each with what it tells of. */
export const LOG = {
  exceptions: "every exception that is taken, to whichever level, decoded; the guest runs slower",
  mmio: "every access to a device's registers",
  hosted: "what hosted EL2 and EL3 refuse or pass on to the guest",
  psci: "vCPUs switched on and off, suspends, resets",
  faults: "accesses that nothing answers, and semihosting calls that there are not",
} as const;

export type LogCategory = keyof typeof LOG;
export const LOG_CATEGORIES = Object.keys(LOG) as readonly LogCategory[];

export interface LogConfig {
  readonly categories: readonly string[];
  write(line: string): void;
}

export class MachineLog {
  private readonly on = new Set<string>();
  private readonly sink: (line: string) => void;

  /** Without a configuration nothing is on, and what is switched on later goes to standard error. */
  constructor(config: LogConfig | undefined) {
    for (const category of config?.categories ?? []) this.on.add(category);
    this.sink = config === undefined ? (line) => void process.stderr.write(`${line}\n`) : (line) => config.write(line);
  }

  has(category: LogCategory): boolean {
    return this.on.has(category);
  }

  set(category: LogCategory, on: boolean): void {
    if (on) this.on.add(category);
    else this.on.delete(category);
  }

  /** The text is made only when it is wanted. */
  write(category: LogCategory, line: () => string): void {
    if (this.on.has(category)) this.sink(`${category}: ${line()}`);
  }
}
