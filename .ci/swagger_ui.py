"""The files of Swagger UI in functions/swagger-ui, which the function `docs` has in it: compared with the package on npm,
or with `--update` fetched from there. For a new version change VERSION and INTEGRITY, run it with `--update`, and name the
new files in functions/endpoints/src/docs.rs and functions/docs-page/page.html.

    python3 .ci/swagger_ui.py [--update]
"""

import base64
import hashlib
import pathlib
import subprocess
import sys
import tarfile
import tempfile

ROOT = pathlib.Path(__file__).parent.parent
FOLDER = ROOT / "functions" / "swagger-ui"
PACKAGE = "swagger-ui-dist"
VERSION = "5.35.0"
# The package's digest in the npm registry: `npm view swagger-ui-dist@5.35.0 dist.integrity`.
INTEGRITY = "sha512-U06rpMtW9V3XPGOBeamTUSr0Z09jMX4IJuANpE/EZbAhw0G8CgwrzU4YmXkn/h0wCDNsXdGarTNNHC3sU8yVUQ=="
# A file's name has its version, so that browsers may keep it for good.
FILES = {
    "LICENSE": "LICENSE",
    "NOTICE": "NOTICE",
    "swagger-ui-bundle.js.LICENSE.txt": "swagger-ui-bundle.js.LICENSE.txt",
    f"swagger-ui-{VERSION}.css": "swagger-ui.css",
    f"swagger-ui-bundle-{VERSION}.js": "swagger-ui-bundle.js",
}


def package() -> dict[str, bytes]:
    """The content of the package's files by their names, after the package was compared with its digest."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", "--pack-destination", folder, f"{PACKAGE}@{VERSION}"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        [archive] = pathlib.Path(folder).iterdir()
        digest = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if digest != INTEGRITY:
            sys.exit(f"{PACKAGE} {VERSION} is {digest} and not {INTEGRITY}.")
        with tarfile.open(archive) as files:
            return {name: files.extractfile(f"package/{name}").read() for name in FILES.values()}


def update(found: dict[str, bytes]) -> None:
    FOLDER.mkdir(exist_ok=True)
    for file in FOLDER.iterdir():
        file.unlink()
    for name, source in FILES.items():
        (FOLDER / name).write_bytes(found[source])


def compare(found: dict[str, bytes]) -> None:
    if names := {file.name for file in FOLDER.iterdir()} ^ FILES.keys():
        sys.exit(f"functions/swagger-ui should not differ in {', '.join(sorted(names))}.")
    for name, source in FILES.items():
        if (FOLDER / name).read_bytes() != found[source]:
            sys.exit(f"functions/swagger-ui/{name} is not {source} of {PACKAGE} {VERSION}.")


if __name__ == "__main__":
    content = package()
    if "--update" in sys.argv:
        update(content)
    compare(content)
    print(f"functions/swagger-ui has {PACKAGE} {VERSION} as npm has it.")
