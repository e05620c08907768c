"""What AUTOMATIC1111 and Forge claim to have: samplers, schedulers, upscalers, detectors, scripts, options.

This module is lists, taken from recordings of AUTOMATIC1111 1.10.1 and Forge with ADetailer 25.3.0. Names of models are
taken as they come (see `engine.preview.models`); upscalers are different: there the name decides how a picture is
resized, so only those below are known.
"""

from __future__ import annotations

from typing import Final

from engine.preview.models import MODELS
from engine.values import Json

__all__ = [
    "ADETAILER_VERSION",
    "ALWAYS_ON_SCRIPTS",
    "DETECTORS",
    "FACE_RESTORERS",
    "FORGE_ALWAYS_ON_SCRIPTS",
    "FORGE_OPTIONS",
    "FORGE_SAMPLERS",
    "FORGE_SCHEDULERS",
    "LATENT_MODES",
    "OPTIONS",
    "SAMPLERS",
    "SCHEDULERS",
    "SELECTABLE_SCRIPTS",
    "UPSCALERS",
    "VERSION",
]

#: What stands for the server's version in `info` and in infotexts: nobody should take it for the real one.
VERSION: Final = "preview"

ADETAILER_VERSION: Final = "25.3.0"

UPSCALERS: Final = {
    "None": 4.0,
    "Lanczos": 4.0,
    "Nearest": 4.0,
    "4x-UltraSharp": 4.0,
    "DAT x2": 2.0,
    "DAT x3": 3.0,
    "DAT x4": 4.0,
    "ESRGAN_4x": 4.0,
    "LDSR": 4.0,
    "R-ESRGAN 4x+": 4.0,
    "R-ESRGAN 4x+ Anime6B": 4.0,
    "ScuNET GAN": 4.0,
    "ScuNET PSNR": 4.0,
    "SwinIR 4x": 4.0,
}
"""Upscalers for pictures, with the factor that their network was made for (a ratio)."""

LATENT_MODES: Final = (
    "Latent",
    "Latent (antialiased)",
    "Latent (bicubic)",
    "Latent (bicubic antialiased)",
    "Latent (nearest)",
    "Latent (nearest-exact)",
)

FACE_RESTORERS: Final = ("CodeFormer", "GFPGAN")

DETECTORS: Final = (
    "mediapipe_face_full",
    "mediapipe_face_short",
    "mediapipe_face_mesh",
    "mediapipe_face_mesh_eyes_only",
    "face_yolov8n.pt",
    "face_yolov8s.pt",
    "hand_yolov8n.pt",
    "person_yolov8n-seg.pt",
    "person_yolov8s-seg.pt",
)

#: Compared in lower case, as the server does.
ALWAYS_ON_SCRIPTS: Final = {
    "txt2img": ("extra options", "hypertile", "adetailer", "refiner", "sampler", "seed"),
    "img2img": ("extra options", "hypertile", "soft inpainting", "adetailer", "refiner", "sampler", "seed"),
}
SELECTABLE_SCRIPTS: Final = (
    "prompt matrix",
    "prompts from file or textbox",
    "x/y/z plot",
    "loopback",
    "sd upscale",
)

OPTIONS: Final[dict[str, Json]] = {
    "samples_format": "png",
    "return_grid": True,
    "jpeg_quality": 80,
    "sd_model_checkpoint": MODELS[0],
    "sd_checkpoint_hash": "",
    "sd_vae": "Automatic",
    "sd_unet": "Automatic",
    "sd_hypernetwork": "None",
    "sd_lora": "None",
    "CLIP_stop_at_last_layers": 1,
    "upscaler_for_img2img": None,
    "face_restoration": False,
    "face_restoration_model": "CodeFormer",
    "code_former_weight": 0.5,
    "img2img_color_correction": False,
    "img2img_fix_steps": False,
    "img2img_background_color": "#ffffff",
    "initial_noise_multiplier": 1.0,
    "img2img_extra_noise": 0.0,
    "inpainting_mask_weight": 1.0,
    "eta_noise_seed_delta": 0,
    "eta_ddim": 0.0,
    "eta_ancestral": 1.0,
    "ddim_discretize": "uniform",
    "s_churn": 0.0,
    "s_tmin": 0.0,
    "s_tmax": 0.0,
    "s_noise": 1.0,
    "s_min_uncond": 0.0,
    "s_min_uncond_all": False,
    "skip_early_cond": 0.0,
    "sigma_min": 0.0,
    "sigma_max": 0.0,
    "rho": 0.0,
    "uni_pc_variant": "bh1",
    "uni_pc_order": 3,
    "uni_pc_lower_order_final": True,
    "always_discard_next_to_last_sigma": False,
    "sgm_noise_multiplier": False,
    "no_dpmpp_sde_batch_determinism": False,
    "randn_source": "GPU",
    "tiling": False,
    "emphasis": "Original",
    "comma_padding_backtrack": 20,
    "enable_quantization": False,
    "upcast_attn": False,
    "pad_cond_uncond": False,
    "token_merging_ratio": 0.0,
    "token_merging_ratio_img2img": 0.0,
    "token_merging_ratio_hr": 0.0,
    "sdxl_crop_top": 0,
    "sdxl_crop_left": 0,
    "sdxl_refiner_low_aesthetic_score": 2.5,
    "sdxl_refiner_high_aesthetic_score": 6.0,
    "ESRGAN_tile": 192,
    "ESRGAN_tile_overlap": 8,
}
"""The options that are known, with their values at start. A key that is not here is a KeyError, as recorded."""

