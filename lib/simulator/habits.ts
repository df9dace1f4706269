/**
 * What users of a simulated cluster are like: how they take a route, and what they do all day.
 *
 * @module
 */

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
  | "again";

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
};
