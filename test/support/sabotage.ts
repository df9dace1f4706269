/**
 * Machines that break one promise each, by a change of what goes into the real one or comes out of
 * it, and a world in which that matters.
 *
 * @module
 */

import type { Identity, RoomId, ServerId } from "../../lib/base/ids.ts";
import { identityLock } from "../../lib/lock/lock-table.ts";
import type { ServerEffect, ServerInput } from "../../lib/server/inputs.ts";
import { type ServerState, type ServerStep, schedule } from "../../lib/server/state.ts";
import { serverMachine } from "../../lib/server/step.ts";
import type { ServerMachine } from "../../lib/simulator/mod.ts";

/** One broken machine. */
export interface Sabotage {
  readonly promise: string;
  /** What it does, in words. */
  readonly broken: string;
  /** A scenario as a script, without its seed. */
  readonly world: string;
  /** What the complaint is about. */
  readonly says: RegExp;
  /** A fresh one, for it may remember things. */
  machine(): ServerMachine;
}

type Send = Extract<ServerEffect, { type: "send" }>;

/** The real machine, whose steps are changed afterwards. */
function after(
  change: (made: ServerStep, before: ServerState, input: ServerInput) => ServerStep,
): () => ServerMachine {
  return () => ({
    ...serverMachine,
    step: (state, input) => change(serverMachine.step(state, input), state, input),
  });
}

/** The real machine, which is told something else. */
function told(
  change: (state: ServerState, input: ServerInput) => readonly [ServerState, ServerInput],
): () => ServerMachine {
  return () => ({
    ...serverMachine,
    step: (state, input) => serverMachine.step(...change(state, input)),
  });
}

/** The real machine, which says something else, or nothing. */
function saying(
  change: (send: Send, before: ServerState, made: ServerStep) => readonly ServerEffect[],
): () => ServerMachine {
  return after((made, before) => ({
    state: made.state,
    effects: made.effects.flatMap((effect) =>
      effect.type === "send" ? change(effect, before, made) : [effect],
    ),
  }));
}

/** The real machine with something changed in the state that it leaves. */
function leaving(
  change: (state: ServerState, before: ServerState, input: ServerInput) => ServerState,
): () => ServerMachine {
  return after((made, before, input) => ({ ...made, state: change(made.state, before, input) }));
}

const liar = "liar" as ServerId;
const calm = "available servers 3 users 8 chaos 9000\n";
const standstill = "available servers 3 users 8 chaos 14000\nat 3000 pause s2 for 11000\n";
const crash = "available servers 3 users 10 chaos 9000\nat 4000 crash s2 for 0\n";
const parts = "available servers 3 users 12 chaos 14000\nat 2500 cut s1 | s2,s3 for 7000\n";
const drain = "available servers 3 users 8 chaos 14000\nat 6000 drain s2 for 0\n";
const liars = "available servers 3 users 6 chaos 9000\nat 3000 lying-peer s1 for 0\n";
const deaf = "available servers 3 users 4 chaos 9000\nat 3000 never-reads m1 | s1 for 4300\n";

/** Grants what is held, for names of this kind. */
const grantsAll = (type: "lockidentity" | "lockroomid") =>
  saying((effect) => {
    const { message } = effect;
    if (message.type !== type || message.locked !== "false") return [effect];
    const { reason: _, ...vote } = message;
    return [{ ...effect, message: { ...vote, locked: "true" } }];
  });

const suspectsOf = ({ membership }: ServerState): ServerId[] =>
  [...membership.values()].filter(({ status }) => status === "suspect").map(({ id }) => id);

const deadOf = ({ membership }: ServerState): ServerId[] =>
  [...membership.values()].filter(({ status }) => status === "dead").map(({ id }) => id);

const isAbout = (effect: Send, type: Send["message"]["type"]): boolean =>
  effect.message.type === type;

