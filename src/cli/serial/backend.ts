/** The far end of a UART's wire: a terminal, a file, a socket, nothing. */
export interface SerialBackend {
  /** One byte out of the UART. Never blocks and never throws; bytes are written in batches. */
  transmit(byte: number): void;
  /** Bytes for the UART. A backend without input never calls. One listener. */
  onReceive(listener: (bytes: Uint8Array) => void): void;
  /** No bytes will come any more. Left out by a backend that cannot know. */
  onEnd?(listener: () => void): void;
  /** Writes what is left and lets go of the resource; resolves when it has. Safe to call twice. */
  close(): Promise<void>;
}
