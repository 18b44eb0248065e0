import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { runCli } from "../../src/cli/cli.js";
import { EndpointError } from "../../src/gdb/endpoint.js";
import { bytesOf, type Content } from "../../src/machine/loaders/content.js";
import { arm64Image, RAW_CODE } from "../machine/loaders/fixtures.js";
import { FakeFactory } from "./fake-machine.js";

let directory: string;
let kernel: string;
let factory: FakeFactory;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "trapframe-cli-"));
  kernel = join(directory, "Image");
  writeFileSync(kernel, arm64Image());
  writeFileSync(join(directory, "raw"), RAW_CODE);
  writeFileSync(join(directory, "text"), "I am a letter.\n");
  writeFileSync(join(directory, "initrd"), "an initrd");
  writeFileSync(join(directory, "broken.json"), '{ "name": "x" }');
});
afterAll(() => rmSync(directory, { recursive: true }));
beforeEach(() => {
  factory = new FakeFactory();
});

/** Runs a command line, `@` standing for the test's directory. */
async function run(line: string, input = ""): Promise<{ status: number; stdout: string; stderr: string }> {
  const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() };
  streams.stdin.end(input);
  const argv = line.split(" ").filter(Boolean);
  const status = await runCli(
    argv.map((word) => word.replace("@", `${directory}/`)),
    { ...streams, loadMachine: async () => factory },
  );
  const text = (stream: PassThrough) => (stream.read() as Buffer | null)?.toString() ?? "";
  return { status, stdout: text(streams.stdout), stderr: text(streams.stderr) };
}

