/** What the values of command-line options mean. Each function throws a ConfigError USAGE that names the option. */
import { type Endpoint, EndpointError, parseEndpoint } from "../gdb/endpoint.js";
import { ConfigError } from "../machine/errors.js";
import { parseSize } from "../machine/format.js";

export type SerialChoice =
  | { readonly kind: "stdio" | "null" }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

/** SIZE: 512M, 2G. Bytes. */
export function sizeFlag(option: string, text: string): number {
  const bytes = parseSize(text);
  if (bytes === undefined) {
    throw usage(option, text, "is no size; write it as 512M or 2G");
  }
  if (bytes < 2 ** 20) {
    const meant = /^\d+$/.test(text) ? `; did you mean ${text}M?` : "";
    throw usage(option, text, `is less than 1 MiB${meant}`);
  }
  return bytes;
}

export function countFlag(option: string, text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) {
    throw usage(option, text, "is no number of one or more");
  }
  return Number(text);
}

export function choiceFlag<T extends string>(option: string, text: string, choices: readonly T[]): T {
  const choice = choices.find((candidate) => candidate === text);
  if (choice === undefined) {
    throw usage(option, text, `is not one of ${choices.join(", ")}`);
  }
  return choice;
}

/** A comma-separated list of names from `known`. */
export function listFlag(option: string, text: string, known: readonly string[]): string[] {
  return text.split(",").map((name) => choiceFlag(option, name.trim(), known));
}

/** [HOST:]PORT, unix:PATH, for each time it is said; none takes back what was said before. */
export function gdbFlag(texts: readonly string[]): Endpoint[] {
  return texts.slice(texts.lastIndexOf("none") + 1).map((text) => endpoint("gdb", text));
}

/** stdio, null, file:PATH, tcp:[HOST:]PORT */
export function serialFlag(text: string): SerialChoice {
  if (text === "stdio" || text === "null") {
    return { kind: text };
  }
  if (text.startsWith("file:") && text.length > "file:".length) {
    return { kind: "file", path: text.slice("file:".length) };
  }
  if (text.startsWith("tcp:")) {
    const address = endpoint("serial", text);
    if (address.kind === "tcp") {
      return address;
    }
  }
  throw usage("serial", text, "is none of stdio, null, file:PATH, tcp:[HOST:]PORT");
}

function endpoint(option: string, text: string): Endpoint {
  try {
    return parseEndpoint(text);
  } catch (error) {
    if (error instanceof EndpointError) {
      throw new ConfigError("USAGE", `--${option} ${error.message}`);
    }
    throw error;
  }
}

function usage(option: string, text: string, problem: string): ConfigError {
  return new ConfigError("USAGE", `--${option} ${JSON.stringify(text)} ${problem}`);
}
