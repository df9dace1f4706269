/**
 * What is to be sent in one turn of the event loop. The unit of cost is the write, not the message:
 * so each recipient gets one write a turn, and those who get the same lines share the same bytes.
 * It knows nothing of sockets.
 *
 * @module
 */

import type { ConnectionId } from "../../lib/mod.ts";

/** Somebody who can be written to. */
export interface Recipient {
  write(bytes: Uint8Array): void;
  /** Ends the connection once what was written has gone out. */
  end(): void;
  /** The outbox's own note: what this turn holds for it. */
  route: Route | undefined;
}

/**
 * The pieces that a recipient gets, as the last one and the route before it. Recipients of the same
 * pieces walk the same steps and so arrive at the same object: its bytes are made once.
 */
export class Route {
  readonly #before: Route | undefined;
  readonly #piece: Piece;
  #next: Route | undefined;
  #bytes: Uint8Array | undefined;

  constructor(before: Route | undefined, piece: Piece) {
    this.#before = before;
    this.#piece = piece;
  }

  /** The route that goes on with a piece; the same one for everybody who asks in a row. */
  followedBy(piece: Piece): Route {
    if (this.#next === undefined || this.#next.#piece !== piece) {
      this.#next = new Route(this, piece);
    }
    return this.#next;
  }

  get bytes(): Uint8Array {
    this.#bytes ??= Buffer.from(this.#text);
    return this.#bytes;
  }

  get #text(): string {
    const texts: string[] = [];
    for (let route: Route | undefined = this; route !== undefined; route = route.#before) {
      texts.push(route.#piece.text);
    }
    return texts.reverse().join("");
  }
}

/** Text that some recipients get as a whole. */
interface Piece {
  readonly text: string;
  /** The route of those who get nothing else. */
  alone?: Route;
}

/** Lines in a row for one audience, or the end of one connection. */
interface Segment {
  readonly to: readonly ConnectionId[];
  readonly lines: string[];
  /** Who is left out of which line. */
  readonly exceptions: (ConnectionId | undefined)[];
  readonly end: boolean;
}

/** When to flush: at the end of the turn unless the host knows better. */
export type Schedule = (flush: () => void) => void;

/** So much text may wait for the end of the turn; then it is written at once. */
const waitingTextMax = 1024 * 1024;

/** Collects lines and hands them out once a turn. */
export class Outbox {
  readonly #find: (connection: ConnectionId) => Recipient | undefined;
  readonly #schedule: Schedule;
  #segments: Segment[] = [];
  #waiting = 0;
  #scheduled = false;

  /**
   * @param schedule may wait a little longer than a turn when the loop is busy: fewer, larger
   * writes
   */
  constructor(
    find: (connection: ConnectionId) => Recipient | undefined,
    schedule: Schedule = (flush) => void setImmediate(flush),
  ) {
    this.#find = find;
    this.#schedule = schedule;
  }

  /** Takes a line, LF included. For each recipient the order of the calls is kept. */
  send(to: readonly ConnectionId[], line: string, except?: ConnectionId): void {
    let segment = this.#segments.at(-1);
    if (segment === undefined || segment.to !== to || segment.end) {
      segment = { to, lines: [], exceptions: [], end: false };
      this.#segments.push(segment);
    }
    segment.lines.push(line);
    segment.exceptions.push(except);
    this.#waiting += line.length;
    this.#arm();
  }

  /** Ends a connection after what was sent to it before; what is sent later does not reach it. */
  end(connection: ConnectionId): void {
    this.#segments.push({ to: [connection], lines: [], exceptions: [], end: true });
    this.#arm();
  }

  /** Writes what waits, now. */
  flush(): void {
    const segments = this.#segments;
    this.#segments = [];
    this.#waiting = 0;
    const touched = new Set<Recipient>();
    const ended = new Set<Recipient>();
    for (const segment of segments) {
      if (segment.end) this.#markEnd(segment, ended);
      else this.#route(segment, touched, ended);
    }
    for (const recipient of touched) {
      const { route } = recipient;
      recipient.route = undefined;
      if (route !== undefined) recipient.write(route.bytes);
    }
    for (const recipient of ended) recipient.end();
  }

  #arm(): void {
    if (this.#waiting > waitingTextMax) this.flush();
    if (this.#scheduled || this.#segments.length === 0) return;
    this.#scheduled = true;
    this.#schedule(() => {
      this.#scheduled = false;
      this.flush();
    });
  }

  #markEnd({ to }: Segment, ended: Set<Recipient>): void {
    for (const connection of to) {
      const recipient = this.#find(connection);
      if (recipient !== undefined) ended.add(recipient);
    }
  }

  #route(segment: Segment, touched: Set<Recipient>, ended: ReadonlySet<Recipient>): void {
    const whole: Piece = { text: segment.lines.join("") };
    const exceptions = new Set(segment.exceptions);
    for (const connection of segment.to) {
      const recipient = this.#find(connection);
      if (recipient === undefined || ended.has(recipient)) continue;
      const piece = exceptions.has(connection) ? withoutOwn(segment, connection) : whole;
      if (piece.text === "") continue;
      if (recipient.route === undefined) {
        piece.alone ??= new Route(undefined, piece);
        recipient.route = piece.alone;
        touched.add(recipient);
      } else {
        recipient.route = recipient.route.followedBy(piece);
      }
    }
  }
}

function withoutOwn({ lines, exceptions }: Segment, connection: ConnectionId): Piece {
  return { text: lines.filter((_, index) => exceptions[index] !== connection).join("") };
}
