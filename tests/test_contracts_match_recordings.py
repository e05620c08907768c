"""The fields and the wire contracts hold what they promise, and the wire contracts speak of a server that exists.

The first half needs nothing but the schemas: they keep to the forms that proofs can decide, and they refuse what
is known to go wrong in silence. The second half holds every name, type and bound against recordings of the servers.
"""

from __future__ import annotations

import copy
import json
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from tests.recordings import load, needs_recordings

SCHEMAS = Path(__file__).parent.parent / "schemas"
SERVERS = ("a1111", "forge", "sdnext")
DOCUMENTS: dict[str, Any] = {
    path.relative_to(SCHEMAS).as_posix(): json.loads(path.read_text(encoding="utf-8"))
    for path in [
        SCHEMAS / "fields.json",
        *(file for name in SERVERS for file in sorted((SCHEMAS / name).glob("*.json"))),
    ]
}
REGISTRY: Registry[Any] = Registry().with_resources(
    (name, Resource.from_contents(document)) for name, document in DOCUMENTS.items()
)
FIELDS = DOCUMENTS["fields.json"]["$defs"]
SHARED = DOCUMENTS["a1111/_sdapi.json"]["$defs"]
WIRE_UNIT = SHARED["adetailer_unit"]
FIELD_UNIT = FIELDS["adetailer_units"]["items"]

#: Contract -> the component of the server's own description that it stands for.
COMPONENTS = {
    "a1111/txt2img.json": "StableDiffusionProcessingTxt2Img",
    "a1111/img2img.json": "StableDiffusionProcessingImg2Img",
    "a1111/extras.json": "ExtrasSingleImageRequest",
    "forge/txt2img.json": "StableDiffusionProcessingTxt2Img",
    "forge/img2img.json": "StableDiffusionProcessingImg2Img",
    "sdnext/txt2img.json": "StableDiffusionProcessingTxt2Img",
    "sdnext/img2img.json": "StableDiffusionProcessingImg2Img",
    "sdnext/upscale.json": "StableDiffusionProcessingImg2Img",
}
GENERATIONS = [contract for contract in COMPONENTS if contract not in ("a1111/extras.json", "sdnext/upscale.json")]

