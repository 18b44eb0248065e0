/** Error numbers that SYS_ERRNO gives: Linux's, as QEMU's on a Linux host, whatever host this is. */
export const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  EIO: 5,
  E2BIG: 7,
  EBADF: 9,
  EACCES: 13,
  EFAULT: 14,
  EBUSY: 16,
  EEXIST: 17,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  EMFILE: 24,
  EFBIG: 27,
  ENOSPC: 28,
  ESPIPE: 29,
  EROFS: 30,
  ENAMETOOLONG: 36,
  ENOSYS: 38,
  ENOTEMPTY: 39,
  ELOOP: 40,
} as const;

export type ErrnoName = keyof typeof ERRNO;

/** What a call failed with. */
export class SemihostingError extends Error {
  constructor(readonly errno: number) {
    super(`errno ${errno}`);
  }
}

/** The error number of what Node.js threw. */
export function errnoOf(error: unknown): number {
  if (error instanceof SemihostingError) return error.errno;
  const code = (error as NodeJS.ErrnoException).code ?? "";
  return code in ERRNO ? ERRNO[code as ErrnoName] : ERRNO.EIO;
}
