/**
 * The table of what is measured. A row is one workload, run inside Debian's kernel from an initramfs of its own:
 *
 * - `kind`: the row of the table of goals it counts for;
 * - `what`: a few words for the report;
 * - `run`: shell commands. Wall time runs from before the first to behind the last; without any, from the start of the
 *   process to where the first would be. What they print must be the same on both machines;
 * - `setup`: commands before that, not timed;
 * - `programs`: C sources of ours (programs/NAME.c, installed as /bin/NAME), compiled with `flags` as well; `scripts`:
 *   files of programs/, in /bench;
 * - `packages`: Debian packages that the commands come from, a name of packages.mjs;
 * - `cpus`, `metric`: where they are not 1 and "seconds".
 */

/** Ratio ours ÷ QEMU to reach, and the least at first. */
export const GOALS = {
  boot: { goal: 1.0, first: 2.5, what: "boot to /init, 1 vCPU" },
  integer: { goal: 0.5, first: 0.9, what: "integer and pointer compute" },
  float: { goal: 0.3, first: 0.6, what: "floating point" },
  simd: { goal: 0.7, first: 1.2, what: "Advanced SIMD and crypto" },
  bytecode: { goal: 0.8, first: 1.3, what: "bytecode interpreters, a database" },
  compression: { goal: 0.7, first: 1.0, what: "compression" },
  processes: { goal: 0.8, first: 1.8, what: "fork, exec, exit, page faults" },
  syscalls: { goal: 0.8, first: 1.5, what: "syscalls, small reads" },
  smp: { goal: 1.0, first: 2.0, what: "4 vCPUs booting, against TCG with one thread" },
  memory: { goal: 1.0, first: 1.5, what: "resident memory, 1 GiB guest" },
};

/** A file to compress: machine code and text, 2 MB, the same for everybody who has the same busybox. */
const CORPUS = "cat /bin/busybox /bench/numbers.lua > /tmp/corpus";
const CORPUS_SCRIPTS = ["numbers.lua"];

const integer = (part, rounds, what) => ({
  kind: "integer",
  what,
  programs: ["integer"],
  run: [`integer ${part} ${rounds}`],
});
const float = (part, rounds, what) => ({ kind: "float", what, programs: ["float"], run: [`float ${part} ${rounds}`] });
const simd = (part, rounds, what) => ({ kind: "simd", what, programs: ["simd"], run: [`simd ${part} ${rounds}`] });
const system = (kind, part, count, what) => ({ kind, what, programs: ["system"], run: [`system ${part} ${count}`] });

