/** From what is to be in RAM at the first instruction to guest memory, which then remembers it for resets. */
import type { Engine } from "../../engine/engine.js";
import type { BootLoad } from "../boot.js";
import type { LoadedRange } from "../semihosting/heap.js";
import { copyContent } from "./content.js";

/** @throws ConfigError FILE_UNREADABLE when the file is not as it was. */
export function loadIntoMemory(engine: Engine, { address, bytes, zeros = 0 }: BootLoad): LoadedRange {
  const length = bytes.length + zeros;
  const target = engine.toBeWritten(BigInt(address), length);
  copyContent(bytes, target.subarray(0, bytes.length));
  target.fill(0, bytes.length);
  engine.keepMemory(BigInt(address), length);
  return { address, length };
}
