"""Real videos and sound, made by FFmpeg as small as they come."""

from __future__ import annotations

import functools
import io
import os
import tempfile

import av

FORMATS = {
    # Name: container, video codec, sound codec, options of the container.
    "mp4": ("mp4", "mpeg4", "aac", {}),
    "fast.mp4": ("mp4", "libx264", "aac", {"movflags": "faststart"}),
    "fragments.mp4": ("mp4", "libx264", "aac", {"movflags": "frag_keyframe+empty_moov"}),
    "mov": ("mov", "mpeg4", "aac", {}),
    "3gp": ("3gp", "mpeg4", "aac", {}),
    "mkv": ("matroska", "libx264", "aac", {}),
    "webm": ("webm", "libvpx", "libopus", {}),
    "avi": ("avi", "mpeg4", "libmp3lame", {}),
    "mts": ("mpegts", "mpeg2video", "mp2", {}),
    "mpg": ("mpeg", "mpeg2video", "mp2", {}),
    "wmv": ("asf", "wmv2", "wmav2", {}),
    "flv": ("flv", "flv", "libmp3lame", {}),
    "mxf": ("mxf", "mpeg2video", None, {}),
}


@functools.cache
def footage(
    name: str = "mov",
    *,
    frames: int = 12,
    picture: bool = True,
    sound: bool = True,
    tags: tuple[tuple[str, str], ...] = (),
) -> bytes:
    """A video of half a second in one of FORMATS, 96 x 64 pixels; `tags` are the container's."""
    container, video_codec, sound_codec, options = FORMATS[name]
    options = {**options, "fflags": "bitexact"}  # without random ids: the same bytes in each process
    if any(key.startswith("com.apple") for key, _ in tags):
        options = {**options, "movflags": "use_metadata_tags"}
    # Containers are finished by going back, which needs a file.
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "footage")
        with av.open(path, "w", format=container, options=options) as output:
            output.metadata.update(tags)
            video = output.add_stream(video_codec, rate=25) if picture else None
            voice = output.add_stream(sound_codec, rate=48000) if sound and sound_codec else None
            if video is not None:
                video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
            if voice is not None:
                voice.bit_rate = 64000
            for number in range(frames):
                if video is not None:
                    output.mux(video.encode(_frame(number)))
                if voice is not None:
                    output.mux(voice.encode(_silence(voice, number)))
            for stream in filter(None, (video, voice)):
                output.mux(stream.encode(None))
        with open(path, "rb") as file:
            return file.read()


def _frame(number: int) -> av.VideoFrame:
    frame = av.VideoFrame(96, 64, "yuv420p")
    for plane in frame.planes:
        plane.update(bytes((number * 5 + at * 3) % 256 for at in range(plane.buffer_size)))
    frame.pts = number
    return frame


def _silence(voice: av.AudioStream, number: int) -> av.AudioFrame:
    context = voice.codec_context
    samples = context.frame_size or 1024
    frame = av.AudioFrame(format=context.format.name, layout=context.layout.name, samples=samples)
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    frame.sample_rate, frame.pts = 48000, number * samples
    return frame


def with_cover(cover: bytes) -> bytes:
    """Sound with a picture on its cover, as music is sold."""
    out = io.BytesIO()
    with (
        av.open(io.BytesIO(footage("mp4", picture=False))) as source,
        av.open(out, "w", format="mp4") as output,
    ):
        voice = output.add_stream_from_template(source.streams.audio[0])
        image = output.add_stream("mjpeg")
        image.width, image.height, image.pix_fmt = 32, 32, "yuvj420p"
        image.disposition = av.stream.Disposition.attached_pic
        packet = av.Packet(cover)
        packet.stream, packet.pts, packet.dts = image, 0, 0
        for each in source.demux(source.streams.audio[0]):
            if each.dts is not None:
                each.stream = voice
                output.mux(each)
        output.mux(packet)
    return out.getvalue()
