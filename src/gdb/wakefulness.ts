/**
 * A debugger that steps sends a packet when the reply to the last has arrived, five or six for each step. Between them the
 * process can sleep, or go round its event loop for a moment, which saves waking it up. Which is quicker depends on the
 * host: to wake a processor that nobody uses takes tens of microseconds, twice that where the processors are virtual; but
 * with other work on the machine who goes round uses up its share, and is made to wait for a millisecond and more when the
 * packet comes, where who has slept is woken at once. So both are tried, and that is done by which steps have been quicker.
 * Not while a debugger attaches, which is a few dozen packets with GDB's own work between them.
 */

/** How long it goes round for a packet, in milliseconds: nearly all of a step's come within that. */
const MOMENT = 0.3;
/** Steps by which a way is judged. */
const TRIAL = 32;
/** How often the way that is not taken has a trial: one in so many. */
const RETRIAL = 16;
/** Between two packets or two steps that took longer, in milliseconds, somebody has been thinking. */
const THINKING = 5;
/** Weight of the last trial beside those before it. */
const LATEST = 0.5;

export const WAYS = ["sleep", "go round"] as const;
export type Way = (typeof WAYS)[number];

/** Which way to wait, by how long steps take. */
export class WayToWait {
  #way: Way = "sleep";
  /** Milliseconds that a step takes, by way. */
  readonly #usual = new Map<Way, number>();
  #trials = 0;
  #steps = 0;
  #sum = 0;

  get way(): Way {
    return this.#way;
  }

  /** A step has taken so many milliseconds, from being asked for to the next one. */
  took(milliseconds: number): void {
    if (milliseconds > THINKING) return;
    this.#sum += milliseconds;
    this.#steps++;
    if (this.#steps < TRIAL) return;
    const mean = this.#sum / this.#steps;
    const before = this.#usual.get(this.#way) ?? mean;
    this.#usual.set(this.#way, before + (mean - before) * LATEST);
    this.#steps = 0;
    this.#sum = 0;
    this.#trials++;
    this.#way = this.#next();
  }

  #next(): Way {
    const [best, other] = this.#ranked();
    return this.#trials % RETRIAL === 0 ? other : best;
  }

  /** The quicker first; one that has had no trial is taken for quicker. */
  #ranked(): readonly [Way, Way] {
    const [sleeping = 0, round = 0] = WAYS.map((way) => this.#usual.get(way) ?? 0);
    return round < sleeping ? ["go round", "sleep"] : ["sleep", "go round"];
  }
}

const waiting = new WayToWait();
let lastStep = 0;
let until = 0;
let awake = false;

/** A packet has been dealt with, of a client that may be stepping; `resumed`: the machine, by this one. */
export function stayAwake(resumed: boolean): void {
  const now = performance.now();
  if (resumed) {
    waiting.took(now - lastStep);
    lastStep = now;
  }
  if (waiting.way === "sleep") return;
  until = now + MOMENT;
  if (awake) return;
  awake = true;
  setImmediate(goRound);
}

function goRound(): void {
  awake = performance.now() < until;
  if (awake) setImmediate(goRound);
}