#: name: (alias, the scheduler that it takes when that is Automatic)
SAMPLERS: Final[dict[str, tuple[str, str | None]]] = {
    "DPM++ 2M": ("k_dpmpp_2m", "karras"),
    "DPM++ SDE": ("k_dpmpp_sde", "karras"),
    "DPM++ 2M SDE": ("k_dpmpp_2m_sde", "exponential"),
    "DPM++ 2M SDE Heun": ("k_dpmpp_2m_sde_heun", "exponential"),
    "DPM++ 2S a": ("k_dpmpp_2s_a", "karras"),
    "DPM++ 3M SDE": ("k_dpmpp_3m_sde", "exponential"),
    "Euler a": ("k_euler_a", None),
    "Euler": ("k_euler", None),
    "LMS": ("k_lms", None),
    "Heun": ("k_heun", None),
    "DPM2": ("k_dpm_2", "karras"),
    "DPM2 a": ("k_dpm_2_a", "karras"),
    "DPM fast": ("k_dpm_fast", None),
    "DPM adaptive": ("k_dpm_ad", None),
    "Restart": ("restart", "karras"),
    "DDIM": ("ddim", None),
    "DDIM CFG++": ("ddim_cfgpp", None),
    "PLMS": ("plms", None),
    "UniPC": ("unipc", None),
    "LCM": ("k_lcm", None),
}

#: name: (label, default rho, whether it needs the inner model)
SCHEDULERS: Final[dict[str, tuple[str, float, bool]]] = {
    "automatic": ("Automatic", -1.0, False),
    "uniform": ("Uniform", -1.0, True),
    "karras": ("Karras", 7.0, False),
    "exponential": ("Exponential", -1.0, False),
    "polyexponential": ("Polyexponential", 1.0, False),
    "sgm_uniform": ("SGM Uniform", -1.0, True),
    "kl_optimal": ("KL Optimal", -1.0, False),
    "align_your_steps": ("Align Your Steps", -1.0, False),
    "simple": ("Simple", -1.0, True),
    "normal": ("Normal", -1.0, True),
    "ddim": ("DDIM", -1.0, True),
    "beta": ("Beta", -1.0, True),
}

# What Forge has instead.

FORGE_SAMPLERS: Final = {
    **{name: known for name, known in SAMPLERS.items() if name not in ("DDIM", "DDIM CFG++", "PLMS", "UniPC", "LCM")},
    "HeunPP2": ("heunpp2", None),
    "IPNDM": ("ipndm", None),
    "IPNDM_V": ("ipndm_v", None),
    "DEIS": ("deis", None),
    "DDIM": ("ddim", None),
    "DDIM CFG++": ("ddim_cfgpp", None),
    "PLMS": ("plms", None),
    "UniPC": ("unipc", None),
    "LCM": ("k_lcm", None),
    "DDPM": ("ddpm", None),
}

FORGE_SCHEDULERS: Final = {
    **SCHEDULERS,
    "turbo": ("Turbo", -1.0, True),
    "align_your_steps_GITS": ("Align Your Steps GITS", -1.0, False),
    "align_your_steps_11": ("Align Your Steps 11", -1.0, False),
    "align_your_steps_32": ("Align Your Steps 32", -1.0, False),
}

_BUILT_IN: Final = (
    "extra options",
    "controlnet",
    "dynamicthresholding (cfg-fix) integrated",
    "freeu integrated (sd 1.x, sd 2.x, sdxl)",
    "kohya hrfix integrated",
    "latentmodifier integrated",
    "multidiffusion integrated",
    "never oom integrated",
    "perturbedattentionguidance integrated",
    "selfattentionguidance integrated (sd 1.x, sd 2.x, sdxl)",
    "stylealign integrated",
)

FORGE_ALWAYS_ON_SCRIPTS: Final = {
    "txt2img": (*_BUILT_IN, "adetailer", "refiner", "sampler", "seed"),
    "img2img": (*_BUILT_IN, "soft inpainting", "adetailer", "refiner", "sampler", "seed"),
}

FORGE_OPTIONS: Final[dict[str, Json]] = {
    **{name: value for name, value in OPTIONS.items() if name not in ("sd_unet", "sd_lora", "enable_quantization")},
    "forge_additional_modules": [],
    "forge_preset": "sd",
    "forge_unet_storage_dtype": "Automatic",
}
