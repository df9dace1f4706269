/**
 * Short ways to say the effects that nearly every transition wants.
 *
 * @module
 */

import type { ConnectionId, RoomId, ServerId } from "../base/ids.ts";
import type { AdminReply } from "../wire/admin-messages.ts";
import type { ClientReply, ErrorReason, Refusal } from "../wire/client-messages.ts";
import { flag } from "../wire/fields.ts";
import type { PeerMessage } from "../wire/server-messages.ts";
import type { ServerEffect, ServerEvent } from "./inputs.ts";
import type { Session } from "./records.ts";
import type { ServerState } from "./state.ts";

/** Sends a client its answer, or an audience what happened. */
export function send(
  to: ConnectionId | readonly ConnectionId[],
  message: ClientReply | AdminReply,
): ServerEffect {
  return { type: "send", to: typeof to === "number" ? [to] : to, message };
}

/** Answers what can't be served as a request. */
export function sendError(
  to: ConnectionId,
  reason: ErrorReason,
  detail: string,
): readonly ServerEffect[] {
  return [
    send(to, { type: "error", reason, detail }),
    report({ event: "client-error", connection: to, reason, detail }),
  ];
}

/** Refuses to create or delete a room. */
export function refuseRoom(
  type: "createroom" | "deleteroom",
  to: ConnectionId,
  roomid: string,
  reason: Refusal,
): ServerEffect {
  return send(to, { type, roomid, approved: flag(false), reason });
}

/** Refuses a join: a room change that changes nothing. */
export function refuseJoin(to: ConnectionId, session: Session, reason: Refusal): ServerEffect {
  const { identity, roomid } = session;
  return send(to, { type: "roomchange", identity, former: roomid, roomid, reason });
}

/** Tells one peer, if there is an open link to it. */
export function tellPeer(
  state: ServerState,
  peer: ServerId,
  message: PeerMessage,
): readonly ServerEffect[] {
  const link = openLinkTo(state, peer);
  return link === undefined ? [] : [{ type: "send", to: [link], message }];
}

/** Tells every peer to which there is an open link. */
export function tellPeers(state: ServerState, message: PeerMessage): readonly ServerEffect[] {
  const to = openLinks(state);
  return to.length === 0 ? [] : [{ type: "send", to, message }];
}

/** The open link to a peer, if there is one. */
export function openLinkTo(state: ServerState, peer: ServerId): ConnectionId | undefined {
  const link = state.peers.get(peer)?.link;
  return link !== undefined && state.links.get(link)?.phase === "open" ? link : undefined;
}

function openLinks(state: ServerState): ConnectionId[] {
  const open: ConnectionId[] = [];
  for (const { connection, phase, peer } of state.links.values()) {
    if (phase === "open" && state.peers.get(peer)?.link === connection) open.push(connection);
  }
  return open;
}

/** Something worth a log line. */
export function report(event: ServerEvent): ServerEffect {
  return { type: "report", event };
}

/** A room change as everybody concerned hears it. */
export function roomChange(
  to: readonly ConnectionId[],
  session: Pick<Session, "identity">,
  former: RoomId | "",
  roomid: RoomId | "",
  reason?: Refusal,
): ServerEffect {
  const change = { type: "roomchange", identity: session.identity, former, roomid } as const;
  return send(to, reason === undefined ? change : { ...change, reason });
}
