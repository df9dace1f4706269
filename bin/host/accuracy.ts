/**
 * `chat-simulate --accuracy`: how sure the failure detector is, as a table. A row ends with its
 * hours or with its steps, whichever comes first, so that the same flags give the same figures on
 * any machine.
 *
 * @module
 */

import process from "node:process";
import * as v from "valibot";
import {
  type AccuracyRow,
  accuracyFaults,
  accuracyTable,
  measureAccuracy,
} from "../../lib/simulator/mod.ts";
import { type Flags, validate } from "./cli.ts";

/** Where segments are lost often, little time can be skipped: such rows get a part of the steps. */
const lossyShare = 0.25;
const lossyFrom = 0.02;

const number = (message: string, least: number) =>
  v.pipe(
    v.string(),
    v.regex(/^\d{1,9}(\.\d{1,6})?$/, message),
    v.transform(Number),
    v.minValue(least, message),
  );
const list = (message: string, least: number, most: number) =>
  v.pipe(
    v.string(),
    v.regex(/^\d{1,3}(,\d{1,3})*$/, message),
    v.transform((text) => text.split(",").map(Number)),
    v.array(v.pipe(v.number(), v.minValue(least, message), v.maxValue(most, message))),
  );

const schema = v.object({
  servers: v.optional(list("numbers from 2 to 100, as in 3,5", 2, 100), "3,5,10,20,50"),
  loss: v.optional(list("percents from 0 to 20, as in 1,5", 0, 20), "1,5"),
  hours: v.optional(number("hours, as in 1000", 1), "100000"),
  steps: v.optional(number("millions, as in 0.5", 0.001), "0.1"),
  deaths: v.optional(number("a number from 1", 1), "5"),
  seed: v.optional(number("a number", 0), "1"),
});

/** Measures what the flags say; the process ends with 1 if a figure is worse than promised. */
export async function runAccuracy(flags: Flags): Promise<void> {
  const { servers, loss, hours, steps, deaths, seed } = validate("flag", schema, flags);
  const started = performance.now();
  const rows: AccuracyRow[] = [];
  const [head = "", rule = ""] = accuracyTable([]).split("\n");
  console.log(`${head}\n${rule}`);
  for (const percent of loss) {
    for (const count of servers) {
      const row = measureAccuracy({
        servers: count,
        loss: percent / 100,
        seed,
        serverHours: hours,
        stepsMax: steps * 1e6 * (percent / 100 >= lossyFrom ? lossyShare : 1),
        deaths,
      });
      rows.push(row);
      console.log(accuracyTable([row]).split("\n").at(-1));
      // Lets a signal through.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  for (const fault of accuracyFaults(rows)) console.log(`not as promised: ${fault}`);
  const ran = rows.reduce((sum, { ranMs }) => sum + ranMs, 0) / 3_600_000;
  const mixed = rows.reduce((sum, row) => Math.imul(sum ^ row.fingerprint, 0x01000193) >>> 0, 0);
  const seconds = ((performance.now() - started) / 1_000).toFixed(0);
  console.log(
    `${ran.toFixed(2)} virtual hours run in ${seconds} s, fingerprint ${mixed.toString(16)}`,
  );
  process.exitCode = accuracyFaults(rows).length === 0 ? 0 : 1;
}
