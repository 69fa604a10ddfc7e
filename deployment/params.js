'use strict';

// The parameters of serverless.yml -> checked values; start at `readParams`.
// The rules of what becomes the function's environment are those of modules/settings.py; a test
// holds the two together.

/** A rule turns a parameter, text from the command line or any YAML value, into its value, or
 * into undefined where it cannot work; `expected` says what would be right. */
const rule = (expected, read) => ({ expected, read });

const oneOf = (...values) =>
  rule(`one of ${values.join(', ')}`, (given) => (values.includes(given) ? given : undefined));

const flag = rule('true or false', (given) => ({ true: true, false: false })[String(given)]);

const pattern = (expression, expected) =>
  rule(expected, (given) => (expression.test(String(given)) ? String(given) : undefined));

const number = (least, most, expected) =>
  rule(expected, (given) => {
    const isNumber = /^\d+(\.\d+)?$/.test(String(given));
    return isNumber && Number(given) >= least && Number(given) <= most ? Number(given) : undefined;
  });

const whole = (least, most = Number.MAX_SAFE_INTEGER, expected = undefined) => {
  const range = most === Number.MAX_SAFE_INTEGER ? `, ${least} or more` : ` from ${least} to ${most}`;
  const { read } = number(least, most);
  return rule(expected || `a whole number${range}`, (given) => {
    const value = read(given);
    return Number.isInteger(value) ? value : undefined;
  });
};

const orEmpty = ({ expected, read }) =>
  rule(`${expected}, or empty`, (given) => (given === '' ? '' : read(given)));

const probability = number(0, 1, 'a number from 0 to 1, like 0.5');
// Stars and the like would mean something else in a policy
const folder = pattern(/^[^/*?${}"\\]([^*?${}"\\]*)\/$/, 'a folder of the bucket ending in /, like input/');
const BUCKET_NAME = '[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]';

// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
const RETENTIONS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288,
  3653,
];

const RULES = {
  arch: oneOf('x86_64', 'arm64'),
  memory: whole(128, 10240),
  timeout: whole(1, 900),
  ephemeralStorage: whole(512, 10240),
  reservedConcurrency: orEmpty(whole(1)),
  snapStart: flag,
  layer: oneOf('slim', 'stock'),
  layerFolder: pattern(/./, 'the folder that the layers were built into, like layers/dist'),
  bucket: orEmpty(pattern(new RegExp(`^${BUCKET_NAME}$`), "an existing bucket's name")),
  versioning: flag,
  inputPrefix: folder,
  outputPrefix: folder,
  failedPrefix: folder,
  model: pattern(
    new RegExp(`^(s3://${BUCKET_NAME}/+)?[^/:*?\${}"\\\\]+(/[^/:*?\${}"\\\\]+)*/?$`),
    "a model's folder in the bucket, like models/yolo-fastest-1.1-xl/, or s3://BUCKET/FOLDER/"
  ),
  modelTtlSeconds: number(0, Number.MAX_VALUE, '0 or more seconds, like 60'),
  confidence: probability,
  nms: probability,
  classes: orEmpty(pattern(/\S/, 'labels with commas between them, like dog,cat')),
  resize: orEmpty(oneOf('stretch', 'letterbox')),
  engine: oneOf('opencv', 'onnxruntime'),
  maxImageBytes: whole(1),
  maxImagePixels: whole(1),
  force: flag,
  logRetention: rule(`a number of days that CloudWatch offers: ${RETENTIONS.join(', ')}`, (given) =>
    RETENTIONS.find((days) => String(days) === String(given))
  ),
  tracing: flag,
  alarmEmail: orEmpty(pattern(/^[^@\s]+@[^@\s]+$/, 'an e-mail address')),
};

const refusal = (name, given, expected) => `${name}=${given} cannot work: it must be ${expected}`;

/** Why these values, each of which can work, cannot work together. */
function conflicts(values, stage) {
  const found = [];
  const { inputPrefix: input, outputPrefix: output, failedPrefix: failed } = values;
  for (const [name, prefix] of Object.entries({ outputPrefix: output, failedPrefix: failed })) {
    if (prefix && input && (prefix.startsWith(input) || input.startsWith(prefix))) {
      const apart = `a folder apart from inputPrefix=${input}`;
      found.push(
        refusal(name, prefix, `${apart}, or the function would trigger itself for ever`)
      );
    }
  }
  if (output && output === failed) {
    found.push(refusal('failedPrefix', failed, 'a folder other than outputPrefix'));
  }
  if (values.snapStart && values.ephemeralStorage > 512) {
    const expected = '512 with snapStart=true, as AWS demands';
    found.push(refusal('ephemeralStorage', values.ephemeralStorage, expected));
  }
  // service-stage-account-region is the name of the stack's own bucket, of 63 characters at most
  if (values.bucket === '' && !/^[a-z0-9-]{1,18}$/.test(stage)) {
    const expected = 'at most 18 lower-case letters, digits and hyphens';
    found.push(`${refusal('stage', stage, expected)}, being part of the bucket's name`);
  }
  return found;
}

/** Checks parameters; returns `{ values, problems }`, of which one is empty. */
function readParams(given, stage) {
  const values = {};
  const problems = [];
  for (const name of Object.keys(given).filter((key) => !Object.hasOwn(RULES, key))) {
    problems.push(`${name} is no parameter; there are ${Object.keys(RULES).join(', ')}`);
  }
  for (const [name, { expected, read }] of Object.entries(RULES)) {
    values[name] = read(given[name]);
    if (values[name] === undefined) problems.push(refusal(name, given[name], expected));
  }
  problems.push(...conflicts(values, stage));
  return problems.length ? { values: {}, problems } : { values, problems };
}

module.exports = { readParams };
