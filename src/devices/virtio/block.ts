/** virtio-blk (OASIS virtio 1.2, section 5.2): a disk whose bytes are somewhere on the host. */
import type { VirtioDevice, VirtioKind } from "./device.js";
import { type Chain, lengthOf, type Virtqueue } from "./queue.js";
import { DEVICE_ID } from "./spec.js";

/** The bytes of a disk. Offsets and sizes are within it. Whatever they throw is an I/O error to the guest. */
export interface BlockBackend {
  /** In bytes; a part of a sector at the end is not used. */
  readonly size: number;
  readonly readOnly: boolean;
  /** What VIRTIO_BLK_T_GET_ID says: up to 20 characters. */
  readonly serial: string;
  read(offset: number, bytes: Uint8Array): void;
  write(offset: number, bytes: Uint8Array): void;
  flush(): void;
}

const SECTOR = 512;
const QUEUE_SIZE = 256;
/** A chain has a header and a status besides. */
const SEG_MAX = QUEUE_SIZE - 2;
const HEADER_SIZE = 16;
const ID_SIZE = 20;
const FEATURES = { SEG_MAX: 1n << 2n, RO: 1n << 5n, BLK_SIZE: 1n << 6n, FLUSH: 1n << 9n } as const;
const REQUEST = { IN: 0, OUT: 1, FLUSH: 4, GET_ID: 8 } as const;
const RESULT = { OK: 0, IOERR: 1, UNSUPP: 2 } as const;
type Result = (typeof RESULT)[keyof typeof RESULT];

export class Block implements VirtioKind {
  readonly name = "virtio-blk";
  readonly id = DEVICE_ID.block;
  readonly queues = [QUEUE_SIZE];
  readonly features: bigint;
  readonly #config = new Uint8Array(64);

  constructor(
    private readonly backend: BlockBackend,
    private readonly log: (line: string) => void = () => {},
  ) {
    this.features = FEATURES.SEG_MAX | FEATURES.BLK_SIZE | FEATURES.FLUSH | (backend.readOnly ? FEATURES.RO : 0n);
    const view = new DataView(this.#config.buffer);
    view.setBigUint64(0, BigInt(Math.floor(backend.size / SECTOR)), true);
    view.setUint32(12, SEG_MAX, true);
    view.setUint32(20, SECTOR, true);
  }

  config(): Uint8Array {
    return this.#config;
  }

  notified(device: VirtioDevice, index: number): void {
    const queue = device.queues[index];
    queue?.drain((chain) => this.#request(queue, chain));
  }

  /** The status is the last byte of what the device may write; a chain without room for it is just given back. */
  #request(queue: Virtqueue, chain: Chain): void {
    const room = lengthOf(chain.writable) - 1;
    if (room < 0) {
      queue.complete(chain, 0);
      return;
    }
    const { result, written } = this.#perform(queue, chain, room);
    queue.scatter(chain, Uint8Array.of(result), room);
    queue.complete(chain, written + 1);
  }

  #perform(queue: Virtqueue, chain: Chain, room: number): { result: Result; written: number } {
    const done = (result: Result, written = 0) => ({ result, written });
    const request = queue.gather(chain);
    if (request.length < HEADER_SIZE) return done(RESULT.IOERR);
    const header = new DataView(request.buffer);
    const sector = header.getBigUint64(8, true);
    const data = request.subarray(HEADER_SIZE);
    try {
      switch (header.getUint32(0, true)) {
        case REQUEST.IN: {
          if (!this.#isWithin(sector, room)) return done(RESULT.IOERR);
          const bytes = new Uint8Array(room);
          this.backend.read(Number(sector) * SECTOR, bytes);
          queue.scatter(chain, bytes);
          return done(RESULT.OK, room);
        }
        case REQUEST.OUT:
          if (this.backend.readOnly || !this.#isWithin(sector, data.length)) return done(RESULT.IOERR);
          this.backend.write(Number(sector) * SECTOR, data);
          return done(RESULT.OK);
        case REQUEST.FLUSH:
          this.backend.flush();
          return done(RESULT.OK);
        case REQUEST.GET_ID: {
          const id = new Uint8Array(Math.min(ID_SIZE, room));
          id.set(Buffer.from(this.backend.serial, "latin1").subarray(0, id.length));
          queue.scatter(chain, id);
          return done(RESULT.OK, id.length);
        }
        default:
          return done(RESULT.UNSUPP);
      }
    } catch (error) {
      if (!isSystemError(error)) throw error;
      this.log(`virtio-blk: ${error.message}; the guest gets an I/O error`);
      return done(RESULT.IOERR);
    }
  }

  #isWithin(sector: bigint, bytes: number): boolean {
    const end = sector + BigInt((bytes / SECTOR) | 0);
    return bytes % SECTOR === 0 && end <= BigInt(Math.floor(this.backend.size / SECTOR));
  }
}

/** What Node's file functions throw. */
function isSystemError(error: unknown): error is Error {
  return error instanceof Error && "syscall" in error;
}
