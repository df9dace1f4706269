#!/usr/bin/env node
/**
 * `chat-server`: one server of the cluster, and the requests of its admins.
 *
 * @module
 */

import { adminCommands } from "./host/admin-commands.ts";
import { type Flags, runCli } from "./host/cli.ts";
import { runServer } from "./host/server-process.ts";
import { readServerSettings, serverFlags } from "./host/server-settings.ts";

await runCli("chat-server", (cli) => {
  serverFlags(cli).action(async (flags: Flags) => runServer(await readServerSettings(flags)));
  adminCommands(cli);
});
