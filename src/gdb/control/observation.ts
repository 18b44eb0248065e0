/**
 * An observer in all-stop mode: the machine is another client's. It may be looked at whether it runs or stands, each
 * packet at an instruction boundary. `continue` is "tell me of the next stop"; Ctrl-C ends the waiting.
 *
 * GDB takes an error in answer to a resumption for a stop without a signal, and resumes again, for ever. So it gets the words
 * as text on its console, and what else there is to say as a stop.
 */

import type { Reply } from "../commands/command.js";
import { SIGINT, stopReply } from "../stop-reply.js";
import { observerRefusal, type Stop } from "../target.js";
import { type Control, type ControlPort, hasEnded, type Resumption } from "./control.js";

export class Observation implements Control {
  readonly #port: ControlPort;
  #waiting = false;

  constructor(port: ControlPort) {
    this.#port = port;
  }

  get ready(): boolean {
    return !this.#waiting;
  }

  get awaited(): boolean {
    return this.#waiting;
  }

  /** Why it stands; a machine that runs is shown as it is now. */
  halted(): Reply {
    const { session } = this.#port;
    const { target, general } = session;
    const stop = target.standing ?? target.stopOf(general) ?? { vcpu: general, reason: { kind: "held" as const } };
    session.general = stop.vcpu;
    return stopReply(session, stop);
  }

  resume({ plan }: Resumption): Reply {
    const { session } = this.#port;
    const { target, general } = session;
    if (hasEnded(target)) return this.halted();
    const steps = [...plan.values()].some(({ kind }) => kind === "step");
    const stands = target.vcpus().every(({ id }) => target.stopOf(id) !== undefined);
    if (steps || stands) {
      const refusal = observerRefusal(steps ? "step" : "the machine stands and is not resumed");
      if (!session.isGdb) return refusal;
      session.print(`${refusal.text}\n`);
    }
    // Any other signal would let GDB's step go on.
    if (steps) return stopReply(session, { vcpu: general, reason: { kind: "interrupt" } }, SIGINT);
    if (stands) session.print("waiting until it has been resumed and stops again; Ctrl-C ends that\n");
    this.#waiting = true;
    return undefined;
  }

  interrupt(): void {
    if (this.#waiting) this.stopped({ vcpu: this.#port.session.general, reason: { kind: "interrupt" } });
  }

  stopped(stop: Stop): void {
    if (!this.#waiting) return;
    this.#waiting = false;
    const { session } = this.#port;
    session.general = stop.vcpu;
    this.#port.reply(stopReply(session, stop));
    this.#port.ready();
  }
}
