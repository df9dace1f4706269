/**
 * I6: "every client request gets exactly one final answer within 5 s, also when servers die
 * meanwhile." How many answers there are is looked at in the conversations; here, that none is
 * missing, nor when a server closes a connection by its own will. With a member that stands still
 * this is also what I14 promises: "with a member hung, an answer within 5 s".
 *
 * @module
 */

import { nameOf } from "../conversation.ts";
import type { Checker, Watch } from "./checker.ts";

const answerMs = 5_000;
/** Timers that are late, and the way of the answer. */
const slackMs = 450;

/** Watches over answers that do not come. */
export function answers(watch: Watch): Checker {
  return {
    promise: "I6",
    stepped: ({ server, effects }) => {
      for (const effect of effects) {
        if (effect.type !== "close") continue;
        watch.cluster.talks.get(effect.connection)?.conversation.willEnd(() => !server.hasCrashed);
      }
    },
    swept: () => {
      const { cluster } = watch;
      for (const [connection, { conversation, server, user }] of cluster.talks) {
        if (server.status === "down" || !server.ends.has(connection)) {
          cluster.talks.delete(connection);
          watch.looked("I6", conversation.looked);
          continue;
        }
        if (conversation.state === "over") continue;
        const [asked] = conversation.pending;
        if (asked?.readAt === undefined || server.status !== "running") continue;
        const recently = cluster.now - server.resumedAt < slackMs;
        if (recently || !user.isReading() || user.deafUntil > 0) continue;
        watch.looked("I6");
        if (cluster.live().some(({ status }) => status === "paused")) watch.looked("I14");
        const waitedMs = cluster.now - asked.readAt - (server.stillMs - asked.stillMs);
        if (waitedMs <= answerMs + slackMs) continue;
        const what = `${conversation.identity} asked ${server.id} for ${nameOf(asked)}`;
        watch.complain("I6", `${what} and has no answer after ${Math.round(waitedMs)} ms`);
      }
    },
  };
}
