"""Which fields a request to SD.Next may have: names in the server's order, types, defaults, what may not be null.

This module is data, from the server's openapi.json (2026-07). Nearly every field may be null there; `!` marks those
that may not. Two spaces stand between fields, and a field without a default is null.
"""

from __future__ import annotations

import json
import re
from typing import Final

from engine.preview.sdapi.refusals import Kind
from engine.values import Json

__all__ = ["DETAIL", "EXTRAS", "FIELDS", "NEVER_NULL"]

_KINDS: Final[dict[str, Kind]] = {
    "i": "integer",
    "n": "number",
    "b": "boolean",
    "t": "text",
    "l": "list",
    "o": "object",
    "x": "any",
}

_FIELD: Final = re.compile(r"(?P<name>\w+):(?P<kind>[inbtlox])(?P<never_null>!?)(?:=(?P<default>.*))?")

_GENERATION: Final = """
sd_model_checkpoint:t  prompt:t=""  negative_prompt:t=""  seed:i=-1  subseed:i=-1  subseed_strength:n=0
seed_resize_from_h:i=-1  seed_resize_from_w:i=-1  batch_size:i=1  n_iter:i=1  steps:i=20  clip_skip:i=1
width:i=1024  height:i=1024  sampler_index:x=0  sampler_name:t!="Default"  hr_sampler_name:t!="Same as primary"
eta:n  guidance_name:t="Default"  guidance_scale:n=6.0  guidance_rescale:n=0.0  guidance_start:n=0.0
guidance_stop:n=1.0  cfg_scale:n=6.0  cfg_end:n=1  cfg_rescale:n=0.0  cfg_true:n=0.0  cfg_adaptive:n=0.5  styles:l
tiling:b=false  vae_type:t="Full"  hidiffusion:b=false  do_not_reload_embeddings:b=false  detailer_enabled:b=false
detailer_prompt:t=""  detailer_negative:t=""  detailer_steps:i=10  detailer_strength:n=0.3
detailer_resolution:i=1024  detailer_segmentation:b  detailer_include_detections:b  detailer_merge:b
detailer_sort:b  detailer_classes:t  detailer_conf:n  detailer_iou:n  detailer_max:i  detailer_min_size:n
detailer_max_size:n  detailer_blur:i  detailer_padding:i  detailer_sigma_adjust:n  detailer_sigma_adjust_max:n
detailer_models:l  detailer_augment:b  img2img_color_correction:b  color_correction_method:t
img2img_background_color:t  img2img_fix_steps:b  mask_apply_overlay:b  include_mask:b  inpainting_mask_weight:n
samples_save:b  samples_format:t  save_images_before_highres_fix:b  save_images_before_refiner:b
save_images_before_detailer:b  save_images_before_color_correction:b  grid_save:b  grid_format:t  return_grid:b
keep_incomplete:b  image_metadata:b  jpeg_quality:i  lora_fuse_native:b  lora_fuse_diffusers:b
lora_force_reload:b  extra_networks_default_multiplier:n  lora_apply_tags:i  hdr_mode:i=0  hdr_brightness:n=0
hdr_color:n=0  hdr_sharpen:n=0  hdr_clamp:b=false  hdr_boundary:n=4.0  hdr_threshold:n=0.95  hdr_maximize:b=false
hdr_max_center:n=0.6  hdr_max_boundary:n=1.0  hdr_color_picker:t="#000000"  hdr_tint_ratio:n=0
hdr_apply_hires:b=true  grading_brightness:n=0.0  grading_contrast:n=0.0  grading_saturation:n=0.0
grading_hue:n=0.0  grading_gamma:n=1.0  grading_sharpness:n=0.0  grading_color_temp:n=6500  grading_shadows:n=0.0
grading_midtones:n=0.0  grading_highlights:n=0.0  grading_clahe_clip:n=0.0  grading_clahe_grid:i=8
grading_shadows_tint:t="#000000"  grading_highlights_tint:t="#ffffff"  grading_split_tone_balance:n=0.5
grading_vignette:n=0.0  grading_grain:n=0.0  grading_lut_file:t=""  grading_lut_strength:n=1.0
denoising_strength:n=0.3  init_images:l  init_control:l  cfg_image:n  initial_noise_multiplier:n  scale_by:n=1
selected_scale_tab:i=0  resize_mode:i=0  resize_name:t="None"  resize_context:t="None"  width_before:i=0
width_after:i=0  width_mask:i=0  height_before:i=0  height_after:i=0  height_mask:i=0  resize_name_before:t="None"
resize_name_after:t="None"  resize_name_mask:t="None"  resize_mode_before:i=0  resize_mode_after:i=0
resize_mode_mask:i=0  resize_context_before:t="None"  resize_context_after:t="None"  resize_context_mask:t="None"
selected_scale_tab_before:i=0  selected_scale_tab_after:i=0  selected_scale_tab_mask:i=0  scale_by_before:n=1
scale_by_after:n=1  scale_by_mask:n=1  mask:t  latent_mask:t  mask_for_overlay:t  mask_blur:i=4  paste_to:t
inpainting_fill:i=1  inpaint_full_res:b=false  inpaint_full_res_padding:i=0  inpainting_mask_invert:i=0
overlay_images:t  enable_hr:b=false  firstphase_width:i=0  firstphase_height:i=0  hr_scale:n=2.0  hr_force:b=false
hr_resize_mode:i=0  hr_resize_context:t="None"  hr_second_pass_steps:i=0  hr_resize_x:i=0  hr_resize_y:i=0
hr_denoising_strength:n=0.0  refiner_steps:i=5  hr_upscaler:t  refiner_start:n=0  refiner_prompt:t=""
refiner_negative:t=""  hr_refiner_start:n=0  enhance_prompt:b=false  do_not_save_samples:b=false
do_not_save_grid:b=false  xyz:b=false  script_args:l!=[]  schedulers_prediction_type:t  schedulers_beta_schedule:t
schedulers_timesteps:t  schedulers_sigma:t  schedulers_use_thresholding:b  schedulers_use_loworder:b
schedulers_solver_order:i  uni_pc_variant:t  schedulers_beta_start:n  schedulers_beta_end:n  schedulers_shift:n
schedulers_dynamic_shift:b  schedulers_base_shift:n  schedulers_max_shift:n  schedulers_rescale_betas:b
schedulers_timestep_spacing:t  schedulers_timesteps_range:i  schedulers_sigma_adjust:n
schedulers_sigma_adjust_min:n  schedulers_sigma_adjust_max:n  scheduler_eta:n  eta_noise_seed_delta:i
enable_batch_seeds:b  diffusers_generator_device:t  nan_skip:b  sequential_seed:b  prompt_attention:t
prompt_mean_norm:b  diffusers_zeros_prompt_pad:b  te_pooled_embeds:b  lora_apply_te:b
te_complex_human_instruction:t  te_use_mask:b  freeu_enabled:b  freeu_b1:n  freeu_b2:n  freeu_s1:n  freeu_s2:n
hypertile_unet_enabled:b  hypertile_hires_only:b  hypertile_unet_tile:i  hypertile_unet_min_tile:i
hypertile_unet_swap_size:i  hypertile_unet_depth:i  hypertile_vae_enabled:b  hypertile_vae_tile:i
hypertile_vae_swap_size:i  teacache_enabled:b  teacache_thresh:n  token_merging_method:t  tome_ratio:n
todo_ratio:n  skip_processing:b=false  override_settings_restore_afterwards:b=true  override_settings:o
network_data:o  script_name:t=""  send_images:b!=true  save_images:b!=false  alwayson_scripts:o!={}  ip_adapter:l
control_units:l  extra:o={}
"""

