"""A restart after a kill, with files on the disk for every row: until /readyz says ready; and the audit.

python -m tests.bench.restart --photos 100000
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from tests.faults.running import Immich, settings_for

from smartsort.audit import Audit
from smartsort.core.naming import shard_folder
from smartsort.files.layout import Layout
from smartsort.ledger import events, key_value
from smartsort.ledger.database import Ledger
from smartsort.ledger.records import NewEvent

TOKEN = "a-token-for-measuring-only-0123456789"
PEOPLE = 40


def fill(layout: Layout, count: int) -> None:
    """Photos filed under forty people: a file in library/ and its link in faces/."""
    root_id = layout.prepare()
    at = "2026-01-01T00:00:00.000+00:00"
    photos, names, downloads = [], [], []
    for number in range(1, count + 1):
        data = b"photo %d" % number
        sha = hashlib.sha256(data).hexdigest()
        folder = layout.library_folder(shard_folder(1 + number // 20_000), sha)
        library, filed = f"{folder}/{number}.jpg", f"{layout.faces}/p{number % PEOPLE}/{number}.jpg"
        os.makedirs(folder, exist_ok=True)
        os.makedirs(os.path.dirname(filed), exist_ok=True)
        with open(library, "wb") as file:
            file.write(data)
        os.link(library, filed)
        status = os.stat(library)
        stamp = (status.st_size, status.st_mtime_ns)
        photos.append(
            (number, "filed", "bench", "inbox", f"{number}.jpg", *stamp, sha, at, at, f"p{number % PEOPLE}")
        )
        for area, path in (
            ("library", os.path.relpath(library, layout.library)),
            ("faces", f"p{number % PEOPLE}/{number}.jpg"),
        ):
            names.append((number, area, path, *stamp, sha))
        downloads.append((filed, f"{number}.jpg", sha, "bench", at, number))
    with Ledger(layout.ledger) as ledger:

        def write(db) -> None:
            key_value.put(db, "root_id", root_id)
            many = db.conn.executemany
            many(
                "INSERT INTO photos (id, state, source, origin, original_name, size, mtime_ns, sha256,"
                " arrived_at, routed_at, person_name) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
                photos,
            )
            many(
                "INSERT INTO names (photo_id, area, path, size, mtime_ns, sha256) VALUES (?,?,?,?,?,?)", names
            )
            many(
                "INSERT INTO downloads (file_path, filename, file_hash, source, download_date, photo_id)"
                " VALUES (?,?,?,?,?,?)",
                downloads,
            )
            events.append(db, (NewEvent("sorted", n) for n in range(1, count + 1)), at)

        ledger.write(write)


def restart(root: str, url: str) -> tuple[float, float, float]:
    """Seconds until /readyz answers at all, until it says ready, and of processor time used by then."""
    port = 18484
    values = settings_for(root, url) | {"api.port": port, "api.token": TOKEN}
    path = os.path.join(root, "bench.json")
    nested: dict[str, object] = {}
    for key, value in values.items():
        *sections, last = key.split(".")
        place = nested
        for section in sections:
            place = place.setdefault(section, {})  # type: ignore[assignment]
        place[last] = value
    with open(path, "w") as file:
        json.dump(nested, file)
    began = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", "smartsort.cli.main", "serve", "--config", path])
    answered = 0.0
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/readyz", headers={"authorization": f"Bearer {TOKEN}"}
    )
    try:
        while time.monotonic() - began < 60:
            try:
                with urllib.request.urlopen(request, timeout=2):
                    ready = time.monotonic() - began
                    return answered or ready, ready, _processor_seconds(process.pid)
            except urllib.error.HTTPError:
                answered = answered or time.monotonic() - began
            except OSError:
                pass
            time.sleep(0.02)
        raise TimeoutError("never ready")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def _processor_seconds(pid: int) -> float:
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.restart", description=__doc__)
    parser.add_argument("--photos", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="smartsort-restart-") as base:
        layout = Layout(os.path.join(base, "root"))
        os.makedirs(layout.root)
        began = time.monotonic()
        fill(layout, options.photos)
        print(
            f"{options.photos:,} photos under {2 * options.photos:,} names made"
            f" in {time.monotonic() - began:.0f} s"
        )
        immich = Immich(layout.library)
        try:
            for number in range(3):
                answered, ready, used = restart(layout.root, immich.url)
                print(
                    f"start {number + 1} (killed after it): answers after {answered:.2f} s, ready after"
                    f" {ready:.2f} s ({used:.2f} s of processor time, load {os.getloadavg()[0]:.1f})"
                )
        finally:
            immich.close()
        for quick in (True, False):
            report = Audit(layout, quick=quick).run()
            print(
                f"audit {'--quick' if quick else '(full)'}: {report.seconds:.1f} s,"
                f" {report.photos / report.seconds:,.0f} photos/s, {len(report.findings)} findings"
            )
            for finding in report.findings[:3]:
                print(f"  {finding.code}: {finding.what}")


if __name__ == "__main__":
    main()
