'use strict';

// Checks the parameters of serverless.yml; start at `readParams`.
// Parameters that become environment variables of the function have the same rules here as in
// modules/settings.py. A test compares the two.

/** A rule for a parameter. `read` takes text from the command line or a YAML value, and returns the
 * parameter's value, or undefined if it is invalid. `expected` describes the valid values. */
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
// Wildcards are excluded: they have a meaning in IAM policies
const folder = pattern(/^[^/*?${}"\\]([^*?${}"\\]*)\/$/, 'a prefix that ends in /, like input/');
// No wildcard: a function URL answers nobody but whom the deployment names
const PRINCIPAL = 'arn:aws[a-z-]*:iam::\\d{12}:(?:root|(?:user|role)/[\\w+=,.@/-]*[\\w+=.@-])';
const BUCKET_NAME = '[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]';

const ARN = 'arn:aws[a-z-]*';
const PLACE = '[a-z]{2,}(-[a-z]+)+-\\d+:\\d{12}'; // region and account
const DESTINATIONS = [
  `${ARN}:sns:${PLACE}:[\\w-]{1,256}`,
  `${ARN}:sqs:${PLACE}:[\\w-]{1,80}`,
  `${ARN}:lambda:${PLACE}:function:[\\w-]{1,64}(:[\\w-]{1,128})?`, // with an alias or a version
];

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
  layerFolder: pattern(/./, 'the folder with the built layers, like layers/dist'),
  bucket: orEmpty(pattern(new RegExp(`^${BUCKET_NAME}$`), "an existing bucket's name")),
  versioning: flag,
  inputPrefix: folder,
  outputPrefix: folder,
  failedPrefix: folder,
  model: pattern(
    new RegExp(`^(s3://${BUCKET_NAME}/+)?[^/:*?\${}"\\\\]+(/[^/:*?\${}"\\\\]+)*/?$`),
    "a model's prefix in the bucket, like models/yolo-fastest-1.1-xl/, s3://BUCKET/PREFIX/, or bundled"
  ),
  modelFolder: orEmpty(pattern(/./, "a model's folder, or the name of a model in the zoo")),
  modelTtlSeconds: number(0, Number.MAX_VALUE, '0 or more seconds, like 60'),
  confidence: probability,
  nms: probability,
  multiLabel: flag,
  classes: orEmpty(pattern(/\S/, 'labels separated by commas, like dog,cat')),
  slice: orEmpty(whole(64, 65535, 'a whole number of pixels from 64 to 65535, like 640')),
  sliceOverlap: number(0, 0.9, 'a number from 0 to 0.9, like 0.3'),
  draw: oneOf('boxes', 'blur', 'pixelate', 'none'),
  resize: orEmpty(oneOf('stretch', 'letterbox')),
  engine: oneOf('auto', 'opencv', 'onnxruntime'),
  maxImageBytes: whole(1),
  maxImagePixels: whole(1),
  force: flag,
  logRetention: rule(`a number of days that CloudWatch offers: ${RETENTIONS.join(', ')}`, (given) =>
    RETENTIONS.find((days) => String(days) === String(given))
  ),
  tracing: flag,
  url: flag,
  urlCallers: orEmpty(
    pattern(
      new RegExp(`^${PRINCIPAL}(,${PRINCIPAL})*$`),
      'ARNs of users, roles or accounts, separated by commas, like arn:aws:iam::123456789012:role/app'
    )
  ),
  alarmEmail: orEmpty(pattern(/^[^@\s]+@[^@\s]+$/, 'an e-mail address')),
  notify: orEmpty(
    pattern(
      new RegExp(`^(eventbridge|${DESTINATIONS.join('|')})$`),
      'the ARN of an SNS topic, an SQS queue (neither FIFO) or a Lambda function, or eventbridge'
    )
  ),
};

const refusal = (name, given, expected) => `${name}=${given} cannot work: it must be ${expected}`;

/** Returns why `notify`, which is valid alone, is invalid with the other values. */
function notifyConflicts({ notify, bucket, outputPrefix: output, failedPrefix: failed }, stack) {
  if (!notify) return [];
  const found = [];
  const [, , , , , ...resource] = notify.split(':'); // [queue], [topic] or [function, name, alias]
  const name = resource[0] === 'function' ? resource[1] : resource[0];
  if (bucket) {
    const expected = `empty with bucket=${bucket}, whose notifications are its owner's`;
    found.push(refusal('notify', notify, `${expected}; docs/deployment.md shows how to add one`));
  }
  if ([`${stack}-detect`, `${stack}-dead-letters`].includes(name)) {
    found.push(refusal('notify', notify, "something else than the stack's own function and queue"));
  }
  if (output && failed && failed.startsWith(output) && failed !== output) {
    const expected = `a prefix outside outputPrefix=${output} with notify`;
    found.push(refusal('failedPrefix', failed, `${expected}, or failures would count as results`));
  }
  return found;
}

/** Returns why these values, each valid alone, are invalid together. */
function conflicts(values, service, stage) {
  const found = [];
  const { inputPrefix: input, outputPrefix: output, failedPrefix: failed } = values;
  for (const [name, prefix] of Object.entries({ outputPrefix: output, failedPrefix: failed })) {
    if (prefix && input && (prefix.startsWith(input) || input.startsWith(prefix))) {
      const expected = `a prefix that does not overlap inputPrefix=${input}`;
      found.push(refusal(name, prefix, `${expected}, or the function would trigger itself forever`));
    }
  }
  if (output && output === failed) {
    found.push(refusal('failedPrefix', failed, 'another prefix than outputPrefix'));
  }
  if (values.snapStart && values.ephemeralStorage > 512) {
    const expected = '512 with snapStart=true, which is a limit of AWS';
    found.push(refusal('ephemeralStorage', values.ephemeralStorage, expected));
  }
  if (values.url && values.urlCallers === '') {
    const expected = 'the ARNs of those who may ask with url=true, separated by commas';
    found.push(refusal('urlCallers', '', expected));
  }
  if (values.urlCallers && values.url === false) {
    found.push(refusal('url', false, 'true if urlCallers names somebody'));
  }
  if (values.model === 'bundled' && values.modelFolder === '') {
    const expected = 'the folder of the model with model=bundled, like .cache/models/yolox-nano';
    found.push(refusal('modelFolder', '', expected));
  }
  if (values.modelFolder && values.model && values.model !== 'bundled') {
    const expected = `bundled with modelFolder=${values.modelFolder}`;
    found.push(refusal('model', values.model, expected));
  }
  // A created bucket is named service-stage-account-region; S3 allows 63 characters
  if (values.bucket === '' && !/^[a-z0-9-]{1,18}$/.test(stage)) {
    const expected = 'at most 18 lower-case letters, digits and hyphens';
    found.push(`${refusal('stage', stage, expected)}, because it is part of the bucket's name`);
  }
  return [...found, ...notifyConflicts(values, `${service}-${stage}`)];
}

/** Checks parameters. Returns `{ values, problems }`: the values are empty if there are problems. */
function readParams(given, service, stage) {
  const values = {};
  const problems = [];
  for (const name of Object.keys(given).filter((key) => !Object.hasOwn(RULES, key))) {
    problems.push(`${name} is no parameter; the parameters are ${Object.keys(RULES).join(', ')}`);
  }
  for (const [name, { expected, read }] of Object.entries(RULES)) {
    values[name] = read(given[name]);
    if (values[name] === undefined) problems.push(refusal(name, given[name], expected));
  }
  problems.push(...conflicts(values, service, stage));
  return problems.length ? { values: {}, problems } : { values, problems };
}

module.exports = { readParams };
