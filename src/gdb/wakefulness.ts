/**
 * A debugger's packets come in quick succession: each is sent when the reply to the last has arrived. A process that has
 * gone to sleep meanwhile takes tens of microseconds to wake up, six times for a single step, so for a moment after each
 * packet the event loop goes round instead. Not for long: on a machine with other work, who goes round uses up its share
 * and is made to wait for a millisecond and more when the packet comes, where who has slept is woken at once. For the same
 * reason not while a debugger attaches, which is a few dozen packets with GDB's own work between them.
 */

/** How long, in milliseconds: most of GDB's packets of a step come within that. */
const MOMENT = 0.05;
/** A round that took so many milliseconds was interrupted: somebody else wants the processor. So it sleeps for a while. */
const INTERRUPTED = 0.5;
const SLEEP = 100;

let until = 0;
let sleepUntil = 0;
let lastRound = 0;
let awake = false;

export function stayAwake(): void {
  lastRound = performance.now();
  until = lastRound + MOMENT;
  if (awake || lastRound < sleepUntil) return;
  awake = true;
  setImmediate(goRound);
}

function goRound(): void {
  const now = performance.now();
  if (now - lastRound > INTERRUPTED) sleepUntil = now + SLEEP;
  lastRound = now;
  awake = now < until && now >= sleepUntil;
  if (awake) setImmediate(goRound);
}
