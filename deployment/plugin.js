'use strict';

// Resolves `${deployment:NAME}` in serverless.yml to a checked parameter, or to a value that is
// derived from parameters (see `derive`). Every command stops if a parameter is invalid. Before a
// package is made, the plugin checks that the layers exist, copies the bundled model, and compiles the
// modules to bytecode; afterwards it checks the size.

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { addNotification, encodeFilter, misplaced, serviceOf } = require('./notify');
const { readParams } = require('./params');
const { tooLarge } = require('./size');
const { urlResources } = require('./url');

// Where `python -m modules models bundle` puts the model, and the value of model and MODEL
const BUNDLED = 'bundled';
const NO_VALUE = { Ref: 'AWS::NoValue' };
// X-Ray has no resources to name here
const TRACE_STATEMENT = {
  Sid: 'SendTraces',
  Effect: 'Allow',
  Action: ['xray:PutTraceSegments', 'xray:PutTelemetryRecords'],
  Resource: '*',
};

class Deployment {
  constructor(serverless, options, { log }) {
    this.serverless = serverless;
    this.log = log;
    const { values, problems } = readParams(...this.givenParams());
    if (problems.length) throw this.error(problems.join('\n'), 'PARAMETERS');
    this.values = { ...values, ...this.derive(values) };
    this.configurationVariablesSources = {
      deployment: { resolve: async ({ address }) => ({ value: this.values[address] ?? null }) },
    };
    // The layers are only for packages: `invoke local` uses the OpenCV of the virtual environment
    this.hooks = {
      'before:package:cleanup': async () => {
        await this.checkNotify();
        this.checkLayers();
        this.bundle();
        this.compile();
      },
      'after:package:createDeploymentArtifacts': () => this.checkSize(),
      'after:package:compileEvents': () => this.notify(),
      'before:invoke:local:invoke': () => {
        Object.assign(process.env, this.ownSettings);
        if (!this.ownSettings.MODEL) this.bundle();
      },
    };
    this.ownSettings = this.givenSettings();
  }

  error(message, code) {
    return new this.serverless.classes.Error(message, `DEPLOYMENT_${code}`);
  }

  /** Returns the given parameters, the service and the stage. As in osls, the command line takes precedence over
   * the stage, and the stage over the default. */
  givenParams() {
    const { options } = this.serverless.processedInput;
    const { params = {}, provider = {}, service } = this.serverless.configurationInput;
    const stage = options.stage || provider.stage || 'dev';
    const pairs = (options.param || []).map((text) => text.split(/=(.*)/s, 2));
    const given = { ...params.default, ...params[stage], ...Object.fromEntries(pairs) };
    return [given, service, stage];
  }

  /** Returns the settings that the shell's environment has. With `invoke local` they count, such as
   * the MODEL that `python -m modules local` exports; a deployment has only its parameters. */
  givenSettings() {
    const { provider = {} } = this.serverless.configurationInput;
    const names = Object.keys(provider.environment || {}).filter((name) => process.env[name]);
    return Object.fromEntries(names.map((name) => [name, process.env[name]]));
  }

  derive(values) {
    const [, modelBucket, modelFolder] = /^(?:s3:\/\/([^/]+)\/+)?(.*?)\/?$/.exec(values.model);
    const modelPrefix = `${modelFolder}/`;
    // A function whose model has a bucket requests it while it starts, before an event names a bucket.
    // `invoke local` takes the bucket of its event, because the stack's name has the account in it;
    // HTTP requests name none
    const isLocal = this.serverless.processedInput.commands.join(' ') === 'invoke local';
    const hasModelBucket = modelBucket || values.snapStart || values.url || !isLocal;
    const inBucket = hasModelBucket ? `s3://\${self:custom.modelBucket}/${modelPrefix}` : modelPrefix;
    const isBundled = values.model === BUNDLED;
    return {
      opencvLayer: this.layer(values, `opencv-${values.layer}`),
      onnxruntimeLayer: this.layer(values, 'onnxruntime'),
      bucketKind: values.bucket ? 'joined' : 'own',
      bucket: values.bucket || undefined,
      versioning: values.versioning ? { Status: 'Enabled' } : NO_VALUE,
      events: this.events(values),
      modelBucket,
      modelPrefix,
      model: isBundled ? BUNDLED : inBucket,
      modelPlace: isBundled ? BUNDLED : 'bucket',
      reservedConcurrency: values.reservedConcurrency || NO_VALUE,
      qualifier: values.snapStart ? ':snapstart' : '', // the alias that osls creates
      slowMilliseconds: values.timeout * 1000 * 0.8,
      tracing: values.tracing ? 'Active' : 'PassThrough',
      traceStatement: values.tracing ? TRACE_STATEMENT : NO_VALUE,
      urlResources: values.url ? urlResources(values) : {},
      alarmTopic: values.alarmEmail ? 'email' : 'silent',
      alarmActions: values.alarmEmail ? [{ Ref: 'AlarmTopic' }] : [],
      notifyPermission: serviceOf(values.notify) === 'lambda' ? 'function' : 'none',
    };
  }

