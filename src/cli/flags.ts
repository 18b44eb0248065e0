/** What the values of command-line options mean. Each function throws a ConfigError USAGE that names the option. */
import { ConfigError } from "../machine/errors.js";
import { parseSize } from "../machine/format.js";
import type { GdbAddress } from "./machine-api.js";

export type SerialChoice =
  | { readonly kind: "stdio" | "null" }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

const LOOPBACK = "127.0.0.1";

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

/** [HOST:]PORT, unix:PATH, none. */
export function gdbFlag(text: string): GdbAddress | undefined {
  if (text === "none") {
    return undefined;
  }
  if (text.startsWith("unix:")) {
    const path = text.slice("unix:".length);
    if (path === "") {
      throw usage("gdb", text, "lacks the path of the socket");
    }
    return { path };
  }
  return hostAndPort("gdb", text, text);
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
    return { kind: "tcp", ...hostAndPort("serial", text, text.slice("tcp:".length)) };
  }
  throw usage("serial", text, "is none of stdio, null, file:PATH, tcp:[HOST:]PORT");
}

/** "1234", "localhost:1234", "[::1]:1234" */
function hostAndPort(option: string, whole: string, text: string): { host: string; port: number } {
  const match = /^(?:(\[[^\]]+\]|[^:]*):)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (!match || port > 0xffff) {
    throw usage(option, whole, "has no [HOST:]PORT with a port from 0 to 65535");
  }
  return { host: match[1]?.replace(/^\[|\]$/g, "") || LOOPBACK, port };
}

function usage(option: string, text: string, problem: string): ConfigError {
  return new ConfigError("USAGE", `--${option} ${JSON.stringify(text)} ${problem}`);
}
