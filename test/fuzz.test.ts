/**
 * Random and mutated messages into every door of the server, from clients, members and strangers,
 * at any time: nothing throws, the tables never contradict each other, and what was begun ends.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { ServerId } from "../lib/base/ids.ts";
import { type AdminRequest, adminRequests } from "../lib/wire/admin-messages.ts";
import { parseMessage } from "../lib/wire/codec.ts";
import { type Cluster, type Intruder, type TestClient, threeServers } from "./support/cluster.ts";
import { checkState } from "./support/invariants.ts";
import { type Choose, seeded } from "./support/orders.ts";

const fuzz = suite("fuzz");

const victim = "s1";
const seeds = 16;
const stepsPerSeed = 250;

function linesOf(name: string): readonly object[] {
  const file = new URL(`./vectors/${name}.json`, import.meta.url);
  const { valid, invalid } = JSON.parse(readFileSync(file, "utf8")) as {
    readonly valid: readonly string[];
    readonly invalid: readonly {
      readonly line: string;
      readonly reason: string;
      readonly ends: boolean;
    }[];
  };
  const wrong = invalid.filter(({ ends, line }) => !ends && line.startsWith("{"));
  return [...Array.from({ length: 4 }, () => valid).flat(), ...wrong.map(({ line }) => line)].map(
    (line) => JSON.parse(line),
  );
}

const requests = linesOf("client-requests");
const wishes = ["createroom", "join", "join", "join", "deleteroom"].map((type) => ({
  type,
  roomid: "jokes",
}));
const messages = linesOf("peer");
const admins = linesOf("admin-requests");

const names = ["ann", "bob", "cat", "dan", "eve", "fay", "gus"];
const rooms = ["den", "lab", "MainHall-s1", "MainHall-s2", "MainHall-a1", "jokes"];
const ids = ["s1", "s2", "s3", "a1", "z9", "x7"];
const nonsense = [null, 7, -1, "", true, [], {}, 2 ** 52, "x".repeat(300), "\u0000", ["ann"]];

function pick<Item>(choose: Choose, items: readonly Item[]): Item {
  return items[choose(items.length)] as Item;
}

/** The same line with other names, numbers and now and then something that does not belong. */
function mutate(choose: Choose, cluster: Cluster, line: object): Record<string, unknown> {
  const { clock, incarnation, nextNumber } = cluster.state(victim);
  const likely: Readonly<Record<string, () => unknown>> = {
    identity: () => pick(choose, names),
    roomid: () => pick(choose, rooms),
    former: () => pick(choose, rooms),
    stamp: () => clock - 3 + choose(8),
    move: () => Math.max(0, nextNumber - choose(6)),
    incarnation: () => pick(choose, [0, 1, 5, incarnation, incarnation + 1]),
    evictedid: () => pick(choose, ids),
    suspectid: () => pick(choose, ids),
    target: () => pick(choose, ids),
    ticket: () => pick(choose, [...names, "bad", "00ff"]),
    change: () => choose(4),
    sequence: () => choose(20),
    evicted: () => pick(choose, [0, 0, 0, 5, incarnation]),
    last: () => pick(choose, ["true", "true", "false"]),
  };
  const mutated: Record<string, unknown> = { ...line };
  for (const key of Object.keys(mutated)) {
    const other = likely[key];
    if (other !== undefined && choose(4) > 0) mutated[key] = other();
    if (key !== "type" && choose(60) === 0) mutated[key] = pick(choose, nonsense);
    if (choose(150) === 0) delete mutated[key];
  }
  return mutated;
}

/** Everybody who talks to the victim, and what they may do next. */
class Mob {
  readonly cluster: Cluster = threeServers({ messageRate: 50 });
  readonly choose: Choose;
  readonly clients: TestClient[] = [];
  readonly peers: { readonly id: string; readonly link: Intruder }[] = [];
  /** Passes that the victim has given out. */
  readonly passes: { readonly identity: string; readonly ticket: string }[] = [];
  #connections = 1_000_000;

  constructor(seed: number) {
    this.choose = seeded(seed);
    this.cluster.choose = this.choose;
    // A ticket that is never checked, one that is for somebody else, and good ones.
    this.cluster.verify = (ticket, identity) => {
      if (ticket === "00ff") return undefined;
      if (ticket === "bad") return { ok: false, reason: "ticket-expired" };
      const bound = this.choose(9) === 0 ? ("other" as typeof identity) : identity;
      return { ok: true, identity: bound, username: ticket };
    };
  }

