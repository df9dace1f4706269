/**
 * Several users want one name at the same moment: now and then, whenever a fault strikes, so that
 * votes which meet are under way just then, and while parts have given each other up.
 *
 * @module
 */

import type { Cluster } from "./cluster.ts";
import { Random } from "./random.ts";
import type { FaultKind, Scenario } from "./scenario.ts";

/** Faults after which parts go on without each other, once they have given each other up. */
const parting: ReadonlySet<FaultKind> = new Set(["cut", "cut-one-way", "firewall", "pause"]);
const givenUpMs = 4_600;
const againMs = 700;
/** So shortly before parts meet, or a server stands still, names are claimed there. */
const justBeforeMs = 25;

/** Plans all rushes of a scenario. */
export function rush(cluster: Cluster, { seed, chaosMs, faults }: Scenario): void {
  for (const [index, { kind, at, ms, on, to }] of faults.entries()) {
    if (at >= chaosMs) continue;
    rushAt(cluster, at, new Random(seed, `rush ${index}`));
    const room = `meet${index}`;
    const one = new Random(seed, `rush on ${index}`);
    if (kind === "pause") rushOn(cluster, on.slice(0, 1), { at, room, random: one });
    const until = parting.has(kind) ? Math.min(at + ms, chaosMs) : 0;
    for (let later = at + givenUpMs; later < until; later += againMs) {
      rushAt(cluster, later, new Random(seed, `rush ${index} at ${later}`));
    }
    if (until - at < givenUpMs) continue;
    const servers = to.length > 0 ? [...on, ...to] : ["s1", "s2", "s3"];
    rushOn(cluster, servers, { at: until - justBeforeMs, room, random: one });
  }
  const calm = new Random(seed, "rush");
  for (let at = 1_500; at < chaosMs; at += calm.between(1_000, 3_000)) {
    rushAt(cluster, at, new Random(seed, `rush at ${at}`));
  }
}

/** On each of these servers some want a room that nobody has yet. */
function rushOn(
  cluster: Cluster,
  servers: readonly string[],
  { at, room, random }: { readonly at: number; readonly room: string; readonly random: Random },
): void {
  for (const server of servers) {
    cluster.agenda.plan(at - random.between(2, 20), () => {
      const there = cluster.users.filter(({ line }) => line?.server === server);
      for (const user of random.sample(there, 2)) user.rushForRoom(room);
    });
  }
}

function rushAt(cluster: Cluster, at: number, random: Random): void {
  const isRoom = random.chance(0.4);
  const name = isRoom ? `room${random.between(1, 4)}` : `Hot${random.between(1, 3)}`;
  for (const user of random.sample(cluster.users, random.between(2, 4))) {
    // A rush for an identity begins with a new connection, which takes its time.
    const leadMs = isRoom ? random.between(0, 8) : 45 + random.between(0, 15);
    const begin = () => (isRoom ? user.rushForRoom(name) : user.rushForIdentity(name));
    cluster.agenda.plan(at - leadMs, begin);
    // Some are gone before the votes are counted.
    if (random.chance(0.15)) {
      cluster.agenda.plan(at + random.between(0, 15), () => user.lose());
    }
  }
  for (const user of random.sample(cluster.users, 3)) {
    const hall = `MainHall-s${random.between(1, 3)}`;
    cluster.agenda.plan(at - random.between(0, 6), () => user.rushTo(hall));
  }
}
