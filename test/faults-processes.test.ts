/**
 * Real processes that die, stand still and come back, by real signals. The bounds are those that
 * the cluster promises, with slack for a busy machine. Source: PROTOCOL.md section 8.
 *
 * @module
 */

import * as assert from "uvu/assert";
import {
  type FaultCluster,
  listed,
  loginAlone,
  roomsOf,
  startFaultCluster,
} from "./support/fault-cluster.ts";
import type { LineClient } from "./support/line-client.ts";
import type { LogLine } from "./support/process.ts";
import { story, together } from "./support/stories.ts";
import { waitFor } from "./support/wait.ts";

interface Scene {
  readonly cluster: FaultCluster;
  /** Users, each alone in a room, who must not notice what happens elsewhere. */
  readonly ann: LineClient;
  readonly ben: LineClient;
  /** They look at the lists of s1 and s2. */
  readonly eyes: readonly LineClient[];
}

/** Waits until all look-outs list a room, or none does any longer; returns how long that took. */
async function allList(scene: Scene, roomid: string, wanted: boolean): Promise<number> {
  return Math.max(...(await Promise.all(scene.eyes.map((each) => listed(each, roomid, wanted)))));
}

const processes = story<Scene>({
  about: "processes",
  async begin() {
    const cluster = await startFaultCluster({ ids: ["s1", "s2", "s3"] });
    const eyes = [await cluster.login("s1", "Eye1"), await cluster.login("s2", "Eye2")];
    return {
      cluster,
      ann: await loginAlone(cluster, "s1", "Ann", "study"),
      ben: await loginAlone(cluster, "s2", "Ben", "studio"),
      eyes,
    };
  },
  end: ({ cluster }) => cluster.stop(),
  steps: {
    "a killed server's rooms and names are gone everywhere within a second": async (scene) => {
      const { cluster, ann, ben, eyes } = scene;
      await loginAlone(cluster, "s3", "Cat", "den");
      await allList(scene, "den", true);
      await cluster.seat("s3").process.stop("SIGKILL");
      const ms = await allList(scene, "den", false);
      assert.ok(ms < 3000, `took ${ms} ms`);
      for (const each of eyes) {
        const left = ["MainHall-s1", "MainHall-s2", "studio", "study"];
        assert.equal([...(await roomsOf(each))].sort(), left);
      }
      assert.is((await cluster.sees("s1", "s3", "dead")).users, 0);
      (await cluster.login("s2", "Cat")).destroy();
      await ann.expectNothing();
      await ben.expectNothing();
    },
    "it comes back under a higher incarnation": async (scene) => {
      const { cluster, ann } = scene;
      const { incarnation } = await cluster.sees("s1", "s3", "dead");
      await cluster.start("s3").logged("ready");
      assert.ok((await cluster.sees("s1", "s3")).incarnation > incarnation);
      await allList(scene, "MainHall-s3", true);
      await ann.expectNothing();
    },
    "one that starts anew before its loss is noticed replaces what was there": async (scene) => {
      const { cluster, ann } = scene;
      await loginAlone(cluster, "s3", "Dan", "loft");
      await allList(scene, "loft", true);
      const old = cluster.seat("s3").process;
      const { incarnation } = await cluster.sees("s1", "s3");
      old.signal("SIGSTOP");
      const seat = await cluster.join("s3", "s1");
      cluster.seats.set("s3", seat);
      await seat.process.logged("ready");
      await old.stop("SIGKILL");
      assert.ok((await cluster.sees("s1", "s3")).incarnation > incarnation);
      const isEviction = (line: LogLine) =>
        line.event === "member-evicted" && line["incarnation"] === incarnation;
      assert.not.ok(cluster.seat("s1").process.log.some(isEviction));
      await allList(scene, "loft", false);
      (await cluster.login("s1", "Dan")).destroy();
      await ann.expectNothing();
    },
    "one that stands still is hidden in 2 s, evicted after 8": async (scene) => {
      const { cluster, eyes } = scene;
      const since = performance.now();
      cluster.seat("s2").process.signal("SIGSTOP");
      await listed(eyes[0] as LineClient, "studio", false);
      const hiddenMs = performance.now() - since;
      assert.ok(hiddenMs > 1000 && hiddenMs < 4500, `hidden after ${hiddenMs} ms`);
      await cluster.sees("s1", "s2", "suspect", 1000);
      await cluster.sees("s1", "s2", "dead");
      const deadMs = performance.now() - since;
      assert.ok(deadMs > 7000 && deadMs < 12_000, `evicted after ${deadMs} ms`);
      await cluster.sees("s3", "s2", "dead");
    },
    "it comes back by itself, without names, and closes its old clients": async (scene) => {
      const { cluster, ann, ben, eyes } = scene;
      const newer = await loginAlone(cluster, "s1", "Ben", "garden");
      const { incarnation } = await cluster.sees("s1", "s2", "dead");
      cluster.seat("s2").process.signal("SIGCONT");
      await waitFor("the end of Ben's old session", () => ben.closed);
      assert.ok((await cluster.sees("s1", "s2")).incarnation > incarnation);
      await listed(eyes[0] as LineClient, "MainHall-s2", true);
      assert.not.ok((await roomsOf(eyes[0] as LineClient)).includes("studio"));
      assert.is((await cluster.sees("s2", "s2")).users, 0);
      const { answer } = await cluster.claim("s2", "Ben");
      assert.is(answer["reason"], "identity-in-use");
      await newer.expectNothing();
      await ann.expectNothing();
    },
    "a short stop does no harm": async ({ cluster, ann, eyes }) => {
      const eve = await loginAlone(cluster, "s2", "Eve", "cellar");
      const { incarnation } = await cluster.sees("s1", "s2");
      cluster.seat("s2").process.signal("SIGSTOP");
      await cluster.sees("s1", "s2", "suspect");
      cluster.seat("s2").process.signal("SIGCONT");
      await cluster.sees("s1", "s2");
      await listed(eyes[0] as LineClient, "cellar", true);
      assert.is((await cluster.sees("s1", "s2")).incarnation, incarnation);
      await eve.expectNothing();
      await ann.expectNothing();
    },
  },
});

together("faults of processes", processes);
