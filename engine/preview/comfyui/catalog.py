"""What this server claims to have and to be: folders of models, versions, an account of its machine.

This module is data, from recordings of ComfyUI 0.3.64. Which files an input of a node names is said here too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from engine.preview.models import MODELS, VAES
from engine.values import Json

__all__ = ["FEATURES", "FOLDERS", "MAX_UPLOAD", "UPSCALE_MODELS", "factor_of", "files_of", "system_stats"]

#: The largest upload, in bytes.
MAX_UPLOAD: Final = 104_857_600

FEATURES: Final[Mapping[str, Json]] = {"supports_preview_metadata": True, "max_upload_size": MAX_UPLOAD}

UPSCALE_MODELS: Final = (
    "4x-UltraSharp.pth",
    "RealESRGAN_x4plus.pth",
    "RealESRGAN_x2plus.pth",
)

_DETECTORS: Final = (
    "bbox/face_yolov8n.pt",
    "bbox/hand_yolov8n.pt",
    "segm/person_yolov8n-seg.pt",
)

#: The folders of models, and the files that they show. Any other file is taken as present, too.
FOLDERS: Final[Mapping[str, tuple[str, ...]]] = {
    "checkpoints": MODELS,
    "configs": (),
    "loras": ("preview-style.safetensors",),
    "vae": VAES,
    "text_encoders": ("preview-clip.safetensors",),
    "diffusion_models": ("preview-unet.safetensors",),
    "clip_vision": (),
    "style_models": (),
    "embeddings": (),
    "diffusers": (),
    "vae_approx": (),
    "controlnet": ("preview-controlnet.safetensors",),
    "gligen": (),
    "upscale_models": UPSCALE_MODELS,
    "custom_nodes": (),
    "hypernetworks": (),
    "photomaker": (),
    "classifiers": (),
    "model_patches": (),
    "audio_encoders": (),
    "ultralytics": _DETECTORS,
    "sams": ("sam_vit_b_01ec64.pth",),
}

#: The folder of an input that names a file; where a class of nodes has its own, behind its name.
_INPUTS: Final = {
    "ckpt_name": "checkpoints",
    "unet_name": "diffusion_models",
    "clip_name": "text_encoders",
    "clip_name1": "text_encoders",
    "clip_name2": "text_encoders",
    "vae_name": "vae",
    "lora_name": "loras",
    "control_net_name": "controlnet",
    "UpscaleModelLoader.model_name": "upscale_models",
    "UltralyticsDetectorProvider.model_name": "ultralytics",
    "SAMLoader.model_name": "sams",
}

#: "4x-UltraSharp", "RealESRGAN_x2plus", "2xNomos": by which factor a network enlarges is said in its name alone.
_FACTOR: Final = re.compile(r"(?:^|[^0-9a-z])(?:x(?P<behind>[1-8])|(?P<front>[1-8])x)(?![0-9])", re.IGNORECASE)


def files_of(node_class: str, name: str) -> tuple[str, ...]:
    """The files that an input of a class of nodes may name."""
    folder = _INPUTS.get(f"{node_class}.{name}", _INPUTS.get(name))
    return () if folder is None else FOLDERS[folder]


def factor_of(upscale_model: str) -> int:
    """By how much an upscale model of this name enlarges: 4, where the name does not say it."""
    found = _FACTOR.search(upscale_model.rpartition("/")[2])
    return 4 if found is None else int(found["behind"] if found["front"] is None else found["front"])


def system_stats() -> Json:
    """GET /system_stats. Nobody should take this for the real server: the version says so."""
    memory: dict[str, Json] = {"vram_total": 0, "vram_free": 0, "torch_vram_total": 0, "torch_vram_free": 0}
    return {
        "system": {
            "os": "posix",
            "ram_total": 0,
            "ram_free": 0,
            "comfyui_version": "0.3.64-preview",
            "required_frontend_version": "1.27.10",
            "installed_templates_version": "0.1.95",
            "required_templates_version": "0.1.95",
            "python_version": "preview",
            "pytorch_version": "preview",
            "embedded_python": False,
            "argv": ["preview"],
        },
        "devices": [{"name": "preview", "type": "cpu", "index": None, **memory}],
    }
