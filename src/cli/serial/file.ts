import { closeSync, openSync, writeSync } from "node:fs";
import { ConfigError, systemReason } from "../../machine/errors.js";
import type { SerialBackend } from "./backend.js";
import { ByteBatch } from "./batch.js";

/** `--serial file:PATH`: output to a file, which is emptied first; no input. */
export class FileSerial implements SerialBackend {
  private descriptor: number | undefined;
  private readonly batch: ByteBatch;

  /**
   * @param warn gets one line when the file can be written no more.
   * @throws ConfigError FILE_UNREADABLE
   */
  constructor(path: string, warn: (line: string) => void) {
    try {
      this.descriptor = openSync(path, "w");
    } catch (error) {
      throw new ConfigError("FILE_UNREADABLE", `${path}: cannot write the serial output there: ${systemReason(error)}`);
    }
    this.batch = new ByteBatch((bytes) => {
      try {
        for (let done = 0; this.descriptor !== undefined && done < bytes.length; ) {
          done += writeSync(this.descriptor, bytes, done);
        }
      } catch (error) {
        warn(`${path}: the serial output ends here: ${systemReason(error)}`);
        this.release();
      }
    });
  }

  transmit(byte: number): void {
    this.batch.push(byte);
  }

  onReceive(): void {}

  async close(): Promise<void> {
    this.batch.flush();
    this.release();
  }

  private release(): void {
    if (this.descriptor !== undefined) {
      closeSync(this.descriptor);
      this.descriptor = undefined;
    }
  }
}