/** Votes in the place of those who are silent. */
function votingForSuspects(): ServerMachine {
  return {
    ...serverMachine,
    step(state, input) {
      let made = serverMachine.step(state, input);
      for (const [name, [claim]] of made.state.claims) {
        if (claim?.ballot === undefined || !name.startsWith("identity:")) continue;
        const { voters, granted, attempt } = claim.ballot;
        const missing = [...voters].filter((voter) => !granted.has(voter));
        const silent = suspectsOf(made.state);
        if (missing.length !== 1 || !silent.includes(missing[0] as ServerId)) continue;
        const serverid = missing[0] as ServerId;
        const connection = made.state.peers.get(serverid)?.link;
        if (connection === undefined) continue;
        const vote = { serverid, stamp: attempt.stamp, locked: "true" } as const;
        const identity = claim.identity;
        const forged = serverMachine.step(made.state, {
          ...{ type: "peer-message", at: input.at, connection, random: new Uint8Array(16) },
          message: { type: "lockidentity", identity, ...vote },
        });
        made = { state: forged.state, effects: [...made.effects, ...forged.effects] };
      }
      return made;
    },
  };
}

/** Keeps a connection in mind that is gone. */
const keepingClients = leaving((state, before, input) => {
  if (input.type !== "closed") return state;
  const client = before.clients.get(input.connection);
  if (client === undefined) return state;
  return { ...state, clients: state.clients.set(input.connection, client) };
});