describe("wrong usage is one line and status 2, before anything starts", () => {
  it.each([
    ["", "no command was given; see trapframe --help"],
    ["fly", 'there is no option or argument "fly"; see trapframe --help'],
    ["boot", "nothing to boot: give --kernel FILE or --bios FILE"],
    ["boot @Image", "there is no option or argument"],
    ["boot --kernel", "--kernel needs a value; see trapframe boot --help"],
    ["boot --bios @none", "none: cannot read the flash image: no such file or directory"],
    ["boot --bios @raw --flash1 @none,rw", "none: cannot open the flash image for reading and writing: no such file"],
    ["boot --bios @text", "text: not firmware for AArch64: a text file"],
    ["boot --flash0 @raw --flash1 @raw,rw", "raw: the file of both flash banks, and written; give each a copy"],
    ["boot --bios @raw --flash0 @raw", "--bios and --flash0 are the same flash bank: give one of them"],
    ["boot --kernel @Image --semihosting-dir @raw", "--semihosting-dir without --semihosting"],
    ["boot --kernel @Image --semihosting --semihosting-dir @raw", "raw: it is not a directory"],
    ["boot --kernel @Image --semihosting --semihosting-dir @none", "none: no such file or directory"],
    ["boot --kernel @Image --colour red", 'there is no option or argument "colour"'],
    ["boot --kernel @none", "none: cannot read the kernel: no such file or directory"],
    ["boot --kernel @text", "text: not an AArch64 kernel: a text file"],
    ["boot --kernel @Image --initrd @none", "none: cannot read the initrd: no such file or directory"],
    ["boot --kernel @Image --dtb @text", "text: not a usable device tree: "],
    ["boot --kernel @Image --dtb @none", "none: cannot read the device tree: no such file or directory"],
    [
      "boot --kernel @Image --module @initrd",
      'initrd" does not say what the file is; it is FILE[,addr=ADDRESS],kernel|',
    ],
    ["boot --kernel @Image --module @initrd,ramdisk,kernel", 'initrd,ramdisk,kernel" is both ramdisk and kernel'],
    ["boot --kernel @Image --module @initrd,disk", 'initrd,disk" has "disk" in it; it is FILE[,addr=ADDRESS],kernel|'],
    ["boot --kernel @Image --module @initrd,addr=up,ramdisk", 'has no address in "addr=up"; write addr=0x49000000'],
    ["boot --kernel @Image --module ,kernel", '",kernel" names no file'],
    ["boot --kernel @Image --module @none,kernel", "none: cannot read the module: no such file or directory"],
    ["boot --kernel @Image --module @text,kernel", "text: not an AArch64 kernel: a text file"],
    ["boot --kernel @Image --drive @none", "none: cannot open the disk image for reading and writing: no such file"],
    ["boot --kernel @Image --drive @none,readonly", "none: cannot read the disk image: no such file or directory"],
    ["boot --kernel @Image --drive @text", "text: a disk of "],
    ["boot --kernel @Image --drive /dev/null", "/dev/null: a disk image is a file, and this is something else"],
    ["boot --kernel @Image --fw-cfg opt/x", '"opt/x" is none of NAME,file=FILE and NAME,string=TEXT'],
    ["boot --kernel @Image --fw-cfg ,string=x", '",string=x" is none of NAME,file=FILE and NAME,string=TEXT'],
    ["boot --kernel @Image --fw-cfg opt/x,file=@none", "none: cannot read the fw_cfg file: no such file or directory"],
    ["boot --kernel @Image --dump-dtb @x.dtb --fw-cfg a,string=1 --fw-cfg a,string=2", 'two files are called "a"'],
    ["boot --kernel @Image --dump-dtb @x.dtb --machine small --fw-cfg a,string=1", 'small has no fw-cfg to hand "a"'],
    ["boot --kernel @Image --machine raspi", 'no machine is called "raspi"; there is small, virt'],
    ["boot --kernel @Image --machine @broken.json", "broken.json:1: broken machine file: "],
    ["boot --kernel @Image --cpu m0", '--cpu "m0" is not one of cortex-a72, max'],
    ["boot --kernel @Image --engine jit", '--engine "jit" is not one of compile, interpreter'],
    ["boot --kernel @Image --cpus 0", '--cpus "0" is no number of one or more'],
    ["boot --kernel @Image --memory x", '--memory "x" is no size'],
    ["boot --kernel @Image --el2 me", '--el2 "me" is not one of hosted, guest'],
    ["boot --kernel @Image --el3 me", '--el3 "me" is not one of hosted, guest'],
    ["boot --kernel @Image --idle never", '--idle "never" is not one of realtime, skip'],
    ["boot --kernel @Image --gdb x", '--gdb "x" is no place to listen at: want [HOST:]PORT'],
    ["boot --kernel @Image --wait", "--wait waits for a debugger, and there is none without --gdb"],
    ["boot --kernel @Image --serial x", '--serial "x" is none of stdio, null, file:PATH, tcp:[HOST:]PORT'],
    ["boot --kernel @Image --serial file:/no/where", "/no/where: cannot write the serial output there"],
    ["boot --kernel @Image --log x", '--log "x" is not one of psci, mmio'],
    ["boot --kernel @Image --log-file @log", "--log-file without --log"],
    ["boot --kernel @Image --dump-dtb /no/where", "/no/where: cannot write the device tree there"],
    ["boot --dump-dtb @x.dtb --cpus 200", "200 CPUs: virt has from 1 to 123"],
    ["boot --dump-dtb @x.dtb --kernel @Image --memory 1M", "Image: the kernel needs 0x40200000"],
    ["fetch", "an argument is missing; see trapframe fetch --help"],
    ["fetch windows", 'there is no guest "windows" to fetch; there is debian'],
    ["fetch debian --series new", '--series "new" is no kernel series'],
    ["fetch debian --pages 8k", '--pages "8k" is not one of 4k, 16k'],
  ])("%s", async (line, message) => {
    const { status, stdout, stderr } = await run(line);
    expect(stderr).toContain(message);
    expect(stderr).toMatch(/^trapframe: [^\n]+\n$/);
    expect([status, stdout, factory.created]).toEqual([2, "", undefined]);
  });

  it("is also what the machine itself refuses, or a debugger's port that is taken", async () => {
    factory.create = async () => {
      throw new EndpointError("IN_USE", "127.0.0.1:1234 is in use");
    };
    expect(await run("boot --kernel @Image --gdb 1234")).toEqual({
      status: 2,
      stdout: "",
      stderr: "trapframe: 127.0.0.1:1234 is in use\n",
    });
  });
});

