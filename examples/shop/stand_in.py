"""Run a command with a stand-in for DynamoDB: python -m stand_in COMMAND [ARGUMENT ...]

The stand-in is what AWS_ENDPOINT_URL_DYNAMODB names, such as DynamoDB Local, or else moto, which
runs in this process and forgets all tables when the command ends.
"""

import logging
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from moto.server import ThreadedMotoServer

ENDPOINT = "AWS_ENDPOINT_URL_DYNAMODB"


def moto():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it prints each request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    address, port = server.get_host_and_port()
    return f"http://{address}:{port}"


def main(command, *arguments):
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {
        **os.environ,
        ENDPOINT: os.environ.get(ENDPOINT) or moto(),
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
    }
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):  # which also ends the command
        program = shutil.which(command, path=programs) or command
        return subprocess.run([program, *arguments], env=environment, check=False).returncode
    return 130


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
