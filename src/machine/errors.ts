/**
 * What a user can get wrong, found before a machine starts. The message is one line that says what, where, why and
 * what to try; the command line prints it and exits with status 2.
 */

export type ConfigErrorCode =
  | "USAGE"
  | "FILE_UNREADABLE"
  | "NOT_A_KERNEL"
  | "NOT_FIRMWARE"
  | "BAD_KERNEL"
  | "BAD_SYMBOLS"
  | "BAD_DEVICE_TREE"
  | "BAD_MACHINE"
  | "NO_ROOM"
  | "ADDRESS_IN_USE"
  | "GUEST_UNAVAILABLE";

export class ConfigError extends Error {
  override readonly name = "ConfigError";

  constructor(
    readonly code: ConfigErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The operating system's reason in words: "no such file or directory", not an errno dump with a stack. */
export function systemReason(error: unknown): string {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  const reasons: Record<string, string> = {
    ENOENT: "no such file or directory",
    EACCES: "permission denied",
    EPERM: "operation not permitted",
    EISDIR: "is a directory",
    ENOTDIR: "a part of the path is not a directory",
    EADDRINUSE: "the address is already in use",
    EADDRNOTAVAIL: "this host has no such address",
    ENOTFOUND: "no such host",
    ENOSPC: "no space left on the device",
    EROFS: "read-only file system",
  };
  return (code && reasons[code]) ?? (error instanceof Error ? error.message.split("\n", 1)[0]! : String(error));
}