describe("boot", () => {
  it("says that it was a debugger who ended the machine", async () => {
    factory.reason = "killed";
    const { status, stderr } = await run("boot --kernel @Image");
    expect([status, stderr]).toEqual([0, "trapframe: a debugger has ended the machine\n"]);
  });

  it("reads the files of fw_cfg, with the name as QEMU's option has it too", async () => {
    const files = "--fw-cfg name=opt/a,file=@initrd --fw-cfg opt/b,string=x,y=z";
    expect((await run(`boot --kernel @Image ${files}`)).status).toBe(0);
    expect(factory.created?.fwCfg?.map(({ name, bytes }) => [name, Buffer.from(bytes).toString()])).toEqual([
      ["opt/a", "an initrd"],
      ["opt/b", "x,y=z"],
    ]);
  });

  it("takes a module for each --module, and the last of every other option", async () => {
    const modules = "--module @Image,addr=0x49000000,kernel,append=a=1,b=2 --module @initrd,ramdisk";
    expect((await run(`boot --kernel @none --kernel @Image --wait --wait --gdb 0 ${modules}`)).status).toBe(0);
    expect(factory.created?.modules?.map(({ bytes, name, ...rest }) => rest)).toEqual([
      { kind: "kernel", address: 0x4900_0000, append: "a=1,b=2" },
      { kind: "ramdisk" },
    ]);
  });

  it("gives the machine its defaults", async () => {
    expect(await run("boot --kernel @Image")).toEqual({ status: 0, stdout: "hello\n", stderr: "" });
    const { description, kernel: loaded, serial: _, ...options } = factory.created!;
    expect(description.name).toBe("virt");
    expect(loaded).toMatchObject({ kind: "image", name: kernel });
    expect(options).toEqual({
      cpu: "cortex-a72",
      cpus: 1,
      memory: 2 ** 30,
      el2: "hosted",
      el3: "hosted",
      engine: "compile",
      idle: "skip",
      noReboot: false,
      acpi: true,
      codeCache: expect.stringMatching(/code$/),
    });
    expect(factory.closed).toBe(true);
  });

  it("gives the machine what was said, in either GNU spelling, the last word counting", async () => {
    const { status } = await run(
      "boot --kernel=@raw --initrd @initrd --append=console=ttyAMA0 --cpu max --cpus 2 --cpus=4 --memory 2G " +
        "--el2=guest --el3 guest --idle realtime --no-reboot --acpi off",
    );
    expect(status).toBe(0);
    expect(factory.created).toMatchObject({
      kernel: { kind: "raw" },
      append: "console=ttyAMA0",
      cpu: "max",
      cpus: 4,
      memory: 2 ** 31,
      el2: "guest",
      el3: "guest",
      idle: "realtime",
      noReboot: true,
      acpi: false,
    });
    expect(bytesOf(factory.created?.initrd as Content)).toEqual(new TextEncoder().encode("an initrd"));
  });

  it("warns of an Image that would begin at EL3, where firmware does not start it", async () => {
    const { status, stderr } = await run("boot --kernel @Image --el3 guest");
    expect([status, stderr]).toEqual([0, expect.stringContaining("Image: begins at EL3 with --el3 guest")]);
    expect((await run("boot --kernel @Image --el3 guest --bios @raw")).stderr).toBe("");
    expect((await run("boot --kernel @raw --el3 guest")).stderr).toBe("");
  });

  it("fills the flash banks: read-only, or with what the guest writes kept in the file", async () => {
    await run("boot --bios @raw --kernel @Image");
    expect(factory.created).toMatchObject({
      kernel: { kind: "image" },
      flash: [{ name: join(directory, "raw"), bytes: Buffer.from(RAW_CODE) }, undefined],
    });
    expect(factory.created?.flash?.[0]?.write).toBeUndefined();

    const variables = join(directory, "variables");
    writeFileSync(variables, "0123456789");
    expect(await run("boot --flash0 @raw --flash1 @variables,rw")).toMatchObject({ status: 0, stderr: "" });
    const bank = factory.created?.flash?.[1];
    expect(bank).toMatchObject({ name: variables, bytes: Buffer.from("0123456789") });
    bank?.write?.(3, Buffer.from("ab"));
    expect(readFileSync(variables, "utf8")).toBe("012ab56789");
  });

  it("opens disks: writable, or for reading alone", async () => {
    const [one, two] = [join(directory, "disk-one"), join(directory, "disk-two.img")];
    writeFileSync(one, Buffer.alloc(1024, "a"));
    writeFileSync(two, Buffer.alloc(700, "b"));
    const { status, stderr } = await run("boot --kernel @Image --drive @disk-one --drive @disk-two.img,readonly");
    expect(status).toBe(0);
    expect(stderr).toContain("disk-two.img: the last 188 bytes are no whole sector");
    const [first, second] = factory.created?.drives ?? [];
    expect(first).toMatchObject({ size: 1024, readOnly: false, serial: "disk-one" });
    expect(second).toMatchObject({ size: 700, readOnly: true, serial: "disk-two.img" });
    first?.write(510, Buffer.from("xyz"));
    first?.flush();
    expect(readFileSync(one, "latin1").slice(508, 515)).toBe("aaxyzaa");
    const bytes = Buffer.alloc(8);
    second?.read(696, bytes);
    expect(bytes.toString("latin1")).toBe("bbbb\0\0\0\0");
    expect(() => second?.write(0, bytes)).toThrow();
  });

  it("takes EL2 along when EL3 is the guest's", async () => {
    await run("boot --kernel @Image --el3 guest");
    expect(factory.created).toMatchObject({ el2: "guest", el3: "guest" });
  });

  it("says where the stub listens, the chosen port too", async () => {
    const { stderr } = await run("boot --kernel @Image --gdb 0 --wait");
    expect(factory.listened).toEqual({ address: { kind: "tcp", host: "127.0.0.1", port: 0 }, wait: true });
    expect(stderr).toBe(
      "trapframe: GDB stub on 127.0.0.1:45678; attach: gdb-multiarch -ex 'target remote 127.0.0.1:45678'\n",
    );
  });

  it("listens at each --gdb", async () => {
    const { stderr } = await run("boot --kernel @Image --gdb none --gdb 0 --gdb unix:/tmp/stub --wait");
    expect(stderr).toMatch(/^trapframe: GDB stub on 127.0.0.1:45678; .*\ntrapframe: GDB stub on \/tmp\/stub; .*\n$/);
  });

  it("passes standard input through, and ends when the guest does", async () => {
    factory = new FakeFactory("", false);
    expect(await run("boot --kernel @Image", "a\x01x\x03 off")).toEqual({
      status: 0,
      stdout: "<a^Ax^C off>",
      stderr: "",
    });
  });

  it("writes the console to a file", async () => {
    expect(await run("boot --kernel @Image --serial file:@console")).toMatchObject({ status: 0, stdout: "" });
    expect(readFileSync(join(directory, "console"), "utf8")).toBe("hello\n");
  });

  it("writes the log to a file", async () => {
    await run("boot --kernel @Image --log psci,mmio --log-file @log");
    expect(factory.created!.log!.categories).toEqual(["psci", "mmio"]);
    expect(readFileSync(join(directory, "log"), "utf8")).toBe("psci: a log line\n");
  });

  it("goes on when the disk is full, and says so once", async () => {
    const { status, stderr } = await run(
      "boot --kernel @Image --serial file:/dev/full --log psci --log-file /dev/full",
    );
    expect(status).toBe(0);
    expect(stderr).toBe(
      "trapframe: /dev/full: the serial output ends here: no space left on the device\n" +
        "trapframe: /dev/full: the log ends here: no space left on the device\n",
    );
  });

  it("prints statistics to standard error", async () => {
    const { stdout, stderr } = await run("boot --kernel @Image --stats");
    expect(stdout).toBe("hello\n");
    expect(stderr.replaceAll(/ +/g, " ").trim().split("\n")).toEqual([
      "instructions 3,000,000",
      " interpreter 1,000,000 (33.3 %)",
      " regions 2,000,000 (66.7 %)",
      "MIPS 3.0",
      "regions compiled 2",
      " kept from earlier runs 1",
      " dropped for TLB misses 0",
      " instructions 60",
      " bytes 4,096",
      " compile time 0.012 s",
      "bails 7",
      " memory 7",
      "exits 41",
      " mmio 40",
      " psci 1",
      "events 12",
      " TLB misses 12",
      "wall time 2.000 s, 1.000 s of it idle",
    ]);
  });

  it("answers a failure of ours with status 1", async () => {
    factory = new FakeFactory("", false);
    const { status, stderr } = await run("boot --kernel @Image", "crash");
    expect(status).toBe(1);
    expect(stderr).toMatch(/^trapframe: this is a bug of trapframe, not of the guest: Error: the fake crashed\n/);
    expect(factory.closed).toBe(true);
  });

  it("dumps the device tree and does not boot", async () => {
    expect(await run("boot --dump-dtb @virt.dtb --append quiet")).toEqual({ status: 0, stdout: "", stderr: "" });
    expect(existsSync(join(directory, "virt.dtb"))).toBe(true);
    expect(readFileSync(join(directory, "virt.dtb")).includes("quiet\0")).toBe(true);
    expect(factory.created).toBeUndefined();
  });
});

describe("the other commands", () => {
  it("boots two vCPUs with the stub on port 1234 by start, with a kernel of one's own", async () => {
    const { status } = await run("start --kernel @Image --memory 256M");
    expect(status).toBe(0);
    expect(factory.created).toMatchObject({ cpus: 2, memory: 2 ** 28 });
    expect(factory.listened).toEqual({ address: { kind: "tcp", host: "127.0.0.1", port: 1234 }, wait: false });
  });

  it("lists machines", async () => {
    const { status, stdout } = await run("machines");
    expect(status).toBe(0);
    expect(stdout).toMatch(/^virt +\S/m);
  });

  it.each(["--help", "boot --help", "start --help", "fetch --help"])("prints %s", async (line) => {
    const { status, stdout, stderr } = await run(line);
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("Options:");
    if (line.startsWith("start")) {
      expect(stdout).toContain("npm start -- --kernel");
    }
  });
});
