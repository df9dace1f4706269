/**
 * Signs of life, and what they carry along: the number of the latest change of the speaker's rooms
 * and a digest of its member list, so that whoever missed something asks. Source: PROTOCOL.md
 * section 8.
 *
 * @module
 */

import type { ServerId } from "../base/ids.ts";
import { draw } from "../base/prng.ts";
import { forEach, sequence, step } from "../machine.ts";
import type { Heartbeat, PeerMessage } from "../wire/server-messages.ts";
import { tellPeer } from "./effects.ts";
import { gather } from "./gathering.ts";
import type { ServerEffect } from "./inputs.ts";
import { changePeer } from "./links.ts";
import { membersDigest } from "./members.ts";
import { beatAcknowledged, beatSent, liftFence } from "./quorum.ts";
import { type ServerState, type ServerStep, schedule } from "./state.ts";

/** Sends every peer a sign of life, and plans the next one a little earlier or later. */
export function beat(state: ServerState): ServerStep {
  const { heartbeatMs } = state.config.timing;
  const { value, prng } = draw(state.prng);
  const delayMs = heartbeatMs * (0.9 + 0.2 * value);
  const number = state.nextNumber;
  const beaten = { ...state, prng, nextNumber: number + 1, beatDueAt: state.now + delayMs };
  const planned = schedule(beatSent(beaten, number), delayMs, { type: "heartbeat" });
  const digest = membersDigest(state);
  const { serverid } = state.config;
  const asks = state.phase === "starting" ? [{ type: "askmembers", serverid } as const] : [];
  const told = forEach(state.peers.keys(), planned, (s, peer) => {
    const messages: PeerMessage[] = [heartbeatFor(s, peer, number, digest), ...asks];
    return step(s, ...messages.flatMap((message) => tellPeer(s, peer, message)));
  });
  const lifted = sequence<ServerState, ServerEffect>(told.state, liftFence, gather);
  return step(lifted.state, ...told.effects, ...lifted.effects);
}

function heartbeatFor(
  state: ServerState,
  peer: ServerId,
  sequence: number,
  digest: string,
): PeerMessage {
  const { serverid } = state.config;
  const acknowledged = state.peers.get(peer)?.heartbeat ?? 0;
  const change = state.roomChange;
  const users = state.sessions.size;
  return { type: "heartbeat", serverid, sequence, acknowledged, change, digest, users };
}

/** A sign of life has come; whoever sees another list, or missed a change, asks. */
export function heartbeatArrived(state: ServerState, from: ServerId, beat: Heartbeat): ServerStep {
  const { serverid } = state.config;
  const known = changePeer(state, from, { heartbeat: beat.sequence, users: beat.users });
  const questions: PeerMessage[] = [];
  if (state.peers.get(from)?.roomChange !== beat.change) {
    questions.push({ type: "askrooms", serverid });
  }
  if (membersDigest(state) !== beat.digest) questions.push({ type: "askmembers", serverid });
  return sequence<ServerState, ServerEffect>(
    known,
    (s) => step(s, ...questions.flatMap((question) => tellPeer(s, from, question))),
    (s) => beatAcknowledged(s, from, beat.acknowledged),
    gather,
  );
}
