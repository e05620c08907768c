"""What SD.Next claims to have: samplers, upscalers, detectors, options.

This module is lists, from recordings of SD.Next (2026-07), and two rules over them: how a sampler's name is read, and
what an upscaler's name does to a picture.
"""

from __future__ import annotations

from typing import Final

from engine.preview.models import MODELS
from engine.values import Json

__all__ = [
    "DETECTORS",
    "HEADINGS",
    "OPTIONS",
    "SAMPLERS",
    "UPSCALERS",
    "VERSION",
    "find_sampler",
    "scheduler_class",
]

#: What stands for the server's version in infotexts: nobody should take it for the real one.
VERSION: Final = "preview"

SAMPLERS: Final = (
    "UniPC", "DDIM", "Euler", "Euler a", "Euler SGM", "Euler EDM", "Euler FlowMatch", "DPM++", "DPM++ 2M", "DPM++ 3M",
    "DPM++ 1S", "DPM++ SDE", "DPM++ 2M SDE", "DPM++ 3M SDE", "DPM++ 2M EDM", "DPM++ Cosine", "DPM SDE", "DPM++ Inverse",
    "DPM++ 2M Inverse", "DPM++ 3M Inverse", "UniPC FlowMatch", "DPM2 FlowMatch", "DPM2a FlowMatch", "Heun",
    "Heun FlowMatch", "LCM FlowMatch", "DEIS", "SA Solver", "DC Solver", "VDM Solver", "TCD", "TDD", "Flash FlowMatch",
    "PeRFlow", "UFOGen", "BDIA DDIM", "ER-SDE", "ER-SDE 2M", "ER-SDE 3M", "PNDM", "IPNDM", "DDPM", "LMSD", "KDPM2",
    "KDPM2 a", "CMSI", "LCM", "CogX DDIM", "DDIM Parallel", "DDPM Parallel",
)  # fmt: skip

#: What else GET schedulers lists; these have no class, which is why that list is never given.
HEADINGS: Final = ("Default", "── Euler ──", "── DPM / DPM++ ──", "── Classic ──", "Same as primary")

_CLASSES: Final = {
    "Default": "PNDMScheduler",
    "Euler": "EulerDiscreteScheduler",
    "Euler a": "EulerAncestralDiscreteScheduler",
    "DPM++ 2M": "DPMSolverMultistepScheduler",
    "DDIM": "DDIMScheduler",
    "UniPC": "UniPCMultistepScheduler",
    "LCM": "LCMScheduler",
    "Heun": "HeunDiscreteScheduler",
    "LMSD": "LMSDiscreteScheduler",
    "PNDM": "PNDMScheduler",
    "DDPM": "DDPMScheduler",
    "DEIS": "DEISMultistepScheduler",
    "KDPM2": "KDPM2DiscreteScheduler",
    "KDPM2 a": "KDPM2AncestralDiscreteScheduler",
    "SA Solver": "SASolverScheduler",
    "TCD": "TCDScheduler",
}

UPSCALERS: Final = (
    "None", "Resize Nearest", "Resize Lanczos", "Resize Bicubic", "Resize Bilinear", "Resize Hamming", "Resize Box",
    "Latent Nearest", "Latent Nearest exact", "Latent Area", "Latent Bilinear", "Latent Bicubic",
    "Latent Bilinear antialias", "Latent Bicubic antialias", "VIPS Lanczos 2", "VIPS Lanczos 3", "VIPS Mitchell",
    "HQX Interpolation", "ICB Interpolation", "Spandrel 4x RealPLKSR NomosWebPhoto",
    "Spandrel 2x RealPLKSR AnimeSharpV2", "Aura SR 4x", "ESRGAN 4x GAN", "ESRGAN 4x Ultrasharp", "ESRGAN 4x Valar",
    "ESRGAN 4x Box", "ESRGAN 4x Remacri", "ESRGAN 4x NMKD Siax", "ESRGAN 4x NMKD Superscale", "ESRGAN 8x NMKD Faces",
    "SwinIR 4x GAN", "SCUNet GAN",
)  # fmt: skip

DETECTORS: Final = (
    "yolo11m", "face-yolo8n", "face-yolo8m", "hand_yolov8n", "person_yolov8n-seg", "eyes-v1", "eyes-full-v1",
    "anzhc-eyes-seg", "anzhc-face-1024-seg-8n", "anzhc-head-seg-8n",
)  # fmt: skip

OPTIONS: Final[dict[str, Json]] = {
    "sd_model_checkpoint": MODELS[0],
    "sd_model_refiner": "None",
    "sd_vae": "Automatic",
    "clip_skip": 1,
    "samples_format": "jpg",
    "jpeg_quality": 90,
    "server_rate_limit": 300,
    "return_grid": True,
}


def find_sampler(name: str) -> str | None:
    """The sampler of this name, whatever its case; None where the server has none. Joined names are not split."""
    lower = name.lower()
    return next((known for known in ("Default", *SAMPLERS) if known.lower() == lower), None)


def scheduler_class(sampler: str) -> str:
    """The class that runs under a sampler's name, as infotexts tell it."""
    return _CLASSES.get(sampler, f"{sampler.replace(' ', '').replace('+', 'P').replace('-', '')}Scheduler")