  act(): void {
    const { choose, cluster } = this;
    const action = choose(40);
    if (action < 4) this.connect();
    else if (action < 22) this.clientSays();
    else if (action < 31) this.peerSays();
    else if (action < 33) this.adminSays();
    else if (action < 36) cluster.advance(choose(900));
    else if (action === 36) this.somebodyGoes();
    else if (action === 37 && choose(2) === 0) cluster.cut(victim, pick(choose, ["s2", "s3"]));
    else if (action === 38) this.joinAsMember();
    else this.arrive();
  }

  /** A mover comes with its pass, which a member has announced. */
  arrive(): void {
    const { choose, cluster } = this;
    const member = this.peers.find(({ link }) => !link.isClosed());
    const [identity, serverid] = [pick(choose, names), member?.id];
    const [former, roomid] = [pick(choose, rooms), pick(choose, rooms)];
    const rest = { username: identity, claimedat: choose(9), former, roomid };
    const move = cluster.now + choose(3);
    member?.link.say({ type: "moveidentity", serverid, identity, move, ...rest });
    this.membersAnswer();
    const client = cluster.connect(victim);
    this.clients.push(client);
    cluster.say(client, { type: "movejoin", former, roomid, ...this.passes.pop() });
  }

  connect(): void {
    const oldest = this.clients.length > 8 ? this.clients.shift() : undefined;
    if (oldest !== undefined && !oldest.closed) this.cluster.hangUp(oldest);
    const client = this.cluster.connect(pick(this.choose, [victim, victim, "s2"]));
    this.clients.push(client);
    if (this.choose(3) === 0) return;
    const identity = pick(this.choose, names);
    this.cluster.say(client, { type: "newidentity", identity, ticket: identity });
  }

  clientSays(): void {
    const isIn = ({ closed, heard: [first] }: TestClient) =>
      !closed && first?.type === "newidentity" && first.approved === "true";
    const those = this.choose(3) === 0 ? this.clients : this.clients.filter(isIn);
    const client = pick(this.choose, those);
    if (client === undefined || client.closed) {
      this.connect();
      return;
    }
    const { connection, server } = client;
    if (this.choose(25) === 0) {
      const error = { reason: "too-long", detail: "x", fatal: this.choose(2) === 0 } as const;
      this.cluster.input(server, { type: "malformed", connection, error });
    }
    // A pass that somebody was really sent is worth more than an invented one.
    const route = this.clients.flatMap(({ heard }) => heard.filter(({ type }) => type === "route"));
    const [last] = route.slice(-1);
    const lines = this.choose(3) === 0 ? requests : wishes;
    const line = mutate(this.choose, this.cluster, pick(this.choose, lines));
    if (last?.type === "route" && this.choose(2) === 0) line["ticket"] = last.ticket;
    this.cluster.say(client, line, this.choose(3) > 0);
  }

  peerSays(): void {
    const { choose, cluster } = this;
    const { id, link } = pick(choose, this.peers) ?? { id: "", link: undefined };
    if (link === undefined || link.isClosed()) {
      this.joinAsMember();
      return;
    }
    const line = mutate(choose, cluster, pick(choose, messages));
    link.say({ ...line, serverid: choose(40) === 0 ? pick(choose, ids) : id });
  }

  /** Mostly a member does what members do: it votes, takes movers, acknowledges, lives. */
  membersAnswer(): void {
    for (const { id, link } of this.peers) {
      for (const said of link.heard.splice(0)) {
        if (link.isClosed() || this.choose(6) === 0) continue;
        const serverid = id;
        if (said.type === "lockidentity" || said.type === "lockroomid") {
          const locked = this.choose(12) === 0 ? "false" : "true";
          if (said.locked === undefined) link.say({ ...said, serverid, locked });
        } else if (said.type === "moveidentity" && said.approved === undefined) {
          const { identity, move } = said;
          const answer = { identity, move, approved: "true", pass: "p4ss" };
          link.say({ type: "moveidentity", serverid, ...answer });
        } else if (said.type === "moveidentity" && said.pass !== undefined) {
          this.passes.push({ identity: said.identity, ticket: said.pass });
        } else if (said.type === "moveended") {
          link.say({ ...said, type: "endmove", serverid, acknowledged: "true" });
        } else if (said.type === "endmove" && said.acknowledged === "false") {
          const arrived = pick(this.choose, ["true", "false"]);
          link.say({ ...said, type: "moveended", serverid, arrived });
        } else if (said.type === "heartbeat") {
          link.say({ ...said, serverid, change: 0 });
        }
      }
    }
  }

