/**
 * Bytes that are no line, lines that are no message, and messages whose fields are wrong: from a
 * client, from a member, and from a stranger with a certificate. At most the connection they came
 * over may end.
 *
 * @module
 */

import { clientFrameBytesMax, peerFrameBytesMax } from "../wire/frame.ts";
import type { Cluster } from "./cluster.ts";
import { dialAsPeer } from "./dials.ts";
import type { EndOwner } from "./end.ts";
import { liarId } from "./lying-peer.ts";
import { Random } from "./random.ts";

declare class TextEncoder {
  encode(text: string): Uint8Array;
}

const utf8 = new TextEncoder();
const indifferent: EndOwner = { isReading: () => true, lines: () => {}, closed: () => {} };

/** What any program may send by mistake. */
const lines: readonly string[] = [
  '{"type":"joker"}',
  '{"type":7}',
  "{}",
  '{"type":"join","roomid":7}',
  '{"type":"message"}',
  '{"type":"newidentity","identity":{},"ticket":[]}',
  '{"type":"movejoin","identity":null}',
  "[]",
  "null",
];

/** What is not even JSON. */
const noise: readonly string[] = ['{"type":"list"', "GET / HTTP/1.1", "\u0000\u0001"];

const peerLines: readonly string[] = [
  '{"type":"heartbeat"}',
  '{"type":"heartbeat","serverid":"s1","sequence":"1"}',
  '{"type":"lockidentity","serverid":"s1","identity":7,"stamp":{}}',
  '{"type":"holdings","serverid":"s1","rooms":[7],"identities":{},"last":true}',
  '{"type":"members","serverid":"s1","members":"all","last":"true"}',
  '{"type":"newserver","serverid":"","version":"old"}',
  "[]",
  "{",
  "",
];

/** Sends a server what it can't read, over a connection of every kind. */
export function garble(cluster: Cluster, server: string, seed: number): void {
  const random = new Random(seed, `garble ${server}`);
  const way = random.weighted({ client: 4, member: 1, stranger: 2 });
  if (way === "client") {
    const users = cluster.users.filter(({ line }) => line?.server === server);
    if (users.length === 0) return;
    const isFatal = random.chance(0.5);
    random.pick(users).line?.garble(isFatal ? fatal(random, clientFrameBytesMax) : usable(random));
    return;
  }
  const bytes = random.chance(0.5) ? fatal(random, peerFrameBytesMax) : badLines(random);
  if (way === "member") {
    const ends = cluster.live().flatMap((other) => [...other.ends.values()]);
    const links = ends.filter((end) => end.other.owner === cluster.processAt(server));
    if (links.length > 0) cluster.write(random.pick(links), bytes);
    return;
  }
  const place = { host: "liar", owner: indifferent };
  dialAsPeer(cluster, place, liarId, server, (end) => {
    if (end === undefined) return;
    cluster.write(end, bytes);
    cluster.after(300, () => cluster.hangUp(end));
  });
}

/** A line that is answered with an error, after which the connection is as good as before. */
function usable(random: Random): Uint8Array {
  return utf8.encode(`${random.pick(lines)}\n`);
}

function badLines(random: Random): Uint8Array {
  return utf8.encode(`${random.sample(peerLines, 2).join("\n")}\n`);
}

/** What can't be gone on after: not UTF-8, not JSON, or too long, ended or not. */
function fatal(random: Random, lineMax: number): Uint8Array {
  switch (random.below(4)) {
    case 0:
      return Uint8Array.from([0x7b, 0xff, 0xfe, 0x7d, 0x0a]);
    case 1:
      return new Uint8Array(lineMax + 1).fill(0x61);
    case 2:
      return utf8.encode(`{"type":"message","content":"${"x".repeat(lineMax)}"}\n`);
    default:
      return utf8.encode(`${random.pick(noise)}\n`);
  }
}
