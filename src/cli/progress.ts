/** One line on a terminal that says how far a download is; nothing where there is no terminal. */
import type { Progress } from "../guests/apt.js";

const CLEAR_LINE = "\r\x1b[K";

export function terminalProgress(stream: NodeJS.WritableStream & { readonly isTTY?: boolean }): {
  readonly progress: Progress;
  /** Clears the line. */
  done(): void;
} {
  if (!stream.isTTY) {
    return { progress() {}, done() {} };
  }
  return {
    progress: (what, percent) => stream.write(`${CLEAR_LINE}trapframe: fetching ${what}: ${Math.floor(percent)} %`),
    done: () => stream.write(CLEAR_LINE),
  };
}