export const WORKLOADS = {
  boot: { kind: "boot", what: "process start to the first command of /init" },
  "boot-4": { kind: "smp", what: "the same, 4 vCPUs", cpus: 4, reference: "qemuSingle" },
  memory: { kind: "memory", what: "after the boot, 1 vCPU", metric: "megabytes" },

  list: integer("list", 400, "linked lists: find, reverse, merge sort"),
  matrix: integer("matrix", 400, "16-bit matrices"),
  state: integer("state", 250, "a state machine over text"),
  crc: integer("crc", 800, "CRC-32 by table, CRC-16 by bit"),
  sort: integer("sort", 480, "qsort, binary search, a hash table"),

  nbody: float("nbody", 40, "double: n-body"),
  lu: float("lu", 60, "double: LU decomposition"),
  // Such programs set FPCR.FZ.
  "lu-ofast": { ...float("lu", 60, "the same, built with -Ofast"), flags: ["-Ofast"] },
  fft: float("fft", 40, "double: FFT"),
  fftf: float("fftf", 60, "single: FFT"),
  mandel: float("mandel", 60, "double: Mandelbrot"),
  libm: float("libm", 30, "the C library's functions"),
  "lua-numbers": {
    kind: "float",
    what: "Lua in a float loop",
    packages: ["lua5.4"],
    scripts: ["numbers.lua"],
    run: ["lua5.4 /bench/numbers.lua 25"],
  },
  "awk-numbers": {
    kind: "float",
    what: "awk in a float loop",
    run: ["awk 'BEGIN { for (i = 1; i < 300000; i++) { s += i * 1.5; t = t * 0.99 + s / i }; print s, t }'"],
  },

  pixels: simd("pixels", 1000, "NEON: saturating bytes"),
  dot: simd("dot", 1000, "NEON: widening multiply-accumulate"),
  fma: simd("fma", 1000, "NEON: single FMA"),
  fmad: simd("fmad", 1000, "NEON: double FMA"),
  scan: simd("scan", 1000, "NEON: byte search"),
  shuffle: simd("shuffle", 1000, "NEON: permutes"),
  aes: simd("aes", 250, "AES-128 by instructions"),
  sha: simd("sha", 500, "SHA-256 by instructions"),
  pmull: simd("pmull", 250, "PMULL as GHASH has it"),
  "crc-insn": simd("crc", 1000, "CRC32 instructions"),
  openssl: {
    kind: "simd",
    what: "openssl: SHA-256, SHA-512, AES-CBC, AES-CTR",
    packages: ["openssl"],
    setup: ["head -c 8388608 /dev/zero > /tmp/zero"],
    run: [
      "openssl dgst -sha256 /tmp/zero",
      "openssl dgst -sha512 /tmp/zero",
      "openssl enc -aes-128-cbc -K 00112233445566778899aabbccddeeff -iv 0 -in /tmp/zero -out /tmp/out 2> /dev/null",
      "openssl enc -aes-128-ctr -K 00112233445566778899aabbccddeeff -iv 0 -in /tmp/zero -out /tmp/out 2> /dev/null",
      "md5sum /tmp/out",
    ],
  },
  sha256sum: {
    kind: "simd",
    what: "busybox: SHA-256 in plain C, 12 MiB",
    run: ["head -c 12582912 /dev/zero | sha256sum"],
  },

  "lua-objects": {
    kind: "bytecode",
    what: "Lua: tables, strings, closures",
    packages: ["lua5.4"],
    scripts: ["objects.lua"],
    run: ["lua5.4 /bench/objects.lua 250"],
  },
  python: {
    kind: "bytecode",
    what: "Python: classes, dictionaries, start-up",
    packages: ["python3"],
    scripts: ["objects.py"],
    run: ["python3 -SE /bench/objects.py 150"],
  },
  perl: {
    kind: "bytecode",
    what: "Perl: regular expressions, hashes",
    packages: ["perl"],
    scripts: ["text.pl"],
    run: ["perl /bench/text.pl 300"],
  },
  sqlite: {
    kind: "bytecode",
    what: "SQLite in memory",
    packages: ["sqlite3"],
    scripts: ["database.sql"],
    run: ["sqlite3 :memory: < /bench/database.sql"],
  },
  shell: {
    kind: "bytecode",
    what: "arithmetic in the shell's interpreter",
    run: ["i=0; s=0; while [ $i -lt 100000 ]; do s=$((s+i*i)); i=$((i+1)); done; echo $s"],
  },

  xz: {
    kind: "compression",
    what: "xz -3, and back",
    packages: ["xz"],
    scripts: CORPUS_SCRIPTS,
    setup: [CORPUS],
    run: ["/usr/bin/xz -3 < /tmp/corpus > /tmp/c", "wc -c /tmp/c", "/usr/bin/xz -d < /tmp/c | md5sum"],
  },
  gzip: {
    kind: "compression",
    what: "gzip -6, and back",
    packages: ["gzip"],
    scripts: CORPUS_SCRIPTS,
    setup: [CORPUS],
    run: ["/bin/gzip -6 < /tmp/corpus > /tmp/c", "wc -c /tmp/c", "/bin/gzip -d < /tmp/c | md5sum"],
  },
  zstd: {
    kind: "compression",
    what: "zstd -6, and back",
    packages: ["zstd"],
    scripts: CORPUS_SCRIPTS,
    setup: [CORPUS],
    run: ["zstd -6 < /tmp/corpus > /tmp/c", "wc -c /tmp/c", "zstd -d < /tmp/c | md5sum"],
  },
  "busybox-gzip": {
    kind: "compression",
    what: "busybox's gzip of 2 MB, and back",
    scripts: CORPUS_SCRIPTS,
    setup: [CORPUS],
    run: ["busybox gzip < /tmp/corpus | busybox gunzip | md5sum"],
  },

  "shell-fork": {
    kind: "processes",
    what: "fork, exec and exit from a shell, 400 times",
    run: ["i=0; while [ $i -lt 400 ]; do /bin/busybox true; i=$((i+1)); done"],
  },
  subshell: {
    kind: "processes",
    what: "subshells, pipes and substitutions, 150 times",
    run: ["i=0; while [ $i -lt 150 ]; do x=$(echo $i | cat); (exit 3); i=$((x+1)); done; echo $i"],
  },
  fork: system("processes", "fork", 1500, "fork and exit in C"),
  exec: system("processes", "exec", 500, "vfork and exec in C"),
  "exec-dynamic": {
    kind: "processes",
    what: "start of a dynamic program, 40 times",
    packages: ["perl"],
    run: ["i=0; while [ $i -lt 40 ]; do perl -e 1; i=$((i+1)); done"],
  },
  fault: system("processes", "fault", 60, "page faults on fresh memory"),
  cow: system("processes", "cow", 120, "copy on write after fork"),

  getpid: system("syscalls", "getpid", 60000, "the smallest system call"),
  read: system("syscalls", "read", 15000, "read, write, stat"),
  proc: system("syscalls", "proc", 2500, "small files of procfs"),
  sysfs: system("syscalls", "sysfs", 10, "attributes of sysfs"),
  pipe: system("syscalls", "pipe", 5000, "two processes and two pipes"),
  signal: system("syscalls", "signal", 10000, "signals to itself"),
  "shell-proc": {
    kind: "syscalls",
    what: "cat of procfs from a shell",
    run: ["i=0; while [ $i -lt 40 ]; do cat /proc/[0-9]*/stat /proc/meminfo > /dev/null; i=$((i+1)); done"],
  },
};
