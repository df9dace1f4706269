/**
 * A network that never loses or reorders the bytes of a connection, as TCP does not, and does
 * everything else that networks do: it cuts bytes into arbitrary chunks, delays them, holds them
 * back while a way is blocked (in one direction or both), lets them through late when it opens
 * again, breaks connections in the middle of a line, and goes mute when a host is gone.
 *
 * @module
 */

import { decodeFrames } from "../wire/frame.ts";
import type { Agenda } from "./agenda.ts";
import { End, type Place } from "./end.ts";
import type { Random } from "./random.ts";

/** How long a host waits for the other end to follow when it ends a connection. */
const lingerMs = 2_000;
/** Chunks that come through while their acknowledgements do not. */
const unacknowledgedMax = 10;
/** The longest that the first repeated packet lets wait after a way has opened again. */
const retransmitMaxMs = 3_000;

/** The ways between hosts, and the connections on them. */
export class Network {
  readonly #agenda: Agenda;
  readonly #random: Random;
  readonly #ends = new Set<End>();
  readonly #blocked = new Map<string, number>();
  readonly #refusing = new Set<string>();
  readonly #slow = new Map<string, number>();
  readonly #lost = new Set<string>();
  #connections = 0;

  constructor(agenda: Agenda, random: Random) {
    this.#agenda = agenda;
    this.#random = random;
  }

