/**
 * The state tables of PROTOCOL.md section 7, row by row against the machine: voter and asker.
 *
 * @module
 */

import { suite } from "uvu";
import { identityLock, lockOn } from "../lib/lock/lock-table.ts";
import { holds } from "../lib/server/claims.ts";
import type { PeerMessage } from "../lib/wire/server-messages.ts";
import { loneServer, own, Puppet, stateOf, wait } from "./support/puppet.ts";
import { type Bench, checkRows } from "./support/tables.ts";

const name = identityLock("bob" as never);

/** What a server says about locks, in the words of the tables. */
function words(message: PeerMessage): readonly string[] {
  if (message.type === "releaseidentity") return ["release"];
  if (message.type !== "lockidentity") return [];
  return [message.locked === undefined ? "question" : `vote ${message.locked}`];
}

const voter = suite("protocol 7, the voter's states");

checkRows(voter, "7.2", "### The voter's states", (): Bench => {
  const cluster = loneServer();
  const holder = cluster.connect(own);
  const a = new Puppet(cluster, "a1");
  const b = new Puppet(cluster, "b1");
  const bystander = cluster.connect(own);
  const base = stateOf(cluster).clock;
  let stamp = base + 10;
  const ask = (puppet: Puppet, at: number) =>
    puppet.say({ type: "lockidentity", identity: "bob", stamp: at });
  const release = (puppet: Puppet, at: number) =>
    puppet.say({ type: "releaseidentity", identity: "bob", stamp: at });
  const vote = (puppet: Puppet, locked: string) => {
    const open = stateOf(cluster).claims.get(name)?.[0]?.ballot?.attempt.stamp ?? stamp;
    puppet.say({ type: "lockidentity", identity: "bob", stamp: open, locked });
  };
  const claim = () => {
    cluster.say(holder, { type: "newidentity", identity: "bob", ticket: "bob" });
    stamp = stateOf(cluster).clock;
  };
  const win = () => [vote(a, "true"), vote(b, "true")];
  const paths: Readonly<Record<string, readonly (() => void)[]>> = {
    free: [],
    held: [claim, win],
    locked: [() => ask(a, stamp)],
    "locked+1": [() => ask(a, stamp), () => ask(b, stamp + 1)],
    own: [claim],
    "own+1": [claim, () => ask(a, stamp + 1)],
  };
  return {
    begin: (state) => {
      for (const act of paths[state] ?? []) act();
    },
    events: {
      question: () => ask(a, stamp),
      "same question": () => ask(a, stamp),
      "question of another asker": () => ask(b, stamp + 1),
      "later question of its asker": () => ask(a, stamp + 1),
      "earlier question of its asker": () => ask(a, stamp - 1),
      release: () => release(a, stamp),
      "release of the question": () => release(b, stamp + 1),
      "release of another attempt": () => release(a, stamp + 1),
      "release by another server": () => release(b, stamp),
      "6 s over": () => wait(cluster, 6_000, a, b),
      "asker replaced": () => a.restart(),
      "link anew, attempt not named": () => a.relink(),
      "link anew, attempt named": () =>
        a.relink({ attempts: [{ kind: "identity", name: "bob", stamp }] }),
      "younger question": () => ask(a, stamp + 1),
      "older question": () => ask(a, stamp - 1),
      "claim won": win,
      "claim lost": () => vote(b, "false"),
    },
    state: () => {
      const state = stateOf(cluster);
      const { questions } = state.locks.get(name) ?? { questions: [] };
      const waiting = questions.length === 0 ? "" : `+${questions.length}`;
      if (state.claims.get(name)?.[0]?.ballot !== undefined) return `own${waiting}`;
      if (lockOn(state.locks, name) !== undefined) return `locked${waiting}`;
      return holds(state, name) ? "held" : "free";
    },
    said: () => [
      ...a.take().flatMap(words),
      ...b
        .take()
        .flatMap(words)
        .map((word) => (word === "vote true" ? `${word} to the next` : word)),
      ...cluster.take(bystander).map(({ type }) => type),
    ],
  };
});

voter.run();

const asker = suite("protocol 7, the asker's states");

checkRows(asker, "7.1", "### The asker's states", (): Bench => {
  const cluster = loneServer();
  cluster.login(own, "held");
  const a = new Puppet(cluster, "a1");
  const b = new Puppet(cluster, "b1");
  const puppets = [a, b];
  const client = cluster.connect(own);
  let outcome = "none";
  let stamp = stateOf(cluster).clock + 1;
  const claim = (identity = "bob") => {
    cluster.say(client, { type: "newidentity", identity, ticket: "bob" });
    stamp = stateOf(cluster).clock;
  };
  const lock = () => a.say({ type: "lockidentity", identity: "bob", stamp });
  const release = () => a.say({ type: "releaseidentity", identity: "bob", stamp });
  const vote = (puppet: Puppet, locked: string, rest: object = {}) =>
    puppet.say({ type: "lockidentity", identity: "bob", stamp, locked, ...rest });
  return {
    begin: (state) => {
      if (state === "waiting") lock();
      if (state !== "none") claim();
    },
    events: {
      "claim, name free": claim,
      "claim, name locked": () => [lock(), a.take(), claim()],
      "claim, name held": () => claim("held"),
      "vote true of a": () => vote(a, "true"),
      "vote true of a, twice": () => [vote(a, "true"), vote(a, "true")],
      "vote true of a and b": () => [vote(a, "true"), vote(b, "true")],
      "vote false": () => vote(b, "false"),
      "vote false with a reason": () => vote(b, "false", { reason: "no-quorum" }),
      "vote for another stamp": () => {
        for (const puppet of puppets) vote(puppet, "true", { stamp: stamp + 1 });
      },
      "older question": () => a.say({ type: "lockidentity", identity: "bob", stamp: stamp - 1 }),
      "3 s over": () => wait(cluster, 3_000, a, b),
      "client gone": () => cluster.hangUp(client),
      "member c comes": () => puppets.push(new Puppet(cluster, "c1")),
      "link to a anew": () => a.relink(),
      "a granted, link to a anew, vote true of b": () => [
        vote(a, "true"),
        a.relink(),
        vote(b, "true"),
      ],
      "a replaced": () => a.restart(),
      "b granted, a replaced": () => [vote(b, "true"), a.restart()],
      "a has left, vote true of b": () => [
        a.say({ type: "leave", incarnation: 1_000 }),
        vote(b, "true"),
      ],
      "that attempt ends": release,
    },
    state: () => {
      const claims = stateOf(cluster).claims.get(name);
      if (claims !== undefined) return claims[0]?.ballot === undefined ? "waiting" : "voting";
      const [answer] = client.heard;
      if (answer?.type === "newidentity") outcome = answer.approved === "true" ? "won" : "lost";
      return outcome;
    },
    said: () => [
      ...puppets.flatMap((puppet) =>
        puppet
          .take()
          .flatMap(words)
          .map((word) => (word === "question" ? `question to ${puppet.id[0]}` : word)),
      ),
      ...cluster.take(client).flatMap((reply) => {
        if (reply.type !== "newidentity") return [];
        return [reply.approved === "true" ? "approval" : `refusal ${reply.reason}`];
      }),
    ],
  };
});

asker.run();
