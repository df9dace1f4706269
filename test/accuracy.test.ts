/**
 * How sure the failure detector is, measured for a few seconds: nobody is evicted who lives,
 * whoever is dead is noticed in time, the stretches that the measure skips are really empty, and
 * it does see a detector that is too hasty or too slow. `chat-simulate --accuracy` runs for longer.
 *
 * @module
 */

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { defaultTiming } from "../lib/mod.ts";
import {
  type AccuracyPlan,
  accuracyFaults,
  accuracyTable,
  type Hours,
  measureAccuracy,
  measureDeaths,
  measureHours,
  percentile,
} from "../lib/simulator/mod.ts";

const accuracy = suite("accuracy");

const cluster = { servers: 5, loss: 0.01, seed: 1, timing: defaultTiming } as const;
const plan: AccuracyPlan = { ...cluster, serverHours: 500, stepsMax: 1e6, deaths: 10 };
/** Two losses cause silence enough for a suspicion, and no process may stand still for long. */
const hasty = { ...defaultTiming, suspectMs: 1_000, silentMs: 1_500, stalledMs: 1_500 };

accuracy("nobody is evicted who lives, and the dead are noticed in time", () => {
  const row = measureAccuracy(plan);
  const { hours, noticed } = row;
  assert.equal(accuracyFaults([row]), []);
  assert.ok(hours.serverHours >= 500);
  assert.ok(hours.stalls > 30, "servers stood still");
  assert.ok(hours.suspicions > hours.falseSuspicions, "and were suspected for it");
  assert.ok(hours.falseSuspicions > 0, "delays led to suspicions");
  for (const [kind, { evictedMs, unnoticed }] of noticed) {
    assert.is(evictedMs.length, 40, `${kind}: everybody has noticed`);
    assert.is(unnoticed, 0);
  }
  const crashes = noticed.get("crash")?.evictedMs ?? [];
  assert.ok(percentile(crashes, 0.99) < 1_500, "a crash needs no long silence");
});

accuracy("a process that stands still is given its time, also when probes are lost", () => {
  const kind = "stalled process";
  const { evictedMs } = measureDeaths({ ...cluster, loss: 0.05, kind, deaths: 10 });
  assert.ok(percentile(evictedMs, 0) > 7_000, `evicted after ${percentile(evictedMs, 0)} ms`);
});

accuracy("the same plan is the same row, another seed another one", () => {
  const short = { ...plan, serverHours: 100, deaths: 1 };
  const [row, again, other] = [short, short, { ...short, seed: 2 }].map(measureAccuracy);
  if (row === undefined || again === undefined || other === undefined) throw new Error("no rows");
  assert.is(accuracyTable([row]), accuracyTable([again]));
  assert.is.not(row.fingerprint, other.fingerprint);
});

accuracy("nothing happens in stretches of the kind that is skipped", () => {
  const lossy = { ...cluster, servers: 3, loss: 0.1, stepsMax: 1e6 };
  const whole = measureHours({ ...lossy, serverHours: 3, skips: false });
  const skipped = measureHours({ ...lossy, serverHours: 9, skips: true });
  assert.is(whole.ranMs, 3_600_000, "it was run, every millisecond of it");
  assert.ok(skipped.ranMs < 3_600_000, "less was run for three times the hours");
  // One segment in 1,000 is lost three times, 14,400 are sent by each server in an hour.
  for (const [name, hours] of Object.entries({ whole, skipped })) {
    assert.is(hours.unexplained, 0, name);
    const hourly = hours.falseSuspicions / hours.serverHours;
    assert.ok(hourly > 14.4 * 0.6 && hourly < 14.4 * 1.4, `${name}: ${hourly}`);
  }
});

accuracy("a hasty detector evicts members that live, and the measure sees it", () => {
  const row = measureAccuracy({ ...plan, timing: hasty, deaths: 1 });
  assert.ok(row.hours.falseEvictions > 0);
  assert.match(accuracyFaults([row]).join("\n"), /false evictions/);
  const lossy = { ...cluster, servers: 3, loss: 0.1, timing: hasty, stepsMax: 1e6 };
  const { unexplained } = measureHours({ ...lossy, serverHours: 0.5, skips: false });
  assert.ok(unexplained > 0, "two losses are enough for a suspicion");
});

accuracy("a detector that is too slow is seen as well", () => {
  const slow = { ...defaultTiming, silentMs: 5_000 };
  const row = measureAccuracy({ ...plan, serverHours: 10, timing: slow, deaths: 3 });
  assert.match(accuracyFaults([row]).join("\n"), /until a lost host is evicted is 5\d\d\d ms/);
  const never = measureDeaths({
    ...cluster,
    timing: { ...defaultTiming, silentMs: 60_000, stalledMs: 60_000 },
    kind: "lost host",
    deaths: 1,
  });
  assert.is(never.unnoticed, 4);
});

accuracy("what ran must fit what was asked", () => {
  const { serverHours, steps }: Hours = measureHours({
    ...cluster,
    serverHours: 1e6,
    stepsMax: 10_000,
    skips: true,
  });
  assert.ok(steps >= 10_000 && steps < 15_000);
  assert.ok(serverHours < 1e6);
});

accuracy.run();
