"""The lists that a server of the family answers GET requests with.

This module knows their shapes (recorded), and nothing about requests.
"""

from __future__ import annotations

from engine.preview.models import MODELS, VAES, model_from
from engine.preview.sdapi.catalog import FACE_RESTORERS, UPSCALERS
from engine.preview.sdapi.dialects import Dialect
from engine.values import Json

__all__ = ["face_restorers_list", "models_list", "samplers_list", "schedulers_list", "upscalers_list", "vae_list"]


def models_list() -> list[Json]:
    """GET sd-models."""
    return [
        {
            "title": f"{file} [{model_from(file).hash}]",
            "model_name": model_from(file).name,
            "hash": model_from(file).hash,
            "sha256": None,
            "filename": f"/preview/models/Stable-diffusion/{file}",
            "config": None,
        }
        for file in MODELS
    ]


def samplers_list(dialect: Dialect) -> list[Json]:
    """GET samplers."""
    return [
        {"name": name, "aliases": [alias], "options": {} if own is None else {"scheduler": own}}
        for name, (alias, own) in dialect.samplers.items()
    ]


def schedulers_list(dialect: Dialect) -> list[Json]:
    """GET schedulers."""
    return [
        {
            "name": name,
            "label": label,
            "aliases": ["SGMUniform"] if name == "sgm_uniform" else None,
            "default_rho": rho,
            "need_inner_model": inner,
        }
        for name, (label, rho, inner) in dialect.schedulers.items()
    ]


def upscalers_list() -> list[Json]:
    """GET upscalers."""
    return [
        {"name": name, "model_name": None, "model_path": None, "model_url": None, "scale": scale}
        for name, scale in UPSCALERS.items()
    ]


def vae_list() -> list[Json]:
    """GET sd-vae; on Forge sd-modules."""
    return [{"model_name": name, "filename": f"/preview/models/VAE/{name}"} for name in VAES]


def face_restorers_list() -> list[Json]:
    """GET face-restorers."""
    return [{"name": name, "cmd_dir": None} for name in FACE_RESTORERS]
