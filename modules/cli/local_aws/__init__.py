"""An AWS on this machine: moto's server, extended so that Lambda functions really run.

How events reach the handler in this process (`demo`, `local`, most tests): `bucket.LocalBucket`
makes a bucket that sends an event to a queue for each new object; the caller takes the events from
the queue and calls the handler.

How a deployed function runs (`local --deploy`, tests/deployment): `aws.LocalAws` is the server that
`serverless deploy` deploys to.

1. `moto_extensions.py` makes moto pass each invocation and bucket event on to `functions.py`.
2. `functions.Functions` invokes as Lambda does: synchronously, or asynchronously with retries and a
   dead-letter queue.
3. `execution_environment.ExecutionEnvironment` is one process of the function, which runs the real
   Lambda runtime client and is held to the function's memory and timeout.
4. `runtime_api.RuntimeApi` is the HTTP server from which that process gets its events.

Both use `moto_server.MotoServer`, a plain moto server, and `moto_s3.py`, which corrects moto's S3.
"""
