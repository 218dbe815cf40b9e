#!/usr/bin/env node
require('./start.cjs')('stasisd', '../src/daemon/main.ts', '../lib/daemon/main.js');
