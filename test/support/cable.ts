/**
 * A cable between two servers that a test can cut, mute, slow down or half-close: a TCP proxy on
 * the loopback.
 *
 * @module
 */

import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import process from "node:process";

/** Which way bytes go: from who dialled, or back to it. */
export type Direction = "there" | "back";

/** One connection through the cable. */
interface Pair {
  /** The end of who dialled. */
  readonly near: Socket;
  readonly far: Socket;
}

/** From one server to the peer port of another. */
export class Cable {
  readonly port: number;
  readonly #target: number;
  readonly #pairs = new Set<Pair>();
  #server: Server | undefined;
  #muted: readonly Direction[] = [];
  #delayMs = 0;

  constructor(port: number, target: number) {
    this.port = port;
    this.#target = target;
    cables.add(this);
  }

  /** How many connections run through it. */
  get connections(): number {
    return this.#pairs.size;
  }

  /** Takes connections, and carries everything again. */
  async mend(): Promise<void> {
    this.#muted = [];
    for (const pair of this.#pairs) this.#flow(pair);
    if (this.#server !== undefined) return;
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (near) =>
      this.#join(near),
    );
    await once(this.#server.listen(this.port, "127.0.0.1"), "listening");
  }

  /** Breaks every connection and refuses new ones. */
  cut(): void {
    this.#server?.close();
    this.#server = undefined;
    for (const { near, far } of this.#pairs) {
      near.destroy();
      far.destroy();
    }
  }

  /**
   * Nothing arrives any longer, nothing is closed; after `mend` what was sent arrives after all.
   */
  mute(...directions: readonly Direction[]): void {
    this.#muted = directions.length === 0 ? ["there", "back"] : directions;
    for (const pair of this.#pairs) this.#flow(pair);
  }

  /** Everything arrives so much later. */
  delay(ms: number): void {
    this.#delayMs = ms;
  }

  /** Tells one side that the other sends no more, and lets the other send on. */
  halfClose(direction: Direction): void {
    for (const { near, far } of this.#pairs) (direction === "there" ? far : near).end();
  }

  #join(near: Socket): void {
    const far = connect({ host: "127.0.0.1", port: this.#target, allowHalfOpen: true });
    const pair: Pair = { near, far };
    this.#pairs.add(pair);
    far.pause();
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.setNoDelay(true);
      from.on("data", (chunk: Uint8Array) => this.#later(() => to.writable && to.write(chunk)));
      from.on("end", () => this.#later(() => to.end()));
      from.on("error", () => {}); // `close` follows
      from.on("close", () => {
        this.#pairs.delete(pair);
        this.#later(() => to.destroy());
      });
    }
    this.#flow(pair);
  }

  /**
   * Reads what may pass; the rest waits in the kernel, as on a network that repeats what is lost.
   */
  #flow({ near, far }: Pair): void {
    for (const [socket, direction] of [
      [near, "there"],
      [far, "back"],
    ] as const) {
      if (this.#muted.includes(direction)) socket.pause();
      else socket.resume();
    }
  }

  #later(act: () => void): void {
    if (this.#delayMs === 0) act();
    else setTimeout(act, this.#delayMs);
  }
}

const cables = new Set<Cable>();
process.on("exit", () => {
  for (const cable of cables) cable.cut();
});