  /** Makes a connection; the near end is returned. */
  connect(near: Place, far: Place, through?: string): End {
    const one = new End(++this.#connections, near);
    const other = new End(++this.#connections, far);
    one.other = other;
    other.other = one;
    const middle = through === undefined ? [] : [through];
    one.path = [near.host, ...middle, far.host];
    other.path = [far.host, ...middle, near.host];
    this.#ends.add(one);
    this.#ends.add(other);
    return one;
  }

  /** All ends that stand at a host, or pass through it. */
  endsAt(host: string): End[] {
    return [...this.#ends].filter((end) => end.path.includes(host));
  }

  /** Sends bytes, in whatever pieces. */
  write(end: End, bytes: Uint8Array): void {
    if (end.status !== "open") return;
    if (end.waiting + bytes.length > end.waitingMax) {
      this.break(end);
      return;
    }
    const pieces = this.#random.chance(0.15) ? this.#cut(bytes) : [bytes];
    for (const piece of pieces) this.#queue(end, piece);
    this.pump(end);
  }

  /** Ends a connection once everything that was written has gone out. */
  end(end: End): void {
    if (end.status !== "open") return;
    end.status = "ending";
    this.#queue(end, "fin");
    this.pump(end);
    this.#agenda.after(lingerMs, () => this.#close(end));
  }

  /** The process at this end is gone: its host ends the connection, perhaps before all is sent. */
  abort(end: End, losesBytes: boolean): void {
    if (end.status === "gone") return;
    end.status = "gone";
    if (losesBytes) this.#drop(end);
    this.#queue(end, "fin");
    this.pump(end);
  }

  /** The host at this end is gone: nothing more comes from it, not even an end. */
  vanish(end: End): void {
    end.status = "gone";
    this.#drop(end);
  }

  /** Takes a connection away without either end being told: its bytes are somebody else's now. */
  discard(end: End): void {
    for (const each of [end, end.other]) {
      this.#drop(each);
      each.status = "gone";
      this.#ends.delete(each);
    }
  }

  /** The connection breaks; each end notices in its own time, what was on its way is lost. */
  break(end: End): void {
    for (const each of [end, end.other]) {
      if (each.status === "gone") continue;
      this.#drop(each);
      each.status = "ending";
      this.#agenda.after(this.#random.between(0, 20), () => this.#close(each));
    }
  }

  /** Nothing passes from one host to the other until as many calls have opened it again. */
  block(from: string, to: string): void {
    const way = `${from}>${to}`;
    this.#blocked.set(way, (this.#blocked.get(way) ?? 0) + 1);
  }

  /** Takes one block away; what was held back comes when its sender tries again. */
  unblock(from: string, to: string): void {
    const way = `${from}>${to}`;
    const count = (this.#blocked.get(way) ?? 0) - 1;
    if (count > 0) {
      this.#blocked.set(way, count);
      return;
    }
    this.#blocked.delete(way);
    for (const end of this.#ends) {
      end.unacknowledged = 0;
      if (end.stuckSince === undefined || this.isBlocked(end.path)) continue;
      const backOffMs = Math.min(retransmitMaxMs, this.#agenda.now - end.stuckSince);
      end.stuckSince = undefined;
      this.#agenda.after(this.#random.between(0, Math.ceil(backOffMs)), () => this.pump(end));
    }
  }

  /** Lets dials between these hosts be refused, as a firewall does, or no longer. */
  refuse(some: readonly string[], others: readonly string[], isRefusing: boolean): void {
    for (const one of some) {
      for (const other of others) {
        for (const way of [`${one}>${other}`, `${other}>${one}`]) {
          if (isRefusing) this.#refusing.add(way);
          else this.#refusing.delete(way);
        }
      }
    }
  }

  /** Whether a dial along these hosts is refused on its way. */
  isRefused(path: readonly string[]): boolean {
    return path.some(
      (host, place) => place > 0 && this.#refusing.has(`${path[place - 1]}>${host}`),
    );
  }

  /** Delays everything between two hosts by so much more; 0: no longer. */
  slow(from: string, to: string, delayMs: number): void {
    this.#slow.set(`${from}>${to}`, delayMs);
  }

  /** A host that is lost swallows what is sent to it; one that is back answers with a reset. */
  setLost(host: string, isLost: boolean): void {
    if (isLost) {
      this.#lost.add(host);
      return;
    }
    this.#lost.delete(host);
    for (const end of this.#ends) if (end.other.host === host) this.pump(end);
  }

  /** Whether a host is lost. */
  isLost(host: string): boolean {
    return this.#lost.has(host);
  }

  /** Whether nothing passes along these hosts at present. */
  isBlocked(path: readonly string[]): boolean {
    if (this.#blocked.size === 0 && this.#lost.size === 0) return false;
    return path.some(
      (host, place) =>
        this.#lost.has(host) || (place > 0 && this.#blocked.has(`${path[place - 1]}>${host}`)),
    );
  }

  /** Whether anything at all stands between two hosts, in either direction. */
  isCut(one: string, other: string): boolean {
    return this.isBlocked([one, other]) || this.isBlocked([other, one]);
  }

  /** Goes on delivering what a host has for its own ends, after it has stood still. */
  resume(host: string): void {
    for (const end of [...this.#ends]) if (end.other.host === host) this.pump(end);
  }

  /** Plans the delivery of the next chunk of a stream, if there is one and none is planned. */
  pump(end: End): void {
    const [next] = end.queue;
    if (next === undefined || end.isPlanned) return;
    end.isPlanned = true;
    this.#agenda.plan(next.at, () => {
      end.isPlanned = false;
      this.#deliver(end);
    });
  }

  #deliver(end: End): void {
    const { other } = end;
    const [next] = end.queue;
    if (next === undefined) return;
    if (this.isBlocked(end.path)) {
      end.stuckSince ??= this.#agenda.now;
      return;
    }
    if (this.isBlocked(other.path) && ++end.unacknowledged > unacknowledgedMax) {
      end.stuckSince ??= this.#agenda.now;
      return;
    }
    if (other.status === "gone") {
      this.#drop(end);
      this.#ends.delete(other);
      this.#agenda.after(this.#random.between(1, 5), () => this.#close(end));
      return;
    }
    if (!other.owner.isReading(other)) return;
    end.queue.shift();
    if (next.bytes === "fin") this.#finish(end);
    else this.#hand(end, next.bytes);
    this.pump(end);
  }

  #hand(end: End, bytes: Uint8Array): void {
    const { other } = end;
    end.waiting -= bytes.length;
    if (other.status !== "open") return;
    const decoded = decodeFrames(other.pending, bytes, other.lineMax);
    other.pending = decoded.pending;
    if (decoded.frames.length > 0 || decoded.error !== undefined) {
      other.owner.lines(other, decoded.frames, decoded.error);
    }
  }

  #finish(end: End): void {
    const { other } = end;
    this.#drop(other);
    this.#close(other);
    this.#agenda.after(this.#random.between(1, 3), () => {
      if (end.status === "ending" && !this.isBlocked(other.path)) this.#close(end);
    });
  }

  #close(end: End): void {
    if (end.status === "gone") return;
    end.status = "gone";
    this.#ends.delete(end);
    if (end.queue.length > 0) this.#ends.add(end);
    end.owner.closed(end);
  }

  #queue(end: End, bytes: Uint8Array | "fin"): void {
    let delayMs = this.#random.between(1, 3);
    if (this.#slow.size > 0) {
      for (let place = 1; place < end.path.length; place++) {
        const most = this.#slow.get(`${end.path[place - 1]}>${end.path[place]}`) ?? 0;
        if (most > 0) delayMs += this.#random.between(0, most);
      }
    }
    const at = Math.max(end.latestAt, this.#agenda.now + delayMs);
    end.latestAt = at;
    end.queue.push({ at, bytes });
    if (bytes !== "fin") end.waiting += bytes.length;
  }

  #drop(end: End): void {
    end.queue.length = 0;
    end.waiting = 0;
  }

  #cut(bytes: Uint8Array): Uint8Array[] {
    const pieces: Uint8Array[] = [];
    let start = 0;
    for (let left = this.#random.between(1, 3); left > 0 && start < bytes.length; left--) {
      const end = start + this.#random.below(bytes.length - start);
      if (end > start) pieces.push(bytes.subarray(start, end));
      start = end;
    }
    pieces.push(bytes.subarray(start));
    return pieces;
  }
}
