/**
 * Copies bytes between a peer and another server, for two members that can't reach each other. TLS
 * is theirs, end to end: this server sees nothing of what it carries. Source: PROTOCOL.md section
 * 6.
 *
 * @module
 */

import { connect } from "node:net";
import type { Duplex } from "node:stream";
import type { Address } from "../../lib/mod.ts";
import { keepAliveAfterMs } from "./tls-listener.ts";

/** How long the other server may take to answer. */
const connectLimitMs = 2000;

/** One end of what is copied, with a way to read no more that works for its kind. */
export interface SplicedEnd {
  readonly socket: Duplex;
  pause(): void;
  resume(): void;
}

/**
 * Connects to the address and says so to the peer with an empty line; from then on bytes are
 * copied until either side ends, and then both are closed. Who does not read is not read for: no
 * more than the buffers of two sockets ever waits.
 *
 * @returns how to end it
 */
export function splice(peer: SplicedEnd, address: Address, ended: () => void): () => void {
  const target = connect({ host: address.host, port: address.port, noDelay: true });
  let isOver = false;
  const end = (): void => {
    if (isOver) return;
    isOver = true;
    clearTimeout(timer);
    peer.socket.destroy();
    target.destroy();
    ended();
  };
  const timer = setTimeout(end, connectLimitMs);
  for (const socket of [peer.socket, target]) {
    socket.on("error", end);
    socket.on("close", end);
  }
  target.once("connect", () => {
    clearTimeout(timer);
    target.setKeepAlive(true, keepAliveAfterMs);
    peer.socket.write("\n");
    const there: SplicedEnd = {
      socket: target,
      pause: () => target.pause(),
      resume: () => target.resume(),
    };
    copy(peer, there);
    copy(there, peer);
  });
  return end;
}

/** Like `pipe`, but it pauses in the way of the end that it reads from. */
function copy(from: SplicedEnd, to: SplicedEnd): void {
  from.socket.on("data", (chunk: Uint8Array) => {
    if (!to.socket.write(chunk)) from.pause();
  });
  from.socket.on("end", () => to.socket.end());
  to.socket.on("drain", () => from.resume());
  from.resume();
}