_EXTRAS: Final = """
resize_mode:i=0  show_extras_results:b=true  upscaling_resize:n=2  upscaling_resize_w:i=512  upscaling_resize_h:i=512
upscaling_crop:b=true  upscaler_1:t="None"  upscaler_2:t="None"  extras_upscaler_2_visibility:n=0  script_args:o
image:t!
"""

_DETAIL: Final = """
image:t!  seed:i=-1  detailer_models:l  detailer_prompt:t  detailer_negative:t  detailer_steps:i  detailer_strength:n
detailer_resolution:i  detailer_sampler:t  detailer_prediction:t  detailer_shift:n  detailer_cfg_scale:n
detailer_loworder:b  detailer_thresholding:b  detailer_dynamic:b  detailer_rescale:b  detailer_classes:t
detailer_conf:n  detailer_iou:n  detailer_max:i  detailer_min_size:n  detailer_max_size:n  detailer_blur:i
detailer_padding:i  detailer_segmentation:b  detailer_merge:b  detailer_sort:b  detailer_sigma_adjust:n
detailer_sigma_adjust_max:n  detailer_include_detections:b
"""


def _read(text: str) -> dict[str, tuple[Kind, Json]]:
    fields: dict[str, tuple[Kind, Json]] = {}
    for written in re.split(r"\s{2,}|\n", text.strip()):
        found = _FIELD.fullmatch(written)
        if found is None:
            raise ValueError(f"{written!r} is no declaration of a field")
        default = None if found["default"] is None else json.loads(found["default"])
        fields[found["name"]] = (_KINDS[found["kind"]], default)
    return fields


def _with(
    fields: dict[str, tuple[Kind, Json]], after: str, more: dict[str, tuple[Kind, Json]]
) -> dict[str, tuple[Kind, Json]]:
    """The fields with some more behind one of them."""
    found: dict[str, tuple[Kind, Json]] = {}
    for name, declared in fields.items():
        found[name] = declared
        if name == after:
            found |= more
    return found


_TXT2IMG: Final = _with(_read(_GENERATION), "control_units", {"face": ("object", None)})
_IMG2IMG: Final = _with(
    _with(
        {**_read(_GENERATION), "denoising_strength": ("number", 0.5)}, "control_units", {"face_id": ("object", None)}
    ),
    "network_data",
    {"include_init_images": ("boolean", False)},
)

FIELDS: Final = {"txt2img": _TXT2IMG, "img2img": _IMG2IMG}
EXTRAS: Final = _read(_EXTRAS)
DETAIL: Final = _read(_DETAIL)

#: The fields of any request that may not be null.
NEVER_NULL: Final = frozenset(re.findall(r"(\w+):\w!", _GENERATION + _EXTRAS + _DETAIL))