  /** Mostly with an introduction, sometimes as a stranger who has said nothing yet. */
  joinAsMember(): void {
    const { choose, cluster, peers } = this;
    if (peers.length > 5) peers.shift()?.link.hangUp();
    const id = pick(choose, ["a1", "z9"]);
    const link = cluster.intrude(victim, id);
    peers.push({ id, link });
    if (choose(4) === 0) return;
    const where = { host: id, clientport: "1", peerhost: id, peerport: "1" };
    const known = cluster.state(victim).membership.get(id as ServerId);
    const isAnew = known === undefined || known.status === "dead" || choose(5) === 0;
    const incarnation = (known?.incarnation ?? 0) + (isAnew ? 1 : 0);
    const rest = {
      version: 1,
      partition: "available",
      sequence: this.peers.length + cluster.now,
      evicted: 0,
    };
    link.say({ type: "newserver", serverid: id, incarnation, ...where, ...rest });
    const lists = { rooms: [], identities: [], attempts: [] };
    link.say({ type: "holdings", serverid: id, change: 0, ...lists, last: "true" });
  }

  adminSays(): void {
    const { choose, cluster } = this;
    const connection = this.#connections++ as never;
    const certificateId = "boss" as never;
    cluster.input(victim, { type: "opened", connection, role: "admin", certificateId });
    const line = JSON.stringify(mutate(choose, cluster, pick(choose, admins)));
    const parsed = parseMessage<AdminRequest>(adminRequests, line);
    // A drain would end the victim; it is tried in tests of its own.
    if (parsed.ok && parsed.value.type !== "drain") {
      cluster.input(victim, { type: "admin-request", connection, request: parsed.value });
    } else if (!parsed.ok) {
      cluster.input(victim, { type: "malformed", connection, error: parsed.error });
    }
    cluster.input(victim, { type: "closed", connection });
    cluster.settle();
  }

  somebodyGoes(): void {
    const client = this.clients.splice(this.choose(9), 1)[0];
    if (client !== undefined && !client.closed) this.cluster.hangUp(client);
    if (this.choose(2) === 0) this.peers.splice(0, 1)[0]?.link.hangUp();
  }
}

/** What may be left of anything that was begun, once everybody has gone. */
function leftovers(cluster: Cluster): readonly number[] {
  const { locks, claims, reservations, announced, sessions, clients, admins } =
    cluster.state(victim);
  return [locks, claims, reservations, announced, sessions, clients, admins].map(
    ({ size }) => size,
  );
}

fuzz("random conversations: nothing throws, nothing contradicts itself, everything ends", () => {
  for (let seed = 1; seed <= seeds; seed++) {
    const mob = new Mob(seed);
    const { cluster } = mob;
    for (let n = 0; n < stepsPerSeed; n++) {
      try {
        mob.act();
        mob.membersAnswer();
        checkState(cluster.state(victim));
      } catch (error) {
        throw new Error(`seed ${seed}, step ${n}: ${(error as Error).message}`, { cause: error });
      }
    }
    for (const client of mob.clients) if (!client.closed) cluster.hangUp(client);
    for (const { link } of mob.peers) if (!link.isClosed()) link.hangUp();
    cluster.settle();
    cluster.advance(25_000);
    checkState(cluster.state(victim));
    assert.equal(
      leftovers(cluster).slice(0, 4),
      [0, 0, 0, 0],
      `seed ${seed}: ${leftovers(cluster)}`,
    );
  }
});

fuzz("a flood of one kind leaves nothing behind that grows", () => {
  const cluster = threeServers();
  for (let n = 0; n < 400; n++) {
    const client = cluster.connect(victim);
    cluster.say(client, { type: "newidentity", identity: `u${n}`, ticket: "bad" });
    cluster.say(cluster.connect(victim), {
      type: "movejoin",
      former: "",
      roomid: "",
      identity: "x",
    });
    const silent = cluster.connect(victim);
    cluster.hangUp(silent);
  }
  cluster.advance(11_000);
  assert.equal(leftovers(cluster), [0, 0, 0, 0, 0, 0, 0]);
  const { deadlines } = cluster.state(victim);
  cluster.advance(11_000);
  let [count, rest] = [0, [cluster.state(victim).deadlines.root]];
  for (; rest.length > 0; count++) {
    const node = rest.pop();
    if (node === undefined) continue;
    for (let list = node.children; list !== undefined; list = list.tail)
      rest = [...rest, list.head];
  }
  assert.ok(count < 40, `${count} deadlines of ${deadlines.inserted} are left`);
});

fuzz.run();
