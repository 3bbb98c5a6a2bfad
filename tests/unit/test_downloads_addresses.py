"""Which URLs and addresses may be fetched."""

import ipaddress

import pytest

from smartsort.downloads.addresses import (
    AllowList,
    UrlRefused,
    check_address,
    checked_url,
    what_is_private,
    without_query,
)

PRIVATE = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::127.0.0.1",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::a00:1",
    "64:ff9b::8.8.8.8",
    "2002:7f00:1::",
    "2002:808:808::",
    "2001:0:53aa:64c:0:0:80ff:fffe",
    "2001:db8::1",
    "3fff::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "100::1",
    "5f00::1",
    "4000::1",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.1",
    "100.63.255.255",
    "100.128.0.1",
    "172.15.0.1",
    "172.32.0.1",
    "192.167.0.1",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2a00:1450:4001:800::200e",
]


@pytest.mark.parametrize("text", PRIVATE)
def test_everything_that_is_not_the_public_internet_is_refused(text):
    address = ipaddress.ip_address(text)
    assert what_is_private(address)
    with pytest.raises(UrlRefused, match="allow_private_urls"):
        check_address("photos.example", address, AllowList())


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_pass(text):
    address = ipaddress.ip_address(text)
    assert what_is_private(address) is None
    check_address("photos.example", address, AllowList())


def test_addresses_networks_and_hosts_can_be_allowed():
    allowed = AllowList.of(["192.168.1.5", "10.0.0.0/8", "NAS.lan.", "fd00::/8"])
    for host, text in [
        ("192.168.1.5", "192.168.1.5"),
        ("any.example", "10.20.30.40"),
        ("nas.lan", "192.168.77.1"),
        ("NAS.LAN.", "127.0.0.1"),
        ("any.example", "fd12::1"),
    ]:
        check_address(host, ipaddress.ip_address(text), allowed)
    for host, text in [
        ("192.168.1.6", "192.168.1.6"),
        ("evil.nas.lan", "192.168.77.1"),
        # Mapped forms of an allowed address are not that address.
        ("any.example", "::ffff:10.20.30.40"),
    ]:
        with pytest.raises(UrlRefused):
            check_address(host, ipaddress.ip_address(text), allowed)


@pytest.mark.parametrize(
    "url",
    [
        "http://photos.example/a.jpg",
        "HTTPS://Photos.Example:8443/a%20b.jpg?x=1#top",
        "http://1.1.1.1/",
        "http://[2606:4700:4700::1111]/a.jpg",
        "http://bücher.example/bild.jpg",
        "http://xn--bcher-kva.example/bild.jpg",
        "http://photos.example./a.jpg",
        "http://a_b.photos.example/",
        "http://photos.example/a@b.jpg",
        "http://3com.example/",
    ],
)
def test_ordinary_urls_pass(url):
    assert checked_url(url).scheme in ("http", "https")


MALFORMED = [
    ("file:///etc/passwd", "only http"),
    ("gopher://127.0.0.1:70/_x", "only http"),
    ("ftp://photos.example/a.jpg", "only http"),
    ("data:image/png;base64,AAAA", "only http"),
    ("dict://127.0.0.1:11211/stat", "only http"),
    ("jar:http://photos.example!/a", "only http"),
    ("javascript:alert(1)", "only http"),
    ("//photos.example/a.jpg", "only http"),
    ("photos.example/a.jpg", "only http"),
    ("", "only http"),
    ("http:photos.example", "no host"),
    ("http:///photos.example", "no host"),
    ("http://", "host"),
    ("http://user:secret@photos.example/", "user name"),
    ("http://photos.example@127.0.0.1/", "user name"),
    ("http://@127.0.0.1/", "user name"),
    ("http://127.0.0.1\\@photos.example/", "backslash"),
    ("http://photos.example\\.evil.example/", "backslash"),
    ("http://photos.example/a b.jpg", "space"),
    ("http://photos.example\t/", "control"),
    ("http://photos.example/\r\nHost: x", "control"),
    ("http://photos.example/\x00", "control"),
    (" http://photos.example/", "space"),
    ("http://2130706433/", "disguised way to write 127.0.0.1"),
    ("http://0x7f000001/", "disguised way to write 127.0.0.1"),
    ("http://0x7f.1/", "disguised way to write 127.0.0.1"),
    ("http://017700000001/", "disguised way to write 127.0.0.1"),
    ("http://0177.0.0.1/", "disguised|well-formed"),
    ("http://127.1/", "disguised way to write 127.0.0.1"),
    ("http://127.0.1/", "disguised way to write 127.0.0.1"),
    ("http://0/", "disguised way to write 0.0.0.0"),
    ("http://0xa9fea9fe/", "disguised way to write 169.254.169.254"),
    ("http://1.1.1.1.1/", "number but no address"),
    ("http://256.256.256.256/", "number but no address|well-formed"),
    ("http://photos.example.0x7f/", "number but no address"),
    ("http://127.0.0.1%00.photos.example/", "is encoded"),
    ("http://127.0.0.1%2f@photos.example/", "user name|well-formed"),
    ("http://[::1", "well-formed|plain name"),
    ("http://[fe80::1%25eth0]/", "network interface"),
    ("http://photos.example:99999/", "well-formed"),
    ("http://photos.example:x/", "well-formed"),
    ("http://-photos-.example/", "plain name|well-formed"),
    ("http://*.example/", "plain name|well-formed"),
    ("http://photos..example/", "plain name|well-formed"),
    ("http://" + "a" * 9000, "longer than"),
    ("http://\ud800.example/", "control|well-formed"),
]


@pytest.mark.parametrize(("url", "why"), MALFORMED)
def test_urls_of_a_wrong_form_are_refused_with_the_reason(url, why):
    with pytest.raises(UrlRefused, match=why) as refused:
        checked_url(url)
    assert "secret" not in str(refused.value)


def test_letters_that_only_look_like_digits_are_no_way_around():
    for host in ("①②⑦.⓪.⓪.①", "127。0。0。1", "１２７.0.0.1"):
        try:
            url = checked_url(f"http://{host}/")
        except UrlRefused:
            continue
        # Should a notation be understood, then as the address it is, which is checked at connecting.
        assert ipaddress.ip_address(url.host).is_loopback


def test_what_is_logged_holds_no_secret():
    assert without_query("https://u:p@photos.example/a.jpg?token=secret#x") == "https://photos.example/a.jpg"