/** What is broken, one after another. */
export const sabotages: readonly Sabotage[] = [
  {
    promise: "I1",
    broken: "voters grant identities that they hold",
    world: calm,
    says: /gives .* away, which .* holds|is on .* and on/,
    machine: grantsAll("lockidentity"),
  },
  {
    promise: "I1",
    broken: "nobody says which identities it holds when parts meet",
    world: parts,
    says: /after they have met/,
    machine: saying((effect) => {
      const { message } = effect;
      if (message.type !== "holdings") return [effect];
      return [{ ...effect, message: { ...message, identities: [] } }];
    }),
  },
  {
    promise: "I1",
    broken: "who loses its name is not told",
    world: parts,
    says: /without a word/,
    machine: after((made) => {
      const isLost = made.effects.some((e) => e.type === "close" && e.reason === "lost-name");
      const rest = made.effects.filter((e) => e.type !== "send" || !isAbout(e, "roomchange"));
      return isLost ? { state: made.state, effects: rest } : made;
    }),
  },
  {
    promise: "I2",
    broken: "voters grant rooms that they own",
    world: calm,
    says: /gives room\d away, which .* owns/,
    // The asker does not know of the room either.
    machine: () => {
      const { step } = grantsAll("lockroomid")();
      return {
        ...serverMachine,
        step: (state, input) => step({ ...state, directory: state.directory.clear() }, input),
      };
    },
  },
  {
    promise: "I2",
    broken: "rooms are deleted without a word to the members",
    world: calm,
    says: /deletes .* and does not tell/,
    machine: saying((effect) =>
      isAbout(effect, "deleteroom") && "serverid" in effect.message ? [] : [effect],
    ),
  },
  {
    promise: "I3",
    broken: "suspects are listed",
    world: standstill,
    says: /shows roomlist of s2 after member-suspect/,
    machine: saying((effect, _before, { state }) => {
      const { message } = effect;
      if (message.type !== "roomlist") return [effect];
      const halls = suspectsOf(state).map((id) => `MainHall-${id}` as RoomId);
      return [{ ...effect, message: { ...message, rooms: [...message.rooms, ...halls] } }];
    }),
  },
  {
    promise: "I3",
    broken: "clients are shown the dead",
    world: crash,
    says: /shows s2 as alive after member-evicted/,
    machine: saying((effect, _before, { state }) => {
      const { message } = effect;
      if (message.type !== "servers") return [effect];
      const shown = deadOf(state).map((serverid) => {
        return { serverid, host: serverid, port: "4444", status: "alive" as const };
      });
      return [{ ...effect, message: { ...message, servers: [...message.servers, ...shown] } }];
    }),
  },
  {
    promise: "I4",
    broken: "names of a suspect are free before its eviction",
    world: `${standstill}at 3100 lose-client u1 for 0\nat 3200 lose-client u2 for 0
at 3300 lose-client u3 for 0\nat 3400 lose-client u4 for 0\nat 3500 lose-client u5 for 0\n`,
    says: /holds and was not evicted/,
    machine: votingForSuspects,
  },
  {
    promise: "I4",
    broken: "names of the evicted never become free",
    world: crash,
    says: /refuses .*, which was of s2, evicted long ago/,
    machine: saying((effect, _before, { state }) => {
      const { message } = effect;
      if (message.type !== "lockidentity" || message.locked !== "true") return [effect];
      if (deadOf(state).length === 0 || !message.identity.startsWith("Id")) return [effect];
      return [{ ...effect, message: { ...message, locked: "false" } }];
    }),
  },
  {
    promise: "I5",
    broken: "a name is denied that nobody holds",
    world: calm,
    says: /refuses .*, which nobody holds/,
    machine: saying((effect) => {
      const { message } = effect;
      if (message.type !== "lockroomid" || message.locked !== "true") return [effect];
      return [{ ...effect, message: { ...message, locked: "false" } }];
    }),
  },
  {
    promise: "I5",
    broken: "a lock has no end",
    world: "available servers 3 users 8 chaos 14000\nat 5000 pause s2 for 8800\n",
    says: /locked for \d+ ms|keeps a lock/,
    machine: leaving((state, before) => {
      let { locks } = state;
      for (const [name, entry] of before.locks) {
        const isOver = entry.lock?.lease !== undefined && entry.lock.lease <= state.now;
        if (isOver) locks = locks.set(name, entry);
      }
      return { ...state, locks };
    }),
  },
  {
    promise: "I6",
    broken: "a request is not answered",
    world: calm,
    says: /has no answer after|and hears about/,
    machine: saying((effect) => (isAbout(effect, "servers") ? [] : [effect])),
  },
  {
    promise: "I6",
    broken: "a request is answered twice",
    world: calm,
    says: /hears about list/,
    machine: saying((effect) => (isAbout(effect, "roomlist") ? [effect, effect] : [effect])),
  },
  {
    promise: "I6",
    broken: "a connection is closed in the place of an answer",
    world: calm,
    says: /closes without an answer/,
    machine: saying((effect) => {
      const { message } = effect;
      return message.type === "newidentity" && message.approved === "false" ? [] : [effect];
    }),
  },
  {
    promise: "I7",
    broken: "a user sits in two rooms",
    world: calm,
    says: /seats are taken/,
    machine: leaving((state) => {
      const [first, second] = [...state.rooms.values()];
      const [seat] = first?.members ?? [];
      if (second === undefined || seat === undefined) return state;
      const members = second.members.set(...seat);
      return { ...state, rooms: state.rooms.set(second.roomid, { ...second, members }) };
    }),
  },
  {
    promise: "I7",
    broken: "a user is told who is in another room",
    world: calm,
    says: /hears who is in elsewhere/,
    machine: saying((effect) => {
      const { message } = effect;
      if (message.type !== "roomcontents") return [effect];
      return [{ ...effect, message: { ...message, roomid: "elsewhere" as RoomId } }];
    }),
  },
  {
    promise: "I8",
    broken: "one server does not note the rooms of others",
    world: calm,
    says: /^rooms of s\d: .*; of s\d: /,
    machine: leaving((state) =>
      state.config.serverid === "s3" ? { ...state, directory: state.directory.clear() } : state,
    ),
  },
  {
    promise: "I9",
    broken: "a vote counts of somebody who is evicted",
    world: crash,
    says: /counts a vote of s2/,
    machine: leaving((state) => {
      const [dead] = deadOf(state);
      const open = [...state.claims].find(([, [claim]]) => claim?.ballot !== undefined);
      const [first, ...others] = open?.[1] ?? [];
      if (dead === undefined || open === undefined || first?.ballot === undefined) return state;
      const ballot = { ...first.ballot, granted: new Set([...first.ballot.granted, dead]) };
      return { ...state, claims: state.claims.set(open[0], [{ ...first, ballot }, ...others]) };
    }),
  },
  {
    promise: "I9",
    broken: "who stood still comes back with its names",
    world: standstill,
    says: /stood still, was evicted and comes back with/,
    machine: told((state, input) => [{ ...state, stoodStillAt: Number.NEGATIVE_INFINITY }, input]),
  },
  {
    promise: "I10",
    broken: "a message is not sent to everybody in the room",
    world: calm,
    says: /is not sent to/,
    machine: saying((effect) =>
      isAbout(effect, "message") ? [{ ...effect, to: effect.to.slice(1) }] : [effect],
    ),
  },
  {
    promise: "I10",
    broken: "a message comes from somebody who is not in the room",
    world: calm,
    says: /is heard and is in no room/,
    machine: saying((effect) => {
      const { message } = effect;
      if (message.type !== "message") return [effect];
      return [{ ...effect, message: { ...message, identity: "Nobody" as Identity } }];
    }),
  },
  {
    promise: "I11",
    broken: "a bad ticket is good enough",
    world: "available servers 3 users 30 chaos 12000\n",
    says: /without its ticket/,
    machine: told((state, input) => {
      if (input.type !== "verified" || input.outcome.ok) return [state, input];
      const activity = state.clients.get(input.connection)?.activity;
      if (activity?.type !== "verifying") return [state, input];
      const { identity } = activity;
      return [state, { ...input, outcome: { ok: true, identity, username: "thief" } }];
    }),
  },
  {
    promise: "I11",
    broken: "any pass is good enough",
    world: "available servers 3 users 30 chaos 12000\n",
    says: /without a pass for that|with a used pass/,
    machine: told((state, input) => {
      if (input.type !== "request" || input.request.type !== "movejoin") return [state, input];
      const { pass } = state.reservations.get(input.request.identity as Identity) ?? {};
      if (pass === undefined) return [state, input];
      return [state, { ...input, request: { ...input.request, ticket: pass } }];
    }),
  },
  {
    promise: "I12",
    broken: "what a stranger says raises the logical clock",
    world: liars,
    says: /of liar changes the clock/,
    machine: leaving((state, before, input) => {
      if (input.type !== "peer-message") return state;
      const isStranger = before.links.get(input.connection)?.peer === liar;
      return isStranger ? { ...state, clock: state.clock + 1 } : state;
    }),
  },
  {
    promise: "I12",
    broken: "anybody may end anybody's lock",
    world: calm,
    says: /ends the lock of/,
    machine: leaving((state, _before, input) => {
      if (input.type !== "peer-message" || input.message.type !== "releaseidentity") return state;
      const name = identityLock(input.message.identity);
      return { ...state, locks: state.locks.delete(name) };
    }),
  },
  {
    promise: "I13",
    broken: "a connection is read on whatever waits on it",
    world: deaf,
    says: /which is read on|characters wait for/,
    machine: after((made) => {
      const clients = made.state.clients.map((client) => ({ ...client, paused: false }));
      const effects = made.effects.filter(({ type }) => type !== "pause");
      return { state: { ...made.state, clients }, effects };
    }),
  },
  {
    promise: "I13",
    broken: "what a connection needed is kept when it is gone",
    world: calm,
    says: /keeps connection \d+, which is gone/,
    machine: keepingClients,
  },
  {
    promise: "I14",
    broken: "one voter does not answer",
    world: calm,
    says: /waits for/,
    machine: saying((effect, before) => {
      const { message } = effect;
      const isVote = message.type === "lockidentity" && message.locked === "true";
      return isVote && before.config.serverid === "s2" ? [] : [effect];
    }),
  },
  {
    promise: "I15",
    broken: "a server judges others by its own stall",
    world: "available servers 3 users 4 chaos 9000\nat 3000 pause s2 for 2600\n",
    says: /which is well: member-suspect/,
    machine: told((state, input) => [
      { ...state, beatDueAt: Math.max(state.beatDueAt, input.at), judgeAt: 0 },
      input,
    ]),
  },
  {
    promise: "I16",
    broken: "a server goes before it has sent its users away",
    world: drain,
    says: /leaves and has not routed/,
    machine: after((made, before, input) => {
      if (before.phase !== "serving" || made.state.phase !== "draining") return made;
      const hasty = schedule(made.state, 0, { type: "drained" });
      const { state, effects } = serverMachine.step(hasty, { type: "tick", at: input.at });
      return { state, effects: [...made.effects, ...effects] };
    }),
  },
  {
    promise: "I16",
    broken: "those who follow the route of a leaving server are not taken",
    world: drain,
    says: /which drains, and is not taken/,
    machine: told((state, input) => {
      if (input.type !== "request" || input.request.type !== "movejoin") return [state, input];
      const { from } = state.reservations.get(input.request.identity as Identity) ?? {};
      const isLeaver = from !== undefined && state.membership.get(from)?.leaving === true;
      if (!isLeaver) return [state, input];
      return [state, { ...input, request: { ...input.request, ticket: "no pass" } }];
    }),
  },
];
