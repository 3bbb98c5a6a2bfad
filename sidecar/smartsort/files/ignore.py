"""Names that are not photos yet, or never will be: unfinished downloads, sync tools, system litter.

A file that is renamed when it is complete is noticed under its new name. Until then it is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import translate
from functools import cache


@dataclass(frozen=True, slots=True)
class Pattern:
    """A shell pattern, compared without case, and whose names these are."""

    pattern: str
    origin: str


PARTIAL = (
    # Browsers
    Pattern("*.crdownload", "Chrome, Edge and Opera, while downloading"),
    Pattern("Unconfirmed *.crdownload", "Chrome, before the download is confirmed"),
    Pattern(".com.google.Chrome.*", "Chrome, while downloading"),
    Pattern(".org.chromium.Chromium.*", "Chromium, while downloading"),
    Pattern(".com.microsoft.Edge.*", "Edge, while downloading"),
    Pattern("*.part", "Firefox, wget, KDE and yt-dlp, while downloading"),
    Pattern("*.part-Frag*", "yt-dlp, fragments of a download"),
    Pattern("*.download", "Safari, while downloading"),
    Pattern("*.opdownload", "Opera, while downloading"),
    Pattern("*.partial", "Internet Explorer and rclone, while writing"),
    # Downloaders
    Pattern("*.ytdl", "yt-dlp, the state of a download"),
    Pattern("*.temp", "yt-dlp and others, while writing"),
    *(
        Pattern(f"*.temp.{ending}", "yt-dlp, while joining sound and picture")
        for ending in ("mp4", "mkv", "webm")
    ),
    Pattern("*.st", "Axel, the state of a download"),
    Pattern("*.aria2", "aria2, the state of a download"),
    Pattern("*.aria2__temp", "aria2, the state of a download"),
    Pattern("*.!qB", "qBittorrent, while downloading"),
    Pattern("*.!ut", "uTorrent, while downloading"),
    Pattern("*.bc!", "BitComet, while downloading"),
    Pattern("*.!bt", "BitTorrent, while downloading"),
    Pattern("*.jc!", "FlashGet, while downloading"),
    Pattern("*.fdmdownload", "Free Download Manager, while downloading"),
    Pattern("*.dtapart", "DownThemAll, while downloading"),
    Pattern("*.incomplete", "Transmission and others, while downloading"),
    Pattern("*.filepart", "WinSCP, while copying"),
    Pattern("*.fztemp", "FileZilla, while copying"),
    Pattern("*.lftp-pget-status", "lftp, the state of a download"),
    Pattern(".in.*.", "ProFTPD, while receiving"),
    Pattern(".pureftpd-upload.*", "Pure-FTPd, while receiving"),
    Pattern("*.inprogress", "upload tools, while writing"),
    Pattern("*.tmp", "many programs, while writing"),
    Pattern("*.$$$", "older programs, while writing"),
    # Copying and syncing
    Pattern(".syncthing.*.tmp", "Syncthing, while receiving"),
    Pattern("~syncthing~*.tmp", "Syncthing on Windows and Android, while receiving"),
    Pattern("*.!sync", "Resilio Sync, while receiving"),
    Pattern("*.bts", "Resilio Sync, while receiving"),
    Pattern(".*.~*", "ownCloud and Nextcloud, while receiving"),
    Pattern("*.nextcloud", "Nextcloud, files that are not on this machine"),
    Pattern("*.owncloud", "ownCloud, files that are not on this machine"),
    Pattern("*.icloud", "iCloud, files that are not on this machine"),
    Pattern(".pending-*", "Android's media store, while writing"),
    Pattern(".trashed-*", "Android's media store, deleted"),
    Pattern(".unison.*", "Unison, while receiving"),
    Pattern("*.megatmp.*", "MEGA, while receiving"),
    Pattern(".getxfer.*.mega", "MEGA, while receiving"),
    Pattern(".goutputstream-*", "GNOME, while writing"),
    Pattern(".sb-*", "macOS, while replacing a file"),
    Pattern("*.sb-*-*", "macOS, while replacing a file"),
    Pattern(".smartsort-*", "smartsort, while placing"),
    # Editors and file servers
    Pattern("~$*", "Microsoft Office, a lock"),
    Pattern(".~lock.*#", "LibreOffice, a lock"),
    Pattern(".~*", "office programs and editors, while writing"),
    Pattern("*~", "editors, a backup"),
    Pattern("*.swp", "vim, while editing"),
    Pattern("*.swx", "vim, while editing"),
    Pattern(".#*", "Emacs, a lock"),
    Pattern("*.lock", "a lock"),
    Pattern("*_exiftool_tmp", "ExifTool, while writing"),
    Pattern(".nfs[0-9a-f]*", "NFS, deleted but still open"),
    Pattern(".smbdelete*", "macOS file sharing, deleted but still open"),
    Pattern(".fuse_hidden*", "FUSE, deleted but still open"),
)

LITTER = (
    Pattern("Thumbs.db", "Windows, its own previews"),
    Pattern("ehthumbs*.db", "Windows, its own previews"),
    Pattern("desktop.ini", "Windows, how a folder looks"),
    Pattern(".DS_Store", "macOS, how a folder looks"),
    Pattern("._*", "macOS, attributes of another file"),
    Pattern(".localized", "macOS, how a folder is named"),
    Pattern("Icon\r", "macOS, how a folder looks"),
    Pattern(".picasa.ini", "Picasa, its notes"),
    Pattern("Picasa.ini", "Picasa, its notes"),
    Pattern("ZbThumbnail.info", "Zoner, its own previews"),
    Pattern(".BridgeSort", "Adobe Bridge, an order"),
    Pattern(".BridgeCache*", "Adobe Bridge, its own previews"),
    Pattern("*@SynoEAStream", "Synology, attributes of another file"),
    Pattern("*@SynoResource", "Synology, attributes of another file"),
    Pattern(".apdisk", "macOS file sharing, its own"),
    Pattern(".VolumeIcon.icns", "macOS, how a disk looks"),
    Pattern(".hidden", "file managers, names not shown"),
    Pattern("*.ffs_db", "FreeFileSync, its journal"),
    Pattern("*.ffs_lock", "FreeFileSync, a lock"),
    Pattern(".nomedia", "Android, keeps media out of galleries"),
    Pattern(".directory", "KDE, how a folder looks"),
    Pattern(".stignore", "Syncthing, its configuration"),
    Pattern(".stfolder", "Syncthing, its marker"),
    Pattern(".sync_*.db*", "Nextcloud, its journal"),
    Pattern("._sync_*.db*", "Nextcloud, its journal"),
    Pattern(".owncloudsync.log*", "ownCloud, its log"),
    Pattern(".nextcloudsync.log*", "Nextcloud, its log"),
    Pattern(".dropbox", "Dropbox, its marker"),
    Pattern(".dropbox.attr", "Dropbox, its marker"),
    Pattern(".immich", "Immich, its mount check"),
    Pattern(".keep", "an empty folder's place holder"),
    Pattern(".gitkeep", "an empty folder's place holder"),
)

FOLDERS = (
    Pattern("@eaDir", "Synology, its own previews"),
    Pattern("@tmp", "Synology, while writing"),
    Pattern("@Recycle", "QNAP, the recycle bin"),
    Pattern("@Recently-Snapshot", "QNAP, snapshots"),
    Pattern("#recycle", "Synology, the recycle bin"),
    Pattern("#snapshot", "Synology, snapshots"),
    Pattern(".@__thumb", "QNAP, its own previews"),
    Pattern(".@upload_cache", "QNAP, while receiving"),
    Pattern("$RECYCLE.BIN", "Windows, the recycle bin"),
    Pattern("System Volume Information", "Windows, its own"),
    Pattern("RECYCLER", "Windows, the recycle bin"),
    Pattern(".Trash", "macOS and Linux, the trash"),
    Pattern(".Trash-*", "Linux, the trash"),
    Pattern(".Trashes", "macOS, the trash"),
    Pattern(".recycle", "Samba, the recycle bin"),
    Pattern(".Spotlight-V100", "macOS, its index"),
    Pattern(".fseventsd", "macOS, its journal"),
    Pattern(".TemporaryItems", "macOS, while writing"),
    Pattern(".DocumentRevisions-V100", "macOS, old versions"),
    Pattern(".AppleDouble", "macOS file sharing, attributes"),
    Pattern(".AppleDB", "macOS file sharing, its own"),
    Pattern(".stfolder", "Syncthing, its marker"),
    Pattern(".stversions", "Syncthing, old versions"),
    Pattern(".sync", "Resilio Sync, its own and old versions"),
    Pattern(".dropbox.cache", "Dropbox, while receiving"),
    Pattern(".tmp.driveupload", "Google Drive, while uploading"),
    Pattern(".tmp.drivedownload", "Google Drive, while receiving"),
    Pattern(".SynologyWorkingDirectory", "Synology Drive, while receiving"),
    Pattern(".seafile-data", "Seafile, its own"),
    Pattern(".debris", "MEGA, deleted"),
    Pattern(".rsync-partial", "rsync, unfinished files"),
    Pattern(".~tmp~", "rsync, while receiving"),
    Pattern(".snapshot", "file servers, snapshots"),
    Pattern(".snapshots", "snapper, snapshots"),
    Pattern(".zfs", "ZFS, snapshots"),
    Pattern(".thumbnails", "Android and Linux, previews"),
    Pattern(".picasaoriginals", "Picasa, originals of edited photos"),
    Pattern("lost+found", "the file system, found after a crash"),
    Pattern(".git", "git, its own"),
)

# rsync writes `.name.XXXXXX` beside the target, six letters or digits. No media extension has six.
_RSYNC = re.compile(r"\..+\.[A-Za-z0-9]{6}")


class Ignore:
    """Which names are left alone, and why. `extra` are shell patterns from the configuration."""

    def __init__(self, extra: Iterable[str] = ()) -> None:
        own = tuple(Pattern(each, "left out in the configuration") for each in extra)
        self._files = _Table((*own, *PARTIAL, *LITTER))
        self._folders = _Table((*own, *FOLDERS, Pattern(".smartsort-*", "smartsort, its own")))

    def file(self, name: str) -> str | None:
        """Return why a file of this name is left alone, None when it is not."""
        if _RSYNC.fullmatch(name):
            return "rsync, while receiving"
        return self._files.why(name)

    def folder(self, name: str) -> str | None:
        """Return why a folder of this name is not entered, None when it is."""
        return self._folders.why(name)


class _Table:
    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self._patterns = patterns
        # One expression for the common case, that nothing matches: an inbox may hold 100,000 names.
        self._any = re.compile("|".join(_expression(each.pattern) for each in patterns))
        self._each = [re.compile(_expression(each.pattern)) for each in patterns]

    def why(self, name: str) -> str | None:
        lower = name.lower()
        if not self._any.match(lower):
            return None
        for pattern, expression in zip(self._patterns, self._each, strict=True):
            if expression.match(lower):
                return pattern.origin
        return None


@cache
def _expression(pattern: str) -> str:
    return translate(pattern.lower())


_DEFAULT = Ignore()


def ignored(name: str, *, folder: bool = False) -> str | None:
    """Why a file (or a folder) of this name is left alone, by the built-in table, None when it is not."""
    return _DEFAULT.folder(name) if folder else _DEFAULT.file(name)
