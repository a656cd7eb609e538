"""Deterministic simulation: many clients of the real code in one thread, over a small DynamoDB.

A run is determined by its seed. The clients are greenlets that switch at each call to DynamoDB.
A seeded scheduler decides who runs next and what happens to each call.

    python -m tests.simulation --seconds 60

simloom and seedloop (PyPI) run coroutines of asyncio, and neither Beaker nor botocore has any; a
bridge by greenlets would leave of them a seeded `random` and a clock, which take fewer lines here.
frontrun traces bytecode of real threads to find races in memory: it is far below 2,000 requests a
second, and knows no late, lost or repeated calls.
"""
