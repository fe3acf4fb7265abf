"""The viewer and untrusted files: texts are shown as texts, damage is reported, and nothing is sent over the network."""

from __future__ import annotations

import io
import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from ...sampling import one_in

MODELS = Path(__file__).parents[3] / "models"
IRIS = MODELS / "iris" / "model.h5"
TEXT = '<img src=x onerror="document.title=1"><script>document.title=1</script>&amp;'  # in place of a name


def test_texts_stay_texts(page, changed):
    def rename(file, manifest, spec):
        spec["name"] = TEXT
        manifest["metadata"] = {TEXT: [TEXT]}
        manifest["producer"] = {TEXT: TEXT}
        inputs, target = manifest["preprocessing"]["inputs"], manifest["preprocessing"]["target"]
        inputs["columns"][0]["name"], target["names"], target["classes"][0] = TEXT, [TEXT], TEXT
        for plugin in manifest["plugins"]:
            plugin |= dict.fromkeys(("name", "distribution", "version", "target"), TEXT)

    page.show(changed("iris", rename))
    quoted = TEXT.replace('"', '""')
    found = page.predict_rows(f'"{quoted}",sepal_width,petal_length,petal_width\n5.1,3.5,1.4,0.2\n')
    assert found[0][0] == TEXT
    page.js("document.querySelector('#row button').click()")
    for selector in ("#summary h2", "#summary dd", "#row label", "#answer", "#answers th", "#plugins td", "#metadata pre"):
        assert any(TEXT in text or json.dumps(TEXT) in text for text in page.texts(selector)), selector
    assert page.js("document.querySelectorAll('img, main script').length") == 0
    assert page.js("document.title") == "mlpkit model viewer"


ATTEMPTS = {  # what the policy of the page must stop, and its directive that does
    "fetch('https://example.org').catch(() => 0)": "connect-src",
    "navigator.sendBeacon('https://example.org', 'x')": "connect-src",
    "new WebSocket('wss://example.org')": "connect-src",
    "document.body.append(Object.assign(new Image(), {src: 'https://example.org/x'}))": "img-src",
    "document.body.append(Object.assign(document.createElement('iframe'), {src: 'https://example.org'}))": "frame-src",
    "document.body.appendChild(Object.assign(document.createElement('form'), {action: 'https://example.org'})).submit()": "form-action",
    "document.body.innerHTML = '<p>'": "require-trusted-types-for",
    "document.body.setAttribute('onclick', 'document.title = 1')": "require-trusted-types-for",
}


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_the_page_can_reach_no_network(attempt, page):
    """Not even if its own code were turned: the browser stops each attempt before anything is sent."""
    page.js("window.blocked = []; document.addEventListener('securitypolicyviolation', (event) => blocked.push(event.effectiveDirective))")
    page.js(f"(() => {{ try {{ {attempt} }} catch {{}} }})()")
    page.until("blocked.length")
    assert page.js("blocked") == [ATTEMPTS[attempt]]
    assert page.js("document.title") == "mlpkit model viewer"


# -- files that are none, or damaged, or outside the profile


def put(path, **options):
    """A change that stores a dataset anew in another way."""

    def change(file, manifest, spec):
        values = file[path][()]
        del file[path]
        file.create_dataset(path, data=values, **options)

    return change


def link(target):
    return lambda file, manifest, spec: file["tensors"].__setitem__("more", target)


def drop(path):
    return lambda file, manifest, spec: file.__delitem__(path)


def manifest_with(**values):
    return lambda file, manifest, spec: manifest.update(values)


def attribute(name, value):
    return lambda file, manifest, spec: file.attrs.create(name, value)


def array(values):
    return lambda file, manifest, spec: file.create_dataset("tensors/more", data=values)


def preprocessing(part, index, **values):
    def change(file, manifest, spec):
        found = manifest["preprocessing"][part]
        (found if index is None else found["columns"][index]).update(values)

    return change


def knots(counts, points, treatment="bins"):
    def change(file, manifest, spec):
        manifest["preprocessing"]["inputs"]["columns"][0]["treatment"] = treatment
        inputs = file["preprocess/inputs"]
        inputs.create_dataset("knot_counts", data=np.asarray(counts))
        inputs.create_dataset("knots", data=np.asarray(points))

    return change


