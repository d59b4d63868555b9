"""The topics of topics.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from config.yaml_file import ConfigErrors, YamlFile

NOT_CHOSEN = "unknown"


class Topic(BaseModel):
    """A topic's names for people and the credential its counselors hold, None for any."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    zh_cn: str = Field(alias="zh-CN")
    en: str
    credential: str | None

    def name(self, language: str) -> str:
        return self.en if language == "en" else self.zh_cn


class _TopicsFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    topics: Mapping[str, Topic]


def load_topics(directory: Path) -> Mapping[str, Topic]:
    """Raises ConfigErrors with every mistake of the file."""
    yaml = YamlFile(directory / "topics.yaml")
    topics = yaml.checked(_TopicsFile).topics
    if NOT_CHOSEN not in topics:
        message = f"{NOT_CHOSEN} is missing: the topic of a caller who presses nothing"
        raise ConfigErrors([yaml.error(["topics"], message)])
    return topics
