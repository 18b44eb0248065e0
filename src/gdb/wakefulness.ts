/**
 * A debugger's packets come in quick succession: each is sent when the reply to the last has arrived. A process that has
 * gone to sleep meanwhile takes tens of microseconds to wake up, six times for a single step, so for a moment after each
 * packet the event loop goes round instead.
 */

/** How long, in milliseconds. */
const MOMENT = 1;
/**
 * A round that took so long was interrupted: somebody else wants the processor. Whoever goes round then has used up its
 * share when the packet comes, and waits for milliseconds; who sleeps is woken at once. So it sleeps for a while.
 */
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