CHANGES = {
    "chunks": (put("tensors/layers.0/weight", chunks=(2, 4)), "/tensors/layers.0/weight is stored in chunks"),
    "filter": (put("tensors/layers.0/weight", compression="gzip"), "/tensors/layers.0/weight is filtered"),
    "soft link": (link(h5py.SoftLink("/spec")), "it has a soft or external link"),
    "external link": (link(h5py.ExternalLink("other.h5", "/spec")), "it has a soft or external link"),
    "an attribute": (
        lambda file, manifest, spec: file["tensors"].attrs.create("note", 1),
        "the group /tensors has attributes or other contents",
    ),
    "big-endian": (array(np.ones(2, ">f4")), "number types"),
    "a text": (array(np.bytes_("x")), "number types"),
    "a new major version": (attribute("format_major", np.uint32(2)), "it has container version 2"),
    "another format": (attribute("format", np.bytes_("keras!")), "not a model of mlpkit"),
    "a fifth attribute": (attribute("extra", np.uint32(1)), "the attributes of its root"),
    "a feature": (manifest_with(required_features=["sparse"]), "features that this page does not support: sparse"),
    "a new schema": (manifest_with(spec_schema=99), "schema 99"),
}
UNPREDICTED = {  # whole files whose parts do not fit
    "a lost tensor": (drop("tensors/layers.0/bias"), "/tensors/layers.0/bias is missing or does not have the shape 16"),
    "more units": (
        lambda file, manifest, spec: spec["network"]["layers"][0].update(units=10**9),
        "weight is missing or does not have the shape",
    ),
    "no inputs": (lambda file, manifest, spec: spec["network"].update(inputs=0), "its network has no inputs"),
    "lost medians": (drop("preprocess/inputs/fill"), "/preprocess/inputs/fill is missing or does not have the shape"),
    "a billion knots": (knots([10**9, 0, 0, 0], [0.0, 1.0]), "its knots do not fit its knot_counts"),
    "more knots than a number can count": (knots(np.array([2**63, 0, 0, 0], "u8"), [0.0, 1.0]), "its knot_counts are not 0 or at least 2"),
    "one knot": (knots([1, 0, 0, 0], [0.0]), "its knot_counts are not 0 or at least 2"),
    "an infinite knot": (knots([2, 0, 0, 0], [0.0, np.inf]), "its knots or their scores are not finite"),
    "knots of another treatment": (
        knots([2, 0, 0, 0], [0.0, 1.0], "standardize"),
        'an input column has knots, but the treatment "standardize"',
    ),
    "a clip of another kind": (preprocessing("inputs", 0, clip="rough"), "the clip of an input column is not a limit"),
    "a clip below 0": (preprocessing("inputs", 0, clip=-1), "the clip of an input column is not a limit"),
    "a notation that is a number": (preprocessing("inputs", 0, notation=5), "the notation of an input column does not fit its kind"),
    "a unit that is a number": (
        preprocessing("inputs", 0, notation={"unit": [5], "decimal": ".", "magnitudes": False}),
        "the notation of an input column does not fit its kind",
    ),
    "words of a number": (
        preprocessing("inputs", 0, notation={"true": ["yes"], "false": ["no"]}),
        "the notation of an input column does not fit its kind",
    ),
    "wide columns": (preprocessing("inputs", 0, width=10**9), "its preprocessing gives 1000000003 inputs"),
    "a threshold of three classes": (preprocessing("target", None, threshold=0.2), "the decision threshold of its target"),
    "a threshold above 1": (preprocessing("target", None, threshold=2), "the decision threshold of its target"),
    "a threshold that is a text": (preprocessing("target", None, threshold="0.2"), "the decision threshold of its target"),
    "another form": (preprocessing("target", None, form="__proto__"), "the form __proto__ of its target is unknown"),
}


@pytest.mark.parametrize("name", one_in(3, CHANGES))
def test_a_file_outside_the_format_is_refused(name, page, changed):
    change, reason = CHANGES[name]
    message = page.show(changed("iris", change))
    assert message.startswith("changed.h5 cannot be shown: ")
    assert reason in message
    assert page.js("document.getElementById('model').childElementCount") == 0


@pytest.mark.parametrize("name", one_in(3, UNPREDICTED))
@pytest.mark.slow
def test_a_model_that_does_not_fit_is_shown_but_predicts_nothing(name, page, changed):
    change, reason = UNPREDICTED[name]
    assert page.show(changed("iris", change)) == "changed.h5 is shown below."
    assert reason in page.text("#predict")


