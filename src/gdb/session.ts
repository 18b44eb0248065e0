/**
 * A conversation with one client, bytes in and bytes out: acknowledgment, dispatch, and what the client has chosen
 * (GDB manual, appendix "Remote Protocol"). The connection is behind `Transport`, the machine behind `DebugTarget`.
 *
 *                   interrupt             D                   vAttach
 *     (new) ──► attaching ──► stopped ─────────► detached ─────────────► attaching
 *                             │     ▲
 *                    c s vCont│     │stop of the machine
 *                             ▼     │
 *                             running              any ──close, k──► closed
 */

import { type Command, type Reply, UNSUPPORTED } from "./commands/command.js";
import { findCommand } from "./commands/index.js";
import { CORE, CoreRegister } from "./description/core.js";
import { type RegisterFile, registerFile } from "./description/registers.js";
import { MAX_PACKET, MAX_WAITING } from "./limits.js";
import { Arguments, MalformedPacket } from "./packet/arguments.js";
import { ACK, encodePacket, NAK } from "./packet/frame.js";
import { hexByte } from "./packet/hex.js";
import { PacketParser, type ParserEvent } from "./packet/parser.js";
import { formatThreadId } from "./packet/thread-id.js";
import { PointSet } from "./points.js";
import { stopReply } from "./stop-reply.js";
import { type DebugTarget, Errno, type ResumeAction, type Stop, TargetError } from "./target.js";

/** The connection as the session sees it. */
export interface Transport {
  send(bytes: Uint8Array): void;
  /** True while the client does not read what it was sent; then no input is taken. */
  readonly congested: boolean;
  /** Ends the connection once everything sent is out. */
  end(): void;
  /** A bug of ours, caught: the client has been told that the packet failed. */
  defect?(error: unknown): void;
}

/** Step until pc is outside [start, end). */
export interface StepRange {
  readonly start: bigint;
  readonly end: bigint;
}

type State =
  /** An interrupt is on its way. `announce`: its stop is the reply to a packet. */
  | { readonly name: "attaching"; readonly announce: boolean }
  | { readonly name: "stopped" }
  | {
      readonly name: "running";
      readonly plan: ReadonlyMap<number, ResumeAction>;
      readonly ranges: ReadonlyMap<number, StepRange>;
    }
  | { readonly name: "detached" }
  | { readonly name: "closed" };

const notAttached = new TargetError(Errno.ESRCH, "not attached: the machine runs on its own; use vAttach;1");
const tooEarly = new TargetError(Errno.EBUSY, "the machine runs; stop it first (Ctrl-C, 0x03)");

export class Session {
  /** GDB's numbers for the target's registers. */
  readonly registers: RegisterFile;
  readonly points: PointSet;
  /** What the client said of itself in `qSupported`. */
  clientFeatures: ReadonlySet<string> = new Set();
  extended = false;
  /** The vCPU of registers and memory (`Hg`); a stop selects its own. */
  general = 0;
  /** The vCPU that `c` and `s` move (`Hc`); undefined for all. GDB expects it to outlast stops. */
  moved: number | undefined;

  readonly #transport: Transport;
  readonly #parser = new PacketParser(MAX_PACKET);
  readonly #stopListening: () => void;
  #state: State = { name: "detached" };
  #acknowledging = true;
  #lastPacket: Uint8Array | undefined;
  #waiting: string[] = [];
  /** A Ctrl-C that no stop has answered. One that finds the machine standing interrupts the next resumption. */
  #interrupted = false;

  /** Attaches: the machine is asked to stop if it runs. */
  constructor(
    readonly target: DebugTarget,
    transport: Transport,
  ) {
    this.#transport = transport;
    this.registers = registerFile(target.features);
    this.points = new PointSet(target);
    this.#stopListening = target.listen({ stopped: (stop) => this.#stopped(stop) });
    this.#attach(false);
  }

  // What the connection calls.

  /** Takes input. Gives how many bytes it took: all, unless the transport is congested or the session closed. */
  receive(bytes: Uint8Array): number {
    let taken = 0;
    while (taken < bytes.length && !this.#transport.congested && this.#state.name !== "closed") {
      const event = this.#parser.push(bytes[taken++] as number);
      if (event !== undefined) this.#heard(event);
    }
    return taken;
  }

