/**
 * I10: "per sender and room: messages in order, none twice, none lost while the session lives and
 * is not moving." And nobody hears somebody who is not in the room. Who sits where is taken from
 * what the clients were told, not from what the server believes.
 *
 * @module
 */

import type { ConnectionId } from "../../base/ids.ts";
import type { ClientReply } from "../../wire/client-messages.ts";
import type { ServerProcess } from "../server-process.ts";
import type { Checker, Watch } from "./checker.ts";

/** One connection as far as its client has been told. */
interface Seat {
  readonly identity: string;
  room: string;
  /** The number of its latest message that was passed on. */
  latest: number;
  /** It was alone at some time since then, so messages may have gone to nobody. */
  wasAlone: boolean;
}

type Seats = Map<ConnectionId, Seat>;

/** Watches over what is said. */
export function messages(watch: Watch): Checker {
  const seatsOf = new Map<ServerProcess, Seats>();
  return {
    promise: "I10",
    stepped: ({ server, input, effects }) => {
      const seats: Seats = seatsOf.get(server) ?? new Map();
      seatsOf.set(server, seats);
      for (const effect of effects) {
        if (effect.type === "close") leave(seats, effect.connection);
        if (effect.type !== "send") continue;
        const { message, to, except } = effect;
        if (message.type === "message") {
          checkAudience(
            watch,
            seats,
            to.filter((each) => each !== except),
            message,
          );
        } else if (message.type === "route") {
          for (const each of to) leave(seats, each);
        } else if (message.type === "roomchange") {
          for (const each of to) take(watch, seats, each, message);
        }
      }
      if (input.type === "closed") leave(seats, input.connection);
    },
    finished: () => {
      for (const [server, seats] of seatsOf)
        if (server.status === "running") checkLast(watch, seats);
    },
  };
}

/** The last thing that everybody said was passed on, too. */
function checkLast(watch: Watch, seats: Seats): void {
  for (const [connection, { identity, latest, wasAlone }] of seats) {
    const conversation = watch.cluster.talks.get(connection)?.conversation;
    const said = conversation?.latestSaid;
    if (said === undefined || wasAlone || conversation?.state !== "in") continue;
    if (conversation.pending.length > 0) continue;
    watch.looked("I10");
    if (Number(said.split(".")[1]) === latest) continue;
    watch.complain("I10", `${said} of ${identity} is lost: the latest passed on is ${latest}`);
  }
}

function take(
  watch: Watch,
  seats: Seats,
  connection: ConnectionId,
  { identity, former, roomid }: Extract<ClientReply, { type: "roomchange" }>,
): void {
  const talk = watch.cluster.talks.get(connection);
  if (talk?.conversation.identity !== identity || former === roomid) return;
  leave(seats, connection);
  if (roomid === "") return;
  watch.looked("I10");
  seats.set(connection, { identity, room: roomid, latest: -1, wasAlone: true });
}

function leave(seats: Seats, connection: ConnectionId): void {
  const seat = seats.get(connection);
  if (seat === undefined) return;
  seats.delete(connection);
  const rest = [...seats.values()].filter(({ room }) => room === seat.room);
  if (rest.length === 1 && rest[0] !== undefined) rest[0].wasAlone = true;
}

function checkAudience(
  watch: Watch,
  seats: Seats,
  audience: readonly ConnectionId[],
  { identity, content }: Extract<ClientReply, { type: "message" }>,
): void {
  watch.looked("I10");
  const [speaker = "", digits = ""] = content.split(".");
  const entry = [...seats].find(([, seat]) => seat.identity === identity);
  if (entry === undefined) {
    watch.complain("I10", `${identity} is heard and is in no room`);
    return;
  }
  const [own, seat] = entry;
  const expected = [...seats].filter(([id, { room }]) => room === seat.room && id !== own);
  const missing = expected.filter(([id]) => !audience.includes(id));
  const strangers = audience.filter((id) => seats.get(id)?.room !== seat.room);
  if (missing.length > 0) {
    const who = missing.map(([, each]) => each.identity).join(" ");
    watch.complain("I10", `${content} in ${seat.room} is not sent to ${who}`);
  }
  if (strangers.length > 0) {
    watch.complain("I10", `${content} of ${identity} is sent to somebody outside ${seat.room}`);
  }
  if (new Set(audience).size !== audience.length) {
    watch.complain("I10", `${content} is sent twice to somebody`);
  }
  const number = Number(digits);
  if (number <= seat.latest || (!seat.wasAlone && number !== seat.latest + 1)) {
    watch.complain("I10", `after message ${seat.latest} of ${speaker} comes ${number}`);
  }
  seat.latest = number;
  seat.wasAlone = false;
}
