/** From what is to be in RAM at the first instruction to guest memory, which then remembers it for resets. */
import type { Engine } from "../../engine/engine.js";
import type { BootLoad, LoadedRange } from "../boot.js";
import { allDone, copyContent, type LoadedFile } from "./content.js";

export const rangeOf = ({ address, bytes, zeros = 0 }: BootLoad): LoadedRange => ({
  address,
  length: bytes.length + zeros,
});

/**
 * Into the memory of a new machine, which is zero. Nothing else may write there, and no guest run, before it is done.
 * Gives the files that it is read from again at resets; the caller closes them.
 * @throws ConfigError FILE_UNREADABLE when a file is not as it was.
 */
export async function loadIntoMemory(engine: Engine, loads: readonly BootLoad[]): Promise<LoadedFile[]> {
  const files: LoadedFile[] = [];
  try {
    await allDone(
      loads.map(async (load) => {
        const { address, length } = rangeOf(load);
        const target = engine.toBeWritten(BigInt(address), length);
        const file = await copyContent(load.bytes, target.subarray(0, load.bytes.length));
        if (file) files.push(file);
        engine.keepMemory(BigInt(address), length, file);
      }),
    );
    return files;
  } catch (error) {
    for (const file of files) file.close();
    throw error;
  }
}
