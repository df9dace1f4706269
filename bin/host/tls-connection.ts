/**
 * One verified TLS connection: lines in, bytes out, and an end in every case. Used for both
 * directions; how it came about is the affair of `tls-listener.ts` and `tls-dial.ts`.
 *
 * @module
 */

import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import {
  type ConnectionId,
  decodeFrames,
  noPendingFrame,
  type PendingFrame,
} from "../../lib/mod.ts";
import type { Recipient, Route } from "./outbox.ts";
import type { SplicedEnd } from "./splice.ts";
import type { ConnectionEvents, ConnectionLimits } from "./transport.ts";

/** How long the other side may take to follow when we end a connection. */
const lingerMs = 2000;
/**
 * When nothing waits yet, one turn may write as much as this whatever the limit: a long list is not
 * the fault of who asked for it.
 */
const burstBytesMax = 1024 * 1024;

let latestId = 0;

/** An id that no other connection of this process ever had. */
export function nextConnectionId(): ConnectionId {
  return ++latestId as ConnectionId;
}

/** What makes a connection. */
export interface ConnectionParts {
  readonly id: ConnectionId;
  readonly socket: TLSSocket;
  /** The TCP socket below, where the other end came to us. */
  readonly tcp: Socket | undefined;
  /** Serial number of the other end's certificate, if it showed one. */
  readonly serial: string | undefined;
  readonly limits: ConnectionLimits;
  readonly events: ConnectionEvents;
}

/**
 * What really reads, on Deno only: there a paused TLS socket goes on reading into memory, without
 * bound, unless the TCP handle below it is stopped.
 */
function handleBelow({ tcp }: ConnectionParts): ReadingHandle | undefined {
  return "Deno" in globalThis
    ? ((tcp as { readonly _handle?: ReadingHandle | null } | undefined)?._handle ?? undefined)
    : undefined;
}

interface ReadingHandle {
  readStop(): void;
  readStart(): void;
}

/** A connection, from when it is verified. */
export class TlsConnection implements Recipient {
  route: Route | undefined = undefined;
  readonly #parts: ConnectionParts;
  readonly #socket: TLSSocket;
  readonly #forget: () => void;
  #pending: PendingFrame = noPendingFrame;
  #state: "open" | "ending" | "gone" = "open";
  /** Nothing is read any longer, though it is still open. */
  #deaf = false;
  #cause = "the connection broke";
  #linger: ReturnType<typeof setTimeout> | undefined;

  /** @param forget called once when it is gone */
  constructor(parts: ConnectionParts, forget: () => void) {
    this.#parts = parts;
    this.#socket = parts.socket;
    this.#forget = forget;
    parts.socket.on("error", (error) => this.#fail(error));
    parts.socket.on("end", () => this.#closedByOther());
    parts.socket.on("close", () => this.#closed());
  }

  get id(): ConnectionId {
    return this.#parts.id;
  }

  /** Serial number of the other end's certificate, if it showed one. */
  get serial(): string | undefined {
    return this.#parts.serial;
  }

  /** Begins to read; `chunk` is what came before. */
  start(chunk?: Uint8Array): void {
    this.#socket.on("data", (bytes: Uint8Array) => this.#read(bytes));
    if (this.#socket.isPaused()) this.#socket.resume();
    if (chunk !== undefined && chunk.length > 0) this.#read(chunk);
  }

  /** Writes, unless the other end does not read what it was sent before: then it is cut. */
  write(bytes: Uint8Array): void {
    if (this.#state !== "open") return;
    const waiting = this.#socket.writableLength;
    const { waitingBytesMax } = this.#parts.limits;
    const allowed = waiting === 0 ? Math.max(waitingBytesMax, burstBytesMax) : waitingBytesMax;
    if (waiting + bytes.length > allowed) {
      this.destroy(`it does not read: ${waiting + bytes.length} bytes would wait`);
      return;
    }
    this.#socket.write(bytes);
  }

  pause(): void {
    if (this.#state === "open" && !this.#deaf) this.#pauseReading();
  }

  resume(): void {
    if (this.#state === "open") this.#resumeReading();
  }

  /** What still comes in is thrown away. */
  stopReading(): void {
    this.#deaf = true;
    this.#pending = noPendingFrame;
    // Read on all the same: unread bytes would turn the end of the connection into a reset.
    this.resume();
  }

  /** Ends it once what was written has gone out; nothing is read any longer. */
  end(): void {
    if (this.#state !== "open") return;
    this.stopReading();
    this.#state = "ending";
    this.#cause = "ended by this side";
    this.#socket.end();
    this.#lingerOn();
  }

  /** Lets go of the socket: it is somebody else's from now on, and no event of it follows. */
  release(): SplicedEnd {
    this.pause();
    this.#socket.removeAllListeners("data");
    this.#pending = noPendingFrame;
    this.#state = "gone";
    this.#forget();
    return {
      socket: this.#socket,
      pause: () => this.#pauseReading(),
      resume: () => this.#resumeReading(),
    };
  }

  /** Closes it now. */
  destroy(cause: string): void {
    if (this.#state === "open") this.#cause = cause;
    if (this.#state !== "gone") this.#state = "ending";
    this.#socket.destroy();
  }

  #pauseReading(): void {
    this.#socket.pause();
    handleBelow(this.#parts)?.readStop();
  }

  #resumeReading(): void {
    handleBelow(this.#parts)?.readStart();
    this.#socket.resume();
  }

  #read(chunk: Uint8Array): void {
    if (this.#state !== "open" || this.#deaf) return;
    const { id, limits, events } = this.#parts;
    const decoded = decodeFrames(this.#pending, chunk, limits.lineBytesMax);
    this.#pending = decoded.pending;
    if (decoded.frames.length > 0) events.lines(id, decoded.frames);
    if (decoded.error === undefined || this.#deaf || this.#state !== "open") return;
    this.stopReading();
    events.broken(id, decoded.error);
  }

  #fail(error: Error): void {
    const { code } = error as NodeJS.ErrnoException;
    if (this.#state === "open") this.#cause = code ?? error.message;
    this.#socket.destroy();
  }

  /** There are no half-open connections: who sends no more is gone, though it may still read. */
  #closedByOther(): void {
    if (this.#state === "open") this.#cause = "closed by the other side";
    this.#report();
    this.#socket.end();
    this.#lingerOn();
  }

  #lingerOn(): void {
    this.#linger ??= setTimeout(() => this.#socket.destroy(), lingerMs);
  }

  #closed(): void {
    clearTimeout(this.#linger);
    this.#report();
  }

  #report(): void {
    if (this.#state === "gone") return;
    this.#state = "gone";
    this.#pending = noPendingFrame;
    this.#forget();
    this.#parts.events.closed(this.#parts.id, this.#cause);
  }
}