ASSERTIONS = {
    *("$ref", "type", "enum", "const"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("minLength", "maxLength", "pattern"),
    *("properties", "required", "additionalProperties", "propertyNames", "dependentRequired"),
    *("items", "prefixItems", "minItems", "maxItems", "uniqueItems"),
}
ANNOTATIONS = {
    *("$schema", "$defs", "$comment", "title", "description", "examples"),
    *("contentEncoding", "contentMediaType"),
}
BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength")

#: The places where names are not known beforehand: extensions of a server, by the name of the script.
OPEN = {
    "fields.json#/$defs/extra_scripts",
    "a1111/txt2img.json#/properties/alwayson_scripts",
    "a1111/img2img.json#/properties/alwayson_scripts",
    "sdnext/txt2img.json#/properties/alwayson_scripts",
    "sdnext/img2img.json#/properties/alwayson_scripts",
}
CONST_TYPES = {bool: "boolean", int: "integer", str: "string"}


def schemas_in(schema: Any, at: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema object at and below a place, with its place."""
    if not isinstance(schema, dict):
        return
    yield at, schema
    for keyword in ("$defs", "properties"):
        for name, child in schema.get(keyword, {}).items():
            yield from schemas_in(child, f"{at}/{keyword}/{name}")
    for keyword in ("items", "additionalProperties", "propertyNames"):
        yield from schemas_in(schema.get(keyword), f"{at}/{keyword}")
    for index, child in enumerate(schema.get("prefixItems", [])):
        yield from schemas_in(child, f"{at}/prefixItems/{index}")


EVERY_SCHEMA = [pair for name, document in DOCUMENTS.items() for pair in schemas_in(document, f"{name}#")]


def resolved(schema: dict[str, Any], *, document: str) -> dict[str, Any]:
    """The schema itself, or what its $ref points to: a part of this file or of another."""
    if "$ref" not in schema:
        return schema
    file, _, pointer = schema["$ref"].partition("#/")
    target = posixpath.normpath(posixpath.join(posixpath.dirname(document), file)) if file else document
    found = DOCUMENTS[target]
    for step in pointer.split("/"):
        found = found[step]
    return resolved(found, document=target)


def properties_of(contract: str) -> dict[str, dict[str, Any]]:
    return {key: resolved(schema, document=contract) for key, schema in DOCUMENTS[contract]["properties"].items()}


def refusals(contract: str, body: Any) -> list[str]:
    """Where and why a contract refuses a body: empty where it takes it."""
    validator = Draft202012Validator({"$ref": contract}, registry=REGISTRY)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(body)]


def type_of(schema: dict[str, Any]) -> str:
    if "type" in schema:
        return str(schema["type"])
    return CONST_TYPES[type(schema["const"])]


def test_every_document_is_a_json_schema() -> None:
    assert set(COMPONENTS) < set(DOCUMENTS)
    for document in DOCUMENTS.values():
        assert document["$schema"] == Draft202012Validator.META_SCHEMA["$schema"]
        Draft202012Validator.check_schema(document)


@pytest.mark.parametrize(("at", "schema"), EVERY_SCHEMA, ids=[at for at, _ in EVERY_SCHEMA])
def test_schemas_keep_to_forms_that_can_be_decided(at: str, schema: dict[str, Any]) -> None:
    assert schema.keys() <= ASSERTIONS | ANNOTATIONS, "a keyword that proofs do not know"
    kind = schema.get("type")
    fixed = "enum" in schema or "const" in schema
    if kind in {"integer", "number"} and not fixed:
        assert schema.keys() & {"minimum", "exclusiveMinimum"}, "a number needs a least value"
        assert schema.keys() & {"maximum", "exclusiveMaximum"}, "a number needs a largest value"
    if kind == "string" and not fixed and "contentEncoding" not in schema:
        assert "maxLength" in schema, "a text needs a largest length"
    if kind == "array":
        assert "maxItems" in schema, "a list needs a largest length"
    if kind == "object":
        if at in OPEN:
            assert isinstance(schema["additionalProperties"], dict), "an open place says what stands in it"
        else:
            assert schema["additionalProperties"] is False, "an object is closed"
        assert set(schema.get("required", [])) <= set(schema.get("properties", {}))
        for key, needed in schema.get("dependentRequired", {}).items():
            assert {key, *needed} <= set(schema["properties"]), "a rule about a key that is not there"


def test_open_places_exist() -> None:
    assert {at for at, _ in EVERY_SCHEMA} >= OPEN


def test_references_lead_somewhere_and_no_shared_definition_is_idle() -> None:
    used = set()
    for at, schema in EVERY_SCHEMA:
        if "$ref" in schema:
            home = at.partition("#")[0]
            assert resolved(schema, document=home)
            file, _, pointer = schema["$ref"].partition("#")
            used.add(f"{posixpath.normpath(posixpath.join(posixpath.dirname(home), file)) if file else home}#{pointer}")
    for server in SERVERS:
        shared = DOCUMENTS.get(f"{server}/_sdapi.json", {"$defs": {}})["$defs"]
        assert {f"{server}/_sdapi.json#/$defs/{name}" for name in shared} <= used


def described() -> Iterator[tuple[str, dict[str, Any]]]:
    yield from FIELDS.items()
    yield from FIELD_UNIT["properties"].items()
    yield from WIRE_UNIT["properties"].items()
    for contract in COMPONENTS:
        for key, schema in properties_of(contract).items():
            yield f"{contract} {key}", schema


@pytest.mark.parametrize(("name", "schema"), list(described()))
def test_everything_has_a_description_of_one_line(name: str, schema: dict[str, Any]) -> None:
    text = schema["description"]
    assert text == text.strip()
    assert "\n" not in text
    assert text.endswith((".", ")"))


@pytest.mark.parametrize("name", ["input_images", "input.image", "mask_image"])
def test_pictures_are_marked_as_pictures(name: str) -> None:
    schema = FIELDS[name].get("items", FIELDS[name])
    assert (schema["contentEncoding"], schema["contentMediaType"]) == ("base64", "image/*")


def test_fields_have_no_defaults() -> None:
    assert not [at for at, schema in EVERY_SCHEMA if "default" in schema]


# What the wire contracts take and refuse -----------------------------------------------------------------------

COMMON: dict[str, Any] = {
    "prompt": "a cat",
    "negative_prompt": "",
    "seed": 1,
    "sampler_name": "Euler a",
    "scheduler": "Automatic",
    "steps": 20,
    "cfg_scale": 7,
    "width": 512,
    "height": 512,
    "batch_size": 1,
    "n_iter": 1,
    "send_images": True,
    "save_images": False,
    "override_settings_restore_afterwards": True,
}
PICTURE = {"init_images": ["iVBORw0="], "denoising_strength": 0.4, "resize_mode": 0}
SDNEXT = {key: value for key, value in COMMON.items() if key != "scheduler"} | {"schedulers_sigma": "default"}
UNIT = {"ad_model": "face_yolov8n.pt"}
BODIES: dict[str, dict[str, Any]] = {
    "a1111/txt2img.json": COMMON,
    "a1111/img2img.json": COMMON | PICTURE,
    "forge/txt2img.json": COMMON | {"distilled_cfg_scale": 3.5},
    "forge/img2img.json": COMMON | PICTURE | {"distilled_cfg_scale": 3.5},
    "sdnext/txt2img.json": SDNEXT,
    "sdnext/img2img.json": SDNEXT | PICTURE | {"resize_mode": 1},
    "sdnext/upscale.json": {
        "init_images": ["iVBORw0="],
        "denoising_strength": 0,
        "resize_mode": 1,
        "resize_name": "Resize Lanczos",
        "width": 128,
        "height": 128,
        "prompt": "",
        "negative_prompt": "",
        "seed": 0,
        "sampler_name": "Default",
        "steps": 1,
        "cfg_scale": 1,
        "batch_size": 1,
        "n_iter": 1,
        "send_images": True,
        "save_images": False,
    },
    "a1111/extras.json": {
        "image": "iVBORw0=",
        "resize_mode": 0,
        "upscaling_resize": 2,
        "upscaler_1": "Lanczos",
        "upscaler_2": "None",
        "extras_upscaler_2_visibility": 0,
        "gfpgan_visibility": 0,
        "codeformer_visibility": 0,
        "codeformer_weight": 0,
    },
}
HIRES = {"enable_hr": True, "denoising_strength": 0.3, "hr_upscaler": "Latent", "hr_second_pass_steps": 0}
REFINER = {"refiner_checkpoint": "refiner", "refiner_switch_at": 0.8}
FORGE_HIRES = HIRES | {"hr_cfg": 7, "hr_distilled_cfg": 3.5, "hr_additional_modules": ["Use same choices"]}
ENABLED = {"enable_hr": True, "hr_resize_mode": 1, "hr_force": True}
SDNEXT_HIRES = ENABLED | {
    "hr_upscaler": "Latent Bilinear",
    "hr_denoising_strength": 0.3,
    "denoising_strength": 0.3,
    "hr_second_pass_steps": 0,
}
SDNEXT_REFINER = ENABLED | {
    "hr_resize_mode": 0,
    "hr_force": False,
    "refiner_start": 0.8,
    "refiner_steps": 4,
    "override_settings": {"sd_model_refiner": "Diffusers/refiner"},
}
DETAILER = {
    "detailer_enabled": True,
    "detailer_models": ["face-yolo8n"],
    "detailer_prompt": "",
    "detailer_negative": "",
    "detailer_steps": 10,
    "detailer_strength": 0.4,
    "detailer_resolution": 512,
    "detailer_conf": 0.3,
    "detailer_max": 2,
    "detailer_blur": 4,
    "detailer_padding": 32,
    "detailer_merge": False,
    "detailer_include_detections": False,
    "hr_sampler_name": "Euler",
}
MASK = {
    "mask": "iVBORw0=",
    "mask_blur": 4,
    "inpainting_fill": 1,
    "inpaint_full_res": False,
    "inpaint_full_res_padding": 32,
    "inpainting_mask_invert": 0,
}


def adetailer(*args: Any) -> dict[str, Any]:
    return {"alwayson_scripts": {"ADetailer": {"args": list(args)}}}


def contract_of(name: str) -> str:
    return f"{name}.json" if "/" in name else f"a1111/{name}.json"


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("txt2img", {}),
        ("txt2img", HIRES | {"hr_scale": 2}),
        ("txt2img", HIRES | {"hr_resize_x": 1024, "hr_resize_y": 0, "hr_scheduler": "Use same scheduler"}),
        ("txt2img", REFINER),
        ("txt2img", {"override_settings": {"sd_model_checkpoint": "x", "sd_vae": "None"}}),
        ("txt2img", {"alwayson_scripts": {"Hypertile": {"args": [1, None, {"raw": []}]}}}),
        ("img2img", {}),
        ("img2img", MASK),
        ("img2img", {"width": 32768, "override_settings": {"upscaler_for_img2img": "Lanczos"}}),
        ("img2img", adetailer(True, True, UNIT)),
        ("img2img", adetailer(True, True, UNIT | {"ad_use_steps": True, "ad_steps": 20}, UNIT, UNIT, UNIT)),
        ("extras", {}),
        ("extras", {"upscaling_resize_w": 1024, "upscaling_resize_h": 768, "upscaling_crop": True}),
        ("forge/txt2img", {}),
        ("forge/txt2img", FORGE_HIRES | {"hr_scale": 2}),
        ("forge/txt2img", {"override_settings": {"forge_additional_modules": []}}),
        ("forge/img2img", {"override_settings": {"forge_additional_modules": ["ae.safetensors", "clip_l"]}}),
        ("sdnext/txt2img", {}),
        ("sdnext/txt2img", SDNEXT_HIRES | {"hr_scale": 2}),
        ("sdnext/txt2img", SDNEXT_REFINER),
        ("sdnext/txt2img", SDNEXT_REFINER | SDNEXT_HIRES),
        ("sdnext/img2img", MASK),
        ("sdnext/img2img", DETAILER | {"denoising_strength": 0, "resize_mode": 0}),
        ("sdnext/upscale", {"resize_mode": 2}),
    ],
)
def test_what_is_right_passes(name: str, more: dict[str, Any]) -> None:
    contract = contract_of(name)
    assert refusals(contract, BODIES[contract] | more) == []


@pytest.mark.parametrize("contract", COMPONENTS)
def test_a_key_of_nobody_is_refused(contract: str) -> None:
    assert refusals(contract, BODIES[contract] | {"stepz": 20})


@pytest.mark.parametrize("contract", COMPONENTS)
def test_nothing_that_must_be_explicit_can_be_left_to_the_server(contract: str) -> None:
    body = BODIES[contract]
    needed = DOCUMENTS[contract]["required"]
    assert set(needed) == set(body) - {"upscaling_resize"}, "the size comes in one of two ways"
    for key in needed:
        assert refusals(contract, {k: v for k, v in body.items() if k != key})


@pytest.mark.parametrize("contract", COMPONENTS)
def test_null_is_never_a_value(contract: str) -> None:
    for key in DOCUMENTS[contract]["properties"]:
        assert refusals(contract, BODIES[contract] | {key: None}), key


@pytest.mark.parametrize(
    ("name", "more"),
    [
        pytest.param("txt2img", {"denoising_strength": 0.4}, id="a strength without a second pass"),
        pytest.param("txt2img", {"hr_scale": 2}, id="hires keys without hires"),
        pytest.param("txt2img", HIRES | {"enable_hr": False}, id="hires keys with hires off"),
        pytest.param("txt2img", {"enable_hr": True}, id="hires without its strength, a 500"),
        pytest.param("txt2img", {"refiner_checkpoint": "r"}, id="a refiner that takes over at once"),
        pytest.param("txt2img", {"refiner_switch_at": 0.8}, id="a switch without a refiner"),
        pytest.param("txt2img", REFINER | {"refiner_switch_at": 1}, id="a refiner that never takes over"),
        pytest.param("txt2img", REFINER | {"refiner_switch_at": 0}, id="a refiner that does everything"),
        pytest.param("txt2img", {"width": 70}, id="a size that the server changes"),
        pytest.param("txt2img", {"steps": True}, id="a boolean as a number"),
        pytest.param("txt2img", {"steps": 0}, id="no steps, a 500"),
        pytest.param("txt2img", {"steps": 2.5}, id="half a step"),
        pytest.param("txt2img", {"steps": "20"}, id="a number as text"),
        pytest.param("txt2img", {"scheduler": "karras"}, id="a scheduler that would run as Automatic"),
        pytest.param("txt2img", {"save_images": True}, id="files on the server"),
        pytest.param("txt2img", {"send_images": False}, id="an answer without pictures"),
        pytest.param("txt2img", {"override_settings": {"samples_format": "jpg"}}, id="an option of nobody"),
        pytest.param("txt2img", {"override_settings": {"upscaler_for_img2img": "L"}}, id="img2img's option"),
        pytest.param("txt2img", {"override_settings": {"CLIP_stop_at_last_layers": 0}}, id="CLIP skip 0"),
        pytest.param("txt2img", adetailer(True, False, UNIT), id="ADetailer outside its stage"),
        pytest.param("txt2img", {"alwayson_scripts": {"X": {}}}, id="a script without arguments"),
        pytest.param("txt2img", {"alwayson_scripts": {"X": {"args": {}}}}, id="arguments that are no list"),
        pytest.param("img2img", REFINER, id="a refiner outside txt2img"),
        pytest.param("img2img", {"enable_hr": True}, id="hires, which img2img ignores"),
        pytest.param("img2img", {"init_images": []}, id="no picture, a 500"),
        pytest.param("img2img", {"init_images": ["a", "b"]}, id="two pictures in one request"),
        pytest.param("img2img", {"denoising_strength": 2}, id="a strength of 2, which the server takes"),
        pytest.param("img2img", {"mask_blur": 4}, id="mask keys without a mask"),
        pytest.param("img2img", {"mask": "iVBORw0="}, id="a mask left to the server's defaults"),
        pytest.param("img2img", MASK | {"inpainting_mask_invert": True}, id="a boolean where a number belongs"),
        pytest.param("img2img", adetailer(UNIT), id="ADetailer without switches, a second unit runs"),
        pytest.param("img2img", adetailer(True, UNIT), id="ADetailer with one switch"),
        pytest.param("img2img", adetailer(False, True, UNIT), id="ADetailer that is off"),
        pytest.param("img2img", adetailer(True, True), id="ADetailer without units"),
        pytest.param("img2img", adetailer(True, True, *[UNIT] * 5), id="more units than the server runs"),
        pytest.param("img2img", adetailer(True, True, {}), id="a unit without a detector"),
        pytest.param("img2img", adetailer(True, True, UNIT | {"ad_mask_k_largest": 1}), id="a unit's old key"),
        pytest.param("img2img", adetailer(True, True, UNIT | {"ad_confidence": 30}), id="a unit out of range"),
        pytest.param("extras", {"upscaling_resize_w": 1024}, id="a width without a height"),
        pytest.param(
            "extras",
            {"upscaling_resize_w": 100, "upscaling_resize_h": 80, "upscaling_crop": True},
            id="a size that gets a black frame",
        ),
        pytest.param("extras", {"image": None, "image_base64": "iVBORw0="}, id="a picture under another name"),
        pytest.param("extras", {"resize_mode": 9}, id="a resize mode that is not there"),
        pytest.param("forge/txt2img", HIRES, id="Forge: hires as elsewhere, a 500"),
        pytest.param("forge/txt2img", FORGE_HIRES | {"hr_additional_modules": None}, id="Forge: null modules, a 500"),
        pytest.param("forge/txt2img", {"override_settings": {"sd_vae": "x"}}, id="Forge: a VAE that is no module"),
        pytest.param("forge/img2img", {"hr_distilled_cfg": 3.5}, id="Forge: hires keys in img2img"),
        pytest.param("sdnext/txt2img", {"scheduler": "Karras"}, id="SD.Next: a scheduler, dropped"),
        pytest.param("sdnext/txt2img", {"schedulers_sigma": "nope"}, id="SD.Next: an unknown one runs as default"),
        pytest.param("sdnext/txt2img", HIRES, id="SD.Next: hires as elsewhere, never enlarged"),
        pytest.param("sdnext/txt2img", REFINER, id="SD.Next: a refiner as elsewhere, left out"),
        pytest.param(
            "sdnext/txt2img",
            {key: value for key, value in SDNEXT_REFINER.items() if key != "enable_hr"},
            id="SD.Next: a refiner without enable_hr, left out",
        ),
        pytest.param("sdnext/txt2img", SDNEXT_REFINER | {"refiner_steps": 0}, id="SD.Next: no refiner steps, left out"),
        pytest.param("sdnext/txt2img", SDNEXT_REFINER | {"refiner_start": 0}, id="SD.Next: a refiner from the start"),
        pytest.param("sdnext/txt2img", {"sd_model_checkpoint": "x"}, id="SD.Next: a checkpoint that sticks"),
        pytest.param("sdnext/txt2img", {"restore_faces": True}, id="SD.Next: a face restorer, dropped"),
        pytest.param("sdnext/txt2img", {"override_settings": {"CLIP_stop_at_last_layers": 2}}, id="SD.Next: CLIP skip"),
        pytest.param("sdnext/txt2img", {"steps": 0}, id="SD.Next: no steps, a picture of noise"),
        pytest.param("sdnext/txt2img", {"width": 0}, id="SD.Next: a width of 0 is 1024"),
        pytest.param("sdnext/txt2img", {"sampler_name": ""}, id="SD.Next: no sampler, a 404"),
        pytest.param("sdnext/txt2img", adetailer(True, False, UNIT), id="SD.Next: ADetailer, a 422"),
        pytest.param("sdnext/img2img", {"init_images": []}, id="SD.Next: no picture runs txt2img"),
        pytest.param("sdnext/img2img", {"denoising_strength": 2}, id="SD.Next: a strength of 2 gives no picture"),
        pytest.param("sdnext/img2img", MASK | {"inpainting_fill": 0}, id="SD.Next: a fill that is not heeded"),
        pytest.param(
            "sdnext/img2img",
            DETAILER | {"detailer_include_detections": True},
            id="SD.Next: finds in the result's place",
        ),
        pytest.param("sdnext/img2img", DETAILER | {"detailer_conf": 7}, id="SD.Next: a confidence of 7 finds nothing"),
        pytest.param("sdnext/upscale", {"denoising_strength": 0.1}, id="SD.Next: an enlargement that repaints"),
        pytest.param("sdnext/upscale", {"resize_mode": 0}, id="SD.Next: an enlargement that keeps the size"),
    ],
)
def test_what_goes_wrong_in_silence_is_refused(name: str, more: dict[str, Any]) -> None:
    contract = contract_of(name)
    assert refusals(contract, BODIES[contract] | more)


@pytest.mark.parametrize("contract", ["a1111/txt2img.json", "a1111/img2img.json"])
@pytest.mark.parametrize("title", ["Refiner", "Sampler", "Seed", "Extra options", "adetailer"])
def test_scripts_that_would_overwrite_fields_are_refused(contract: str, title: str) -> None:
    for name in {title, title.lower()}:
        assert refusals(contract, BODIES[contract] | {"alwayson_scripts": {name: {"args": []}}})


@pytest.mark.parametrize("key", [key for key in DOCUMENTS["a1111/txt2img.json"]["properties"] if key[:3] == "hr_"])
def test_no_key_of_the_second_pass_goes_without_the_pass(key: str) -> None:
    contract = "a1111/txt2img.json"
    schema = properties_of(contract)[key]
    value = schema["enum"][0] if "enum" in schema else {"string": "x", "integer": 8, "number": 2}[schema["type"]]
    assert not refusals(contract, BODIES[contract] | HIRES | {key: value})
    assert refusals(contract, BODIES[contract] | {key: value})


@pytest.mark.parametrize(("name", "group"), [("txt2img", HIRES), ("txt2img", REFINER), ("img2img", MASK)])
def test_a_group_is_whole_or_absent(name: str, group: dict[str, Any]) -> None:
    contract = f"a1111/{name}.json"
    assert not refusals(contract, BODIES[contract] | group)
    for key, value in group.items():
        assert refusals(contract, BODIES[contract] | {key: value}), f"{key} alone"
        rest = {other: group[other] for other in group if other != key}
        assert refusals(contract, BODIES[contract] | rest), f"all but {key}"


SWITCHED = {
    "ad_steps": 20,
    "ad_cfg_scale": 7,
    "ad_checkpoint": "x",
    "ad_vae": "x",
    "ad_sampler": "Euler",
    "ad_noise_multiplier": 1,
    "ad_clip_skip": 1,
}


@pytest.mark.parametrize("key", SWITCHED)
def test_a_unit_s_value_and_its_switch_go_together(key: str) -> None:
    contract, switch = "a1111/img2img.json", key.replace("ad_", "ad_use_")
    for unit, right in (
        ({key: SWITCHED[key]}, False),
        ({switch: True}, False),
        ({switch: False}, False),
        ({key: SWITCHED[key], switch: True}, True),
    ):
        body = BODIES[contract] | adetailer(True, True, UNIT | unit)
        assert (refusals(contract, body) == []) is right, unit


@pytest.mark.parametrize("missing", ["ad_use_inpaint_width_height", "ad_inpaint_width", "ad_inpaint_height"])
def test_a_unit_s_size_is_whole_or_absent(missing: str) -> None:
    contract = "a1111/img2img.json"
    size = {"ad_use_inpaint_width_height": True, "ad_inpaint_width": 512, "ad_inpaint_height": 512}
    assert not refusals(contract, BODIES[contract] | adetailer(True, True, UNIT | size))
    part = {key: value for key, value in size.items() if key != missing}
    assert refusals(contract, BODIES[contract] | adetailer(True, True, UNIT | part))


@pytest.mark.parametrize(
    ("key", "value", "with_it"),
    [
        ("ad_scheduler", "Karras", {"ad_use_sampler": True, "ad_sampler": "Euler"}),
        ("ad_controlnet_module", "x", {"ad_controlnet_model": "y"}),
        ("ad_controlnet_weight", 0.5, {"ad_controlnet_model": "y"}),
        ("ad_controlnet_guidance_start", 0.5, {"ad_controlnet_model": "y"}),
        ("ad_controlnet_guidance_end", 0.5, {"ad_controlnet_model": "y"}),
    ],
)
def test_a_unit_s_value_that_does_nothing_alone_is_refused_alone(key: str, value: Any, with_it: dict[str, Any]) -> None:
    contract = "a1111/img2img.json"
    assert refusals(contract, BODIES[contract] | adetailer(True, True, UNIT | {key: value}))
    assert not refusals(contract, BODIES[contract] | adetailer(True, True, UNIT | {key: value} | with_it))


@pytest.mark.parametrize(
    ("unit", "right"),
    [
        ({"inpaint_width": 512, "inpaint_height": 512}, True),
        ({"inpaint_width": 512}, False),
        ({"inpaint_height": 512}, False),
        ({"sampler": "Euler", "scheduler": "karras"}, True),
        ({"scheduler": "karras"}, False),
        ({"controlnet_model": "x", "controlnet_weight": 0.5}, True),
        ({"controlnet_weight": 0.5}, False),
    ],
)
def test_a_unit_as_a_field_keeps_the_same_things_together(unit: dict[str, Any], right: bool) -> None:
    field = "fields.json#/$defs/adetailer_units"
    assert (refusals(field, [{"model": "face_yolov8n.pt"} | unit]) == []) is right


def wire_name(unit_key: str) -> str:
    return "ad_tab_enable" if unit_key == "enabled" else f"ad_{unit_key}"


def test_a_unit_s_fields_are_its_wire_keys_without_the_switches() -> None:
    switches = {key for key in WIRE_UNIT["properties"] if key.startswith("ad_use_")}
    assert {wire_name(key) for key in FIELD_UNIT["properties"]} == set(WIRE_UNIT["properties"]) - switches


@pytest.mark.parametrize("key", FIELD_UNIT["properties"])
def test_a_unit_s_bounds_are_the_same_as_a_field_and_on_the_wire(key: str) -> None:
    field = resolved(FIELD_UNIT["properties"][key], document="fields.json")
    wire = WIRE_UNIT["properties"][wire_name(key)]
    assert field["type"] == wire["type"]
    bounds = [field.get(bound) for bound in BOUNDS]
    if key == "prompt":  # LoRAs stand at its end
        assert wire["maxLength"] > field["maxLength"]
        bounds = [wire.get(bound) if bound == "maxLength" else field.get(bound) for bound in BOUNDS]
    assert bounds == [wire.get(bound) for bound in BOUNDS]


# What the servers themselves say -----------------------------------------------------------------------------------


def recorded_keys(contract: str) -> dict[str, Any]:
    """What the server of this contract says of the keys that it takes. Null, which it takes too, is left out."""
    server = contract.partition("/")[0]
    found = load(server, "openapi")["components"]["schemas"][COMPONENTS[contract]]["properties"]
    return {key: without_null(schema) for key, schema in found.items()}


def without_null(schema: dict[str, Any]) -> dict[str, Any]:
    parts = [part for part in schema.get("anyOf", []) if part.get("type") != "null"]
    return parts[0] if len(parts) == 1 else schema


def answer(name: str, server: str = "a1111") -> Any:
    return load(server, name)["response"]


def wider(ours: dict[str, Any], recorded: dict[str, Any]) -> list[str]:
    """In which bounds our schema would let through what the recorded one refuses."""
    found = []
    least = ours.get("minimum", ours.get("exclusiveMinimum"))
    largest = ours.get("maximum", ours.get("exclusiveMaximum"))
    if "minimum" in recorded and least < recorded["minimum"]:
        found.append("minimum")
    if (
        "exclusiveMinimum" in recorded
        and ours.get("minimum", recorded["exclusiveMinimum"] + 1) <= (recorded["exclusiveMinimum"])
    ):
        found.append("exclusiveMinimum")
    if "maximum" in recorded and largest > recorded["maximum"]:
        found.append("maximum")
    if "enum" in recorded and not set(ours.get("enum", [object()])) <= set(recorded["enum"]):
        found.append("enum")
    return found


def agrees(ours: dict[str, Any], recorded: dict[str, Any]) -> bool:
    kind = type_of(ours)
    if "type" not in recorded:
        return True  # a server that says nothing of the type takes anything
    return recorded["type"] in ({"integer", "number"} if kind == "integer" else {kind})


@needs_recordings
@pytest.mark.parametrize("contract", COMPONENTS)
def test_every_key_that_may_be_sent_is_one_that_the_server_knows(contract: str) -> None:
    recorded = recorded_keys(contract)
    ours = properties_of(contract)
    assert set(ours) <= set(recorded)
    assert not {key for key in ours if not agrees(ours[key], recorded[key])}
    assert not {key: found for key in ours if (found := wider(ours[key], recorded[key]))}


@needs_recordings
@pytest.mark.parametrize("contract", [contract for contract in COMPONENTS if not contract.startswith("sdnext/")])
def test_every_key_that_the_server_knows_is_sent_or_left_out_with_a_reason(contract: str) -> None:
    """(SD.Next knows some 240 keys, most of them of features that no field has.)"""
    recorded = set(recorded_keys(contract))
    named = re.sub(r"\([^)]*\)", "", DOCUMENTS[contract]["$comment"]).partition("left out on purpose:")[2]
    reasons = set(re.findall(r"\w+", named))
    assert recorded - set(DOCUMENTS[contract]["properties"]) == reasons


@needs_recordings
def test_every_key_of_a_unit_is_recorded_and_no_bound_is_wider() -> None:
    recorded = answer("get-adetailer-schema")["properties"]
    ours = WIRE_UNIT["properties"]
    assert set(recorded) - set(ours) == {"is_api"}
    assert set(ours) <= set(recorded)
    assert not {key for key in ours if not agrees(ours[key], recorded[key])}
    assert not {key: found for key in ours if (found := wider(ours[key], recorded[key]))}


@needs_recordings
def test_a_bound_that_is_too_wide_would_be_seen() -> None:
    recorded = answer("get-adetailer-schema")["properties"]
    for key, change in (
        ("ad_confidence", {"maximum": 1.5}),
        ("ad_confidence", {"minimum": -1}),
        ("ad_steps", {"minimum": 0}),
        ("ad_mask_filter_method", {"enum": ["Area", "Size"]}),
    ):
        assert wider(copy.deepcopy(WIRE_UNIT["properties"][key]) | change, recorded[key])


@needs_recordings
def test_schedulers_are_the_server_s_own() -> None:
    recorded = answer("get-schedulers")
    assert FIELDS["scheduler"]["enum"] == [item["name"] for item in recorded]
    labels = [item["label"] for item in recorded]
    same = [*labels, "Use same scheduler"]
    assert SHARED["scheduler"]["enum"] == labels
    assert properties_of("a1111/txt2img.json")["hr_scheduler"]["enum"] == same
    assert WIRE_UNIT["properties"]["ad_scheduler"]["enum"] == same


#: Options that SD.Next lists only where they are set: in the recording they are not.
UNLISTED = {"sdnext": {"sd_vae"}}


@needs_recordings
@pytest.mark.parametrize("contract", GENERATIONS)
def test_overrides_are_options_that_the_server_has(contract: str) -> None:
    server = contract.partition("/")[0]
    overrides = properties_of(contract)["override_settings"]["properties"]
    assert overrides
    assert set(overrides) - UNLISTED.get(server, set()) <= set(answer("get-options", server))


@needs_recordings
@pytest.mark.parametrize("contract", ["a1111/txt2img.json", "a1111/img2img.json"])
def test_scripts_that_are_named_are_scripts_that_the_server_has(contract: str) -> None:
    named = properties_of(contract)["alwayson_scripts"]["properties"]
    assert {name.lower() for name in named} <= set(answer("get-scripts")[Path(contract).stem])
