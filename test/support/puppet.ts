/**
 * One server and peers that do exactly what a test says: for the states in between, which a server
 * of ours passes through too fast.
 *
 * @module
 */

import type { Identity, RoomId, ServerId } from "../../lib/base/ids.ts";
import type { ServerConfig } from "../../lib/server/config.ts";
import { membersDigest } from "../../lib/server/members.ts";
import type { ServerState } from "../../lib/server/state.ts";
import type { PeerMessage } from "../../lib/wire/server-messages.ts";
import { Cluster, type Intruder } from "./cluster.ts";

/** The id of the server under test. */
export const own: string = "m5";

/** The server under test, alone until puppets introduce themselves. */
export function loneServer(change: Partial<ServerConfig> = {}): Cluster {
  const cluster = new Cluster();
  cluster.add(own, [], change);
  cluster.settle();
  return cluster;
}

/** The state of the server under test. */
export function stateOf(cluster: Cluster): ServerState {
  return cluster.state(own);
}

/** What a puppet says it holds. */
export interface Holding {
  readonly rooms?: readonly object[];
  readonly identities?: readonly object[];
  readonly attempts?: readonly object[];
  readonly change?: number;
}

/** A peer that a test moves. */
export class Puppet {
  readonly cluster: Cluster;
  readonly id: string;
  link: Intruder;
  #incarnation: number;
  #sequence = 0;
  #beats = 0;

  /** Connects and introduces itself. */
  constructor(cluster: Cluster, id: string, holding: Holding = {}, incarnation = 1_000) {
    this.cluster = cluster;
    this.id = id;
    this.#incarnation = incarnation;
    this.link = cluster.intrude(own, id);
    this.introduce(holding);
  }

  /** Sends an introduction over the present connection; the answer is heard. */
  introduce(holding: Holding = {}, change: object = {}): void {
    this.say(this.newserver(change));
    this.say(holdings(holding));
  }

  /** The first part of an introduction. */
  newserver(change: object = {}): object {
    return {
      type: "newserver",
      ...introduction(this.id, this.#incarnation),
      version: 1,
      partition: "available",
      sequence: ++this.#sequence,
      evicted: 0,
      ...change,
    };
  }

  /** Makes the link anew, as after a break that the other end has not noticed. */
  relink(holding: Holding = {}): void {
    this.link = this.cluster.intrude(own, this.id);
    this.introduce(holding);
  }

  /** Comes again as a server that was started anew, after its connection has ended. */
  restart(): void {
    this.link.hangUp();
    this.#incarnation += 1_000;
    this.relink();
  }

  say(message: object): void {
    this.link.say({ serverid: this.id, ...message });
  }

  /** What it has heard since the last call, heartbeats left out. */
  take(): PeerMessage[] {
    return this.link.heard.splice(0).filter(({ type }) => type !== "heartbeat");
  }

  /** Shows that it lives, and that it knows what the server knows. */
  beat(): void {
    const state = stateOf(this.cluster);
    this.say({
      type: "heartbeat",
      sequence: ++this.#beats,
      acknowledged: 0,
      change: state.peers.get(this.id as ServerId)?.roomChange ?? 0,
      digest: membersDigest(state),
      users: 0,
    });
  }
}

/** Lets time pass while the puppets show that they live. */
export function wait(cluster: Cluster, ms: number, ...puppets: readonly Puppet[]): void {
  const end = cluster.now + ms;
  while (cluster.now < end) {
    for (const puppet of puppets) if (!puppet.link.isClosed()) puppet.beat();
    cluster.advance(Math.min(400, end - cluster.now));
  }
}

/** Who a puppet says it is. */
export function introduction(serverid: string, incarnation: number): object {
  const host = serverid;
  return { serverid, incarnation, host, clientport: "4444", peerhost: host, peerport: "5555" };
}

/** One part of holdings that is the last. */
export function holdings({ rooms, identities, attempts, change }: Holding): object {
  return {
    type: "holdings",
    change: change ?? 0,
    rooms: rooms ?? [],
    identities: identities ?? [],
    attempts: attempts ?? [],
    last: "true",
  };
}

/** A text as an identity. */
export function identity(text: string): Identity {
  return text as Identity;
}

/** A text as a room id. */
export function room(text: string): RoomId {
  return text as RoomId;
}
