#!/usr/bin/env node
// Old Nodes must be able to parse this file, so that they can say that they are too old.
require('./start.cjs')('stasis', '../src/cli/main.ts', '../lib/cli/main.js');
