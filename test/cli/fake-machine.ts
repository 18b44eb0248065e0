/** A stand-in for the machine: what the command line does with one can be seen without one. */
import type { MachineExit, MachineFactory, MachineInstance, MachineOptions } from "../../src/cli/machine-api.js";
import type { Endpoint } from "../../src/gdb/endpoint.js";

/** Each line the guest gets decides what it does next: "off" powers off, "crash" throws, the rest is echoed. */
export class FakeFactory implements MachineFactory {
  readonly logCategories = ["psci", "mmio"];
  created: MachineOptions | undefined;
  listened: { address: Endpoint; wait: boolean } | undefined;
  closed = false;
  /** Why it ends when it does so by itself. */
  reason: MachineExit["reason"] = "system-off";

  /** @param greeting what the guest prints; @param powerOff whether it then powers off by itself. */
  constructor(
    private readonly greeting = "hello\n",
    private readonly powerOff = true,
  ) {}

  async create(options: MachineOptions): Promise<MachineInstance> {
    this.created = options;
    let finish: (exit: MachineExit) => void = () => {};
    let fail: (error: Error) => void = () => {};
    const finished = new Promise<MachineExit>((resolve, reject) => {
      finish = resolve;
      fail = reject;
    });
    const { serial } = options;
    const print = (text: string | Uint8Array) => {
      for (const byte of Buffer.from(text)) {
        serial.transmit(byte);
      }
    };
    serial.onReceive((bytes) => {
      const text = Buffer.from(bytes).toString("latin1");
      print(`<${[...text].map(visible).join("")}>`);
      if (text.includes("off")) {
        finish({ reason: "system-off" });
      }
      if (text.includes("crash")) {
        fail(new Error("the fake crashed"));
      }
    });
    options.log?.write("psci: a log line");
    return {
      listenGdb: async (address, { wait }) => {
        this.listened = { address, wait };
        return address.kind === "tcp" ? { ...address, port: address.port || 45678 } : address;
      },
      run: async () => {
        // A machine has the event loop busy; without this a test's process would just end.
        const busy = setInterval(() => {}, 1000);
        print(this.greeting);
        if (this.powerOff) {
          finish({ reason: this.reason });
        }
        try {
          return await finished;
        } finally {
          clearInterval(busy);
        }
      },
      stop: () => finish({ reason: "stopped" }),
      pressPowerKey: () => true,
      startProfile: async () => () => "a profile\n",
      stats: () => ({
        instructions: 3_000_000,
        instructionsByEngine: { interpreter: 1_000_000, regions: 2_000_000 },
        regions: { regions: 2, kept: 1, droppedForMisses: 0, instructions: 60, bytes: 4096, milliseconds: 12 },
        tlbMisses: 12,
        bails: { memory: 7, alignment: 0 },
        exits: { psci: 1, mmio: 40, wfe: 0 },
        events: { "TLB misses": 12 },
        wallSeconds: 2,
        idleSeconds: 1,
      }),
      keepCode() {},
      close: async () => {
        this.closed = true;
      },
    };
  }
}

/** Ctrl-C as ^C. */
function visible(character: string): string {
  return character < " " ? `^${String.fromCharCode(character.charCodeAt(0) + 64)}` : character;
}
