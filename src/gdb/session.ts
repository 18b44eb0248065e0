/**
 * A conversation with one client: dispatch, and what the client has chosen (GDB manual, appendix "Remote Protocol").
 * The connection's bytes are `Link`'s, running and stopping is `Control`'s, the machine is behind `DebugTarget`.
 *
 *     (new) ──► attached ──D──► detached ──vAttach, vRun──► attached
 *                  └──vKill, in extended mode──► detached, the machine standing at power-on
 *     any ──close, k──► closed
 */

import { type Command, notAttached, OK, type Reply, UNSUPPORTED } from "./commands/command.js";
import { findCommand } from "./commands/index.js";
import { AllStop } from "./control/all-stop.js";
import { type Control, type ControlPort, type FileReply, hasEnded, type Resumption } from "./control/control.js";
import { NonStop } from "./control/non-stop.js";
import { Observation } from "./control/observation.js";
import { type RegisterFile, registerFile } from "./description/registers.js";
import { MAX_PACKET, MAX_WAITING } from "./limits.js";
import { Link, type Transport } from "./link.js";
import { Arguments, MalformedPacket } from "./packet/arguments.js";
import { hexByte } from "./packet/hex.js";
import { formatThreadId } from "./packet/thread-id.js";
import { PointSet } from "./points.js";
import { stopReply } from "./stop-reply.js";
import { type DebugTarget, Errno, type MonitorClient, observerRefusal, type Stop, TargetError } from "./target.js";
import { tracingOf } from "./tracepoints/index.js";

export type { Transport } from "./link.js";

const tooEarly = new TargetError(Errno.EBUSY, "the machine runs; stop it first (Ctrl-C, 0x03)");

/** What of a session its place among the clients decides. */
export interface SessionOptions {
  /** Another client controls the machine: this one looks, and changes nothing. */
  readonly observer?: boolean;
  /** No client, but the stub's own: the machine, which stands, is left as it is. */
  readonly rehearsal?: boolean;
  /** Makes this observer the controlling client, if there is none. */
  readonly promote?: () => boolean;
}

export class Session implements MonitorClient {
  /** GDB's numbers for the target's registers. */
  readonly registers: RegisterFile;
  readonly points: PointSet;
  /** What the client said of itself in `qSupported`. */
  clientFeatures: ReadonlySet<string> = new Set();
  /** It has seen to it that unknown `v` packets get the empty reply. */
  hasProbed = false;
  /** It has read the registers of `g`. */
  hasReadAll = false;
  /** How often it has let vCPUs run: it may be stepping. */
  resumptions = 0;
  /** What an LLDB has asked for. */
  readonly lldb = { threadSuffix: false, threadsInStops: false, errorStrings: false };
  /** The vCPU of registers and memory (`Hg`); a stop selects its own. */
  general = 0;
  /** The vCPU that `c` and `s` move (`Hc`); undefined for all. GDB expects it to outlast stops. */
  moved: number | undefined;

  readonly #transport: Transport;
  readonly #link: Link;
  readonly #port: ControlPort;
  readonly #rehearsal: boolean;
  readonly #promote: SessionOptions["promote"];
  readonly #stopListening: () => void;
  /** Undefined while detached. */
  #control: Control | undefined;
  #closed = false;
  #observes: boolean;
  #extended = false;
  /** What `QNonStop` chose; it outlasts a detach. */
  #nonStop = false;
  #waiting: string[] = [];
  /** Notifications that wait for the reply to the packet being served. */
  #heldBack: string[] | undefined;