  layer({ layerFolder, arch }, name) {
    return path.join(layerFolder, `${name}-${arch}.zip`);
  }

  /** Returns the trigger: every object that is created under the input prefix. There is no filter
   * by suffix, because the function answers every object, whatever its name. */
  events({ bucket, inputPrefix }) {
    const target = bucket ? { bucket, existing: true } : { bucket: 'pictures' };
    const rules = [{ prefix: encodeFilter(inputPrefix) }];
    return [{ s3: { ...target, event: 's3:ObjectCreated:*', rules } }];
  }

  async checkNotify() {
    const { notify } = this.values;
    if (!serviceOf(notify)) return;
    const provider = this.serverless.getProvider('aws');
    const expected = misplaced(notify, provider.getRegion(), await provider.getAccountId());
    if (expected) {
      throw this.error(`notify=${notify} cannot work: it must be ${expected}`, 'PARAMETERS');
    }
  }

  notify() {
    const { Resources } = this.serverless.service.provider.compiledCloudFormationTemplate;
    if (this.values.notify) addNotification(Resources.S3BucketPictures, this.values);
  }

  /** Returns the zips of the layers, each with the command that builds it. */
  layers() {
    const { arch, layer, engine, opencvLayer, onnxruntimeLayer } = this.values;
    const builtBy = { [opencvLayer]: `make layer KIND=${layer} ARCH=${arch}` };
    if (engine !== 'opencv') {
      builtBy[onnxruntimeLayer] = `make layer KIND=onnxruntime ARCH=${arch}`;
    }
    return Object.entries(builtBy);
  }

  checkLayers() {
    for (const [zip, command] of this.layers()) {
      if (!fs.existsSync(path.resolve(this.serverless.serviceDir, zip))) {
        throw this.error(`The layer ${zip} is not built; build it with: ${command}`, 'LAYER');
      }
    }
  }

  checkSize() {
    const { serviceDir, service } = this.serverless;
    const zips = this.layers().map(([zip]) => path.resolve(serviceDir, zip));
    const problem = tooLarge(path.resolve(serviceDir, service.package.artifact), zips, `${BUNDLED}/`);
    if (problem) throw this.error(problem, 'SIZE');
  }

  /** Tries the bundled model with the engine of the deployment, and adds its files to the package. */
  bundle() {
    const { model, modelFolder, engine } = this.values;
    if (model !== BUNDLED) return;
    const { serviceDir, service } = this.serverless;
    const own = path.join(serviceDir, '.venv', 'bin', 'python');
    const python = fs.existsSync(own) ? own : 'python3';
    try {
      execFileSync(python, ['-m', 'modules', 'models', 'bundle', modelFolder], {
        cwd: serviceDir,
        env: { ...process.env, ENGINE: engine },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
    } catch (error) {
      const reason = error.code === 'ENOENT' ? `${python} is not installed` : `${error.stderr}`.trim();
      throw this.error(`modelFolder=${modelFolder} cannot be bundled: ${reason}`, 'MODEL');
    }
    service.package.patterns.push(`${BUNDLED}/**`);
  }

  /** Compiles the packaged modules to bytecode. Lambda's code folder is read-only, so without it
   * every cold start compiles anew, a fifth of its processor time until the first event. */
  compile() {
    const { serviceDir, service } = this.serverless;
    const python = process.env.LAYER_PYTHON || service.provider.runtime;
    const excluded = service.package.patterns
      .map((pattern) => /^!(modules\/.+\/)\*\*$/.exec(pattern)?.[1])
      .filter(Boolean);
    // valid by the digest of the source, because the zip does not keep modification times
    const options = ['-m', 'compileall', '-q', '--invalidation-mode', 'checked-hash'];
    this.removeStaleBytecode(path.join(serviceDir, 'modules'));
    try {
      execFileSync(python, [...options, '-x', excluded.join('|'), 'lambda_function.py', 'modules'], {
        cwd: serviceDir,
        env: { ...process.env, PYTHONHASHSEED: '0' },
        stdio: 'pipe',
      });
    } catch (error) {
      const reason =
        error.code === 'ENOENT'
          ? 'is not installed'
          : `failed: ${`${error.stdout}${error.stderr}`.trim()}`;
      this.log.notice(
        `No bytecode in the package, so cold starts take a little longer: ${python} ${reason} ` +
          '(LAYER_PYTHON names another Python)',
      );
    }
  }

  /** Deletes the bytecode of modules that no longer exist; it would be packaged, too. */
  removeStaleBytecode(folder) {
    for (const name of fs.readdirSync(folder, { recursive: true })) {
      const [, parent, module] = /^(.*)__pycache__\/([^/.]+)\.[^/]+\.pyc$/.exec(name) || [];
      if (module && !fs.existsSync(path.join(folder, parent, `${module}.py`))) {
        fs.rmSync(path.join(folder, name), { force: true });
      }
    }
  }
}

module.exports = Deployment;
