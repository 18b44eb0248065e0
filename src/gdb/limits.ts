/** Sizes the stub holds itself to, whatever a client sends. */

/**
 * `PacketSize`, in bytes: the longest payload taken, and the longest given before escapes. Large, because a reading
 * of memory costs GDB a round trip per packet.
 */
export const MAX_PACKET = 0x2_0000;

/** Packets kept while the machine runs. GDB never sends one before the reply to the last. */
export const MAX_WAITING = 16;

/** Unsent reply bytes beyond which no further input is taken until the client reads. */
export const MAX_UNSENT = 4 * MAX_PACKET;
