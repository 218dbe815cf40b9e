// Starts a program from its TypeScript source in a checkout, from compiled JavaScript in an installed package.
// Written so that any Node can read it: a Node that is too old gets one line instead of a syntax error.
var fs = require('fs');
var path = require('path');

var wanted = [22, 15];

module.exports = function start(name, source, compiled) {
  var has = process.versions.node.split('.').map(Number);
  if (has[0] < wanted[0] || (has[0] === wanted[0] && has[1] < wanted[1])) {
    process.stderr.write(
      name +
        ': Node ' +
        process.versions.node +
        ' is too old, ' +
        wanted.join('.') +
        ' or later is needed' +
        ' (in a checkout: node_modules/.bin/node; or use the executable dist/stasis, which needs no Node)\n',
    );
    process.exitCode = 1;
    return;
  }
  var file = path.join(__dirname, compiled);
  if (!fs.existsSync(file)) file = path.join(__dirname, source);
  import(require('url').pathToFileURL(file).href);
};
