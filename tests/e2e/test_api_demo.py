"""`smartsort demo` offers the API: with the token it is given, or with one it makes and prints."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from tests.live_sidecar import BASE


@pytest.mark.parametrize("token", ["given-on-the-command-line", None])
def test_the_demo_says_how_to_reach_it(tmp_path: Path, token: str | None) -> None:
    command = [sys.executable, "-c", "from smartsort.cli.main import main; main()", "demo"]
    command += ["--port", "0", "--count", "3", "--profile", "instant", "--dir", str(tmp_path)]
    command += ["--token", token] if token else []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        said = ""
        try:
            assert process.stdout is not None
            for line in process.stdout:
                said += line
                if "Ctrl-C" in line:
                    break
            address = re.search(r"HTTP API\s+(http://\S+)/docs", said)
            shown = re.search(r"Token\s+(\S+)", said)
            assert address is not None, said
            assert shown is not None, said
            assert token in (None, shown[1])
            assert len(shown[1]) >= 24
            url = f"{address[1]}{BASE}/status"
            headers = {"Authorization": f"Bearer {shown[1]}"}
            assert httpx.get(url, headers=headers, timeout=10).json()["ready"]
            assert httpx.get(url, timeout=10).status_code == 401
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)
    assert process.returncode == 0
