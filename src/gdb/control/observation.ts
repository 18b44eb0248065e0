/**
 * An observer in all-stop mode: the machine is another client's. It may be looked at whether it runs or stands, each
 * packet at an instruction boundary. `continue` while it runs is "tell me of the next stop"; Ctrl-C ends the waiting.
 */

import type { Reply } from "../commands/command.js";
import { stopReply } from "../stop-reply.js";
import type { Stop } from "../target.js";
import { type Control, type ControlPort, hasEnded, observerRefusal, type Resumption } from "./control.js";

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
    const { target } = this.#port.session;
    if (hasEnded(target)) return this.halted();
    if ([...plan.values()].some(({ kind }) => kind === "step")) return observerRefusal("step");
    if (target.vcpus().every(({ id }) => target.stopOf(id) !== undefined)) {
      return observerRefusal("the machine stands and is not resumed");
    }
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
