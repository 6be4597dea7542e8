#!/usr/bin/env node
import { existsSync } from "node:fs";

const entry = new URL("../dist/cli/main.js", import.meta.url);
if (!existsSync(entry)) {
  console.error("bridgetower: dist/ is missing. This is a source checkout: run `npm ci && npm run build` once.");
  process.exit(1);
}
await import(entry.href);
