"""The notices name each package of others that stands in what is served."""

import json
import re

from tests.support.stack.paths import ROOT

WEB = ROOT / "web"


def test_each_package_that_is_bundled_has_its_notice() -> None:
    files = [WEB / "build.mjs", *(WEB / "scripts").iterdir(), *(WEB / "styles").iterdir()]
    files += [*(WEB / "gate" / "app").iterdir(), *(WEB / "gate" / "core").iterdir()]
    named = {
        name
        for file in files
        for name in re.findall(r'(?:from|import|@use|\[) ?"((?:@\w[\w-]*/)?[\w-]+)', file.read_text("utf-8"))
    }
    packages = json.loads((WEB / "package.json").read_text("utf-8"))["devDependencies"]
    tools = {"esbuild", "sass", "subset-font"}
    bundled = {
        name for name in packages if {name, name.removeprefix("@fontsource-variable/")} & named
    } - tools
    assert {"govuk-frontend", "jose", "@fontsource-variable/noto-sans"} <= bundled
    notices = (ROOT / "THIRD_PARTY_NOTICES.md").read_text("utf-8")
    assert [package for package in sorted(bundled) if f"`{package}`" not in notices] == []
