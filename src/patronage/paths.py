"""Where the configuration lies: ``conf/`` beside ``src/`` in a checkout, ``patronage/conf`` in an installed wheel."""

from pathlib import Path

_HERE = Path(__file__).resolve().parent


def conf_folder() -> Path:
    """Absolute path of the folder that holds ``train.yaml`` and the configuration groups.

    Raises
    ------
    FileNotFoundError
        If neither place holds it, which means that the installation is incomplete.
    """
    places = (_HERE / "conf", _HERE.parents[1] / "conf")
    for place in places:
        if (place / "train.yaml").is_file():
            return place
    message = f"No configuration found in {' or '.join(map(str, places))}: reinstall patronage."
    raise FileNotFoundError(message)
