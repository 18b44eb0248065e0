/**
 * Non-stop mode (GDB manual, sections "Remote Non-Stop" and "Notification Packets"): a resumption is answered at once,
 * and each vCPU's stop is an event. The first is told by `%Stop`, the others in answer to `vStopped`, one at a time, so
 * that none is lost. A vCPU that the client knows to stand is told of no more until the client has resumed it.
 */

import { OK, type Reply } from "../commands/command.js";
import { stopReply } from "../stop-reply.js";
import { Errno, observerRefusal, type ResumeAction, type Stop, TargetError } from "../target.js";
import { type Control, type ControlPort, hasEnded, type Resumption, type StepRange, stepsOn } from "./control.js";

export class NonStop implements Control {
  readonly ready = true;
  readonly awaited = false;
  readonly #port: ControlPort;
  /** vCPUs that run as far as the client knows. */
  readonly #running = new Set<number>();
  readonly #ranges = new Map<number, StepRange>();
  /** Stops the client has not acknowledged, the one it was told of first. */
  #events: Stop[] = [];
  readonly #waiting: (() => void)[] = [];
  /** The machine's end has been told of, or is in `#events`. */
  #ended = false;

  constructor(port: ControlPort) {
    this.#port = port;
    const { target } = port.session;
    for (const { id } of target.vcpus()) if (target.stopOf(id) === undefined) this.#running.add(id);
  }

  /** Stops all vCPUs and tells of each that it stands. */
  announce(): void {
    const { target, observes } = this.#port.session;
    const ids = target.vcpus().map(({ id }) => id);
    for (const id of ids) this.#running.add(id);
    if (!observes) target.hold(ids);
    this.#tellOf(ids);
  }

  /** All vCPUs that stand: the first is the reply, `vStopped` gives the others. */
  halted(): Reply {
    const { target } = this.#port.session;
    this.#events = [];
    for (const { id } of target.vcpus()) {
      const stop = target.stopOf(id);
      if (stop === undefined) this.#running.add(id);
      else {
        this.#running.delete(id);
        this.#events.push(stop);
      }
    }
    this.#ended = hasEnded(target);
    if (this.#ended && target.standing !== undefined) this.#events = [target.standing];
    return this.#tell() ?? OK;
  }

  acknowledge(): Reply {
    this.#events.shift();
    const next = this.#tell();
    if (next === undefined) for (const tell of this.#waiting.splice(0)) tell();
    return next ?? OK;
  }

  allTold(): Promise<void> {
    return this.#events.length === 0 ? Promise.resolve() : new Promise((resolve) => this.#waiting.push(resolve));
  }

  resume(resumption: Resumption): Reply {
    const { target, observes } = this.#port.session;
    // Only those that stand are told what to do; those that run were told before.
    const plan = new Map([...resumption.plan].filter(([vcpu]) => !this.#running.has(vcpu)));
    if (hasEnded(target)) return new TargetError(Errno.ESRCH, "the machine has ended");
    if (observes) return this.#watch(plan, resumption.holds);
    for (const vcpu of plan.keys()) {
      this.#running.add(vcpu);
      const range = resumption.ranges.get(vcpu);
      if (range === undefined) this.#ranges.delete(vcpu);
      else this.#ranges.set(vcpu, range);
    }
    this.#events = this.#events.filter((stop, n) => n === 0 || !plan.has(stop.vcpu));
    if (plan.size > 0) target.resume(plan);
    target.hold(resumption.holds);
    return OK;
  }

  /** An observer's `continue` of what runs anyway: it wants to hear of the next stop. */
  #watch(plan: ReadonlyMap<number, ResumeAction>, holds: readonly number[]): Reply {
    const { target } = this.#port.session;
    const stands = [...plan].some(([vcpu, { kind }]) => kind === "step" || target.stopOf(vcpu) !== undefined);
    if (stands || holds.length > 0) return observerRefusal("vCPUs are not resumed or stopped");
    for (const vcpu of plan.keys()) this.#running.add(vcpu);
    return OK;
  }

  interrupt(): void {
    const { target, general, observes } = this.#port.session;
    if (observes) return;
    const vcpu = this.#running.has(general) ? general : [...this.#running][0];
    if (vcpu !== undefined) target.interrupt(vcpu);
  }

  stopped(stop: Stop): void {
    const { target } = this.#port.session;
    if (hasEnded(target)) {
      this.#end(stop);
      return;
    }
    if (stepsOn(target, this.#ranges.get(stop.vcpu), stop) && this.#running.has(stop.vcpu) && target.nonStop) {
      target.resume(new Map([[stop.vcpu, { kind: "step" }]]));
      return;
    }
    this.#ended = false;
    // In another client's all-stop mode one stop is everybody's.
    this.#tellOf([stop.vcpu, ...this.#running]);
  }

  /** Those of the vCPUs that stand and that the client takes to run. */
  #tellOf(vcpus: readonly number[]): void {
    for (const vcpu of vcpus) {
      const stop = this.#port.session.target.stopOf(vcpu);
      if (stop !== undefined && this.#running.delete(vcpu)) this.#event(stop);
    }
  }

  #end(stop: Stop): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#running.clear();
    this.#event(stop);
  }

  #event(stop: Stop): void {
    this.#events.push(stop);
    const text = this.#events.length === 1 ? this.#tell() : undefined;
    if (text !== undefined) this.#port.notify(text);
  }

  /** The first event as the client reads it. */
  #tell(): string | undefined {
    const [stop] = this.#events;
    return stop && stopReply(this.#port.session, stop);
  }
}
