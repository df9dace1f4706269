/**
 * Cables between real servers that break, fall mute, drop one way, half-close and slow down: nobody
 * is evicted as long as a third server reaches both, and no name lives twice. And in `majority`
 * mode a server that is cut off gives up its names in time. Source: PROTOCOL.md sections 6 and 8.
 *
 * @module
 */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { Cable } from "./support/cable.ts";
import {
  type FaultCluster,
  listed,
  loginAlone,
  roomsOf,
  startFaultCluster,
} from "./support/fault-cluster.ts";
import type { LineClient } from "./support/line-client.ts";
import { story, together } from "./support/stories.ts";
import { waitFor } from "./support/wait.ts";

interface Scene {
  readonly cluster: FaultCluster;
  readonly ann: LineClient;
  readonly cat: LineClient;
}

const ids = ["s1", "s2", "s3"];

/** The cluster is one: a name of one end can't be had at the other, and rooms are seen. */
async function expectOne({ cluster, ann, cat }: Scene): Promise<void> {
  const [here, there] = await Promise.all([
    cluster.claim("s3", "Ann", "rival"),
    cluster.claim("s1", "Cat", "rival"),
  ]);
  for (const { client, answer } of [here, there]) {
    assert.is(answer["reason"], "identity-in-use");
    client.destroy();
  }
  await ann.expectNothing();
  await cat.expectNothing();
  const lookout = await cluster.login("s1", "Lookout");
  await listed(lookout, "cats", true);
  lookout.destroy();
}

function expectNoEviction({ cluster }: Scene): void {
  for (const id of ids) {
    const evictions = cluster.seat(id).process.log.filter((l) => l.event === "member-evicted");
    assert.equal(evictions, [], `${id} evicted somebody`);
  }
}

/** How often one of the two has made its link to the other, or made it anew. */
function linksMade({ cluster }: Scene): number {
  const count = (id: string, other: string) =>
    cluster
      .seat(id)
      .process.log.filter((line) => line.event === "link-made" && line["member"] === other).length;
  return count("s1", "s3") + count("s3", "s1");
}

/** Waits until a link was made anew, and until both ends see each other. */
async function relinked(scene: Scene, before: number): Promise<void> {
  await waitFor("a new link", () => linksMade(scene) >= before + 2);
  await Promise.all([scene.cluster.sees("s1", "s3"), scene.cluster.sees("s3", "s1")]);
}

async function begin(before?: (cluster: FaultCluster) => void): Promise<Scene> {
  const cluster = await startFaultCluster({ ids, cables: true, ...(before && { before }) });
  return {
    cluster,
    ann: await loginAlone(cluster, "s1", "Ann", "anns"),
    cat: await loginAlone(cluster, "s3", "Cat", "cats"),
  };
}

const end = ({ cluster }: Scene) => cluster.stop();
const mend = (cable: Cable) => cable.mend();

const cables = story<Scene>({
  about: "cables",
  begin,
  end,
  steps: {
    "two that are cut from each other are linked through the third": async (scene) => {
      const before = linksMade(scene);
      await scene.cluster.between("s1", "s3", (cable) => cable.cut());
      await relinked(scene, before);
      await expectOne(scene);
      expectNoEviction(scene);
    },
    "a cable that is mended carries the link itself again": async (scene) => {
      const before = linksMade(scene);
      await scene.cluster.between("s1", "s3", mend);
      const direct = () =>
        scene.cluster.cable("s1", "s3").connections + scene.cluster.cable("s3", "s1").connections;
      await waitFor("a direct connection", () => direct() > 0);
      await relinked(scene, before);
      await expectOne(scene);
      expectNoEviction(scene);
    },
    "a mute cable is gone round, and joined again": async (scene) => {
      const { cluster } = scene;
      const before = linksMade(scene);
      await cluster.between("s1", "s3", (cable) => cable.mute());
      const asked = performance.now();
      const { client, answer } = await cluster.claim("s1", "Newcomer");
      const answeredMs = performance.now() - asked;
      assert.ok(answeredMs < 6500, `answered after ${answeredMs} ms`);
      assert.ok(answer["approved"] === "true" || answer["reason"] === "busy");
      client.destroy();
      await relinked(scene, before);
      await expectOne(scene);
      await cluster.between("s1", "s3", mend);
      await expectOne(scene);
      expectNoEviction(scene);
    },
    "a cable that drops one way is gone round": async (scene) => {
      const { cluster } = scene;
      const before = linksMade(scene);
      await cluster.between("s1", "s3", (cable) => {
        cable.mute(cable === cluster.cable("s1", "s3") ? "there" : "back");
      });
      await relinked(scene, before);
      await expectOne(scene);
      await cluster.between("s1", "s3", mend);
      await expectOne(scene);
      expectNoEviction(scene);
    },
    "a half-closed link is made anew": async (scene) => {
      for (const direction of ["there", "back"] as const) {
        const before = linksMade(scene);
        await scene.cluster.between("s1", "s3", (cable) => cable.halfClose(direction));
        await relinked(scene, before);
        await expectOne(scene);
      }
      expectNoEviction(scene);
    },
    "a slow cable is only slow": async (scene) => {
      const { cluster } = scene;
      for (const [one, other] of [
        ["s1", "s2"],
        ["s2", "s3"],
        ["s1", "s3"],
      ] as const) {
        await cluster.between(one, other, (cable) => cable.delay(300));
      }
      const since = performance.now();
      (await cluster.login("s2", "Patient")).destroy();
      const ms = performance.now() - since;
      assert.ok(ms > 550 && ms < 3000, `logged in after ${ms} ms`);
      await expectOne(scene);
      expectNoEviction(scene);
    },
  },
});

