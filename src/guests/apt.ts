/**
 * Packages by the host's apt, with a state of its own: lists, cache, dpkg status and sources are in a directory of
 * ours, the architecture is arm64. The host's own apt.conf still applies (proxies, trusted keys); what it would run
 * after an update is taken out. Nothing is installed, and root is not needed.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ConfigError, systemReason } from "../machine/errors.js";
import { debianSources, formatSources } from "./apt-sources.js";

/** Called with what is being done and how far it is, 0 to 100. */
export type Progress = (what: string, percent: number) => void;

/** Where the host keeps its sources, and which release it is. */
export interface AptHost {
  readonly etc: string;
  readonly codename: string;
}

const OWN_KERNEL = "give a kernel of your own: trapframe boot --kernel FILE --initrd FILE";

export class PrivateApt {
  private readonly configuration: string;

  /** @throws ConfigError GUEST_UNAVAILABLE: no apt-get, or no Debian sources, on this host. */
  constructor(
    private readonly directory: string,
    private readonly progress: Progress,
    host: AptHost = thisHost(),
  ) {
    const sources = debianSources(host.etc, host.codename);
    if (sources.length === 0) {
      throw unavailable(`there is no Debian release among the package sources in ${host.etc}`);
    }
    for (const part of ["state/lists/partial", "cache/archives/partial", "sources", "packages"]) {
      mkdirSync(join(directory, part), { recursive: true });
    }
    writeFileSync(join(directory, "state/status"), "");
    writeFileSync(join(directory, "sources/debian.sources"), formatSources(sources));
    this.configuration = join(directory, "apt.conf");
    writeFileSync(this.configuration, aptConfiguration(directory));
  }

  /** Fetches the package lists. A source that fails is forgiven when another has what is asked for. */
  async update(): Promise<void> {
    try {
      await this.run("apt-get", ["update"], "the package lists");
    } catch (error) {
      if (!readdirSync(join(this.directory, "state/lists")).some((name) => name.includes("_Packages"))) {
        throw error;
      }
    }
  }

  /** Names of the packages that match a regular expression (POSIX, on the name alone). */
  async names(pattern: string): Promise<string[]> {
    const output = await this.run("apt-cache", ["search", "--names-only", pattern], "the package lists");
    return output
      .split("\n")
      .map((line) => line.split(" ", 1)[0]!)
      .filter(Boolean);
  }

  /** Fields of the version that would be installed. */
  async show(name: string): Promise<Readonly<Record<string, string>>> {
    const output = await this.run("apt-cache", ["show", "--no-all-versions", name], `the package ${name}`);
    return Object.fromEntries([...output.matchAll(/^([A-Za-z-]+): (.*)$/gm)].map(([, field, value]) => [field, value]));
  }

  /** Downloads and checks one package; the path of its .deb. */
  async download(name: string): Promise<string> {
    const directory = join(this.directory, "packages");
    await this.run("apt-get", ["download", name], name, directory);
    const file = readdirSync(directory).find((candidate) => candidate.startsWith(`${name}_`));
    if (!file) {
      throw unavailable(`apt-get downloaded no package ${name}`);
    }
    return join(directory, file);
  }

  private async run(program: string, args: string[], what: string, cwd = this.directory): Promise<string> {
    const child = spawn(program, ["-c", this.configuration, "-o", "APT::Status-Fd=3", ...args], {
      cwd,
      stdio: ["ignore", "pipe", "pipe", "pipe"],
      env: { ...process.env, LC_ALL: "C" },
    });
    const output: Record<"stdout" | "stderr", string> = { stdout: "", stderr: "" };
    child.stdout!.setEncoding("utf8").on("data", (text: string) => {
      output.stdout += text;
    });
    child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      output.stderr += text;
    });
    child.stdio[3]!.on("data", (chunk: Buffer) => {
      const percent = /dlstatus:\d+:([\d.]+):/.exec(chunk.toString())?.[1];
      if (percent !== undefined) {
        this.progress(what, Number(percent));
      }
    });
    const status = await finished(child, program);
    if (status !== 0) {
      const lines = output.stderr.split("\n");
      const reason = lines.find((line) => line.startsWith("E: ")) ?? lines[0] ?? "";
      throw unavailable(`${program} ${args[0]} failed for ${what}: ${reason.replace(/^E: /, "")}`);
    }
    return output.stdout;
  }
}

/**
 * Takes one file out of a .deb without unpacking the rest of it.
 * @param members where releases of Debian have it, "./bin/busybox"; the first that is there is taken.
 * @returns its path below `directory`.
 */
export async function extract(deb: string, members: readonly string[], directory: string): Promise<string> {
  mkdirSync(directory, { recursive: true });
  for (const member of members) {
    const unpack = spawn("dpkg-deb", ["--fsys-tarfile", deb], { stdio: ["ignore", "pipe", "ignore"] });
    const tar = spawn("tar", ["-x", "-C", directory, member], { stdio: ["pipe", "ignore", "ignore"] });
    tar.stdin.on("error", () => {}); // tar's own exit status says what went wrong
    unpack.stdout.pipe(tar.stdin);
    const [unpacked, extracted] = await Promise.all([finished(unpack, "dpkg-deb"), finished(tar, "tar")]);
    if (unpacked === 0 && extracted === 0 && existsSync(join(directory, member))) {
      return join(directory, member);
    }
  }
  throw unavailable(`${deb} does not hold ${members.join(" or ")}`);
}

export function unavailable(what: string): ConfigError {
  return new ConfigError("GUEST_UNAVAILABLE", `cannot fetch a Debian guest: ${what}; ${OWN_KERNEL}`);
}

function finished(child: ReturnType<typeof spawn>, program: string): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.on("error", (error) => {
      const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
      reject(unavailable(missing ? `this system has no ${program}` : `${program}: ${systemReason(error)}`));
    });
    child.on("close", resolve);
  });
}

function aptConfiguration(directory: string): string {
  const path = (name: string) => JSON.stringify(join(directory, name));
  return [
    `Dir::State ${path("state")};`,
    `Dir::State::status ${path("state/status")};`,
    `Dir::Cache ${path("cache")};`,
    'Dir::Etc::SourceList "/dev/null";',
    `Dir::Etc::SourceParts ${path("sources")};`,
    'APT::Architecture "arm64";',
    "#clear APT::Architectures;",
    'APT::Architectures { "arm64"; };',
    'APT::Sandbox::User "root";',
    'Acquire::Languages "none";',
    // Hooks of the host: they clean the host's cache or rebuild its databases.
    "#clear APT::Update::Pre-Invoke;",
    "#clear APT::Update::Post-Invoke;",
    "#clear APT::Update::Post-Invoke-Success;",
    "",
  ].join("\n");
}

function thisHost(): AptHost {
  let release = "";
  try {
    release = readFileSync("/etc/os-release", "utf8");
  } catch {
    // No release file: the sources may name the release by its role.
  }
  return { etc: "/etc/apt", codename: /^VERSION_CODENAME="?([a-z]+)/m.exec(release)?.[1] ?? "stable" };
}
