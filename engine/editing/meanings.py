"""What each word of the table language means, in a sentence, with an example: the texts that an editor shows.

Data alone. Which words there are, the readers say (`expressions`, `sections`, `inherit`); a test holds these
texts against them, so that a word cannot be added without its meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["BESIDE", "FORMS", "TABLES", "TESTS", "Meaning"]


@dataclass(frozen=True, slots=True)
class Meaning:
    """One word: what it does, and how it is written."""

    text: str
    example: str


#: The forms of a row's right side, by the word that names each.
FORMS: Mapping[str, Meaning] = {
    "from": Meaning(
        "A field's value, or several fields' for a conversion that takes several. `replace`, `lookup` and `as` beside "
        "it change it, in this order.",
        "scheduler: {from: scheduler, lookup: schedulers}",
    ),
    "value": Meaning("This very value, always.", "answer: {value: true}"),
    "first": Meaning("The first of these that is there.", "steps: {first: [hires_steps, steps]}"),
    "list": Meaning(
        "A list. Items that are absent are left out; an `each` among them is spliced in.",
        "pictures: {list: [input.image]}",
    ),
    "each": Meaning(
        "Once for every item of a list field. The item is called `item`, or as you name it: {name: field}. The body "
        "is `object`, or `do` for anything else.",
        "units: {each: {unit: adetailer_units}, object: {detector: unit.model}}",
    ),
    "object": Meaning("A mapping. Entries that are absent are left out.", "size: {object: {w: width, h: height}}"),
    "open": Meaning(
        "The field's own keys, as they are, but for the reserved ones, which other rows own.",
        "scripts: {open: extra_scripts, reserved: [seed]}",
    ),
    "late": Meaning("A value that is known only when the payload is sent.", "prefix: {late: job_id}"),
    "link": Meaning(
        "In a graph: the output of a node, by the name of a wire, or by the node and its output.",
        "image: {link: load.IMAGE}",
    ),
}

#: Words that stand beside a form.
BESIDE: Mapping[str, Meaning] = {
    "join": Meaning(
        "The list as one text, with this between its items. Numbers are written as JSON writes them, empty texts are "
        "left out.",
        'prompt: {list: [prompt, hires_prompt], join: " "}',
    ),
    "lookup": Meaning(
        "Through a total table: a value that it lacks is an error. A lookup's name, or the table itself.",
        "mask_fill: {from: mask_content, lookup: {fill: 0, original: 1}}",
    ),
    "replace": Meaning(
        "Through a partial table: a value that it lacks passes as it is. A lookup's name, or the table itself.",
        'vae: {from: vae_name, replace: {"": None}}',
    ),
    "as": Meaning(
        "Converted: a conversion's name, one with its parameter, or a list of them in order.",
        "width: {from: [width, factor], as: [product, {round_down: 8}]}",
    ),
    "bounds": Meaning(
        "at_run: the bounds hold for a reason that the table does not know; checked when the payload is built.",
        "width: {from: input.width, as: {round_down: 8}, bounds: at_run}",
    ),
    "when": Meaning(
        "Only where this holds; else the row gives nothing.", "use_steps: {value: true, when: {steps: present}}"
    ),
    "reserved": Meaning("Keys that must not come through, in any case of letters.", "reserved: [seed, sampler]"),
    "do": Meaning("What each item becomes, where that is no mapping.", "{each: names, do: {from: item, lookup: t}}"),
}

#: What a condition may ask.
TESTS: Mapping[str, Meaning] = {
    "present": Meaning("The field is given, whatever its value.", "when: {mask_image: present}"),
    "absent": Meaning("The field is not given.", "when: {mask_image: absent}"),
    "equals": Meaning("The field is this very value.", "when: {subseed_strength: {equals: 0}}"),
    "longer_than": Meaning("The field is a list of more items than this.", "when: {units: {longer_than: 1}}"),
    "in": Meaning("The field is one of these values.", "when: {hires_upscaler_name: {in: [Latent, None]}}"),
    "group": Meaning("The group of fields is on.", "when: {group: hires}"),
    "all": Meaning("All of these hold.", "when: {all: [{a: present}, {b: present}]}"),
    "any": Meaning("At least one of these holds.", "when: {any: [{group: hires}, {group: refiner}]}"),
    "not": Meaning("This does not hold.", "when: {not: {scheduler: {equals: automatic}}}"),
}

#: The words of a whole table, those of its sections among them.
TABLES: Mapping[str, Meaning] = {
    "format": Meaning("The format of this file.", "format: 1"),
    "payload": Meaning(
        "The contract that the payload must meet: its file under schemas/, without .json.", "payload: mine/paint"
    ),
    "graph": Meaning(
        "The description of nodes that the graph must meet, instead of a contract: its file under schemas/.",
        "graph: nodes",
    ),
    "extends": Meaning(
        "The one table that this one inherits. A name without a slash is looked up in the most derived back end first.",
        "extends: _common",
    ),
    "lookups": Meaning("Tables from one value to another, by name.", "lookups: {resize_modes: {crop: 1, fill: 2}}"),
    "replace_lookups": Meaning(
        "Lookups of the parent, written anew.", "replace_lookups: {schedulers: {karras: Karras}}"
    ),
    "replace": Meaning(
        "Rows of the parent, changed where they stand. In a section of a graph: inputs that are there, given anew.",
        "replace: {steps: {first: [hires_steps, steps]}}",
    ),
    "remove": Meaning("Rows of the parent that are left out, each with the reason.", "remove: {eta: not known here}"),
    "undrop": Meaning("Drops of the parent that are taken back, with the reason.", "undrop: {clip_skip: read here}"),
    "flow": Meaning("Several sections, in order.", "flow: [{when: {mask_image: present}, rows: {mask: mask_image}}]"),
    "rows": Meaning(
        "Target: what goes there. `outer/inner` is the key inner inside outer; `list/-` appends.",
        "rows: {width: width}",
    ),
    "use": Meaning("The flow of another table stands here. It is looked up as a parent is.", "flow: [{use: _model}]"),
    "before": Meaning(
        "In a table that inherits a graph: the section stands before the one that adds this node.",
        "flow: [{before: save, nodes: {…}}]",
    ),
    "import": Meaning(
        "The nodes of a workflow that was exported from the server's editor, by their titles: with `names` for them, "
        "inputs that are bound, and nodes that are cut.",
        "import: {workflow: drawn.json, cut: [save], bind: {prompt/text: prompt}}",
    ),
    "nodes": Meaning(
        "Nodes of a graph: of a `class`, or `like` one that is there, with `links` and `inputs`.",
        "nodes: {load: {class: Open, inputs: {picture: input.image}}}",
    ),
    "sets": Meaning(
        "Wires of a graph: names for outputs of nodes, which sections from here on read or set anew.",
        "sets: {image: load.IMAGE}",
    ),
    "groups": Meaning(
        "Rows that apply where a group of fields is on. Only they may read its fields.",
        "groups: {hires: {scale: hires_upscale_factor}}",
    ),
    "when": Meaning("The section applies where this holds.", "when: {mask_image: present}"),
    "group": Meaning("The section applies where this group of fields is on.", "group: refiner"),
    "each": Meaning(
        "The section applies once for every item of a list field; its rows append.", "each: {unit: adetailer_units}"
    ),
    "then": Meaning("Further sections, where the condition holds.", "then: [{rows: {mask: mask_image}}]"),
    "else": Meaning(
        "The other side: what applies where the condition does not hold.", "else: {rows: {mode: {value: 0}}}"
    ),
    "refuse": Meaning(
        "A request that meets the section's condition is refused with this reason, before anything is sent.",
        "flow: [{when: {units: {longer_than: 1}}, refuse: it takes one unit only}]",
    ),
    "drop": Meaning(
        "Fields that are left out on purpose, each with the reason. Every visible field is read or dropped.",
        "drop: {stage_type: the endpoint says it}",
    ),
}
