/**
 * What an admin sees and does over the peer port. Source: PROTOCOL.md section 9.
 *
 * @module
 */

import type { ConnectionId, ServerId } from "../base/ids.ts";
import { sequence, step } from "../machine.ts";
import { isPresent, type Member } from "../membership/membership.ts";
import type { AdminReply, AdminRequest, MemberStatus } from "../wire/admin-messages.ts";
import type { WireError } from "../wire/codec.ts";
import { flag } from "../wire/fields.ts";
import { disconnectUser } from "./departure.ts";
import { beginDrain } from "./drain.ts";
import { openLinkTo, send, tellPeers } from "./effects.ts";
import type { ServerEffect } from "./inputs.ts";
import { memberRemoved } from "./members.ts";
import type { ServerState, ServerStep } from "./state.ts";

/** An admin asks for something. */
export function adminAsked(
  state: ServerState,
  connection: ConnectionId,
  request: AdminRequest,
): ServerStep {
  switch (request.type) {
    case "status":
      return step(state, send(connection, statusOf(state)));
    case "drain":
      return sequence<ServerState, ServerEffect>(
        state,
        (s) => step(s, done(connection, "drain", `${s.config.serverid} drains`)),
        (s) => beginDrain(s, "asked by an admin"),
      );
    case "remove":
      return removeAsked(state, connection, request.serverid);
    case "disconnect": {
      const { username } = request;
      const { serverid } = state.config;
      return sequence<ServerState, ServerEffect>(
        state,
        (s) => step(s, ...tellPeers(s, { type: "disconnect", serverid, username })),
        (s) => disconnectUser(s, username),
        (s) => step(s, done(connection, "disconnect", `every session of ${username} ends`)),
      );
    }
  }
}

/** A line of an admin that can't be read; a fatal one ends the connection. */
export function adminMalformed(
  state: ServerState,
  connection: ConnectionId,
  { reason, detail, fatal }: WireError,
): ServerStep {
  const answer: AdminReply = { type: "error", reason, detail };
  const end: ServerEffect[] = fatal ? [{ type: "close", connection, reason: "malformed" }] : [];
  return step(state, { type: "send", to: [connection], message: answer }, ...end);
}

function removeAsked(state: ServerState, connection: ConnectionId, id: ServerId): ServerStep {
  const member = state.membership.get(id);
  const { serverid } = state.config;
  if (member?.status !== "dead") {
    const detail = isPresent(member)
      ? `${id} is ${member.status}: only a dead member can be removed; drain it first`
      : `${serverid} knows no dead member ${id}`;
    return step(state, refused(connection, "remove", detail));
  }
  const { incarnation } = member;
  const news = { type: "removed", serverid, evictedid: id, incarnation } as const;
  return sequence<ServerState, ServerEffect>(
    state,
    (s) => step(s, ...tellPeers(s, news)),
    (s) => memberRemoved(s, id, incarnation),
    (s) => step(s, done(connection, "remove", `${id} is forgotten`)),
  );
}

type Outcome = "drain" | "remove" | "disconnect";

function done(connection: ConnectionId, type: Outcome, detail: string): ServerEffect {
  return send(connection, { type, approved: flag(true), detail });
}

function refused(connection: ConnectionId, type: Outcome, detail: string): ServerEffect {
  return send(connection, { type, approved: flag(false), detail });
}

function statusOf(state: ServerState): AdminReply {
  const { serverid, client, peer, partition } = state.config;
  const own: MemberStatus = {
    serverid,
    status: state.phase === "draining" ? "leaving" : "alive",
    incarnation: state.incarnation,
    rooms: state.rooms.size,
    users: state.sessions.size,
    silentms: 0,
    link: "self",
    host: client.host,
    clientport: String(client.port),
    peerhost: peer.host,
    peerport: String(peer.port),
  };
  const others = [...state.membership.values()].filter(({ status }) => status !== "left");
  const rooms = state.directory.countBy(({ server }) => server);
  const rows = others.map((member) => rowOf(state, member, rooms.get(member.id) ?? 0));
  return { type: "status", serverid, partition, members: [own, ...rows] };
}

function rowOf(state: ServerState, member: Member, rooms: number): MemberStatus {
  const { id, status, leaving, incarnation, client, peer } = member;
  const known = state.peers.get(id);
  const isLinked = openLinkTo(state, id) !== undefined;
  return {
    serverid: id,
    status: leaving && status === "alive" ? "leaving" : status,
    incarnation,
    rooms: isPresent(member) ? rooms + 1 : 0,
    users: isPresent(member) ? (known?.users ?? 0) : 0,
    silentms: known === undefined ? 0 : Math.round(state.now - known.heardAt),
    link: isLinked ? "TLS 1.3, both verified" : "none",
    host: client.host,
    clientport: String(client.port),
    peerhost: peer.host,
    peerport: String(peer.port),
  };
}
