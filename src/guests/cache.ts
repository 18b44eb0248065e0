/** The directory of fetched guests: $TRAPFRAME_CACHE, else trapframe/ in the XDG cache directory. */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

export function cacheDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  const { TRAPFRAME_CACHE, XDG_CACHE_HOME } = environment;
  return TRAPFRAME_CACHE || join(XDG_CACHE_HOME || join(homedir(), ".cache"), "trapframe");
}

const TEMPORARY = /^tmp-(\d+)-/;

/**
 * Gives `work` a new directory within `cache`, and takes it away when `work` is over, also when it failed or the
 * process was told to end. What a process left that was killed outright goes at the next call.
 */
export async function withTemporary<T>(cache: string, work: (directory: string) => Promise<T>): Promise<T> {
  mkdirSync(cache, { recursive: true });
  removeAbandoned(cache);
  const directory = join(cache, `tmp-${process.pid}-${randomBytes(4).toString("hex")}`);
  mkdirSync(directory);
  const remove = () => rmSync(directory, { recursive: true, force: true });
  process.once("exit", remove);
  try {
    return await work(directory);
  } finally {
    process.off("exit", remove);
    remove();
  }
}

/** Moves a finished directory to its place in one step. When another process was first, its directory stays. */
export function install(finished: string, place: string): void {
  mkdirSync(dirname(place), { recursive: true });
  try {
    renameSync(finished, place);
  } catch (error) {
    if (!existsSync(place)) {
      throw error;
    }
  }
}

/** A small JSON file, read as undefined when it is missing or damaged. */
export function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}

/** A file written whole or not at all. */
export function writeWhole(file: string, content: Uint8Array | string): void {
  const temporary = `${file}.${process.pid}`;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(temporary, content);
  renameSync(temporary, file);
}

function removeAbandoned(cache: string): void {
  for (const name of readdirSync(cache)) {
    const pid = TEMPORARY.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) {
      rmSync(join(cache, name), { recursive: true, force: true });
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
