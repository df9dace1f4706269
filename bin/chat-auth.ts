#!/usr/bin/env node
/**
 * `chat-auth`: the central authentication server, and the users file it reads.
 *
 * @module
 */

import { authCommands } from "./host/auth-commands.ts";
import { runCli } from "./host/cli.ts";

await runCli("chat-auth", authCommands);
