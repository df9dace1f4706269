/**
 * Copies bytes between a peer and another server, for two members that can't reach each other. TLS
 * is theirs, end to end: this server sees nothing of what it carries. Source: PROTOCOL.md section 6.
 *
 * @module
 */

import { connect } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Address } from "../../lib/mod.ts";

/** How long the other server may take to answer. */
const connectLimitMs = 2000;

/**
 * Connects to the address and says so to the peer with an empty line; from then on bytes are
 * copied until either side ends, and then both are closed.
 *
 * @returns how to end it
 */
export function splice(peer: TLSSocket, address: Address, ended: () => void): () => void {
  const target = connect({ host: address.host, port: address.port, noDelay: true });
  let isOver = false;
  const end = (): void => {
    if (isOver) return;
    isOver = true;
    clearTimeout(timer);
    peer.destroy();
    target.destroy();
    ended();
  };
  const timer = setTimeout(end, connectLimitMs);
  for (const socket of [peer, target]) {
    socket.on("error", end);
    socket.on("close", end);
  }
  target.once("connect", () => {
    clearTimeout(timer);
    peer.write("\n");
    peer.pipe(target);
    target.pipe(peer);
  });
  return end;
}
