/** Where `--log` lines go: standard error, or a file that is written in large pieces. */
import { closeSync, openSync, writeSync } from "node:fs";
import { ConfigError, systemReason } from "../machine/errors.js";

export interface LogOutput {
  write(line: string): void;
  close(): void;
}

const PIECE = 0x10000;

export class LogFile implements LogOutput {
  private descriptor: number | undefined;
  private lines = "";

  /**
   * @param warn gets one line when the file can be written no more.
   * @throws ConfigError FILE_UNREADABLE
   */
  constructor(
    private readonly path: string,
    private readonly warn: (line: string) => void,
  ) {
    try {
      this.descriptor = openSync(path, "w");
    } catch (error) {
      throw new ConfigError("FILE_UNREADABLE", `${path}: cannot write the log there: ${systemReason(error)}`);
    }
  }

  write(line: string): void {
    this.lines += `${line}\n`;
    if (this.lines.length >= PIECE) {
      this.flush();
    }
  }

  close(): void {
    this.flush();
    this.release();
  }

  private flush(): void {
    const { lines } = this;
    this.lines = "";
    if (this.descriptor === undefined) {
      return;
    }
    try {
      writeSync(this.descriptor, lines);
    } catch (error) {
      this.warn(`${this.path}: the log ends here: ${systemReason(error)}`);
      this.release();
    }
  }

  private release(): void {
    if (this.descriptor !== undefined) {
      closeSync(this.descriptor);
      this.descriptor = undefined;
    }
  }
}
