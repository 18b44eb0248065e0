/**
 * `vFlashErase`, `vFlashWrite`, `vFlashDone`: GDB's `load` into what the memory map calls flash (GDB manual, "Packets").
 * A debugger writes flash as it does RAM, so that nothing is left to be done at the end.
 */

import { TargetError } from "../target.js";
import { command, nothing, OK, type Reply } from "./command.js";

const CHUNK = 0x1_0000;

/** Erased flash is all ones. */
export const flashErase = command({
  name: "vFlashErase",
  parse(args) {
    args.expect(":");
    const address = args.address();
    args.expect(",");
    return { address, length: args.address() };
  },
  handle({ target, general }, { address, length }): Reply {
    for (let done = 0n; done < length; done += BigInt(CHUNK)) {
      const left = length - done;
      const bytes = new Uint8Array(left < CHUNK ? Number(left) : CHUNK).fill(0xff);
      const refusal = target.writeMemory(general, address + done, bytes);
      if (refusal !== undefined) return refusal;
    }
    return OK;
  },
});

export const flashWrite = command({
  name: "vFlashWrite",
  parse(args) {
    args.expect(":");
    const address = args.address();
    args.expect(":");
    return { address, bytes: args.binary() };
  },
  handle({ target, general }, { address, bytes }): Reply {
    const refusal = target.writeMemory(general, address, bytes);
    return refusal instanceof TargetError ? refusal : OK;
  },
});

export const flashDone = command({ name: "vFlashDone", parse: nothing, handle: () => OK });
