import { describe, expect, it } from "vitest";
import { countFlag, gdbFlag, listFlag, serialFlag, sizeFlag } from "../../src/cli/flags.js";
import { ConfigError } from "../../src/machine/errors.js";

describe("sizes", () => {
  it.each([
    ["512M", 2 ** 29],
    ["2G", 2 ** 31],
    ["1.5g", 1.5 * 2 ** 30],
    ["64MiB", 2 ** 26],
    ["0x10000000", 2 ** 28],
    ["1048576", 2 ** 20],
  ])("%s", (text, bytes) => expect(sizeFlag("memory", text)).toBe(bytes));

  it.each([
    ["", "is no size"],
    ["lots", "is no size"],
    ["-1G", "is no size"],
    ["1.3", "is no size"],
    ["512", "is less than 1 MiB; did you mean 512M?"],
    ["4K", "is less than 1 MiB"],
  ])("%s is refused", (text, message) => expect(() => sizeFlag("memory", text)).toThrow(message));
});

describe("counts and lists", () => {
  it("takes whole numbers from one up", () => {
    expect(countFlag("cpus", "16")).toBe(16);
    for (const text of ["0", "-1", "1.5", "two", "", "1e3"]) {
      expect(() => countFlag("cpus", text)).toThrow(ConfigError);
    }
  });

  it("takes known names", () => {
    expect(listFlag("log", "a, b", ["a", "b"])).toEqual(["a", "b"]);
    expect(() => listFlag("log", "a,c", ["a", "b"])).toThrow('--log "c" is not one of a, b');
  });
});

describe("--gdb", () => {
  it.each([
    ["1234", { kind: "tcp", host: "127.0.0.1", port: 1234 }],
    [":0", { kind: "tcp", host: "127.0.0.1", port: 0 }],
    ["localhost:1", { kind: "tcp", host: "localhost", port: 1 }],
    ["[::1]:65535", { kind: "tcp", host: "::1", port: 65535 }],
    ["unix:/tmp/stub", { kind: "unix", path: "/tmp/stub" }],
  ])("%s", (text, address) => expect(gdbFlag([text])).toEqual([address]));

  it("listens at each place that is said after the last none", () => {
    expect(gdbFlag(["1234", "none"])).toEqual([]);
    expect(gdbFlag(["1", "none", "unix:/tmp/stub", "2"])).toEqual([
      { kind: "unix", path: "/tmp/stub" },
      { kind: "tcp", host: "127.0.0.1", port: 2 },
    ]);
  });

  it.each(["", "65536", "host", "host:", "unix:", "::1:1234", "12x"])("%s is refused", (text) => {
    expect(() => gdbFlag([text])).toThrow(/^--gdb /);
  });
});

describe("--serial", () => {
  it.each([
    ["stdio", { kind: "stdio" }],
    ["null", { kind: "null" }],
    ["file:a:b", { kind: "file", path: "a:b" }],
    ["tcp:5000", { kind: "tcp", host: "127.0.0.1", port: 5000 }],
    ["tcp:0.0.0.0:5000", { kind: "tcp", host: "0.0.0.0", port: 5000 }],
  ])("%s", (text, choice) => expect(serialFlag(text)).toEqual(choice));

  it.each(["", "stdout", "file:", "tcp:", "tcp:host"])("%s is refused", (text) => {
    expect(() => serialFlag(text)).toThrow(/^--serial /);
  });
});