RAW = {
    "empty": (b"", "it is not an HDF5 file"),
    "a text": (b"sepal_length,sepal_width\n", "it is not an HDF5 file"),
    "a pickle": (b"\x80\x04K\x01." * 20, "it is not an HDF5 file"),
    "cut": (IRIS.read_bytes()[:-1], "its end is missing"),
    "its first bytes": (IRIS.read_bytes()[:20], "ends too early"),
    "a longer one": (IRIS.read_bytes() + b"\0", "1 bytes follow the end"),
    "another superblock": (IRIS.read_bytes()[:8] + b"\0" + IRIS.read_bytes()[9:], "not one that mlpkit wrote"),
}


@pytest.mark.parametrize("name", RAW)
def test_files_that_are_not_models_are_reported(name, page, tmp_path):
    data, reason = RAW[name]
    (tmp_path / "file.h5").write_bytes(data)
    assert reason in page.show(tmp_path / "file.h5")


@pytest.mark.slow
def test_damage_is_found_or_harmless(page):
    """Each byte of a model with some of its bits flipped: the page's own error, or the very same model."""
    page.js("document.getElementById('file').value = ''")
    page.choose(IRIS)
    result = page.js("""(async () => {
      const whole = await document.getElementById("file").files[0].arrayBuffer(), bytes = new Uint8Array(whole);
      const counts = {refused: 0, same: 0, other: []}, arrays = ([path, {shape, bytes}]) => [path, shape, Array.from(bytes.raw)];
      const told = ({digest, manifest, datasets}) => JSON.stringify([digest, manifest, Array.from(datasets, arrays).sort()]);
      const expected = told(await openModel(whole));
      for (let at = 0; at < bytes.length; at += 14) {
        const before = bytes[at];
        bytes[at] ^= 1 << (at % 8);
        try {
          if (told(await openModel(whole)) === expected) counts.same += 1;
          else counts.other.push(at);
        } catch (error) {
          if (error instanceof ModelError) counts.refused += 1;
          else counts.other.push(`${at}: ${error}`);
        }
        bytes[at] = before;
      }
      return counts;
    })()""")
    assert result["other"] == []
    assert result["refused"] > 500


@pytest.mark.parametrize("links", [1, 8, 9, 60, 400, pytest.param(6000, marks=pytest.mark.slow)])
def test_a_group_of_any_size_is_read(links, page, tmp_path):
    """From one message per link over a single block of a heap to a heap of heaps, and to trees of some levels."""
    names = [f"{'long-' * 20}{number:05}" for number in range(links)]
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver=("v108", "v108")) as file:
        group = file.create_group("group")
        for name in names:
            group.create_dataset(name, shape=(0,), dtype="u1")
    (tmp_path / "links.h5").write_bytes(buffer.getvalue())
    page.choose(tmp_path / "links.h5")
    read = "document.getElementById('file').files[0].arrayBuffer().then((data) => [...readDatasets(data, rootAddress(data)).keys()].sort())"
    assert page.js(read) == [f"/group/{name}" for name in names]


# -- for everyone


def test_every_control_has_a_name(page):
    page.show(MODELS / "penguins" / "model.h5")
    nodes = page.send("Accessibility.getFullAXTree")["nodes"]
    roles = ("textbox", "combobox", "checkbox", "button", "image", "meter", "region")
    controls = [(node["role"]["value"], node["name"]["value"]) for node in nodes if node.get("role", {}).get("value") in roles]
    assert {role for role, _ in controls} >= {"textbox", "combobox", "checkbox", "button"}
    assert [role for role, name in controls if not name.strip()] == []


def luminance(color):
    parts = np.array([int(color[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read(scheme, page):
    """Contrasts of at least 4.5, as WCAG asks, in both colour schemes."""
    page.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    names = ("page", "card", "text", "soft", "bad", "good", "accent", "on-accent")
    colors = {name: page.js(f"getComputedStyle(document.documentElement).getPropertyValue('--{name}').trim()") for name in names}
    full = {name: color if len(color) == 7 else "#" + "".join(2 * digit for digit in color[1:]) for name, color in colors.items()}
    pairs = [(text, ground) for text in ("text", "soft", "bad", "good") for ground in ("page", "card")] + [("on-accent", "accent")]
    for text, ground in pairs:
        dark, bright = sorted(luminance(full[name]) for name in (text, ground))
        assert (bright + 0.05) / (dark + 0.05) >= 4.5, (text, ground)
