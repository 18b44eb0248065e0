/** Where the stub listens: `[HOST:]PORT` or `unix:PATH`, as `--gdb` and GDB's `target remote` write it. */

export type Endpoint =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

/** Why listening failed, in one line. `code` is stable; `message` is for a person. */
export class EndpointError extends Error {
  override readonly name = "EndpointError";
  constructor(
    readonly code: "BAD_ENDPOINT" | "IN_USE" | "NOT_AVAILABLE" | "NOT_PERMITTED" | "FAILED",
    message: string,
  ) {
    super(message);
  }
}

/**
 * How clients' sockets are set: a packet goes out at once, and after this silence, in milliseconds, the peer's host is
 * probed, so that a client that is gone without a word is let go.
 */
export const SOCKETS = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 } as const;

/** What `sun_path` has room for (unix(7)), without the zero behind it. */
const LONGEST_PATH = process.platform === "linux" ? 107 : 103;

/** Only this machine can connect, unless the user names another address. */
const DEFAULT_HOST = "127.0.0.1";

/**
 * Reads `PORT`, `HOST:PORT`, `:PORT`, `[IPV6]:PORT`, `tcp:…` or `unix:PATH`. Port 0 lets the system choose.
 * Throws `EndpointError` BAD_ENDPOINT.
 */
export function parseEndpoint(text: string): Endpoint {
  if (text.startsWith("unix:") && text.length > 5) return { kind: "unix", path: socketPath(text.slice(5)) };
  const match = /^(?:tcp:)?(?:(?:\[([^\]]+)\]|([^:[\]]*)):)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 0xffff) {
    throw new EndpointError("BAD_ENDPOINT", `"${text}" is no place to listen at: want [HOST:]PORT or unix:PATH`);
  }
  return { kind: "tcp", host: match[1] ?? (match[2] || DEFAULT_HOST), port };
}

/** Node.js would cut a longer one off without a word, and listen there. */
function socketPath(path: string): string {
  if (Buffer.byteLength(path) <= LONGEST_PATH) return path;
  throw new EndpointError("BAD_ENDPOINT", `${path}: the path of a unix socket has at most ${LONGEST_PATH} bytes`);
}

/** As `target remote` takes it: "127.0.0.1:1234", "[::1]:1234"; a unix socket by its path. */
export function formatEndpoint(endpoint: Endpoint): string {
  if (endpoint.kind === "unix") return endpoint.path;
  return endpoint.host.includes(":") ? `[${endpoint.host}]:${endpoint.port}` : `${endpoint.host}:${endpoint.port}`;
}

/** Whether only processes of this machine can connect. */
export function isLocal(endpoint: Endpoint): boolean {
  if (endpoint.kind === "unix") return true;
  return /^127\.\d+\.\d+\.\d+$|^::1$|^::ffff:127\.|^localhost$/.test(endpoint.host);
}
