"""Serve an ini file of PasteDeploy: python serve.py site.ini"""

import sys
from pathlib import Path

from paste.deploy import loadapp, loadserver

if __name__ == "__main__":
    ini_file = f"config:{Path(sys.argv[1]).resolve()}"
    serve = loadserver(ini_file)
    serve(loadapp(ini_file))