const apart = story<Scene>({
  about: "apart from the start",
  begin: () => begin((cluster) => void cluster.between("s1", "s3", (cable) => cable.cut())),
  end,
  steps: {
    "two that never reached each other are linked through the third": async (scene) => {
      await Promise.all([scene.cluster.sees("s1", "s3"), scene.cluster.sees("s3", "s1")]);
      await expectOne(scene);
      expectNoEviction(scene);
    },
    "and go on without it once they reach each other": async (scene) => {
      const { cluster, ann, cat } = scene;
      const before = linksMade(scene);
      await cluster.between("s1", "s3", mend);
      await relinked(scene, before);
      await cluster.seat("s2").process.stop("SIGKILL");
      await cluster.sees("s1", "s2", "dead");
      await expectOne(scene);
      assert.equal((await roomsOf(ann)).length, (await roomsOf(cat)).length);
    },
  },
});

const majority = story<Scene>({
  about: "majority",
  async begin() {
    const settings = { partition: "majority" };
    const cluster = await startFaultCluster({ ids, cables: true, settings });
    return {
      cluster,
      ann: await loginAlone(cluster, "s1", "Ann", "anns"),
      cat: await loginAlone(cluster, "s3", "Cat", "cats"),
    };
  },
  end,
  steps: {
    "who is cut off tells its clients and gives up its names first": async (scene) => {
      const { cluster, ann, cat } = scene;
      const since = performance.now();
      for (const other of ["s1", "s2"]) {
        await cluster.between("s3", other, (cable) => cable.cut());
      }
      let fencedAt = Number.POSITIVE_INFINITY;
      const fenced = waitFor("the end of Cat's session", () => cat.closed).then(() => {
        fencedAt = performance.now();
      });
      const rival = await cluster.login("s1", "Cat", "rival");
      const takenAt = performance.now();
      await fenced;
      assert.ok(fencedAt < takenAt, `fenced ${fencedAt}, taken ${takenAt}: the name lived twice`);
      assert.ok(fencedAt - since < 6000, `fenced after ${fencedAt - since} ms`);
      assert.ok(cat.heard.some((line) => line.type === "roomchange" && line["roomid"] === ""));
      const { answer } = await cluster.claim("s3", "Anybody");
      assert.is(answer["reason"], "no-quorum");
      await ann.expectNothing();
      rival.destroy();
    },
    "it takes clients again when it reaches a majority": async (scene) => {
      const { cluster } = scene;
      await cluster.between("s3", "s1", mend);
      await cluster.between("s3", "s2", mend);
      await cluster.seat("s3").process.logged("quorum-regained");
      const cat = await loginAlone(cluster, "s3", "Cat", "cats");
      await expectOne({ ...scene, cat });
    },
    "the roster grows on every disk, and a start without a majority takes nobody": async (
      scene,
    ) => {
      const { cluster } = scene;
      const data = (id: string) => join(cluster.folder, `data-${id}`);
      const args = ["--partition", "majority", "--data", data("s4")];
      const fourth = await cluster.join("s4", "s1", args);
      cluster.seats.set("s4", fourth);
      await fourth.process.logged("ready");
      for (const id of [...ids, "s4"]) {
        const roster = async () =>
          JSON.parse(await readFile(join(data(id), `roster-${id}.json`), "utf8")) as object;
        const isWhole = async () => JSON.stringify(await roster()).includes('"s4"');
        await waitFor(`the roster of ${id}`, () => isWhole().catch(() => false));
        assert.equal(await roster(), { roster: [...ids, "s4"] });
      }
      await Promise.all([...cluster.seats.values()].map((seat) => seat.process.stop("SIGKILL")));
      cluster.start("s1");
      cluster.start("s2");
      await cluster.seat("s1").process.logged("starting");
      await cluster.sees("s1", "s2");
      const { answer } = await cluster.claim("s1", "Early");
      assert.ok(["busy", "no-quorum"].includes(String(answer["reason"])), "two of four");
      assert.not.ok(cluster.seat("s1").process.log.some((line) => line.event === "ready"));
      cluster.start("s3");
      await cluster.seat("s1").process.logged("ready");
      (await cluster.login("s1", "Early")).destroy();
    },
  },
});

together("faults of links", cables, apart, majority);
