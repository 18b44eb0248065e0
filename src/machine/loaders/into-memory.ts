/** From what is to be in RAM at the first instruction to guest memory, which then remembers it for resets. */
import type { Engine } from "../../engine/engine.js";
import type { BootLoad, LoadedRange } from "../boot.js";
import { copyContent, FileContent } from "./content.js";

export const rangeOf = ({ address, bytes, zeros = 0 }: BootLoad): LoadedRange => ({
  address,
  length: bytes.length + zeros,
});

/**
 * Into the memory of a new machine, which is zero. Nothing else may write there, and no guest run, before it is done.
 * @throws ConfigError FILE_UNREADABLE when a file is not as it was.
 */
export async function loadIntoMemory(engine: Engine, loads: readonly BootLoad[]): Promise<void> {
  await Promise.all(
    loads.map(async (load) => {
      const { address, length } = rangeOf(load);
      const target = engine.toBeWritten(BigInt(address), length);
      await copyContent(load.bytes, target.subarray(0, load.bytes.length));
      engine.keepMemory(BigInt(address), length, load.bytes instanceof FileContent ? load.bytes : undefined);
    }),
  );
}
