"""The address that is checked is the one that is connected to: 50 hostile URLs, none fetched."""

import asyncio
import contextlib
import ipaddress
import ssl

import httpcore
import pytest
from tests.misbehaving_site import Hosts, open_intake, picture, site

from smartsort.ledger.submissions import SubmissionState

PUBLIC = "93.184.216.34"
NAMES = {
    "photos.example": [[PUBLIC]],
    "loopback.example": [["127.0.0.1"]],
    "private.example": [["10.0.0.5"]],
    "mapped.example": [["::ffff:127.0.0.1"]],
    "translated.example": [["64:ff9b::7f00:1"]],
    "sixtofour.example": [["2002:7f00:1::"]],
    "linklocal.example": [["fe80::1"]],
    "metadata.google.internal": [["169.254.169.254"]],
    "mixed.example": [[PUBLIC, "192.168.1.1"]],
    "mixed6.example": [["2606:4700:4700::1111", "::1"]],
    "nonsense.example": [["localhost"]],
    "empty.example": [[]],
    "127.0.0.1.nip.example": [["127.0.0.1"]],
    "localhost": [["127.0.0.1", "::1"]],
    "printer.local": [["192.168.7.7"]],
    "cgnat.example": [["100.64.3.2"]],
}
HOSTILE = [
    "http://127.0.0.1/",
    "http://127.0.0.1:2283/api/server/ping",
    "http://[::1]/",
    "http://[::]/",
    "http://0.0.0.0/",
    "http://10.1.2.3/",
    "http://172.20.0.2:3003/predict",
    "http://192.168.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[fd00:ec2::254]/latest",
    "http://100.100.100.200/",
    "http://224.0.0.251/",
    "http://255.255.255.255/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[2001:0:53aa:64c:0:fbe2:80ff:fffe]/",
    "http://[fe80::1%25eth0]/",
    "http://[ff02::1]/",
    "http://[fec0::1]/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.0.0.1/",
    "http://0177.0.0.1/",
    "http://127.1/",
    "http://0/",
    "http://localhost/",
    "http://localhost./",
    "http://LOCALHOST:8484/",
    "http://loopback.example/",
    "http://private.example/",
    "http://mapped.example/",
    "http://translated.example/",
    "http://sixtofour.example/",
    "http://linklocal.example/",
    "http://metadata.google.internal/computeMetadata/v1/",
    "http://mixed.example/",
    "http://mixed6.example/",
    "http://nonsense.example/",
    "http://empty.example/",
    "http://127.0.0.1.nip.example/",
    "http://printer.local/",
    "http://cgnat.example/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "ftp://127.0.0.1/",
    "dict://127.0.0.1:11211/",
    "data:image/png;base64,AA",
    "http://photos.example@127.0.0.1/",
    "http://admin:secret@photos.example/",
    "http://127.0.0.1\\@photos.example/",
    "http://photos.example#@127.0.0.1/../",
    "http://127.0.0.1:80@photos.example/",
    "http:///127.0.0.1/",
]
# A fragment is no authority: this one really is photos.example, and is not hostile at all.
HOSTILE.remove("http://photos.example#@127.0.0.1/../")


@pytest.fixture
def sockets(monkeypatch):
    """Every address somebody tries to connect to; only loopback is let through."""
    tried = []
    real = httpcore.AnyIOBackend.connect_tcp

    async def connect_tcp(self, host, port, *rest, **options):
        tried.append((host, port))
        if not ipaddress.ip_address(host).is_loopback:
            raise httpcore.ConnectError("tests reach loopback only")
        return await real(self, host, port, *rest, **options)

    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", connect_tcp)
    return tried


def intake_of(tmp_path, names=NAMES, **api):
    hosts = Hosts(names)
    settings = {"allow_private_urls": [], "download": {"max_retries": 0}, **api}
    return open_intake(str(tmp_path / "root"), resolver=hosts, **settings), hosts


async def test_hostile_urls_are_not_fetched(tmp_path, sockets):
    assert len(HOSTILE) >= 50
    intake, _ = intake_of(tmp_path)
    found = await intake.fetch(*HOSTILE)
    for url, item in zip(HOSTILE, found, strict=True):
        assert item.state is SubmissionState.FAILED, url
        assert item.problem.startswith("download_failed: "), url
        assert "secret" not in item.problem
        print(f"{url:60} {item.problem}")
    assert sockets == []
    assert intake.photos() == []
    assert intake.leftovers() == []
    await intake.close()


