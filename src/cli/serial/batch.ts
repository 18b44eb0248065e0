/** Single bytes to few writes: what a UART sends within one turn of the event loop goes out together. */

const CAPACITY = 4096;

export class ByteBatch {
  private buffer = Buffer.allocUnsafe(CAPACITY);
  private length = 0;
  private scheduled = false;

  /** @param write gets bytes that are its own to keep. */
  constructor(private readonly write: (bytes: Buffer) => void) {}

  push(byte: number): void {
    this.buffer[this.length++] = byte;
    if (this.length === CAPACITY) {
      this.flush();
    } else if (!this.scheduled) {
      this.scheduled = true;
      setImmediate(() => {
        this.scheduled = false;
        this.flush();
      });
    }
  }

  flush(): void {
    if (this.length > 0) {
      const bytes = this.buffer.subarray(0, this.length);
      this.buffer = Buffer.allocUnsafe(CAPACITY);
      this.length = 0;
      this.write(bytes);
    }
  }
}
