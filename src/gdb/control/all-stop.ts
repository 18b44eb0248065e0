/**
 * All-stop mode: the machine runs or stands as one, and a resumption is answered when it stands again.
 *
 *   attaching ──stop──► stopped ◄──stop── running
 *                          └─────resume─────▲
 */

import type { Reply } from "../commands/command.js";
import { SIGTRAP, stopReply } from "../stop-reply.js";
import { Errno, type FileRequest, type Stop, TargetError } from "../target.js";
import { type Control, type ControlPort, type FileReply, hasEnded, type Resumption, stepsOn } from "./control.js";
import { Standstill } from "./standstill.js";

type State =
  /** An interrupt is on its way. `announce`: its stop is the reply to a packet. */
  | { readonly name: "attaching"; readonly announce: boolean }
  | { readonly name: "stopped" }
  | { readonly name: "running"; readonly resumption: Resumption };

export class AllStop implements Control {
  readonly #port: ControlPort;
  #state: State = { name: "stopped" };
  /** A Ctrl-C that no stop has answered. One that finds the machine standing interrupts the next resumption. */
  #interrupted = false;
  /** What the machine was stopped by is this client's coming. */
  #taken = false;
  readonly #standstill = new Standstill();
  /** A file request that the client has been sent. */
  #files: FileRequest | undefined;

  constructor(port: ControlPort) {
    this.#port = port;
  }

  /** While it serves a file the client reads and writes memory. */
  get ready(): boolean {
    return this.#state.name === "stopped" || this.#files !== undefined;
  }

  get awaited(): boolean {
    return this.#state.name === "running";
  }

  /** Takes the machine; it is asked to stop if it runs. Gives the stop reply where it is wanted and already due. */
  attach(announce: boolean): Reply {
    const { session } = this.#port;
    const stop = session.target.standing;
    if (stop !== undefined) {
      this.#stand(stop);
      return announce ? stopReply(session, stop) : undefined;
    }
    this.#state = { name: "attaching", announce };
    session.target.interrupt();
    return undefined;
  }

  halted(): Reply {
    const { session } = this.#port;
    const stop = session.target.standing;
    if (stop === undefined) throw new Error("the machine runs, although this session has stopped it");
    return this.#told(stop);
  }

  /** The reply is the stop reply to come. A machine that has ended gives its end again. */
  resume(resumption: Resumption): Reply {
    const { target } = this.#port.session;
    if (this.#files !== undefined) return new TargetError(Errno.EBUSY, "a file request waits for its F reply first");
    if (hasEnded(target)) return this.halted();
    if (resumption.plan.size === 0) {
      return new TargetError(Errno.EINVAL, "no vCPU would run: no action names one");
    }
    this.#state = { name: "running", resumption };
    this.#taken = false;
    this.#standstill.leaving(target, target.standing);
    target.resume(resumption.plan);
    if (this.#interrupted) target.interrupt();
    return undefined;
  }

  interrupt(): void {
    const { name } = this.#state;
    if (name !== "attaching") this.#interrupted = true;
    if (name === "running" && this.#files === undefined) this.#port.session.target.interrupt();
  }

  fileRequest(request: FileRequest): boolean {
    const { session, reply } = this.#port;
    if (this.#state.name !== "running" || this.#files !== undefined || session.lldb.threadSuffix) return false;
    this.#files = request;
    session.general = request.vcpu;
    reply(`F${request.call}`);
    return true;
  }

  /** The machine goes on; a Ctrl-C that came meanwhile is its next stop. */
  answerFile({ result, errno, interrupted }: FileReply): Reply {
    const request = this.#files;
    if (request === undefined) return new TargetError(Errno.EINVAL, "F: no file request is waiting for a reply");
    this.#files = undefined;
    request.done(result, errno);
    if (interrupted || this.#interrupted) this.interrupt();
    return undefined;
  }

  stopped(stop: Stop): void {
    const state = this.#state;
    const { session } = this.#port;
    if (state.name === "running" && this.#stepsOn(state.resumption, stop)) {
      session.target.resume(state.resumption.plan);
      return;
    }
    // A step that was finished when Ctrl-C came: GDB would go on stepping and the user's wish would be lost.
    const interrupted = this.#interrupted && stop.reason.kind === "step";
    const seen = interrupted ? { ...stop, reason: { kind: "interrupt" as const } } : stop;
    this.#taken = state.name === "attaching" && stop.reason.kind === "interrupt";
    this.#stand(stop);
    const advice = this.#standstill.arrived(session.target, stop);
    if (state.name === "running" && advice !== undefined) session.print(advice);
    if (state.name === "running" && "text" in stop.reason && stop.reason.text !== undefined) {
      session.print(stop.reason.text);
    }
    if (state.name === "running" || (state.name === "attaching" && state.announce)) {
      this.#port.reply(this.#told(seen));
    }
    this.#port.ready();
  }

  /** Nobody has sent a signal where a client has come: GDB would tell of SIGINT, as if Ctrl-C had been pressed. */
  #told(stop: Stop): string {
    const { session } = this.#port;
    return this.#taken ? stopReply(session, stop, SIGTRAP) : stopReply(session, stop);
  }

  #stepsOn({ ranges }: Resumption, stop: Stop): boolean {
    return !this.#interrupted && stepsOn(this.#port.session.target, ranges.get(stop.vcpu), stop);
  }

  #stand({ vcpu }: Stop): void {
    this.#state = { name: "stopped" };
    this.#interrupted = false;
    this.#port.session.general = vcpu;
  }
}
