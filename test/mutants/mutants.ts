/**
 * Broken rules, as small changes of the sources: what the simulator must notice. A change names the
 * text it takes the place of; if that is no longer there, the mutant has to be looked at again.
 *
 * @module
 */

/** One broken rule. */
export interface Mutant {
  readonly name: string;
  /** File below lib/, the text as it is, and as it would be. */
  readonly changes: readonly (readonly [file: string, text: string, broken: string])[];
}

const mutant = (name: string, file: string, text: string, broken: string): Mutant => ({
  name,
  changes: [[file, text, broken]],
});

/** All of them. */
export const mutants: readonly Mutant[] = [
  mutant(
    "forget a release",
    "server/claims.ts",
    "    ...tellPeers(state, releaseOf(state, name, ballot.attempt, approved)),\n",
    "",
  ),
  mutant(
    "ask no suspect for its vote: names are free at suspicion",
    "membership/membership.ts",
    "return [...membership.values()].filter(isPresent).map(({ id }) => id);",
    'return [...membership.values()].filter((m) => m.status === "alive").map(({ id }) => id);',
  ),
  mutant(
    "be content with half of the votes",
    "lock/ballot.ts",
    "return ballot.granted.size === ballot.voters.size;",
    "return 2 * ballot.granted.size >= ballot.voters.size;",
  ),
  {
    name: "count a vote twice",
    changes: [
      [
        "lock/ballot.ts",
        "return ballot.granted.size === ballot.voters.size;",
        "return timesOf(ballot) >= ballot.voters.size;",
      ],
      [
        "lock/ballot.ts",
        "granted: new Set(ballot.granted).add(voter) };",
        "granted: counted(new Set(ballot.granted).add(voter), timesOf(ballot) + 1) };",
      ],
      [
        "lock/ballot.ts",
        "  granted.delete(voter);\n  return { ...ballot, voters: new Set(ballot.voters).add(voter), granted };",
        "  return {\n    ...ballot,\n    voters: new Set(ballot.voters).add(voter),\n" +
          "    granted: counted(granted, timesOf(ballot)),\n  };",
      ],
      [
        "lock/ballot.ts",
        "  return { ...ballot, voters, granted };\n}\n",
        "  const times = timesOf(ballot) - (ballot.granted.has(voter) ? 1 : 0);\n" +
          "  return { ...ballot, voters, granted: counted(granted, times) };\n}\n\n" +
          "function counted(granted: Set<ServerId>, times: number): Set<ServerId> {\n" +
          "  return Object.assign(granted, { times });\n}\n\n" +
          "function timesOf({ granted }: Ballot): number {\n" +
          '  return "times" in granted ? Number(granted.times) : 0;\n}\n',
      ],
    ],
  },
  mutant(
    "count a vote for another attempt",
    "server/claims.ts",
    "if (ballot?.attempt.stamp !== stamp || !ballot.voters.has(voter)) return step(state);",
    "if (ballot === undefined || !ballot.voters.has(voter)) return step(state);",
  ),
  mutant(
    "evict without the probes",
    "membership/failure-detector.ts",
    "const isCrashed = !signs.linked && signs.refusals >= refusalsEnough;",
    "const isCrashed = !signs.linked;",
  ),
  mutant(
    "keep a lock past its lease",
    "server/votes.ts",
    "  return attemptReleased(state, name, attempt);\n}\n",
    "  return step(state);\n}\n",
  ),
  mutant(
    "let the younger attempt win",
    "server/votes.ts",
    "if (!isOwn || !isOlder(attempt, lock.attempt)) return step(kept);",
    "if (!isOwn || isOlder(attempt, lock.attempt)) return step(kept);",
  ),
  mutant(
    "never yield",
    "server/votes.ts",
    "if (!isOwn || !isOlder(attempt, lock.attempt)) return step(kept);",
    "if (isOwn || !isOwn) return step(kept);",
  ),
  mutant(
    "trust a peer's word for another",
    "server/peers.ts",
    "if (message.serverid !== link.peer) {",
    'if (message.serverid !== link.peer && link.phase !== "open") {',
  ),
  mutant(
    "use the wall clock: come back under what it says",
    "server/eviction.ts",
    "const incarnation = Math.max(state.incarnation + 1, wallClockOf(state));",
    "const incarnation = wallClockOf(state);",
  ),
  mutant(
    "ignore the veto",
    "server/detection.ts",
    "const isVetoed = [...round.answers.values()].includes(true);",
    "const isVetoed = false;",
  ),
  mutant(
    "deny instead of waiting",
    "server/votes.ts",
    "if (asker === attempt.asker) return askAnew(raised, name, lock.attempt, attempt);",
    "if (asker !== attempt.asker)\n" +
      "    return step(raised, ...tellPeer(raised, attempt.asker, voteOn(raised, name, attempt, false)));\n" +
      "  if (asker === attempt.asker) return askAnew(raised, name, lock.attempt, attempt);",
  ),
  {
    name: "reserve what is locked for another",
    changes: [
      [
        "server/peers.ts",
        "  return settleName(\n    { ...state, announced: state.announced.set(identity, wish) },\n" +
          "    identityLock(identity),\n  );",
        "  return reserve(state, wish);",
      ],
      [
        "server/peers.ts",
        "import { endMoveAcknowledged,",
        "import { reserve, endMoveAcknowledged,",
      ],
    ],
  },
  mutant(
    "let the old server cancel a move",
    "server/moves.ts",
    "  return step(ending, ...askForEnd(state, session, session.move));",
    "  const asked = askForEnd(state, session, session.move);\n" +
      "  return sequence<ServerState, ServerEffect>(ending, (s) => step(s, ...asked), (s) =>\n" +
      "    bringBack(s, session));",
  ),
  {
    name: "move every deadline by the gap",
    changes: [
      [
        "server/detection.ts",
        "    judgeAt: state.now + heartbeatMs,\n",
        "    judgeAt: state.now + heartbeatMs,\n    deadlines: moved(state.deadlines, gapMs),\n",
      ],
      [
        "server/detection.ts",
        "function reasonOf(state",
        'function moved(heap: ServerState["deadlines"], gapMs: number): ServerState["deadlines"] {\n' +
          '  let moved: ServerState["deadlines"] = emptyHeap();\n' +
          "  for (let rest = heap; ; ) {\n" +
          "    const [key, taken] = [smallestKey(rest), takeSmallest(rest)];\n" +
          "    if (key === undefined || taken === undefined) return moved;\n" +
          "    moved = insert(moved, key + gapMs, taken.value);\n" +
          "    rest = taken.rest;\n  }\n}\n\nfunction reasonOf(state",
      ],
      [
        "server/detection.ts",
        'import type { ServerId } from "../base/ids.ts";\n',
        'import { emptyHeap, insert, smallestKey, takeSmallest } from "../base/heap.ts";\n' +
          'import type { ServerId } from "../base/ids.ts";\n',
      ],
    ],
  },
  mutant(
    "let a stall move the limits of own rights",
    "server/detection.ts",
    "{ ...peer, heardAt: Math.min(state.now, peer.heardAt + gapMs) },",
    "{\n        ...peer,\n        heardAt: Math.min(state.now, peer.heardAt + gapMs),\n" +
      "        acknowledgedAt: peer.acknowledgedAt + gapMs,\n      },",
  ),
  mutant(
    "judge others right after an own stall",
    "server/detection.ts",
    "  if (gapMs <= heartbeatMs * lateShare) return state;",
    "  if (gapMs > 0) return state;\n  if (gapMs <= heartbeatMs * lateShare) return state;",
  ),
  mutant(
    "close the newcomer's set early",
    "server/gathering.ts",
    "const isReady = isOver || (hasJoined(state) && isComplete && !waitsForContact);",
    "const isReady = isOver || hasJoined(state) || (isComplete && !waitsForContact);",
  ),
  mutant(
    "forget to ask again over a remade link",
    "server/welcoming.ts",
    "    (s) => askInOpenVotes(s, id),\n",
    "",
  ),
  mutant(
    "forget to repeat moves over a remade link",
    "server/welcoming.ts",
    "    (s) => repeatMoves(s, id),\n",
    "",
  ),
  mutant(
    "forget to repeat how moves ended",
    "server/welcoming.ts",
    "return step(s, ...ended.flatMap((move) => tellMoveEnded(s, move)));",
    "return step(s, ...ended.slice(1, 1).flatMap((move) => tellMoveEnded(s, move)));",
  ),
  mutant(
    "let a pass be used again",
    "server/reservations.ts",
    "    { ...state, reservations: state.reservations.delete(identity) },\n    (s) => step(s, send(",
    "    state,\n    (s) => step(s, send(",
  ),
  mutant(
    "let a pass live for ever",
    "server/reservations.ts",
    "return reservation?.pass === pass ? endReservation(state, reservation) : step(state);",
    'return reservation === undefined || pass !== "" ? step(state) : endReservation(state, reservation);',
  ),
  mutant(
    "take any pass",
    "server/reservations.ts",
    "if (reservation === undefined || !sameText(reservation.pass, request.ticket)) {",
    "if (reservation === undefined) {",
  ),
  mutant(
    "keep the rooms of the dead",
    "server/members.ts",
    "...changePeer(forgetRoomsOf(state, id), id, {",
    "...changePeer(state, id, {",
  ),
  mutant(
    "show and route to suspects",
    "membership/membership.ts",
    'return member !== undefined && member.status === "alive" && !member.leaving;',
    "return isPresent(member) && !member.leaving;",
  ),
  mutant(
    "route to servers that leave",
    "membership/membership.ts",
    'return member !== undefined && member.status === "alive" && !member.leaving;',
    'return member !== undefined && member.status === "alive";',
  ),
  mutant(
    "never suspect anybody",
    "membership/failure-detector.ts",
    'if (!isLate) return "alive";',
    'if (!isLate || !isCrashed) return "alive";',
  ),
  mutant(
    "keep the locks of the dead",
    "server/claims.ts",
    "  return forEach(names, { ...state, locks: table }, settleName);",
    "  return forEach(names.slice(names.length, table.size), state, settleName);",
  ),
  mutant(
    "never fence",
    "server/quorum.ts",
    "if (isFenceDue(state)) return fence(state);",
    "if (isFenceDue(state)) return step(state);",
  ),
  mutant(
    "do without the vote of the evicted at once",
    "server/quorum.ts",
    'if (state.config.partition === "available" || !isPresent(member) || delayMs <= 0) {',
    "if (delayMs <= 1e9 || !isPresent(member)) {",
  ),
  mutant(
    "come back with names after standing still",
    "server/eviction.ts",
    '(stoodStill ? endEverySession(s, "evicted") : step(s))',
    '(stoodStill && s.now < 0 ? endEverySession(s, "evicted") : step(s))',
  ),
  mutant(
    "turn the rule for claims that meet around",
    "server/holdings.ts",
    "return ours.username === theirs.username ? !isOlder : isOlder;",
    "return ours.username === theirs.username ? isOlder : !isOlder;",
  ),
  mutant(
    "tell no names when parts meet",
    "server/introducing.ts",
    "const parts = [message, ...holdingsOf(state, !isKnown)];",
    "const parts = [message, ...holdingsOf(state, isKnown && !isKnown)];",
  ),
  mutant(
    "give up an own room without a word",
    "server/seats.ts",
    '    ...tellPeers(next, { type: "deleteroom", serverid, roomid, change }),\n',
    "",
  ),
  mutant(
    "leave at once when told to drain",
    "server/drain.ts",
    "if (isEmpty || targets.length === 0) return drainOver(state);",
    "if (isEmpty || targets.length < 99) return drainOver(state);",
  ),
  mutant(
    "send a message back to whoever said it",
    "server/requests.ts",
    '  return step(state, { type: "send", to: audienceOf(room.members), except: connection, message });',
    '  return step(state, { type: "send", to: audienceOf(room.members), message });',
  ),
  mutant(
    "lose what is said while somebody waits",
    "server/requests.ts",
    'readAt + requestMs <= state.now && content.request?.type !== "message";',
    "readAt + requestMs <= state.now;",
  ),
  mutant(
    "let a claim take as long as it takes",
    "server/claims.ts",
    "if (claim === undefined || claim.deadline > state.now) return step(state);",
    "if (claim === undefined || claim.deadline > 0) return step(state);",
  ),
  mutant(
    "let a ticket serve for every name",
    "server/login.ts",
    "if (outcome.identity !== identity) return",
    'if (outcome.identity !== identity && identity === ("" as string)) return',
  ),
  mutant(
    "let a request wait for ever",
    "server/requests.ts",
    "if (client === undefined || isServed(state, client)) return step(state);",
    "if (client === undefined || client.connection > 0) return step(state);",
  ),
  mutant(
    "answer the later line first",
    "server/clients.ts",
    "const line = client?.backlog.first();",
    "const line = client?.backlog.last();",
  ),
  mutant(
    "leave movers with a target that is dead",
    "server/members.ts",
    "    (s) => bringBackMovers(s, id),\n",
    "",
  ),
  mutant(
    "do not recount without the evicted",
    "server/claims.ts",
    "    countVotes(changeBallot(s, name, doWithout(ballot, member)), name),",
    "    step(changeBallot(s, name, doWithout(ballot, member))),",
  ),
  mutant(
    "let a claim outlive its client",
    "server/departure.ts",
    "      (s) => withdrawClaim(s, name, connection),\n",
    "      (s) => step(name.length === 0 ? s : s),\n",
  ),
  mutant(
    "only add to the room list of a remade link",
    "server/holdings.ts",
    "changePeer(forgetRoomsOf(state, server), server, { roomChange: change }),",
    "changePeer(state, server, { roomChange: change }),",
  ),
  mutant(
    "ignore the numbers of room changes",
    "server/heartbeats.ts",
    "if (state.peers.get(from)?.roomChange !== beat.change) {",
    "if (beat.change < 0) {",
  ),
  mutant(
    "take a process that stands still for a lost host",
    "membership/failure-detector.ts",
    "return silenceMs >= patience.silentMs && !isStalled ?",
    "return silenceMs >= patience.silentMs ?",
  ),
  mutant(
    "keep the users behind a fence",
    "server/quorum.ts",
    '    (s) => endEverySession(s, "no-quorum"),\n',
    '    (s) => (s.fenced ? step(s) : endEverySession(s, "no-quorum")),\n',
  ),
  mutant(
    "use a stamp again",
    "server/claims.ts",
    "const stamp = state.clock + 1;",
    "const stamp = state.incarnation + 1;",
  ),
  mutant(
    "suspect for ever",
    "server/detection.ts",
    '  if (member?.status !== "suspect") return step(cleared);\n',
    '  if (member?.status !== "dead") return step(cleared);\n',
  ),
  mutant(
    "leave without a word",
    "server/drain.ts",
    '        ...tellPeers(s, { type: "leave", serverid, incarnation }),\n',
    "",
  ),
];
