/**
 * I15, and the rule behind it: nobody is evicted right after a member has objected that was asked
 * and still hears the suspect. What was asked and answered is taken from the wire alone.
 *
 * @module
 */

import type { ServerId } from "../../base/ids.ts";
import type { Checker, Stepped, Watch } from "./checker.ts";

/** An objection holds until everybody is asked again, and a little less. */
const holdsMs = 450;

/** Watches over objections. */
export function vetoes(watch: Watch): Checker {
  /** Who was asked last about a suspect, and when. */
  const rounds = new Map<string, { readonly at: number; readonly asked: Set<ServerId> }>();
  /** When each of them has last objected. */
  const objections = new Map<string, number>();
  const keyOf = ({ server }: Stepped, suspect: ServerId, incarnation: number) =>
    `${server.id}@${server.startedAt} ${suspect}@${incarnation}`;
  const noteAnswer = (step: Stepped) => {
    const { input, before, after } = step;
    if (input.type !== "peer-message" || input.message.type !== "hearsay") return;
    const { suspectid, incarnation, heard, serverid } = input.message;
    const peer = before.links.get(input.connection)?.peer;
    if (heard === undefined || peer !== serverid || suspectid === serverid) return;
    const key = keyOf(step, suspectid, incarnation);
    if (heard === "true") objections.set(`${key} ${serverid}`, after.now);
    else objections.delete(`${key} ${serverid}`);
  };
  const noteQuestions = (step: Stepped) => {
    const { after, effects } = step;
    for (const effect of effects) {
      if (effect.type !== "send" || effect.message.type !== "hearsay") continue;
      const { suspectid, incarnation, heard } = effect.message;
      if (heard !== undefined) continue;
      const key = keyOf(step, suspectid, incarnation);
      const known = rounds.get(key);
      const round = known?.at === after.now ? known : { at: after.now, asked: new Set<ServerId>() };
      rounds.set(key, round);
      for (const each of effect.to) {
        const peer = after.links.get(each)?.peer;
        if (peer !== undefined) round.asked.add(peer);
      }
    }
  };
  const check = (step: Stepped) => {
    const { server, after, effects } = step;
    for (const effect of effects) {
      if (effect.type !== "report" || effect.event.event !== "member-evicted") continue;
      const { member, incarnation } = effect.event;
      const key = keyOf(step, member, incarnation);
      for (const third of rounds.get(key)?.asked ?? []) {
        watch.looked("I15");
        const ms = after.now - (objections.get(`${key} ${third}`) ?? Number.NEGATIVE_INFINITY);
        if (ms >= holdsMs || after.peers.get(third)?.link === undefined) continue;
        watch.complain("I15", `${server.id} evicts ${member}, though ${third} has just objected`);
      }
    }
  };
  return {
    promise: "I15",
    stepped: (step) => {
      noteAnswer(step);
      check(step);
      noteQuestions(step);
    },
  };
}
