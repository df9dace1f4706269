/**
 * A client as the wire sees it: bytes cut anywhere become lines, lines become inputs.
 *
 * @module
 */

import { type ClientRequest, clientRequests } from "../../lib/wire/client-messages.ts";
import { frameError, parseMessage } from "../../lib/wire/codec.ts";
import { clientFrameBytesMax, decodeFrames, noPendingFrame } from "../../lib/wire/frame.ts";
import type { Cluster, TestClient } from "./cluster.ts";

const utf8 = new TextEncoder();

/** Sends bytes or text over a client's connection, in chunks of at most `size` bytes. */
export function feed(
  cluster: Cluster,
  client: TestClient,
  sent: string | Uint8Array,
  size: number = Number.POSITIVE_INFINITY,
): void {
  const bytes = typeof sent === "string" ? utf8.encode(sent) : sent;
  const { server, connection } = client;
  let pending = noPendingFrame;
  for (let start = 0; start < bytes.length; start += Math.min(size, bytes.length)) {
    const decoded = decodeFrames(pending, bytes.subarray(start, start + size), clientFrameBytesMax);
    pending = decoded.pending;
    for (const frame of decoded.frames) {
      const parsed = parseMessage<ClientRequest>(clientRequests, frame);
      const { length } = frame;
      cluster.input(
        server,
        parsed.ok
          ? { type: "request", connection, request: parsed.value, size: length }
          : { type: "malformed", connection, error: parsed.error },
      );
    }
    if (decoded.error === undefined) continue;
    const error = frameError(decoded.error, clientFrameBytesMax);
    cluster.input(server, { type: "malformed", connection, error });
    break;
  }
  cluster.settle();
}
