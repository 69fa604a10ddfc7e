'use strict';

// Runs the `serverless` command several times in one process: a process for each run would spend
// most of its time on loading modules. Reads the lists of arguments, as JSON, from standard input.

const fs = require('node:fs');
const path = require('node:path');

const osls = path.join(process.cwd(), 'node_modules', 'osls');
const script = require.resolve(path.join(osls, 'scripts', 'serverless.js'));
const resolveInput = require(path.join(osls, 'lib', 'cli', 'resolve-input'));
const runs = JSON.parse(fs.readFileSync(0, 'utf8'));

// Node emits this event each time that it has nothing left to do, so after each run
process.on('beforeExit', () => {
  const args = runs.shift();
  if (!args || process.exitCode) return;
  process.removeAllListeners('uncaughtException');
  delete require.cache[script]; // so that the next `require` runs it again
  resolveInput.clear(); // it remembers the arguments of the previous run
  process.argv = [process.argv[0], script, ...args];
  require(script);
});
