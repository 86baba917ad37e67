"""``patronage export``: a model in, an installable scoring module out."""

from typing import Any

from patronage.files import check_writable
from patronage.pipelines import console
from patronage.pipelines.settings import Settings, Tracking, no_leftovers, settings_from
from patronage.scoring.wheel import export_wheel
from patronage.tracking.registry import resolve_model
from patronage.tracking.store import TrackingStore

KNOWN = {"tracking", "model", "out", "name", "package_version"}


class Export(Settings):
    """The command's own settings."""

    model: str
    out: str
    name: str
    package_version: str


def export(config: dict[str, Any]) -> None:
    """Export a model; see ``conf/export.yaml`` for the settings."""
    no_leftovers(config, KNOWN, "export")
    settings = settings_from(Export, {key: config[key] for key in Export.model_fields})
    store = TrackingStore(**settings_from(Tracking, config["tracking"], "tracking").model_dump())
    check_writable(settings.out)
    with console.step(f"Pack the model {settings.model}"):
        resolved = resolve_model(store, settings.model)
        wheel = export_wheel(resolved.bundle_folder, settings.out, settings.name, settings.package_version)
    rows = [
        ["model", resolved.label or str(resolved.bundle_folder)],
        ["wheel", str(wheel)],
        ["install", f"pip install {wheel}"],
        ["use", f"from {settings.name} import score"],
    ]
    console.results("Scoring module", ["what", "where"], rows)
