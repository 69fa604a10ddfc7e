'use strict';

// Lambda's limit for a function and its layers; start at `tooLarge`.

const fs = require('node:fs');
const path = require('node:path');

// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const LIMIT = 262144000;
// The records at the end of a zip: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
const END = { signature: 0x06054b50, bytes: 22, comment: 0xffff };
const ENTRY = { signature: 0x02014b50, bytes: 46 };

/** Returns the unzipped bytes of the files in a zip: of all, and of those whose names begin with `folder`. */
function unzippedBytes(zip, folder) {
  const data = fs.readFileSync(zip);
  let end = data.length - END.bytes;
  const first = Math.max(0, end - END.comment);
  while (end >= first && data.readUInt32LE(end) !== END.signature) end -= 1;
  if (end < first) throw new Error(`${zip} is no zip, or damaged`);
  const sizes = { all: 0, folder: 0 };
  let at = data.readUInt32LE(end + 16);
  for (let left = data.readUInt16LE(end + 10); left > 0; left -= 1) {
    if (data.readUInt32LE(at) !== ENTRY.signature) throw new Error(`${zip} is damaged`);
    const [name, extra, comment] = [28, 30, 32].map((field) => data.readUInt16LE(at + field));
    const size = data.readUInt32LE(at + 24);
    sizes.all += size;
    const start = at + ENTRY.bytes;
    if (data.toString('utf8', start, start + name).startsWith(folder)) sizes.folder += size;
    at = start + name + extra + comment;
  }
  return sizes;
}

const bytes = (count) => count.toLocaleString('en-US');

/** Returns why Lambda would refuse the function's zip with the layers' zips, or undefined if it takes them.
 *
 * `modelFolder` is the folder of a bundled model in the function's zip. */
function tooLarge(functionZip, layerZips, modelFolder) {
  const own = unzippedBytes(functionZip, modelFolder);
  const layers = layerZips.map((zip) => [path.basename(zip), unzippedBytes(zip, '').all]);
  const total = layers.reduce((sum, [, size]) => sum + size, own.all);
  if (total < LIMIT) return undefined;
  const parts = [
    ['the code', own.all - own.folder],
    ['the bundled model', own.folder],
    ...layers,
  ].filter(([, size]) => size);
  const listed = parts.map(([name, size]) => `${name} ${bytes(size)}`).join(', ');
  const advice = own.folder
    ? 'Take a smaller model, the slim layer, or a model in the bucket'
    : 'Take the slim layer, or fewer layers';
  return (
    `Function and layers have ${bytes(total)} bytes unzipped, and Lambda takes fewer than ` +
    `${bytes(LIMIT)}: ${listed}. ${advice}`
  );
}

module.exports = { tooLarge };
