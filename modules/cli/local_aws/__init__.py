"""An AWS the size of one machine: moto's server, whose Lambda functions really run.

Start at `server.LocalAws`. `execution.py` runs one function's processes under the real Lambda
runtime client, `functions.py` invokes functions as Lambda does, with retries and destinations, and
`moto_extensions.py` makes good what moto lacks for `serverless deploy`.
"""