  /** The connection is gone: the guest runs on as after a detach. */
  close(): void {
    if (this.#state.name === "closed") return;
    this.#release();
    this.#state = { name: "closed" };
    this.#stopListening();
  }

  // What commands call.

  /** The stop the machine stands for. Commands that need it are served at no other time. */
  get stop(): Stop {
    const stop = this.target.standing;
    if (stop === undefined) throw new Error("the machine runs, although this session has stopped it");
    return stop;
  }

  get multiprocess(): boolean {
    return this.clientFeatures.has("multiprocess+");
  }

  get takesErrorText(): boolean {
    return this.clientFeatures.has("error-message+");
  }

  threadId(vcpu: number): string {
    return formatThreadId(vcpu, this.multiprocess);
  }

  /** From the next packet on, neither side acknowledges. */
  stopAcknowledging(): void {
    this.#acknowledging = false;
  }

  /** Lets vCPUs run; the reply is the stop reply to come. A machine that has ended gives its end again. */
  resume(plan: ReadonlyMap<number, ResumeAction>, ranges: ReadonlyMap<number, StepRange>): Reply {
    const { reason } = this.stop;
    if (reason.kind === "exited" || reason.kind === "killed") return stopReply(this, this.stop);
    this.#state = { name: "running", plan, ranges };
    this.target.resume(plan);
    if (this.#interrupted) this.target.interrupt();
    return undefined;
  }

  /** Takes the machine again after a detach; the reply is its stop reply. */
  attach(): Reply {
    if (this.#state.name !== "detached") return new TargetError(Errno.EBUSY, "this client is attached already");
    return this.#attach(true);
  }

  /** Lets go of the machine, which runs on. In extended mode the connection stays. */
  detach(): void {
    this.#release();
    this.#state = { name: "detached" };
    if (!this.extended) this.#endSoon();
  }

  kill(): void {
    this.points.removeAll();
    this.#state = { name: "detached" };
    this.target.kill();
    this.#endSoon();
  }

  /** Shows text on the client's console while it waits for a reply. */
  print(text: string): void {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += MAX_PACKET / 2 - 1) {
      this.#send(`O${bytes.subarray(at, at + MAX_PACKET / 2 - 1).toString("hex")}`);
    }
  }

  // Packets.

  #heard(event: ParserEvent): void {
    switch (event.kind) {
      case "ack":
        this.#lastPacket = undefined;
        return;
      case "nak":
        if (this.#acknowledging && this.#lastPacket !== undefined) this.#transport.send(this.#lastPacket);
        return;
      case "interrupt":
        this.#interrupt();
        return;
      case "corrupt":
        if (this.#acknowledging) this.#transport.send(NAK);
        else this.#reply(new TargetError(Errno.EIO, "wrong checksum; the packet was ignored"));
        return;
      case "oversize":
        if (this.#acknowledging) this.#transport.send(ACK);
        this.#reply(new TargetError(Errno.EINVAL, `packet longer than PacketSize, ${MAX_PACKET} bytes`));
        return;
      case "packet":
        if (this.#acknowledging) this.#transport.send(ACK);
        this.#packet(Buffer.from(event.payload.buffer).toString("latin1"));
    }
  }

  #packet(payload: string): void {
    const found = findCommand(payload);
    const { name } = this.#state;
    if (found === undefined) this.#reply(UNSUPPORTED);
    else if (found.command.always || name === "stopped") this.#run(found.command, found.args);
    else if (name === "detached") this.#reply(notAttached);
    else if (this.#waiting.length === MAX_WAITING) this.#reply(tooEarly);
    else this.#waiting.push(payload);
  }

  #run(command: Command, args: string): void {
    try {
      this.#reply(command.run(new Arguments(args), this));
    } catch (error) {
      if (!(error instanceof MalformedPacket)) this.#transport.defect?.(error);
      const text = error instanceof MalformedPacket ? error.message : `trapframe failed in ${command.name}: ${error}`;
      this.#reply(new TargetError(Errno.EINVAL, text));
    }
  }

  #reply(reply: Reply): void {
    if (reply instanceof TargetError) this.#send(this.takesErrorText ? `E.${reply.text}` : `E${hexByte(reply.errno)}`);
    else if (reply !== undefined) this.#send(reply);
  }

  #send(payload: string | Uint8Array): void {
    const packet = encodePacket(payload);
    this.#lastPacket = this.#acknowledging ? packet : undefined;
    this.#transport.send(packet);
  }

  // The machine.

  #attach(announce: boolean): Reply {
    const stop = this.target.standing;
    if (stop !== undefined) {
      this.#stand(stop);
      return stopReply(this, stop);
    }
    this.#state = { name: "attaching", announce };
    this.target.interrupt();
    return undefined;
  }

  #stand({ vcpu }: Stop): void {
    this.#state = { name: "stopped" };
    this.#interrupted = false;
    this.general = vcpu;
  }

  #interrupt(): void {
    const { name } = this.#state;
    if (name === "stopped" || name === "running") this.#interrupted = true;
    if (name === "running") this.target.interrupt();
  }

  #stopped(stop: Stop): void {
    const state = this.#state;
    if (state.name === "detached" || state.name === "closed") return;
    if (state.name === "running" && this.#stepsOn(state, stop)) {
      this.target.resume(state.plan);
      return;
    }
    // A step that was finished when Ctrl-C came: GDB would go on stepping and the user's wish would be lost.
    const seen =
      this.#interrupted && stop.reason.kind === "step" ? { ...stop, reason: { kind: "interrupt" as const } } : stop;
    this.#stand(stop);
    if (state.name === "running" || (state.name === "attaching" && state.announce)) this.#reply(stopReply(this, seen));
    this.#serveWaiting();
  }

  /** Whether the stop is one of a range step's inner ones. */
  #stepsOn(state: State & { name: "running" }, { vcpu, reason }: Stop): boolean {
    const range = state.ranges.get(vcpu);
    if (range === undefined || reason.kind !== "step" || this.#interrupted) return false;
    const bytes = this.target.readRegister(vcpu, CORE, CoreRegister.pc);
    if (bytes instanceof TargetError) return false;
    const pc = Buffer.from(bytes).readBigUInt64LE();
    return range.start <= pc && pc < range.end;
  }

  #serveWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const payload of waiting) this.#packet(payload);
  }

  #release(): void {
    this.points.removeAll();
    this.#waiting = [];
    if (this.#state.name !== "detached") this.target.detach();
  }

  /** Ends the connection after the reply to the packet being served. */
  #endSoon(): void {
    queueMicrotask(() => this.#transport.end());
  }
}
