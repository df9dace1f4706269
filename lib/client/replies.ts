/**
 * What a client makes of the lines of its chat server once it is in: it shows them, follows its own
 * room changes and remembers names for completion.
 *
 * @module
 */

import type { RoomId } from "../base/ids.ts";
import { type Instant, sequence, step } from "../machine.ts";
import type { ClientReply } from "../wire/client-messages.ts";
import { release } from "./asking.ts";
import { type KnownNames, remember } from "./commands.ts";
import { close, lost, show, stop } from "./recovery.ts";
import type { ClientState, ClientStep } from "./state.ts";

const serversMax = 1_000;

type RoomChange = Extract<ClientReply, { type: "roomchange" }>;

/** Takes a reply that is neither about the login nor about a move. */
export function heard(state: ClientState, at: Instant, reply: ClientReply): ClientStep {
  switch (reply.type) {
    case "roomchange":
      return roomChanged(state, at, reply);
    case "servers":
      return serversTold(state, reply);
    case "error":
      return notAccepted(state, at, reply);
    case "newidentity":
    case "serverchange":
    case "route":
      return step(state);
    default:
      return step({ ...state, names: seenIn(state.names, reply) }, show({ kind: "reply", reply }));
  }
}

function roomChanged(state: ClientState, at: Instant, reply: RoomChange): ClientStep {
  const shown = step(
    { ...state, names: seenIn(state.names, reply) },
    show({ kind: "reply", reply }),
  );
  if (reply.identity !== state.config.identity) return shown;
  return sequence(
    state,
    () => shown,
    (s) => ownRoomChanged(s, at, reply),
  );
}

function ownRoomChanged(state: ClientState, at: Instant, reply: RoomChange): ClientStep {
  const { phase } = state;
  const { former, roomid } = reply;
  if (roomid === "") return farewell(state, at, reply.reason);
  const room = former === roomid ? state.room : roomid;
  const answered = state.awaiting?.roomid === roomid || former === roomid;
  const next = { ...state, room };
  return answered && phase.name === "chatting" ? release(next, at) : step(next);
}

/** A server that can't go on says so; its users are welcome elsewhere. */
const temporary: ReadonlySet<string | undefined> = new Set(["draining", "no-quorum", "busy"]);

/** Said unasked and for good, somebody decided it: to come back at once would only undo that. */
function farewell(state: ClientState, at: Instant, reason: string | undefined): ClientStep {
  const { phase } = state;
  switch (phase.name) {
    case "leaving":
      return stop(state, 0);
    case "chatting":
      if (temporary.has(reason)) return lost(state, at, phase, `it stops (${reason})`);
      return stop(state, 1, { what: "dismissed", where: phase.where });
    case "entering":
      return stop(state, 1, { what: "dismissed", where: phase.where });
    case "moving":
      return step(
        { ...state, phase: { ...phase, old: undefined } },
        ...(phase.old === undefined ? [] : [close(phase.old.link)]),
      );
    default:
      return step(state);
  }
}

function serversTold(
  state: ClientState,
  reply: Extract<ClientReply, { type: "servers" }>,
): ClientStep {
  const [asked = false, ...serversAsked] = state.serversAsked;
  const servers = reply.servers.slice(0, serversMax);
  return step(
    { ...state, servers, serversAsked },
    ...(asked ? [show({ kind: "reply", reply })] : []),
  );
}

function notAccepted(
  state: ClientState,
  at: Instant,
  reply: Extract<ClientReply, { type: "error" }>,
): ClientStep {
  // The one thing that is asked behind the person's back is not known to servers of others.
  if (reply.reason === "unknown-type" && state.serversAsked[0] === false) {
    const serversAsked = state.serversAsked.slice(1);
    return step({ ...state, serversAsked, askServersAt: undefined });
  }
  return sequence(
    state,
    (s) => step(s, show({ kind: "reply", reply })),
    (s) => release(s, at),
  );
}

/** The names with those of a reply; a list of rooms replaces what was known of them. */
function seenIn(names: KnownNames, reply: ClientReply): KnownNames {
  switch (reply.type) {
    case "roomchange":
      return withNames(names, [reply.former, reply.roomid], [reply.identity]);
    case "roomlist":
      return { ...names, rooms: remember([], reply.rooms) };
    case "roomcontents":
      return withNames(names, [reply.roomid], reply.identities);
    case "message":
      return withNames(names, [], [reply.identity]);
    case "createroom":
      return reply.approved === "true" ? withNames(names, [reply.roomid as RoomId], []) : names;
    case "deleteroom":
      return reply.approved === "true"
        ? { ...names, rooms: names.rooms.filter((room) => room !== reply.roomid) }
        : names;
    default:
      return names;
  }
}

function withNames(
  names: KnownNames,
  rooms: readonly (RoomId | "")[],
  identities: KnownNames["identities"],
): KnownNames {
  const real = rooms.filter((room): room is RoomId => room !== "");
  return {
    rooms: remember(names.rooms, real),
    identities: remember(names.identities, identities),
  };
}
