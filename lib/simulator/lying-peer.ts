/**
 * A peer with a certificate of the cluster that does what no server does: speaks as another one,
 * before its introduction, or of names that are not its own. None of it may change anything (I12).
 *
 * @module
 */

import type { ServerId } from "../base/ids.ts";
import type { Cluster } from "./cluster.ts";
import { dialAsPeer } from "./dials.ts";
import type { EndOwner } from "./end.ts";
import { Random } from "./random.ts";
import type { ServerProcess } from "./server-process.ts";

declare class TextEncoder {
  encode(text: string): Uint8Array;
}

/** The id in the certificate of every liar. */
export const liarId: ServerId = "liar" as ServerId;

const deaf: EndOwner = { isReading: () => true, lines: () => {}, closed: () => {} };

/** Lets a liar connect to a server, or a member lie to it, and say what it should not. */
export function lie(cluster: Cluster, server: string, seed: number): void {
  const random = new Random(seed, `liar ${server}`);
  const victim = random.pick(cluster.serverIds);
  const users = cluster.users.length;
  if (random.chance(0.5)) {
    const liar = random.pick(cluster.live().filter(({ id }) => id !== victim));
    if (liar === undefined) return;
    const said = random.chance(0.5)
      ? linesOf(random, [victim], users)
      : memberLines(random, liar, users);
    for (const end of liar.ends.values()) {
      if (end.other.host !== server || liar.roles.get(end.id) !== "peer") continue;
      cluster.network.write(end, toBytes(random.sample(said, 1)));
    }
    return;
  }
  dialAsPeer(cluster, { host: "liar", owner: deaf }, liarId, server, (end) => {
    if (end === undefined) return;
    const lines = [...linesOf(random, [liarId, victim], users), ...nonsense];
    cluster.network.write(end, toBytes(random.sample(lines, random.between(1, 3))));
    cluster.after(500, () => cluster.network.end(end));
  });
}

function toBytes(lines: readonly string[]): Uint8Array {
  return new TextEncoder().encode(`${lines.join("\n")}\n`);
}

const nonsense = ["", "[]", "{", '{"type":"heartbeat"}', '{"type":7}', "\u0000", "9".repeat(300)];

/** What a member may say of names that are not its own. */
function memberLines(random: Random, liar: ServerProcess, users: number): string[] {
  const serverid = liar.id;
  const rooms = [1, 2, 3, 4].map((number) => `room${number}`);
  const roomid = random.pick(rooms.filter((room) => !liar.state.rooms.has(room as never)));
  const identity = `Id${random.between(1, users)}`;
  return [
    { type: "deleteroom", serverid, roomid, change: 0 },
    { type: "releaseidentity", serverid, identity, stamp: random.below(1e9) },
    { type: "releaseidentity", serverid, identity: "Hot1", stamp: random.below(1e9) },
    { type: "lockidentity", serverid, identity: "Hot2", stamp: 7, locked: "true" },
    { type: "moveended", serverid, identity, move: random.between(1, 40), arrived: "true" },
    { type: "endmove", serverid, identity, move: random.between(1, 40), acknowledged: "false" },
    { type: "moveidentity", serverid, identity, move: 7, approved: "true", pass: "stolen" },
    { type: "lockroomid", serverid, roomid, stamp: random.below(1e9), locked: "true" },
    {
      ...{ type: "releaseroomid", serverid, roomid, stamp: random.below(1e9) },
      ...{ approved: "false", claimedat: 1, change: 0 },
    },
  ].map((message) => JSON.stringify(message));
}

/** What nobody may say: as itself before it is introduced, or as somebody else. */
function linesOf(random: Random, speakers: readonly string[], users: number): string[] {
  const identity = `Id${random.between(1, users)}`;
  const room = { roomid: `room${random.between(1, 4)}`, claimedat: 1 };
  const held = { identity, username: "liar", claimedat: 1 };
  const lists = { rooms: [room], identities: [held], attempts: [] } as const;
  const victim = speakers[speakers.length - 1] as string;
  return speakers
    .flatMap((serverid) => [
      { type: "releaseidentity", serverid, identity: "Hot1", stamp: 1 },
      { type: "deleteroom", serverid, roomid: "room1", change: 1 },
      { type: "disconnect", serverid, username: "user1" },
      { type: "evicted", serverid, evictedid: victim, incarnation: 2 ** 50 },
      { type: "removed", serverid, evictedid: victim, incarnation: 2 ** 50 },
      { type: "leave", serverid, incarnation: 2 ** 50 },
      { type: "lockidentity", serverid, identity, stamp: 1 },
      { type: "lockidentity", serverid, identity, stamp: 1, locked: "true" },
      { type: "moveended", serverid, identity, move: 1, arrived: "true" },
      { type: "members", serverid, members: [], last: "true" },
      { type: "holdings", serverid, change: 0, ...lists, last: "true" },
      {
        type: "heartbeat",
        serverid,
        sequence: 1,
        acknowledged: 1,
        change: 9,
        digest: "",
        users: 0,
      },
    ])
    .map((message) => JSON.stringify(message));
}
