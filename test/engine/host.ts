/** What the engine asks of a machine, where a test expects it to ask nothing: each question is an error. */
import type { EngineHost } from "../../src/engine/engine.js";

export function silentHost(who: string): EngineHost {
  const unexpected = (what: string) => (): never => {
    throw new Error(`${who} made the engine ask for ${what}`);
  };
  return {
    ioAccess: unexpected("a device"),
    hostedAccess: unexpected("a device"),
    sysregAccess: unexpected("a system register"),
    shadowPage: unexpected("a breakpoint's page"),
    breakpointHit: unexpected("a breakpoint"),
    watchAccess: unexpected("a watchpoint"),
    guestWatch: unexpected("a watchpoint"),
    pointAction: unexpected("a watchpoint"),
    pointRead: unexpected("a watchpoint"),
  };
}
