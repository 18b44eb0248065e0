/** `--fw-cfg NAME,file=FILE` and `NAME,string=TEXT`, as QEMU's option has them: a file for firmware and kernel. */
import { readFileSync } from "node:fs";
import type { FwCfgFile } from "../devices/fw-cfg/index.js";
import { ConfigError, systemReason } from "../machine/errors.js";

/** @throws ConfigError USAGE, FILE_UNREADABLE. */
export function openFwCfgFile(text: string): FwCfgFile {
  const match = /^(?:name=)?([^,]+),(file|string)=(.*)$/s.exec(text);
  if (!match) {
    throw new ConfigError("USAGE", `--fw-cfg "${text}" is none of NAME,file=FILE and NAME,string=TEXT`);
  }
  const [, name = "", kind, value = ""] = match;
  // As with QEMU, a text has no NUL at its end.
  if (kind === "string") return { name, bytes: new Uint8Array(Buffer.from(value, "utf8")) };
  try {
    return { name, bytes: readFileSync(value) };
  } catch (error) {
    throw new ConfigError("FILE_UNREADABLE", `${value}: cannot read the fw_cfg file: ${systemReason(error)}`);
  }
}
