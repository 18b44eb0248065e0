/**
 * A machine file: memory map, devices, interrupts and CPU defaults as data (docs/machine-files.md). A board is
 * such a file and no TypeScript. What is read here is checked whole, so nothing after it has to doubt a number.
 */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as v from "valibot";
import { firstFault } from "./description/faults.js";
import { JsonError, type LocatedJson, type Path, parseLocatedJson } from "./description/json.js";
import { Machine, type MachineDescription } from "./description/schema.js";
import { ConfigError, systemReason } from "./errors.js";

export {
  affinityOf,
  descriptionFor,
  deviceRegions,
  ECAM_BUS,
  flashBankName,
  flashOf,
  gicOf,
  INTX_PINS,
  type MappedRegion,
  maximumCpus,
} from "./description/regions.js";
export type {
  DeviceDescription,
  FlashDescription,
  Gicv3Description,
  MachineDescription,
} from "./description/schema.js";

const MACHINES_DIRECTORY = fileURLToPath(new URL("../../machines", import.meta.url));

/** What to call a machine in errors: its file, and the line of a field. */
interface Source {
  readonly name: string;
  lineOf?(path: Path): number;
}

/**
 * A description from the parsed JSON of a machine file.
 * @param source what to call it in errors.
 * @throws ConfigError BAD_MACHINE: one line that names the first field at fault.
 */
export function checkMachineDescription(json: unknown, source: string | Source): MachineDescription {
  const from = typeof source === "string" ? { name: source } : source;
  const result = v.safeParse(Machine, json);
  if (!result.success) {
    // A field that is missing is often there under a wrong name, and that is the line to point at.
    const first = result.issues[0];
    const issue = isMissing(first) ? (result.issues.find(isUnknown) ?? first) : first;
    const dots = v.getDotPath(issue);
    const path = (issue.path ?? []).map(({ key }) => key as PropertyKey);
    throw broken(from, path, `${dots ? `"${dots}": ` : ""}${issueText(issue)}`);
  }
  const description = result.output;
  const fault = firstFault(description);
  if (fault) {
    throw broken(from, fault.path, fault.what);
  }
  return description;
}

/** The names that `--machine` takes without a path, in order. */
export function listMachines(): { name: string; summary: string }[] {
  return readdirSync(MACHINES_DIRECTORY)
    .filter((file) => file.endsWith(".json"))
    .sort()
    .map((file) => loadMachineDescription(basename(file, ".json")))
    .map(({ name, summary }) => ({ name, summary }));
}

/**
 * The machine of that name, or in that file: a text with a slash or that ends in `.json` is a path.
 * @throws ConfigError BAD_MACHINE, FILE_UNREADABLE.
 */
export function loadMachineDescription(nameOrPath: string): MachineDescription {
  const isPath = nameOrPath.includes("/") || nameOrPath.endsWith(".json");
  let text: string;
  try {
    text = readFileSync(isPath ? nameOrPath : join(MACHINES_DIRECTORY, `${nameOrPath}.json`), "utf8");
  } catch (error) {
    if (!isPath && (error as NodeJS.ErrnoException).code === "ENOENT") {
      const names = readdirSync(MACHINES_DIRECTORY).map((file) => basename(file, ".json"));
      throw new ConfigError(
        "BAD_MACHINE",
        `no machine is called "${nameOrPath}"; there is ${names.sort().join(", ")}, or give the path of a .json file`,
      );
    }
    throw new ConfigError("FILE_UNREADABLE", `${nameOrPath}: cannot read the machine file: ${systemReason(error)}`);
  }
  let json: LocatedJson;
  try {
    json = parseLocatedJson(text);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw broken({ name: nameOrPath, lineOf: () => error.line }, [], `not valid JSON: ${error.message}`);
  }
  return checkMachineDescription(json.value, { name: nameOrPath, lineOf: json.lineOf });
}

/** `board.json:12: …`, as compilers and editors have it. */
function broken({ name, lineOf }: Source, path: Path, what: string): ConfigError {
  const line = lineOf ? `:${lineOf(path)}` : "";
  return new ConfigError("BAD_MACHINE", `${name}${line}: broken machine file: ${what}`);
}

const isUnknown = ({ type, expected }: v.BaseIssue<unknown>): boolean =>
  type === "strict_object" && expected === "never";
const isMissing = (issue: v.BaseIssue<unknown>): boolean => issue.type === "strict_object" && !isUnknown(issue);

function issueText(issue: v.BaseIssue<unknown>): string {
  if (isUnknown(issue)) return "there is no such field";
  if (isMissing(issue)) return "this field is missing";
  return `expected ${issue.message.startsWith("Invalid") ? issue.expected : issue.message}, found ${issue.received}`;
}
