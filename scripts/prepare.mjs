/**
 * npm's `prepare`: after `npm ci`, and before the first `npx trapframe` of a checkout, which says nothing of a build that
 * takes its time or fails. So it builds only what is older than its sources, and only where there is something to build with.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
/** Written by the last step of the build. */
const PRODUCT = join(ROOT, "dist/bundle/compiler.code");
const SOURCES = ["src", "package.json", "tsconfig.json"];

/** When the newest file at or below a path was written, in milliseconds. */
function newest(path) {
  if (!statSync(path).isDirectory()) return statSync(path).mtimeMs;
  return Math.max(0, ...readdirSync(path).map((name) => newest(join(path, name))));
}

const built = existsSync(PRODUCT) ? statSync(PRODUCT).mtimeMs : 0;
const current = SOURCES.every((name) => newest(join(ROOT, name)) < built);
if (!current && existsSync(join(ROOT, "node_modules"))) {
  execFileSync("npm", ["run", "build"], { cwd: ROOT, stdio: "inherit" });
}