  /** Attaches: the machine is asked to stop if it runs, unless this client only observes. */
  constructor(
    readonly target: DebugTarget,
    transport: Transport,
    { observer = false, rehearsal = false, promote }: SessionOptions = {},
  ) {
    this.#transport = transport;
    this.#rehearsal = rehearsal;
    this.#promote = promote;
    this.#observes = observer;
    this.#link = new Link(transport, {
      packet: (payload) => this.#packet(payload),
      interrupt: () => this.#control?.interrupt(),
      unreadable: (error) => this.#reply(error),
    });
    this.#port = {
      session: this,
      reply: (reply) => this.#reply(reply),
      notify: (event) => this.#notify(event),
      ready: () => this.#serveWaiting(),
    };
    this.registers = registerFile(target.features);
    this.points = new PointSet(target);
    this.#stopListening = target.listen({
      stopped: (stop) => this.#stopped(stop),
      printed: (text) => this.#printed(text),
      fileRequest: (request) => (!this.#observes && this.#control?.fileRequest?.(request)) || false,
    });
    this.#attach(false);
  }

  // What the connection calls.

  /** Takes input. Gives how many bytes it took: all, unless the transport is congested or the session closed. */
  receive(bytes: Uint8Array): number {
    return this.#link.receive(bytes);
  }

  /** The connection is gone: the guest runs on as after a detach. */
  close(): void {
    if (this.#closed) return;
    this.#release();
    if (this.#extended && !this.#observes) this.target.keep(false);
    this.#closed = true;
    this.#link.close();
    this.#stopListening();
  }

  /** Resolves when the client has understood every event that it was told of; undefined in a mode without events. */
  allTold(): Promise<void> | undefined {
    return this.#control?.allTold?.();
  }

  // What commands call.

  get multiprocess(): boolean {
    return this.clientFeatures.has("multiprocess+");
  }

  get takesErrorText(): boolean {
    return this.clientFeatures.has("error-message+");
  }

  /** Whether the client says what a GDB says of itself, and others seldom do. */
  get saysItIsGdb(): boolean {
    return this.clientFeatures.has("qRelocInsn+");
  }

  /**
   * Whether the client is a GDB, so far as it has shown: others (radare2, rizin, scripts) say `qRelocInsn+` as well, or all
   * that a GDB says, but do not go on as it does.
   */
  get isGdb(): boolean {
    return this.hasProbed && this.saysItIsGdb;
  }

  /** Whether the client may only look. */
  get observes(): boolean {
    return this.#observes;
  }

  get attached(): boolean {
    return this.#control !== undefined;
  }

  /** The connection outlives a detach, a kill and the machine's end, which `vRun` and `R` undo. */
  get extended(): boolean {
    return this.#extended;
  }

  extend(): void {
    if (!this.#extended && !this.#observes) this.target.keep(true);
    this.#extended = true;
  }

  threadId(vcpu: number): string {
    return formatThreadId(vcpu, this.multiprocess);
  }

  stopAcknowledging(): void {
    this.#link.stopAcknowledging();
  }

  /** `?`. */
  halted(): Reply {
    return this.#control === undefined ? "W00" : this.#control.halted();
  }

  resume(resumption: Resumption): Reply {
    this.resumptions++;
    return this.#control?.resume(resumption);
  }

  interrupt(): void {
    this.#control?.interrupt();
  }

  /** `vStopped`. Unknown outside non-stop mode. */
  acknowledge(): Reply {
    return this.#control?.acknowledge?.() ?? UNSUPPORTED;
  }

  /** `QNonStop`. */
  setNonStop(on: boolean): void {
    if (on === this.#nonStop) return;
    this.#nonStop = on;
    if (!this.#observes) this.target.nonStop = on;
    if (on) this.#control = new NonStop(this.#port);
    else this.#attach(false);
  }

  /** Takes the machine again after a detach; the reply is its stop reply. */
  attach(): Reply {
    if (this.attached) return new TargetError(Errno.EBUSY, "this client is attached already");
    return this.#attach(true);
  }

  /** `F`. */
  answerFile(reply: FileReply): Reply {
    return this.#control?.answerFile?.(reply) ?? undefined;
  }

  /** Lets go of the machine, which runs on. In extended mode the connection stays. */
  detach(): void {
    this.#release();
    if (!this.#extended) this.#endSoon();
  }

  /** Ends the machine; in extended mode it stands at power-on, for `vRun`, and the connection stays. */
  kill(): TargetError | undefined {
    if (this.#extended) return this.#startOver();
    this.points.removeAll();
    this.#control = undefined;
    this.target.kill();
    this.#endSoon();
    return undefined;
  }

  /** From power-on again, points kept; the reply is the stop there. */
  run(): Reply {
    const refusal = this.#startOver();
    if (refusal) return refusal;
    if (!this.#nonStop || hasEnded(this.target)) return this.#attach(true);
    this.target.nonStop = true;
    this.#control = new NonStop(this.#port);
    const stop = this.target.stopOf(0);
    return stop && stopReply(this, stop);
  }

  /** The machine stands at power-on, and nobody controls it; or why not, and all is as it was. */
  #startOver(): TargetError | undefined {
    const refusal = this.target.resetRefusal();
    if (refusal) return refusal;
    this.#control = undefined;
    this.target.nonStop = false;
    this.target.reset();
    return undefined;
  }

  /** Takes control of a machine that nobody controls. Gives whether this client has it now. */
  takeControl(): boolean {
    if (!this.#observes) return true;
    if (this.#promote?.() !== true) return false;
    this.#observes = false;
    if (this.#extended) this.target.keep(true);
    this.#attach(false);
    return true;
  }

  /** Says what the client cannot be told where the machine's user looks. */
  warn(text: string): void {
    this.#transport.warn?.(text);
  }

  /** Shows text on the client's console while it waits for a reply. */
  print(text: string): void {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += MAX_PACKET / 2 - 1) {
      this.#link.send(`O${bytes.subarray(at, at + MAX_PACKET / 2 - 1).toString("hex")}`);
    }
  }

  // Packets.

  #packet(packet: string): void {
    const payload = this.lldb.threadSuffix ? this.#withoutThread(packet) : packet;
    const found = findCommand(payload);
    if (found === undefined) this.#reply(UNSUPPORTED);
    else if (found.command.always) this.#run(found.command, found.args);
    else if (this.#control === undefined && !found.command.unattached) this.#reply(notAttached);
    else if (this.#control === undefined || this.#control.ready) this.#run(found.command, found.args);
    else if (this.#waiting.length === MAX_WAITING) this.#reply(tooEarly);
    else this.#waiting.push(payload);
  }

  #run(command: Command, args: string): void {
    const heldBack: string[] = [];
    this.#heldBack = heldBack;
    const reply = this.#outcome(command, args);
    this.#heldBack = undefined;
    this.#reply(reply instanceof TargetError && this.#takesWords(command) ? `E.${reply.text}` : reply);
    for (const event of heldBack) this.#notify(event);
  }

  #outcome(command: Command, args: string): Reply {
    if (this.#observes && !command.observers) return observerRefusal(command.name);
    try {
      return command.run(new Arguments(args), this);
    } catch (error) {
      if (!(error instanceof MalformedPacket)) this.#transport.defect?.(error);
      const text = error instanceof MalformedPacket ? error.message : `trapframe failed in ${command.name}: ${error}`;
      const answer = new TargetError(Errno.EINVAL, text);
      return this.takesErrorText ? answer : `E${hexByte(answer.errno)}`;
    }
  }

  /** Every GDB shows the words of an error to some packets, and takes them to what an observer may not send. */
  #takesWords(command: Command): boolean {
    return (command.words || (this.#observes && !command.observers)) && this.isGdb;
  }

  /** Selects the vCPU that LLDB names at the end of a register packet, and takes the name off. */
  #withoutThread(packet: string): string {
    const suffix = /^([gGpP].*?);thread:([0-9a-f]{1,8});?$/is.exec(packet);
    if (suffix === null) return packet;
    const vcpu = Number.parseInt(suffix[2] as string, 16) - 1;
    if (this.target.vcpus()[vcpu] === undefined) return packet;
    this.general = vcpu;
    return suffix[1] as string;
  }

  #reply(reply: Reply): void {
    if (reply instanceof TargetError && this.lldb.errorStrings) {
      this.#link.send(`E${hexByte(reply.errno)};${Buffer.from(reply.text).toString("hex")}`);
    } else if (reply instanceof TargetError) {
      this.#link.send(this.takesErrorText ? `E.${reply.text}` : `E${hexByte(reply.errno)}`);
    } else if (reply !== undefined) this.#link.send(reply);
  }

  #notify(event: string): void {
    if (this.#heldBack === undefined) this.#link.notify("Stop", event);
    else this.#heldBack.push(event);
  }

  #serveWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const payload of waiting) this.#packet(payload);
  }

  // The machine.

  #attach(announce: boolean): Reply {
    if (this.#nonStop) {
      if (!this.#observes) this.target.nonStop = true;
      const control = new NonStop(this.#port);
      this.#control = control;
      control.announce();
      return announce ? OK : undefined;
    }
    if (this.#observes) {
      this.#control = new Observation(this.#port);
      return announce ? this.#control.halted() : undefined;
    }
    const control = new AllStop(this.#port);
    this.#control = control;
    return control.attach(announce);
  }

  /** Text comes before the stop reply that is awaited; at any other time the client would not know what to do with it. */
  #printed(text: string): boolean {
    if (this.#control?.awaited !== true) return false;
    this.print(text);
    return true;
  }

  #stopped(stop: Stop): void {
    this.#control?.stopped(stop);
  }

  #release(): void {
    this.points.removeAll();
    this.#waiting = [];
    if (this.attached && !this.#observes && !this.#rehearsal) {
      tracingOf(this.target)?.clientGone();
      this.target.detach();
    }
    this.#control = undefined;
  }

  /** Ends the connection after the reply to the packet being served. */
  #endSoon(): void {
    queueMicrotask(() => this.#transport.end());
  }
}
