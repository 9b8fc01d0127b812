"""Model of where past partitions of the record are archived before they go."""

from __future__ import annotations

from pydantic import Field

from exporter.values import File, Model


class ArchiveConfig(Model):
    """Where archives are written, and how."""

    directory: File = Field(
        description="a folder that exists and that the exporter may write to; each target gets one of its own in it"
    )
    compression_level: int = Field(
        default=6, ge=1, le=9, description="of gzip: 1 takes the least time, 9 makes the smallest files"
    )
