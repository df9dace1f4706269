/**
 * Servers that can't reach each other but for a third one: their names are one all the same, from
 * the first moment on. Virtual time; the bytes are the affair of `transport-relay.test.ts`.
 * Source: PROTOCOL.md section 6.
 *
 * @module
 */

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { ServerId } from "../lib/base/ids.ts";
import { Cluster, threeServers } from "./support/cluster.ts";

const third = suite("through a third server");

/** Neither of the two reaches the other. */
function unreachable(cluster: Cluster, one: string, other: string): void {
  cluster.dialOutcome = (from, to) =>
    [one, other].includes(from) && [one, other].includes(to) ? { type: "silent" } : undefined;
}

function membersOf(cluster: Cluster, id: string): string[] {
  return [...cluster.state(id).membership.values()]
    .filter(({ status }) => status === "alive")
    .map((member) => String(member.id))
    .sort();
}

function expectOneHolder(cluster: Cluster, one: string, other: string): void {
  const holder = cluster.login(one, "Single");
  const rival = cluster.login(other, "Single", "Somebody");
  cluster.advance(5_000);
  assert.is(cluster.state(other).sessions.size, 0);
  assert.ok(rival.closed);
  cluster.hangUp(holder);
}

third("a newcomer that can't reach one of the members is linked to it all the same", () => {
  const cluster = threeServers();
  unreachable(cluster, "s4", "s3");
  cluster.add("s4", ["s1"], { mustJoin: true });
  cluster.advance(4_000);
  assert.equal(membersOf(cluster, "s4"), ["s1", "s2", "s3"]);
  assert.equal(membersOf(cluster, "s3"), ["s1", "s2", "s4"]);
  assert.is(cluster.state("s4").phase, "serving");
  expectOneHolder(cluster, "s4", "s3");
});

third("servers of a file that start without reaching each other are linked by the third", () => {
  const cluster = new Cluster();
  unreachable(cluster, "s1", "s3");
  for (const id of ["s1", "s2", "s3"]) {
    cluster.add(
      id,
      ["s1", "s2", "s3"].filter((other) => other !== id),
    );
  }
  cluster.advance(6_000);
  assert.equal(membersOf(cluster, "s1"), ["s2", "s3"]);
  assert.equal(membersOf(cluster, "s3"), ["s1", "s2"]);
  expectOneHolder(cluster, "s1", "s3");
});

third("a direct link replaces the one through the third as soon as it can be made", () => {
  const cluster = threeServers();
  unreachable(cluster, "s1", "s3");
  cluster.cut("s1", "s3");
  cluster.advance(10_000);
  const isRelayed = () => {
    const { peers, links } = cluster.state("s1");
    const link = peers.get("s3" as ServerId)?.link;
    return link === undefined ? undefined : links.get(link)?.relayed;
  };
  const evictions = cluster.events.filter(({ event }) => event.event === "member-evicted");
  assert.equal(evictions, []);
  expectOneHolder(cluster, "s1", "s3");
  cluster.dialOutcome = () => undefined;
  cluster.advance(5_000);
  assert.is(isRelayed() ?? false, false);
  assert.equal(membersOf(cluster, "s1"), ["s2", "s3"]);
});

third.run();
