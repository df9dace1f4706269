/**
 * The ends of connections in the measure of the failure detector, and how messages pass from one to
 * the other: in order, each delayed by the losses of its segment.
 *
 * @module
 */

import type { ConnectionId } from "../base/ids.ts";
import type { Instant } from "../machine.ts";
import type { PeerMessage } from "../wire/server-messages.ts";
import { lossesInARow, lossesThatMatter, repeatedMs } from "./accuracy-loss.ts";
import type { AccuracyServer, AccuracySurroundings } from "./accuracy-server.ts";
import type { Random } from "./random.ts";

/** Nothing of this is drawn from: no move is under way. */
const noRandomBytes = new Uint8Array(16);

/** One end of a connection. */
export class AccuracyEnd {
  readonly id: ConnectionId;
  readonly owner: AccuracyServer;
  /** The server that copies its bytes, if it runs through a third one. */
  readonly third: AccuracyServer | undefined;
  status: "open" | "ending" | "gone" = "open";
  /** When the latest that was sent from here arrives. */
  latestAt: Instant = 0;
  /** The step in which it was sent: what one step sends goes in one segment. */
  latestStep = -1;
  /** The next segment is lost so often, at the least. */
  lossesDue = 0;
  /** What waits for a third server before this connection is one between two servers. */
  spliced: ((host: string) => void) | undefined = undefined;
  other: AccuracyEnd = this;

  constructor(id: number, owner: AccuracyServer, third: AccuracyServer | undefined) {
    this.id = id as ConnectionId;
    this.owner = owner;
    this.third = third;
  }
}

/** Whether what a server has sent would have left its host in time to arrive now. */
function hasLeft(server: AccuracyServer, now: Instant, tripMs: number): boolean {
  const { death } = server;
  return death?.kind !== "lost host" || now - tripMs <= death.at;
}

/** When something sent now arrives, behind everything that was sent before. */
function arrivalOf(end: AccuracyEnd, around: AccuracySurroundings, loss: number): Instant {
  const { agenda, random, steps } = around;
  if (end.latestStep === steps) return end.latestAt;
  const legs = end.third === undefined ? 1 : 2;
  let delayMs = 0;
  for (let leg = 0; leg < legs; leg++) {
    const drawn = lossesInARow(random, loss);
    const losses = end.lossesDue === 0 ? drawn : end.lossesDue + drawn;
    end.lossesDue = 0;
    const lateMs = repeatedMs(losses);
    delayMs += tripMsOf(random) + lateMs;
    if (losses >= lossesThatMatter)
      end.other.owner.lateFrom.set(end.owner.id, agenda.now + delayMs);
  }
  end.latestStep = steps;
  end.latestAt = Math.max(end.latestAt, agenda.now + delayMs);
  return end.latestAt;
}

/** How long a packet takes from one host to another. */
export function tripMsOf(random: Random): number {
  return 1 + 2 * random.fraction();
}

/** Sends a message; it comes when the other process runs, unless the connection is gone then. */
export function sendMessage(
  end: AccuracyEnd,
  message: PeerMessage,
  around: AccuracySurroundings,
  loss: number,
): void {
  if (end.status !== "open") return;
  const { other } = end;
  const deliver = () => {
    if (other.status !== "open") return;
    other.owner.take({
      type: "peer-message",
      connection: other.id,
      message,
      random: noRandomBytes,
    });
  };
  pass(end, around, loss, () => other.owner.whenRunning(deliver));
}

/** Ends a connection in order: the other end is told, then this one. */
export function endConnection(end: AccuracyEnd, around: AccuracySurroundings, loss: number): void {
  if (end.status !== "open") return;
  end.status = "ending";
  pass(end, around, loss, () => {
    closeEnd(end.other);
    around.agenda.after(tripMsOf(around.random), () => closeEnd(end));
  });
}

/** This end is gone; its process is told when it runs. */
export function closeEnd(end: AccuracyEnd): void {
  if (end.status === "gone") return;
  const { owner, id } = end;
  const tell = () => {
    if (end.status === "gone") return;
    end.status = "gone";
    if (owner.ends.delete(id)) owner.take({ type: "closed", connection: id });
  };
  owner.whenRunning(tell);
}

function pass(
  end: AccuracyEnd,
  around: AccuracySurroundings,
  loss: number,
  arrive: () => void,
): void {
  const { agenda } = around;
  const { owner, third } = end;
  agenda.plan(arrivalOf(end, around, loss), () => {
    if (!hasLeft(owner, agenda.now, 3)) return;
    if (third === undefined) arrive();
    else third.whenRunning(arrive);
  });
}