async def test_public_names_are_connected_to_by_the_address_that_was_checked(tmp_path, sockets):
    intake, hosts = intake_of(tmp_path)
    [item] = await intake.fetch("http://photos.example:8080/a.jpg")
    assert item.state is SubmissionState.FAILED
    assert sockets == [(PUBLIC, 8080)]
    assert hosts.asked == ["photos.example"]
    await intake.close()


async def test_a_name_that_changes_its_address_is_checked_at_each_connection(tmp_path, sockets):
    """DNS rebinding: the first answer is public, the one after it is not."""
    names = {"rebind.example": [[PUBLIC], ["127.0.0.1"]]}
    intake, hosts = intake_of(tmp_path, names, download={"max_retries": 1})
    async with site() as web:
        [item] = await intake.fetch(f"http://rebind.example:{web.port}/a.jpg")
        assert web.connections == 0
    assert hosts.asked == ["rebind.example", "rebind.example"]
    assert sockets == [(PUBLIC, web.port)]
    assert "rebind.example is 127.0.0.1, which is this machine itself" in item.problem
    await intake.close()


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/",
        "http://[::1]:2283/",
        "//192.168.1.1/a.jpg",
        "http://2130706433/",
        "http://private.example/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "data:image/png;base64,AAAA",
        "http://admin:secret@photos.example/",
        "http://photos.example\\@10.0.0.1/",
    ],
)
async def test_redirects_are_checked_again(tmp_path, sockets, target):
    intake, _ = intake_of(tmp_path, allow_private_urls=["127.0.0.1"])
    async with site() as web:
        url = web.redirect("/photo.jpg", target)
        [item] = await intake.fetch(url)
        assert web.counts() == {"/photo.jpg": 1}
    assert item.state is SubmissionState.FAILED
    assert "secret" not in item.problem
    assert sockets == [("127.0.0.1", web.port)]
    await intake.close()


async def test_an_allowed_name_lets_only_itself_through(tmp_path, sockets):
    names = {"nas.lan": [["127.0.0.1"]], "other.lan": [["127.0.0.1"]]}
    intake, _ = intake_of(tmp_path, names, allow_private_urls=["nas.lan"])
    async with site() as web:
        web.file("/a.jpg", picture(1000))
        good, by_address, other = await intake.fetch(
            f"http://nas.lan:{web.port}/a.jpg",
            f"http://127.0.0.1:{web.port}/a.jpg",
            f"http://other.lan:{web.port}/a.jpg",
        )
        assert web.requests[0].headers["host"] == f"nas.lan:{web.port}"
        assert web.connections == 1
    assert (good.state, by_address.state, other.state) == (
        SubmissionState.ACCEPTED,
        SubmissionState.FAILED,
        SubmissionState.FAILED,
    )
    await intake.close()


async def test_tls_asks_for_the_name_not_for_the_address(tmp_path):
    """The connection goes to the checked address; the certificate is that of the name."""
    names: asyncio.Queue[str | None] = asyncio.Queue()

    async def hello(reader, writer):
        names.put_nowait(_server_name(await reader.read(4096)))
        writer.close()

    server = await asyncio.start_server(hello, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    intake, _ = intake_of(tmp_path, {"secure.lan": [["127.0.0.1"]]}, allow_private_urls=["secure.lan"])
    [item] = await intake.fetch(f"https://secure.lan:{port}/a.jpg")
    assert await names.get() == "secure.lan"
    assert item.state is SubmissionState.FAILED
    server.close()
    await intake.close()


def _server_name(hello: bytes) -> str | None:
    """The name in a TLS ClientHello: it stands there in the clear."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    seen = []
    context.sni_callback = lambda _socket, name, _context: seen.append(name)
    incoming.write(hello)
    with contextlib.suppress(ssl.SSLError):
        context.wrap_bio(incoming, outgoing, server_side=True).do_handshake()
    return seen[0] if seen else None


async def test_nothing_of_the_environment_is_used(tmp_path, sockets, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    intake, _ = intake_of(tmp_path, allow_private_urls=["127.0.0.1"])
    async with site() as web:
        [item] = await intake.fetch(web.file("/a.jpg", picture(500)))
    assert item.state is SubmissionState.ACCEPTED
    assert {port for _, port in sockets} == {web.port}
    await intake.close()
