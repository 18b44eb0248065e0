/**
 * Where this host gets its Debian packages from: sources.list(5), both of its formats. Only the archives of the Debian
 * release itself are taken, so that other repositories of the host are not asked for packages they do not have.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** One stanza in deb822 style: field name, in its usual spelling, to value. */
export type SourceStanza = Readonly<Record<string, string>>;

/** Options that say whom to trust; the rest (Architectures, Languages, …) is about the host's own packages. */
const KEPT_OPTIONS = ["Signed-By", "Trusted", "Check-Valid-Until", "Check-Date", "Allow-Insecure", "Allow-Weak"];

const RELEASE_NAMES = ["stable", "oldstable", "testing", "unstable", "sid"];
const POCKET = /^(-updates|-security|-backports|\/updates)?$/;

/** The host's Debian sources. `etc`: the apt configuration directory; `codename`: the release, as "bookworm". */
export function debianSources(etc: string, codename: string): SourceStanza[] {
  const stanzas = sourceFiles(etc).flatMap((file) => {
    const text = readOrEmpty(file);
    return file.endsWith(".sources") ? parseDeb822(text) : parseOneLine(text);
  });
  return stanzas.flatMap((stanza) => debianOnly(stanza, codename));
}

/** A .sources file of those stanzas. */
export function formatSources(stanzas: readonly SourceStanza[]): string {
  return stanzas
    .map((stanza) =>
      Object.entries(stanza)
        .map(([field, value]) => `${field}: ${value}\n`)
        .join(""),
    )
    .join("\n");
}

function sourceFiles(etc: string): string[] {
  const parts = join(etc, "sources.list.d");
  let names: string[] = [];
  try {
    names = readdirSync(parts).filter((name) => /\.(list|sources)$/.test(name));
  } catch {
    // A system may have sources.list alone.
  }
  return [join(etc, "sources.list"), ...names.sort().map((name) => join(parts, name))];
}

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

/** `deb [signed-by=/path trusted=yes] URI SUITE COMPONENT…` */
export function parseOneLine(text: string): SourceStanza[] {
  return text.split("\n").flatMap((line) => {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)([^#]*)/.exec(line);
    if (!match) {
      return [];
    }
    const [, options = "", uri, suite, components] = match;
    const stanza: Record<string, string> = {
      Types: "deb",
      URIs: uri!,
      Suites: suite!,
      Components: components!.trim(),
    };
    for (const option of options.split(/\s+/)) {
      const [name, value] = option.split("=", 2);
      const field = KEPT_OPTIONS.find((kept) => kept.toLowerCase() === name?.toLowerCase());
      if (field && value) {
        stanza[field] = value;
      }
    }
    return [stanza];
  });
}

/** Stanzas parted by empty lines; a value goes on over lines that begin with a blank (a key within the file). */
export function parseDeb822(text: string): SourceStanza[] {
  const lines = text.split("\n").filter((line) => !line.startsWith("#"));
  return lines
    .join("\n")
    .split(/\n\s*\n/)
    .map((paragraph) => {
      const stanza: Record<string, string> = {};
      for (const [, name, value] of paragraph.matchAll(/^([A-Za-z-]+):[ \t]*(.*(?:\n[ \t].*)*)/gm)) {
        const field = name!.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());
        stanza[field === "Uris" || field === "URIS" ? "URIs" : field] = value!.trim();
      }
      return stanza;
    })
    .filter((stanza) => stanza.URIs && stanza.Suites && stanza.Enabled?.toLowerCase() !== "no");
}

/** The stanza with the Debian release's own suites and `main`, or nothing when it has none of them. */
function debianOnly(stanza: SourceStanza, codename: string): SourceStanza[] {
  const words = (field: string) => (stanza[field] ?? "").split(/\s+/).filter(Boolean);
  const suites = words("Suites").filter((suite) =>
    [codename, ...RELEASE_NAMES].some((name) => suite.startsWith(name) && POCKET.test(suite.slice(name.length))),
  );
  const uris = words("URIs").filter((uri) => !uri.startsWith("cdrom:"));
  if (
    !words("Types").includes("deb") ||
    suites.length === 0 ||
    uris.length === 0 ||
    !words("Components").includes("main")
  ) {
    return [];
  }
  const options = KEPT_OPTIONS.flatMap((option) => (stanza[option] ? [[option, stanza[option]]] : []));
  return [
    {
      Types: "deb",
      URIs: uris.join(" "),
      Suites: suites.join(" "),
      Components: "main",
      ...(Object.fromEntries(options) as SourceStanza),
    },
  ];
}
