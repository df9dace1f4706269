/**
 * Logging in: the ticket is checked, then the identity is claimed. Source: PROTOCOL.md section 4.
 *
 * @module
 */

import { identityLock } from "../lock/lock-table.ts";
import { type Instant, step } from "../machine.ts";
import { asIdentity } from "../wire/fields.ts";
import { claimName } from "./claims.ts";
import { waitFor } from "./clients.ts";
import { refuseLogin } from "./conclusions.ts";
import type { Verified } from "./inputs.ts";
import type { Client } from "./records.ts";
import type { ServerState, ServerStep } from "./state.ts";

/** A client wants in. */
export function loginAsked(
  state: ServerState,
  { connection }: Client,
  request: { readonly identity: string; readonly ticket?: string },
  readAt: Instant,
): ServerStep {
  const identity = asIdentity(request.identity);
  if (identity === undefined) return refuseLogin(state, connection, "identity-invalid");
  if (request.ticket === undefined) return refuseLogin(state, connection, "login-required");
  if (state.phase !== "serving") return refuseLogin(state, connection, "draining");
  if (state.fenced) return refuseLogin(state, connection, "no-quorum");
  const number = state.nextNumber;
  const verifying = { type: "verifying", request: number, identity, readAt } as const;
  return step(waitFor({ ...state, nextNumber: number + 1 }, connection, verifying), {
    type: "verify",
    connection,
    request: number,
    ticket: request.ticket,
  });
}

/** The ticket has been checked; a good one for another identity is not good. */
export function ticketVerified(
  state: ServerState,
  connection: Client["connection"],
  request: number,
  outcome: Verified,
): ServerStep {
  const activity = state.clients.get(connection)?.activity;
  if (activity?.type !== "verifying" || activity.request !== request) return step(state);
  const { identity, readAt } = activity;
  if (!outcome.ok) return refuseLogin(state, connection, outcome.reason);
  if (outcome.identity !== identity) return refuseLogin(state, connection, "ticket-invalid");
  if (state.phase !== "serving") return refuseLogin(state, connection, "draining");
  return claimName(state, identityLock(identity), {
    connection,
    identity,
    purpose: { type: "login", username: outcome.username },
    deadline: claimDeadline(state, readAt),
    ballot: undefined,
    yields: 0,
    askAt: state.now,
  });
}

/** When a claim must have ended: its own time, within that of the request. */
export function claimDeadline(state: ServerState, readAt: Instant): Instant {
  const { claimMs, requestMs } = state.config.timing;
  return Math.min(state.now + claimMs, readAt + requestMs);
}
