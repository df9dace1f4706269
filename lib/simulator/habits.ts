/**
 * What users of a simulated cluster are like: how they take a route, and what they do all day.
 *
 * @module
 */

import type { ClientRequest } from "../wire/client-messages.ts";
import type { Random } from "./random.ts";

/** The ways in which clients take a route. */
export type Manner = "follow" | "late" | "stay" | "vanish" | "both" | "replay";

/** How likely each is. */
export const manners: Readonly<Record<Manner, number>> = {
  follow: 70,
  late: 6,
  stay: 9,
  vanish: 5,
  both: 5,
  replay: 5,
};

/** What a user may do. */
export type Deed =
  | "message"
  | "burst"
  | "list"
  | "who"
  | "servers"
  | "createroom"
  | "join"
  | "deleteroom"
  | "quit"
  | "hang-up"
  | "nonsense"
  | "again"
  | "flurry"
  | "odd-names";

/** What users do, and how likely each is. */
export const deeds: Readonly<Record<Deed, number>> = {
  message: 60,
  burst: 6,
  list: 8,
  who: 14,
  servers: 4,
  createroom: 14,
  join: 34,
  deleteroom: 8,
  quit: 2,
  "hang-up": 2,
  nonsense: 1,
  again: 1,
  flurry: 3,
  "odd-names": 2,
};

/** What is asked for without waiting for the answers. */
export const flurryDeeds: readonly Deed[] = [
  "message",
  "who",
  "list",
  "createroom",
  "join",
  "deleteroom",
];
/** What no room can be called, and rooms that nobody has. */
const oddRooms: readonly string[] = [
  "",
  "1st",
  "a b",
  "MainHall-",
  "MainHall-s99",
  "nowhere",
  "x".repeat(40),
];

/** What users still do when the cluster is to come to rest. */
export const quietDeeds: ReadonlySet<Deed> = new Set<Deed>([
  "message",
  "burst",
  "list",
  "who",
  "servers",
  "nonsense",
  "again",
]);

/** What a user has seen of the cluster. */
export interface View {
  readonly serverIds: readonly string[];
  readonly own: string;
  readonly listed: readonly string[];
}

/** The line that a deed comes to. */
export function requestOf(
  deed: Exclude<Deed, "message" | "burst" | "flurry" | "hang-up" | "nonsense">,
  random: Random,
  { serverIds, own, listed }: View,
): ClientRequest {
  const room = `room${random.between(1, 4)}`;
  switch (deed) {
    case "createroom":
      return { type: deed, roomid: room };
    case "deleteroom":
      return { type: deed, roomid: random.chance(0.7) ? own : room };
    case "join": {
      if (random.chance(0.4)) return { type: deed, roomid: `MainHall-${random.pick(serverIds)}` };
      const isListed = listed.length > 0 && random.chance(0.6);
      return { type: deed, roomid: isListed ? random.pick(listed) : room };
    }
    case "odd-names":
      return { type: random.pick(["createroom", "join"]), roomid: random.pick(oddRooms) };
    case "again":
      return { type: "newidentity", identity: "Again", ticket: "x" };
    default:
      return { type: deed };
  }
}
