"""How answers become tables: joined, cut to the columns that matter, with names to read."""

from grafana_foundation_sdk.models.dashboard import DataTransformerConfig


def merge() -> DataTransformerConfig:
    """Join tables on the columns that they share."""
    return DataTransformerConfig(id_val="merge", options={})


def columns(*shown: tuple[str, str]) -> DataTransformerConfig:
    """Show these columns alone, in this order: each a name in the data and the name to read."""
    names = dict(shown)
    return DataTransformerConfig(
        id_val="organize",
        options={
            "includeByName": dict.fromkeys(names, True),
            "indexByName": {name: index for index, name in enumerate(names)},
            "renameByName": names,
        },
    )


def settings_of_a_run() -> list[DataTransformerConfig]:
    """Make of log records, whose configuration is in labels ``config_...``, a row a setting and a column a record."""
    extracted = {"source": "labels", "format": "auto", "replace": True, "keepTime": False}
    kept = {"include": {"pattern": "^(mmlog_run_attempt|config_.+)$"}}
    return [
        DataTransformerConfig(id_val="extractFields", options=extracted),
        DataTransformerConfig(id_val="filterFieldsByName", options=kept),
        # What comes first names the columns, or is the first row: the number of the attempt.
        DataTransformerConfig(id_val="organize", options={"indexByName": {"mmlog_run_attempt": 0}}),
        DataTransformerConfig(id_val="transpose", options={"firstFieldName": "Setting"}),
    ]
