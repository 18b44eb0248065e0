/** Kept modules: what was saved is there for who has the same key, and what is damaged is not. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { defineFunction, ModuleBuilder } from "../../src/engine/ir/module.js";
import { CodeCache, type Found, type LiveModule } from "../../src/engine/regions/code-cache.js";
import { KeptFile } from "../../src/engine/regions/kept-file.js";

const HASH = 0xfeed_f00d_dead_beefn;

function instantiate(module: WebAssembly.Module): Record<string, unknown> {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  return new WebAssembly.Instance(module, { env: { memory } }).exports;
}

/** A module with a function that adds `n`. */
function moduleAdding(n: number, hash = HASH): LiveModule {
  const builder = new ModuleBuilder([]);
  builder.export(
    defineFunction("add", "i", "i", (fb, x) => fb.return(x.add(n))),
    "0",
  );
  const wire = builder.finish([], { initial: 1, maximum: 1 });
  const module = new WebAssembly.Module(wire);
  const region = {
    number: 0,
    pages: [{ distance: 0, hash: hash.toString(16) }],
    entries: [{ distance: 0, slot: n }],
    instructions: 1,
    touches: false,
  };
  return { module, exports: instantiate(module), wire, runtime: [], regions: [region] };
}

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "trapframe-code-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

function save(key: string, ...modules: LiveModule[]): void {
  const cache = CodeCache.open(directory, key);
  for (const module of modules) cache.add(module);
  cache.save();
  cache.close();
}

/** What the kept functions of HASH make of 100. */
function results(key: string): unknown[] {
  const cache = CodeCache.open(directory, key);
  const all = cache.find(HASH).map(({ region, module }) => {
    const live = cache.module(module, instantiate);
    return (live?.exports[region.number] as ((x: number) => number) | undefined)?.(100);
  });
  cache.close();
  return all;
}

const theFile = (): string => join(directory, readdirSync(directory)[0] as string);

describe("kept regions", () => {
  it("are found by what their page holds", () => {
    save("key", moduleAdding(1), moduleAdding(2, 1n), moduleAdding(3));
    expect(results("key")).toEqual([101, 103]);
    expect(CodeCache.open(directory, "key").find(2n)).toEqual([]);
  });

  it("are kept beside what is added later, used or not", () => {
    save("key", moduleAdding(1));
    save("key", moduleAdding(2));
    const cache = CodeCache.open(directory, "key");
    cache.module(0, instantiate);
    cache.add(moduleAdding(3));
    cache.save();
    cache.close();
    expect(results("key").sort()).toEqual([101, 102, 103]);
  });

  it("are kept beside what another process has written meanwhile, and once where both have the same", () => {
    save("key", moduleAdding(1), moduleAdding(2));
    const processes = [0, 1].map(() => CodeCache.open(directory, "key"));
    processes.forEach((cache, i) => {
      cache.module(i, instantiate);
      cache.add(moduleAdding(3));
      cache.add(moduleAdding(4 + i));
      cache.addBarren(HASH, 10 + i);
      cache.addBarren(BigInt(i), 20);
    });
    for (const cache of processes) {
      cache.save();
      cache.close();
    }
    expect(results("key").sort()).toEqual([101, 102, 103, 104, 105]);
    const after = CodeCache.open(directory, "key");
    expect([10, 11, 12].map((slot) => after.isBarren(HASH, slot))).toEqual([true, true, false]);
    expect([0n, 1n].map((hash) => after.isBarren(hash, 20))).toEqual([true, true]);
    after.close();
  });

  it("are kept beside what another process was the first to write", () => {
    const processes = [1, 2].map((n) => ({ n, cache: CodeCache.open(directory, "key") }));
    for (const { n, cache } of processes) {
      cache.add(moduleAdding(n));
      cache.save();
    }
    expect(results("key").sort()).toEqual([101, 102]);
  });

  it("do not come back from what another process has written when they are withdrawn", () => {
    save("key", moduleAdding(1), moduleAdding(2));
    const [cache, other] = [CodeCache.open(directory, "key"), CodeCache.open(directory, "key")];
    const withdrawn = cache.find(HASH)[0] as Found;
    cache.module(withdrawn.module, instantiate);
    cache.withdraw(withdrawn.region);
    other.add(moduleAdding(3));
    for (const each of [other, cache]) {
      each.save();
      each.close();
    }
    expect(results("key").sort()).toEqual([102, 103]);
  });

  it("are kept as optimised code, whether they were called or not", () => {
    const called = moduleAdding(1);
    (called.exports[0] as (x: number) => number)(100);
    save("key", called, moduleAdding(2));
    const file = KeptFile.open(theFile()) as KeptFile;
    expect(file.index.modules.map(({ optimized }) => optimized)).toEqual([1, 1]);
    file.close();
  });

  it("are nobody else's", () => {
    save("key", moduleAdding(1));
    expect(results("another")).toEqual([]);
  });

  it("are as good as not there when the index is damaged, or the file ends too early", () => {
    save("key", moduleAdding(1));
    const whole = readFileSync(theFile());
    for (const at of [0, 21, 30, 60]) {
      const damaged = Buffer.from(whole);
      damaged[at] = (damaged[at] as number) ^ 0x10;
      writeFileSync(theFile(), damaged);
      expect(results("key")).toEqual([]);
    }
    for (const length of [0, 10, 50]) {
      writeFileSync(theFile(), whole.subarray(0, length));
      expect(results("key")).toEqual([]);
    }
    // The index is whole, the module is not.
    writeFileSync(theFile(), whole.subarray(0, whole.length - 1));
    expect(results("key")).toEqual([undefined]);
    const damaged = Buffer.from(whole);
    damaged[whole.length - 1] = (damaged[whole.length - 1] as number) ^ 1;
    writeFileSync(theFile(), damaged);
    expect(results("key")).toEqual([undefined]);
    save("key", moduleAdding(2));
    expect(results("key")).toContain(102);
  });

  it("are not saved again when they are damaged, whether somebody looked or not", () => {
    save("key", moduleAdding(1), moduleAdding(2));
    const whole = readFileSync(theFile());
    const damaged = Buffer.from(whole);
    damaged[whole.length - 1] = (damaged[whole.length - 1] as number) ^ 1;
    for (const content of [damaged, whole.subarray(0, whole.length - 1)]) {
      writeFileSync(theFile(), content);
      save("key", moduleAdding(3));
      expect(results("key").sort()).toEqual([101, 103]);
    }
  });

  it("leave only the files that were written last, of builds of long ago", () => {
    for (let i = 0; i < 12; i++) {
      save(`build ${i}`, moduleAdding(i));
      for (const name of readdirSync(directory)) utimesSync(join(directory, name), 1000 + i, 1000 + i);
    }
    expect(readdirSync(directory).length).toBeLessThanOrEqual(6);
    expect(results("build 11")).toEqual([111]);
  });

  it("say so when they cannot be written", () => {
    writeFileSync(join(directory, "file"), "");
    const cache = CodeCache.open(join(directory, "file"), "key");
    cache.add(moduleAdding(1));
    expect(() => cache.save()).toThrow(/ENOTDIR|EEXIST/);
  });
});
