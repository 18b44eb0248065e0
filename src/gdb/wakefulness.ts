/**
 * A debugger's packets come in quick succession: each is sent when the reply to the last has arrived. A process that has
 * gone to sleep meanwhile takes tens of microseconds to wake up, six times for a single step, so for a moment after each
 * packet the event loop goes round instead.
 */

/** How long, in milliseconds. */
const MOMENT = 1;

let until = 0;
let awake = false;

export function stayAwake(): void {
  until = performance.now() + MOMENT;
  if (awake) return;
  awake = true;
  setImmediate(goRound);
}

function goRound(): void {
  awake = performance.now() < until;
  if (awake) setImmediate(goRound);
}
