#!/usr/bin/env node
/**
 * `chat-client`: chat on a terminal, or line by line through pipes.
 *
 * @module
 */

import process from "node:process";
import { type Flags, runCli } from "./host/cli.ts";
import { runClient } from "./host/client-host.ts";
import {
  clientConfig,
  clientFlags,
  givenPassword,
  readClientFlags,
} from "./host/client-settings.ts";
import { LineView, TerminalView } from "./host/client-views.ts";
import { loadTrust } from "./host/credentials.ts";

await runCli("chat-client", (cli) => {
  clientFlags(cli).action(chat);
});

async function chat(given: Flags): Promise<void> {
  const flags = readClientFlags(given);
  const trust = await loadTrust(flags.ca);
  const password = await givenPassword(flags);
  const interactive = process.stdin.isTTY && process.stdout.isTTY && !flags.json;
  const config = await clientConfig(flags, interactive);
  const { debug, json } = flags;
  const options = { identity: config.identity, password, debug, json };
  const view = interactive ? new TerminalView(options) : new LineView(options);
  const client = runClient(config, trust, view);
  view.attach(client);
  const code = await client.ended;
  view.close();
  // What was printed last may still be on its way into a pipe.
  process.stdout.write("", () => process.stderr.write("", () => process.exit(code)));
}
