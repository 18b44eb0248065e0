/**
 * The clients of one machine, however many sockets they came by: one controls, the others observe. A debugger that
 * reconnects may be seen to come before it is seen to go, so a newcomer waits a moment for the place of control.
 */

import { Session, type Transport } from "./session.js";
import type { DebugTarget } from "./target.js";

/** Enough for the end of a connection to be seen. */
const TURN_MS = 250;

/** Observers at a time; each costs a packet's buffer. */
const MAX_OBSERVERS = 16;

/** A connection that wants a session. */
export interface Applicant {
  readonly transport: Transport;
  /** The session it has got. */
  seated(session: Session): void;
  /** There is no place. */
  refused(): void;
}

export class Clients {
  private static readonly known = new WeakMap<DebugTarget, Clients>();

  /** The clients of a machine. */
  static of(target: DebugTarget): Clients {
    const clients = Clients.known.get(target) ?? new Clients(target);
    Clients.known.set(target, clients);
    return clients;
  }

  /** How long a newcomer waits for the controlling client to go before it observes, in milliseconds; with 0 not at all. */
  patience = TURN_MS;
  readonly #target: DebugTarget;
  #controller: Session | undefined;
  readonly #observers = new Set<Session>();
  readonly #waiting = new Map<Applicant, NodeJS.Timeout>();

  private constructor(target: DebugTarget) {
    this.#target = target;
  }

  /** Nobody is connected, by any socket. */
  get none(): boolean {
    return this.#controller === undefined && this.#observers.size === 0 && this.#waiting.size === 0;
  }

  /**
   * Seats a newcomer, at once or after a moment. Gives what takes the application back. One that is `own` is no client: it
   * is seated at once, and the machine does not notice.
   */
  apply(applicant: Applicant, own = false): () => void {
    if (own) this.#rehearse(applicant);
    else if (this.#controller === undefined) this.#control(applicant);
    else if (this.patience === 0) this.#observe(applicant);
    else {
      const observe = (): void => {
        this.#waiting.delete(applicant);
        this.#observe(applicant);
      };
      this.#waiting.set(applicant, setTimeout(observe, this.patience));
    }
    return () => this.#withdraw(applicant);
  }

  /** A session is over; who waits for its place gets it. */
  leave(session: Session): void {
    if (this.#controller === session) this.#controller = undefined;
    this.#observers.delete(session);
    session.close();
    const [next] = this.#waiting.keys();
    if (this.#controller !== undefined || next === undefined) return;
    this.#withdraw(next);
    this.#control(next);
  }

  #rehearse({ transport, seated }: Applicant): void {
    const runs = this.#target.standing === undefined;
    seated(new Session(this.#target, transport, runs ? { observer: true } : { rehearsal: true }));
  }

  #withdraw(applicant: Applicant): void {
    clearTimeout(this.#waiting.get(applicant));
    this.#waiting.delete(applicant);
  }

  #control(applicant: Applicant): void {
    this.#controller = new Session(this.#target, applicant.transport);
    applicant.seated(this.#controller);
  }

  #observe(applicant: Applicant): void {
    if (this.#observers.size === MAX_OBSERVERS) {
      applicant.refused();
      return;
    }
    const session: Session = new Session(this.#target, applicant.transport, {
      observer: true,
      promote: () => this.#promote(session),
    });
    this.#observers.add(session);
    applicant.seated(session);
  }

  #promote(session: Session): boolean {
    if (this.#controller !== undefined) return false;
    this.#observers.delete(session);
    this.#controller = session;
    return true;
  }
}
