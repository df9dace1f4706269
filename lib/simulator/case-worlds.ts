/**
 * Where the explored cases begin: servers that have found each other, users with wishes; and what
 * counts as a good end.
 *
 * @module
 */

import type { Identity } from "../base/ids.ts";
import type { Exploration, Trouble } from "./branches.ts";
import { leftOver, restOf, wrongInWorld } from "./small-checks.ts";
import { deliver, type Starting, settle, start } from "./small-events.ts";
import { say } from "./small-network.ts";
import { emptyWorld, type SmallWorld } from "./small-world.ts";

/** The name that is claimed. */
export const wanted = "ann" as Identity;

/** How the servers of a case are started. */
export interface Setting extends Omit<Starting, "contacts" | "mustJoin" | "aheadMs"> {
  /** How far wall clocks are ahead; all are equal by default, so that ids decide between stamps. */
  readonly ahead?: Readonly<Record<string, number>>;
}

/** Servers that found each other long ago. */
export function cluster(ids: readonly string[], setting: Setting = {}): SmallWorld {
  const key = JSON.stringify([ids, setting]);
  const world = clusters.get(key) ?? found(ids, setting);
  clusters.set(key, world);
  return world;
}

const clusters = new Map<string, SmallWorld>();

function found(ids: readonly string[], { ahead, ...setting }: Setting): SmallWorld {
  let world = emptyWorld;
  for (const id of ids) {
    const contacts = ids.filter((other) => other !== id);
    world = start(world, id, { ...setting, contacts, aheadMs: ahead?.[id] ?? 0 });
  }
  return restOf(world);
}

/** A client shows a ticket for ann; that the ticket has been checked is on its way. */
export function login(world: SmallWorld, server: string, client: number): SmallWorld {
  const ticket = `${wanted}/u${client}`;
  const asked = say(world, server, client, { type: "newidentity", identity: wanted, ticket });
  return deliver(asked, `${server} ${client}`);
}

/** Clients that are in, each under a name of its own, and all want to create one room. */
export function roomWanted(world: SmallWorld, wishes: readonly [string, number][]): SmallWorld {
  let current = world;
  for (const [server, client] of wishes) {
    const identity = `user${client}`;
    const ticket = `${identity}/${identity}`;
    const request = { type: "newidentity", identity, ticket } as const;
    current = settle(say(current, server, client, request));
  }
  for (const [server, client] of wishes) {
    current = say(current, server, client, { type: "createroom", roomid: "jokes" });
  }
  return current;
}

type Decision = "newidentity" | "createroom";

/** How the wishes were answered. */
export function decisions({ talks }: SmallWorld, wish: Decision): string[] {
  return [...talks.values()].flatMap(({ heard }) =>
    heard.flatMap((reply) => (reply.type === wish ? [reply.approved] : [])),
  );
}

/** What a case says of itself; the rest is the same for all. */
export interface Wish {
  readonly start: SmallWorld;
  readonly wish?: Decision;
  readonly faults?: readonly Trouble[];
  readonly pauses?: number;
  readonly isTimely?: boolean;
  readonly swaps?: Exploration["swaps"];
  /** The least and the most wishes that come true; by default one, and after a fault any number. */
  readonly wins?: (struck: string | undefined) => readonly [number, number];
  readonly wrong?: Exploration["wrong"];
  readonly wrongEnd?: Exploration["wrongEnd"];
}

const any = Number.POSITIVE_INFINITY;

/** One wins; after a fault somebody does, and a second one when the first is gone. */
function oneWins(struck: string | undefined): readonly [number, number] {
  return struck === undefined ? [1, 1] : [1, any];
}

/** An exploration whose ends leave nothing over, and in which exactly one has won. */
export function exploration(wanted: Wish): Exploration {
  const { start, wish = "newidentity", faults = [], pauses = 0, isTimely = true } = wanted;
  const { swaps = [], wins = oneWins } = wanted;
  const before = decisions(start, wish).length;
  return {
    start,
    faults,
    pauses,
    isTimely,
    swaps,
    wrong: (world) => wrongInWorld(world) ?? wanted.wrong?.(world),
    wrongEnd: (world, struck) => {
      const rest = restOf(world);
      const decided = decisions(rest, wish).slice(before);
      const won = decided.filter((approved) => approved === "true").length;
      const [least, most] = wins(struck);
      const isRight = least <= won && won <= most;
      const detail = isRight ? undefined : `I5: ${won} have won: ${decided.join(" ")}`;
      return leftOver(rest) ?? detail ?? wanted.wrongEnd?.(rest, struck);
    },
  };
}
