/**
 * Plays both worlds to a client machine: what happens goes in, the effects come out and are kept.
 *
 * @module
 */

import { clientMachine } from "../../lib/client/client.ts";
import type { Shown } from "../../lib/client/shown.ts";
import {
  type ClientConfig,
  type ClientEffect,
  type ClientInput,
  type ClientState,
  createClient,
  type LinkId,
} from "../../lib/client/state.ts";
import { describe } from "../../lib/client/transcript.ts";
import { type AuthReply, authReplies } from "../../lib/wire/auth-messages.ts";
import { type ClientReply, clientReplies } from "../../lib/wire/client-messages.ts";
import { parseMessage } from "../../lib/wire/codec.ts";

/** Everything but the time, which the script adds. */
type Happening = ClientInput extends infer Input
  ? Input extends ClientInput
    ? Omit<Input, "at">
    : never
  : never;

/** A client and its past. */
export class ClientScript {
  state: ClientState;
  at = 0;
  /** What the latest input led to. */
  effects: readonly ClientEffect[] = [];
  /** Everything that was shown, in words. */
  readonly said: string[] = [];

  constructor(config: Partial<ClientConfig> = {}) {
    this.state = createClient({
      server: { host: "10.0.0.1", port: 4444 },
      username: "alice",
      identity: "alice",
      seed: 7,
      patienceMs: Number.POSITIVE_INFINITY,
      ...config,
    });
  }

  /** Gives the machine an input and keeps what it does. */
  input(happening: Happening): readonly ClientEffect[] {
    const input = { ...happening, at: this.at } as ClientInput;
    const { state, effects } = clientMachine.step(this.state, input);
    this.state = state;
    this.effects = effects;
    for (const effect of effects) {
      if (effect.type === "show") this.said.push(...describe(effect.shown, "alice"));
    }
    return effects;
  }

  start(): this {
    this.input({ type: "tick" });
    return this;
  }

  /** Lets time pass up to the machine's next deadline. */
  wake(): readonly ClientEffect[] {
    const next = clientMachine.nextDeadline(this.state);
    if (next === undefined) throw new Error("the client waits for nothing");
    this.at = Math.max(this.at, next);
    return this.input({ type: "tick" });
  }

  type(text: string): readonly ClientEffect[] {
    return this.input({ type: "typed", text });
  }

  open(link: number): readonly ClientEffect[] {
    return this.input({ type: "opened", link: link as LinkId });
  }

  close(link: number, reason = "closed by the server"): readonly ClientEffect[] {
    return this.input({ type: "closed", link: link as LinkId, reason });
  }

  refuse(link: number): readonly ClientEffect[] {
    const why = { kind: "refused", detail: "ECONNREFUSED" } as const;
    return this.input({ type: "failed", link: link as LinkId, why });
  }

  /** A line of the server, read as the host reads it. */
  line(link: number, line: object): readonly ClientEffect[] {
    const known = this.state.phase.name === "authenticating" || this.state.renewal?.link === link;
    const text = JSON.stringify(line);
    const parsed = known
      ? parseMessage<ClientReply | AuthReply>(authReplies, text)
      : parseMessage<ClientReply | AuthReply>(clientReplies, text);
    return parsed.ok
      ? this.input({ type: "received", link: link as LinkId, message: parsed.value })
      : this.input({ type: "malformed", link: link as LinkId, error: parsed.error });
  }

  /** The messages sent by the latest input: `link type …`. */
  get sent(): readonly object[] {
    return this.effects.flatMap((effect) =>
      effect.type === "send" ? [{ link: effect.link, ...effect.message }] : [],
    );
  }

  /** The latest effects without what is only shown. */
  get done(): readonly object[] {
    return this.effects.filter(({ type }) => type !== "show");
  }

  /** The kinds of what the latest input showed; trouble by its own word. */
  get shown(): readonly string[] {
    return this.effects.flatMap((effect) => (effect.type === "show" ? [kindOf(effect.shown)] : []));
  }
}

function kindOf(shown: Shown): string {
  if (shown.kind === "trouble") return shown.trouble.what;
  return shown.kind === "reply" ? shown.reply.type : shown.kind;
}

/** A client that has logged in with a given ticket and sits in its main hall on link 1. */
export function loggedIn(config: Partial<ClientConfig> = {}): ClientScript {
  const client = new ClientScript({ ticket: "T0", ...config }).start();
  client.open(1);
  client.line(1, { type: "newidentity", approved: "true" });
  client.line(1, { type: "roomchange", identity: "alice", former: "", roomid: "MainHall-s1" });
  client.line(1, { type: "servers", servers: [s1, s2] });
  return client;
}

/** A server as the wire lists it. */
export const s1 = { serverid: "s1", host: "10.0.0.1", port: "4444", status: "alive" } as const;
/** Another one. */
export const s2 = { serverid: "s2", host: "10.0.0.2", port: "4445", status: "alive" } as const;
