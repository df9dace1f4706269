/**
 * Runs the client machine against real connections and a real clock. What it shows goes to a view:
 * a terminal or plain lines.
 *
 * @module
 */

import process from "node:process";
import {
  type AuthReply,
  authReplies,
  type ClientConfig,
  type ClientEffect,
  type ClientInput,
  type ClientReply,
  type ClientState,
  clientMachine,
  clientReplies,
  createClient,
  Driver,
  formatMessage,
  frameError,
  type LinkId,
  parseMessage,
  type Shown,
  type WireError,
} from "../../lib/mod.ts";
import { type DialledLink, dialServer } from "./client-dial.ts";
import { createClock } from "./clock.ts";
import type { Credentials } from "./credentials.ts";

/** Where a client is seen. */
export interface ClientView {
  show(shown: Shown): void;
  /** After every input: the room, the phase or the queue may be other ones. */
  changed(state: ClientState): void;
  /** `undefined` when there is nobody to ask. */
  askPassword(username: string): Promise<string | undefined>;
  /** A line of a chat server, as it came. */
  raw(line: string): void;
  /** A message sent or received, secrets masked. */
  debug(line: string): void;
}

/** Everything that can happen, without its time. */
export type Happening = ClientInput extends infer Input
  ? Input extends ClientInput
    ? Omit<Input, "at">
    : never
  : never;

/** A client that runs. */
export interface RunningClient {
  input(happening: Happening): void;
  /** Bytes that the chat connection has not taken yet: when to stop reading lines. */
  waiting(): number;
  /** The exit status. */
  readonly ended: Promise<number>;
}

/**
 * Starts a client.
 *
 * @example
 * ```ts
 * const client = runClient(config, await loadTrust("certs/ca.pem"), view);
 * client.input({ type: "typed", text: "#list" });
 * process.exitCode = await client.ended;
 * ```
 */
export function runClient(
  config: ClientConfig,
  trust: Credentials,
  view: ClientView,
): RunningClient {
  const links = new Map<LinkId, DialledLink>();
  const clock = createClock();
  let end: (code: number) => void;
  const ended = new Promise<number>((resolve) => {
    end = resolve;
  });
  const input = (happening: Happening): void => {
    driver.input({ ...happening, at: clock.now() } as ClientInput);
    view.changed(driver.state);
  };
  const perform = (effect: ClientEffect): void => {
    switch (effect.type) {
      case "dial":
        links.set(effect.link, dial(effect, trust, view, input));
        return;
      case "send":
        view.debug(`sent     ${masked(effect.message)}`);
        links.get(effect.link)?.send(formatMessage(effect.message));
        return;
      case "close":
        links.get(effect.link)?.close();
        links.delete(effect.link);
        return;
      case "show":
        view.show(effect.shown);
        return;
      case "ask-password":
        void askPassword(effect.username, view, input, end);
        return;
      case "exit":
        end(effect.code);
        return;
    }
  };
  const wakeAt = (instant: number | undefined, wake: () => void): void =>
    clock.wakeAt(instant, () => {
      wake();
      view.changed(driver.state);
    });
  const host = { now: clock.now, wakeAt, perform };
  const tick = (at: number): ClientInput => ({ type: "tick", at });
  const driver = new Driver(clientMachine, createClient(config), host, tick);
  // Only when the caller has the client in hand: what it shows may be about the view itself.
  queueMicrotask(() => driver.start());
  return {
    input,
    waiting: () => [...links.values()].reduce((sum, link) => sum + link.waiting, 0),
    ended,
  };
}

type Dial = Extract<ClientEffect, { readonly type: "dial" }>;

function dial(
  { link, purpose, host, port }: Dial,
  trust: Credentials,
  view: ClientView,
  input: (happening: Happening) => void,
): DialledLink {
  const role = purpose === "auth" ? "auth" : "server";
  return dialServer({ host, port }, role, trust, {
    opened: () => input({ type: "opened", link }),
    line: (line) => {
      view.debug(`received ${maskedLine(line)}`);
      if (purpose === "chat") view.raw(line);
      const parsed =
        purpose === "auth"
          ? parseMessage<AuthReply | ClientReply>(authReplies, line)
          : parseMessage<AuthReply | ClientReply>(clientReplies, line);
      input(
        parsed.ok
          ? { type: "received", link, message: parsed.value }
          : { type: "malformed", link, error: parsed.error },
      );
    },
    broken: (error) => input({ type: "malformed", link, error: unreadable(error) }),
    closed: (reason) => input({ type: "closed", link, reason }),
    failed: (why) => input({ type: "failed", link, why }),
  });
}

function unreadable(error: "too-long" | "not-utf8"): WireError {
  return { ...frameError(error, 0), detail: error === "too-long" ? "endless line" : "not UTF-8" };
}

async function askPassword(
  username: string,
  view: ClientView,
  input: (happening: Happening) => void,
  end: (code: number) => void,
): Promise<void> {
  const text = await view.askPassword(username);
  if (text !== undefined) return input({ type: "password", text });
  process.stderr.write(
    `No password for ${username}: give it in CHAT_PASSWORD or with --password-file FILE.\n`,
  );
  end(1);
}

const secretKeys: ReadonlySet<string> = new Set(["password", "ticket", "pass"]);

/** A message as JSON without what would let a reader log in or move as this client. */
function masked(message: object): string {
  const isRoute = (message as { readonly type?: unknown }).type === "route";
  return JSON.stringify(message, (key, value: unknown) =>
    secretKeys.has(key) || (isRoute && key === "username") ? "***" : value,
  );
}

function maskedLine(line: string): string {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === "object" && value !== null) return masked(value);
  } catch {
    // said below
  }
  return `(${line.length} characters that are no message)`;
}
