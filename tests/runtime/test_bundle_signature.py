"""Signed bundles: refused when unsigned, altered, or signed by somebody else, and only where a key asks for it."""

import json
import shutil
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from broken_bundles import rehash
from patronage.errors import BundleError, ConfigError
from patronage.runtime.bundle import TableBundle, read_bundle, write_bundle
from patronage.runtime.bundle_signature import PRIVATE_KEY, PUBLIC_KEY, sign_bundle
from patronage.runtime.calibration import Calibration
from patronage.runtime.churn_logistic import LogisticChurnModel, NumberTerm
from patronage.schema import Column, TableSchema

BUNDLE = TableBundle(
    LogisticChurnModel(("tenure",), 0, Calibration("none", (), ()), -1.0, {"tenure": NumberTerm(10.0, 5.0, -0.5, 0.2)}),
    TableSchema("model_input", (Column("tenure", "long", "", True, ""),)),
)
PEM = serialization.Encoding.PEM
PKCS8 = serialization.PrivateFormat.PKCS8
PUBLIC = serialization.PublicFormat.SubjectPublicKeyInfo


def key_pair(folder, name, key=None, password=None):
    key = key or ed25519.Ed25519PrivateKey.generate()
    hidden = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    private.write_bytes(key.private_bytes(PEM, PKCS8, hidden))
    public.write_bytes(key.public_key().public_bytes(PEM, PUBLIC))
    return private, public


@pytest.fixture
def keys(tmp_path):
    return key_pair(tmp_path, "ours")


@pytest.fixture
def signed(tmp_path, keys, monkeypatch):
    """A bundle written where a private key was configured."""
    with monkeypatch.context() as place:
        place.setenv(PRIVATE_KEY, str(keys[0]))
        return write_bundle(BUNDLE, tmp_path / "signed")


def test_a_signed_bundle_loads_with_its_key_and_without_any(signed, keys):
    assert read_bundle(signed, keys[1]).inputs == BUNDLE.inputs
    assert read_bundle(signed).fingerprint == read_bundle(signed, keys[1]).fingerprint
    assert sorted(path.name for path in signed.iterdir()) == ["churn.json", "manifest.json", "manifest.sig"]


def test_openssl_agrees(signed, keys, tmp_path):
    """What is signed is the manifest behind a line of its own, by ed25519 as others understand it."""
    import base64

    stored = json.loads((signed / "manifest.sig").read_text())
    (tmp_path / "sig").write_bytes(base64.b64decode(stored["signature"]))
    (tmp_path / "text").write_bytes(b"patronage bundle 1\n" + (signed / "manifest.json").read_bytes())
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", keys[1], "-rawin", "-in", tmp_path / "text"]
    done = subprocess.run([*command, "-sigfile", tmp_path / "sig"], capture_output=True, text=True, check=False)
    assert "Verified Successfully" in done.stdout, done.stderr


def test_the_environment_asks_as_the_argument_does(signed, keys, tmp_path, monkeypatch):
    unsigned = write_bundle(BUNDLE, tmp_path / "unsigned")
    assert not (unsigned / "manifest.sig").exists()
    assert read_bundle(unsigned)
    monkeypatch.setenv(PUBLIC_KEY, str(keys[1]))
    assert read_bundle(signed)
    with pytest.raises(BundleError, match="is not signed"):
        read_bundle(unsigned)


@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_variable_does_not_open_the_door(signed, tmp_path, monkeypatch, empty):
    monkeypatch.setenv(PUBLIC_KEY, empty)
    with pytest.raises(ConfigError, match="PATRONAGE_PUBLIC_KEY is there and empty"):
        read_bundle(signed)
    monkeypatch.setenv(PRIVATE_KEY, empty)
    with pytest.raises(ConfigError, match="PATRONAGE_PRIVATE_KEY is there and empty"):
        write_bundle(BUNDLE, tmp_path / "another")


def test_another_signer_is_refused(signed, tmp_path):
    theirs = key_pair(tmp_path, "theirs")
    with pytest.raises(BundleError, match="somebody else signed it"):
        read_bundle(signed, theirs[1])


@pytest.mark.parametrize(
    "forge",
    [
        lambda folder: (folder / "manifest.sig").unlink(),
        lambda folder: (folder / "manifest.sig").write_text(""),
        lambda folder: (folder / "manifest.sig").write_bytes(b"\x80\x04" * 2000),
        lambda folder: (folder / "manifest.sig").write_text('{"algorithm": "none", "signature": ""}'),
        lambda folder: (folder / "manifest.sig").write_text('{"algorithm": "ed25519", "signature": ""}'),
        lambda folder: (folder / "manifest.sig").write_text('{"algorithm": "ed25519", "signature": "AAAA"}'),
        lambda folder: (folder / "manifest.sig").write_text('{"algorithm": "ed25519", "signature": ["AAAA"]}'),
        lambda folder: (folder / "manifest.json").write_text((folder / "manifest.json").read_text() + " "),
    ],
    ids=["removed", "empty", "bytes", "no algorithm", "no signature", "short", "list", "another manifest"],
)
def test_a_forged_signature_is_refused(signed, keys, forge):
    forge(signed)
    with pytest.raises(BundleError):
        read_bundle(signed, keys[1])


def test_an_altered_member_with_a_fitting_hash_is_refused(signed, keys):
    churn = json.loads((signed / "churn.json").read_text())
    (signed / "churn.json").write_text(json.dumps(churn | {"intercept": 5.0}))
    rehash(signed)
    assert read_bundle(signed).churn.intercept == 5.0
    with pytest.raises(BundleError, match="altered"):
        read_bundle(signed, keys[1])


def test_a_member_altered_under_the_signed_manifest_is_refused(signed, keys):
    (signed / "churn.json").write_text("{}")
    with pytest.raises(BundleError, match="SHA-256"):
        read_bundle(signed, keys[1])


def test_a_bundle_may_be_signed_later(tmp_path, keys):
    folder = write_bundle(BUNDLE, tmp_path / "bundle")
    assert not sign_bundle(folder)
    assert sign_bundle(folder, keys[0])
    assert read_bundle(folder, keys[1])


@pytest.mark.parametrize("which", ["missing", "no key", "another kind", "password", "public for private"])
def test_a_key_that_cannot_be_used_is_named(tmp_path, keys, which):
    folder = write_bundle(BUNDLE, tmp_path / "bundle")
    private, public = tmp_path / "nowhere.pem", tmp_path / "nowhere.pub"
    if which == "no key":
        private.write_text("secret")
        shutil.copy(private, public)
    elif which == "another kind":
        private, public = key_pair(tmp_path, "curve", ec.generate_private_key(ec.SECP256R1()))
    elif which == "password":
        private, public = key_pair(tmp_path, "hidden", password=b"x")[0], keys[0]
    elif which == "public for private":
        private, public = keys[1], keys[0]
    with pytest.raises(ConfigError, match=str(private)):
        sign_bundle(folder, private)
    with pytest.raises(ConfigError, match=str(public)):
        read_bundle(folder, public)
    assert sorted(path.name for path in folder.iterdir()) == ["churn.json", "manifest.json"]


def test_without_a_key_the_library_is_not_even_imported(signed):
    code = (
        "import sys; sys.modules['cryptography'] = None\n"
        "from patronage.runtime.bundle import read_bundle; from patronage.errors import ConfigError\n"
        "read_bundle(sys.argv[1])\n"
        "try: read_bundle(sys.argv[1], sys.argv[2])\n"
        "except ConfigError as error: print(error)"
    )
    command = [sys.executable, "-c", code, signed, signed / "manifest.json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "pip install cryptography" in done.stdout
