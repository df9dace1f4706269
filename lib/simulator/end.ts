/**
 * One end of a simulated connection, and what stands there.
 *
 * @module
 */

import type { ConnectionId } from "../base/ids.ts";
import { noPendingFrame, type PendingFrame } from "../wire/frame.ts";

/** What stands at one end of a connection. */
export interface EndOwner {
  /** Whether it takes bytes now: a process that stands still does not, nor one that must wait. */
  isReading(end: End): boolean;
  /** Lines have arrived, and perhaps bytes after them that are none. */
  lines(end: End, frames: readonly string[], error: "too-long" | "not-utf8" | undefined): void;
  /** The connection is gone; said once, unless the owner is gone first. */
  closed(end: End): void;
}

/** Bytes that were sent, or the end of them, and when they arrive at the earliest. */
export type Item = { readonly at: number; readonly bytes: Uint8Array | "fin" };

/** One end of a connection, and the bytes that it has sent and the other has not got. */
export class End {
  readonly id: ConnectionId;
  readonly host: string;
  readonly owner: EndOwner;
  /** The longest line it takes, in bytes. */
  readonly lineMax: number;
  /** What may wait for the other end before the connection is cut. */
  readonly waitingMax: number;
  /** The hosts that its bytes pass, its own and the other's included. */
  path: readonly string[] = [];
  status: "open" | "ending" | "gone" = "open";
  pending: PendingFrame = noPendingFrame;
  readonly queue: Item[] = [];
  waiting = 0;
  latestAt = 0;
  isPlanned = false;
  stuckSince: number | undefined = undefined;
  unacknowledged = 0;
  other: End = this;

  constructor(id: number, place: Place) {
    this.id = id as ConnectionId;
    this.host = place.host;
    this.owner = place.owner;
    this.lineMax = place.lineMax;
    this.waitingMax = place.waitingMax;
  }
}

/** Where an end of a connection is to be. */
export interface Place {
  readonly host: string;
  readonly owner: EndOwner;
  readonly lineMax: number;
  readonly waitingMax: number;
}
