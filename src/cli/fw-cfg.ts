/** `--fw-cfg NAME,file=FILE` and `NAME,string=TEXT`, as QEMU's option has them: a file for firmware and kernel. */
import type { FwCfgFile } from "../devices/fw-cfg/index.js";
import { ConfigError } from "../machine/errors.js";
import { bytesOf, FileContent } from "../machine/loaders/content.js";

/** @throws ConfigError USAGE, FILE_UNREADABLE. */
export function openFwCfgFile(text: string): FwCfgFile {
  const match = /^(?:name=)?([^,]+),(file|string)=(.*)$/s.exec(text);
  if (!match) {
    throw new ConfigError("USAGE", `--fw-cfg "${text}" is none of NAME,file=FILE and NAME,string=TEXT`);
  }
  const [, name = "", kind, value = ""] = match;
  // As with QEMU, a text has no NUL at its end.
  if (kind === "string") return { name, bytes: new Uint8Array(Buffer.from(value, "utf8")) };
  return { name, bytes: bytesOf(FileContent.open(value, "the fw_cfg file")) };
}
