"""``patronage export``: a model in, an installable scoring module out."""

from typing import Any

from patronage.files import check_writable
from patronage.pipelines import console
from patronage.pipelines.opening import tracking_store
from patronage.pipelines.settings import Settings, own_settings
from patronage.scoring.wheel import export_wheel
from patronage.tracking.registry import resolve_model

GROUPS = {"tracking"}


class Export(Settings):
    """The command's own settings."""

    model: str
    out: str
    name: str
    package_version: str


def export(config: dict[str, Any]) -> None:
    """Export a model; see ``conf/export.yaml`` for the settings."""
    settings = own_settings(Export, config, "export", GROUPS)
    store = tracking_store(config)
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
