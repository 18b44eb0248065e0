/** The build that is measured: dist/, or the directory that $TRAPFRAME_DIST names. */
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

export const DIST = resolve(process.env.TRAPFRAME_DIST ?? fileURLToPath(new URL("../../dist", import.meta.url)));

/** A module of it. */
export function dist(path) {
  return import(pathToFileURL(join(DIST, path)).href);
}
